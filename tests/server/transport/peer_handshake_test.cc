// Who may talk to whom: both ends of a connection judge each other, and say why not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "tests/server/transport/recording_sink.h"
#include "tests/server/transport/test_messages.h"
#include "tests/server/transport/test_node.h"

namespace jangada::server {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

constexpr GroupId kGroup{7};

bool WaitForRefusal(TestNode& node) {
  return node.sink.WaitFor([](const auto& seen) { return !seen.refusals.empty(); });
}

/// A sink's check that wants one disk id for each node.
std::function<Status(const PeerIdentity&)> WantDisksOf(const std::vector<PeerIdentity>& known) {
  return [known](const PeerIdentity& peer) -> Status {
    for (const PeerIdentity& one : known) {
      if (one.node == peer.node && one.disk_id == peer.disk_id) return {};
    }
    return Error{ErrorCode::kPermissionDenied, "this disk is not the one that the cluster knows"};
  };
}

TEST(PeerHandshakeTest, BothSidesAreAskedAboutTheOther) {
  TestNode a(1), b(2);
  ConnectAll({&a, &b});
  for (const auto& [asked, peer] : {std::pair{&a, 2}, std::pair{&b, 1}}) {
    const auto checked = asked->sink.seen().checked;
    ASSERT_FALSE(checked.empty());
    for (const PeerIdentity& identity : checked) {
      EXPECT_EQ(identity.node, NodeId(peer));
      EXPECT_EQ(identity.disk_id, IdentityOf(peer).disk_id);
      EXPECT_EQ(identity.cluster_id, IdentityOf(peer).cluster_id);
    }
  }
}

TEST(PeerHandshakeTest, WipedDiskIsRefusedWithTheSentenceAndHearsItFromBothStreams) {
  PeerIdentity wiped = IdentityOf(2);
  wiped.disk_id = IdentityOf(99).disk_id;
  TestNode a(1), b(wiped);
  a.sink.SetCheck(WantDisksOf({IdentityOf(2)}));
  Introduce({&a, &b});
  // The one that is refused hears it in answer to its hello; the one that refuses decides by
  // itself.
  ASSERT_TRUE(WaitForRefusal(b));
  ASSERT_TRUE(WaitForRefusal(a));
  EXPECT_EQ(b.sink.seen().refusals.front().code, ErrorCode::kPermissionDenied);
  EXPECT_THAT(b.sink.seen().refusals.front().message, HasSubstr("this disk is not the one"));
  EXPECT_THAT(a.sink.seen().refusals.front().message, HasSubstr("this disk is not the one"));
  a.transport->Send(kGroup, MessageTo(2, 1, raft::VoteRequest{}));
  b.transport->Send(kGroup, MessageTo(1, 1, raft::VoteRequest{}));
  const Result<Bytes> answer = b.Ask(NodeId(1), "m", "");
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().code, ErrorCode::kPermissionDenied);
  EXPECT_THAT(answer.error().message, HasSubstr("this disk is not the one"));
  EXPECT_TRUE(a.sink.seen().messages.empty());
  EXPECT_TRUE(b.sink.seen().messages.empty());
  EXPECT_TRUE(a.sink.seen().connected.empty());
}

TEST(PeerHandshakeTest, RefusalIsToldOnceWhileItsReasonStays) {
  TestNode a(1), b(2);
  a.sink.SetCheck(WantDisksOf({}));
  Introduce({&a, &b});
  ASSERT_TRUE(WaitForRefusal(b));
  std::this_thread::sleep_for(milliseconds(2'500));  // two more tries
  EXPECT_EQ(b.sink.seen().refusals.size(), 1u);
}

TEST(PeerHandshakeTest, RefusedPeerIsLetInOnceTheSinkWantsIt) {
  TestNode a(1), b(2);
  a.sink.SetCheck(WantDisksOf({}));
  Introduce({&a, &b});
  ASSERT_TRUE(WaitForRefusal(b));
  a.sink.SetCheck({});
  EXPECT_TRUE(b.sink.WaitForConnected(NodeId(1)));
  EXPECT_TRUE(a.sink.WaitForConnected(NodeId(2)));
}

TEST(PeerHandshakeTest, OtherVersionOfTheProtocolIsRefusedBothWays) {
  PeerIdentity newer = IdentityOf(2);
  newer.protocol_version = kPeerProtocolVersion + 1;
  TestNode a(1), b(newer);
  Introduce({&a, &b});
  ASSERT_TRUE(WaitForRefusal(a));
  ASSERT_TRUE(WaitForRefusal(b));
  for (TestNode* node : {&a, &b}) {
    EXPECT_THAT(node->sink.seen().refusals.front().message, HasSubstr("version 2"));
    EXPECT_THAT(node->sink.seen().refusals.front().message, HasSubstr("version 1"));
    EXPECT_TRUE(node->sink.seen().checked.empty()) << "the sink need not know other versions";
  }
}

TEST(PeerHandshakeTest, AnotherNodeAtTheAddressIsRefused) {
  TestNode a(1), b(2);
  a.transport->SetPeers({{NodeId(3), b.endpoint}});
  ASSERT_TRUE(WaitForRefusal(a));
  EXPECT_THAT(a.sink.seen().refusals.front().message, HasSubstr("node 3"));
  EXPECT_THAT(a.sink.seen().refusals.front().message, HasSubstr("node 2"));
}

TEST(PeerHandshakeTest, SecondProcessWithOurOwnIdIsRefused) {
  PeerIdentity twin = IdentityOf(1);
  TestNode a(1), b(2), other(twin);
  b.transport->SetPeers({{NodeId(1), other.endpoint}});
  ASSERT_TRUE(b.sink.WaitForConnected(NodeId(1)));
  // `other` believes that node 2 lives at a's address, who is its own twin.
  other.transport->SetPeers({{NodeId(2), a.endpoint}});
  ASSERT_TRUE(WaitForRefusal(other));
  EXPECT_THAT(other.sink.seen().refusals.front().message, HasSubstr("node 1"));
}

TEST(PeerHandshakeTest, PeerThatBecomesUnwantedIsCutOffBeforeItsNextMessage) {
  TestNode a(1), b(2);
  ConnectAll({&a, &b});
  a.sink.SetCheck(WantDisksOf({}));
  a.transport->SetIdentity(IdentityOf(1));  // any news makes it judge again
  a.sink.Forget();
  b.transport->Send(kGroup, MessageTo(1, 1, raft::VoteRequest{}));
  ASSERT_TRUE(WaitForRefusal(b));
  EXPECT_TRUE(a.sink.seen().messages.empty());
}

TEST(PeerHandshakeTest, NewIdentityIsToldFromTheNextConnectionOn) {
  PeerIdentity homeless = IdentityOf(2);
  homeless.cluster_id = Uuid();
  TestNode a(1), b(homeless);
  b.transport->SetIdentity(IdentityOf(2));
  ConnectAll({&a, &b});
  for (const PeerIdentity& identity : a.sink.seen().checked) {
    EXPECT_EQ(identity.cluster_id, IdentityOf(2).cluster_id);
  }
}

}  // namespace
}  // namespace jangada::server
