// PeerTransports of one process talk over real gRPC on loopback.
#include "server/transport/peer_transport.h"

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "tests/server/transport/recording_sink.h"
#include "tests/server/transport/test_messages.h"
#include "tests/server/transport/test_node.h"

namespace jangada::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr GroupId kGroup{7};

TEST(PeerTransportTest, DeliversBothWaysInOrderPerLane) {
  TestNode a(1), b(2);
  ConnectAll({&a, &b});
  constexpr raft::Index kCount = 500;
  for (raft::Index i = 1; i <= kCount; ++i) {
    a.transport->Send(kGroup, MessageTo(2, 1, AppendOf(i, 1000)));
    a.transport->Send(kGroup, MessageTo(2, 1, raft::Heartbeat{.commit = i}));
    b.transport->Send(kGroup, MessageTo(1, 1, Accepted(i), 2));
    if (i % 10 == 0) a.transport->Flush();
  }
  ASSERT_TRUE(b.sink.WaitForMessages(2 * kCount));
  ASSERT_TRUE(a.sink.WaitForMessages(kCount));
  raft::Index appended = 0, heartbeat = 0, replied = 0;
  for (const auto& [group, message] : b.sink.seen().messages) {
    EXPECT_EQ(group, kGroup);
    EXPECT_EQ(message.from, NodeId(1));
    EXPECT_EQ(message.to, NodeId(2));
    if (const auto* append = std::get_if<raft::AppendRequest>(&message.body)) {
      ASSERT_EQ(append->entries.size(), 1u);
      ASSERT_EQ(append->entries[0].index, ++appended);
      ASSERT_EQ(append->entries[0].payload, AppendOf(appended, 1000).entries[0].payload);
    } else {
      ASSERT_EQ(std::get<raft::Heartbeat>(message.body).commit, ++heartbeat);
    }
  }
  for (const auto& [group, message] : a.sink.seen().messages) {
    ASSERT_EQ(std::get<raft::AppendReply>(message.body).match, ++replied);
  }
}

TEST(PeerTransportTest, MessagesAndStatusesToSelfAreDeliveredDirectly) {
  TestNode a(1);
  a.transport->Send(kGroup, MessageTo(1, 3, raft::TimeoutNow{}));
  a.transport->SendStatus(NodeId(1), NodeStatus());
  EXPECT_EQ(a.sink.seen().messages.size(), 1u);
  EXPECT_EQ(a.sink.seen().statuses.size(), 1u);
  EXPECT_EQ(a.Ask(NodeId(1), "m", "p").value().view(), "1:m:p");
}

TEST(PeerTransportTest, StatusArrivesWhole) {
  TestNode a(1), b(2);
  ConnectAll({&a, &b});
  const NodeStatus status{.from = NodeId(1),
                          .full = true,
                          .leaders = {{GroupId(5), NodeId(1), 9}, {GroupId(6), NodeId(2), 3}},
                          .condition = {.disk_free_bytes = 123,
                                        .disk_total_bytes = 456,
                                        .accepts_produce = false,
                                        .draining = true,
                                        .refilling = {GroupId(7), GroupId(8)},
                                        .refilled = 9,
                                        .version = "1.2.3"}};
  a.transport->SendStatus(NodeId(2), status);
  ASSERT_TRUE(b.sink.WaitFor([](const auto& seen) { return !seen.statuses.empty(); }));
  const NodeStatus got = b.sink.seen().statuses.front();
  EXPECT_EQ(got.from, NodeId(1));
  EXPECT_TRUE(got.full);
  ASSERT_EQ(got.leaders.size(), 2u);
  EXPECT_EQ(got.leaders[1].group, GroupId(6));
  EXPECT_EQ(got.leaders[1].leader, NodeId(2));
  EXPECT_EQ(got.leaders[1].term, 3u);
  EXPECT_EQ(got.condition, status.condition);
}

TEST(PeerTransportTest, HeartbeatsOfAThousandGroupsLeaveAsOneMessage) {
  TestNode a(1), b(2);
  ConnectAll({&a, &b});
  const uint64_t frames_before = a.transport->stats().frames_sent;
  const auto turn_began = steady_clock::now();
  for (uint64_t group = 1; group <= 1000; ++group) {
    a.transport->Send(GroupId(group), MessageTo(2, 1, raft::Heartbeat{.commit = group}));
  }
  const milliseconds turn =
      std::chrono::duration_cast<milliseconds>(steady_clock::now() - turn_began);
  a.transport->Flush();
  ASSERT_TRUE(b.sink.WaitForMessages(1000));
  // One frame; and, on a machine so busy that the turn took milliseconds, one for each flush of
  // last resort.
  EXPECT_LE(a.transport->stats().frames_sent - frames_before, 1u + turn.count());
}

TEST(PeerTransportTest, MessageLeavesWithoutAFlush) {
  TestNode a(1), b(2);
  ConnectAll({&a, &b});
  a.transport->Send(kGroup, MessageTo(2, 1, raft::VoteReply{.granted = true}));
  EXPECT_TRUE(b.sink.WaitForMessages(1));
}

TEST(PeerTransportTest, CallIsAnswered) {
  TestNode a(1), b(2);
  ConnectAll({&a, &b});
  EXPECT_EQ(a.Ask(NodeId(2), "greet", "hello").value().view(), "1:greet:hello");
  EXPECT_EQ(b.Ask(NodeId(1), "greet", "").value().view(), "2:greet:");
}

TEST(PeerTransportTest, ErrorOfACallKeepsItsCodeAndSentence) {
  TestNode a(1), b(2);
  ConnectAll({&a, &b});
  b.sink.SetAnswer([](PeerCall, Callback<Result<Bytes>> reply) {
    reply(Error{ErrorCode::kNotLeader, "node 3 leads"});
  });
  const Result<Bytes> answer = a.Ask(NodeId(2), "m", "");
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error(), (Error{ErrorCode::kNotLeader, "node 3 leads"}));
}

TEST(PeerTransportTest, CallWithoutAnswerTimesOutAndShutdownDoesNotWaitForIt) {
  TestNode a(1), b(2);
  ConnectAll({&a, &b});
  std::vector<Callback<Result<Bytes>>> kept;
  b.sink.SetAnswer(
      [&kept](PeerCall, Callback<Result<Bytes>> reply) { kept.push_back(std::move(reply)); });
  const Result<Bytes> answer = a.Ask(NodeId(2), "m", "", milliseconds(100));
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().code, ErrorCode::kTimeout);
  b.transport->Shutdown();
  for (auto& reply : kept) reply(Bytes("too late"));
}

TEST(PeerTransportTest, CallWhoseReplyIsDroppedEndsAtOnce) {
  TestNode a(1), b(2);
  ConnectAll({&a, &b});
  b.sink.SetAnswer([](PeerCall, Callback<Result<Bytes>>) {});
  const auto before = steady_clock::now();
  EXPECT_EQ(a.Ask(NodeId(2), "m", "", milliseconds(15'000)).error().code, ErrorCode::kTimeout);
  EXPECT_LT(steady_clock::now() - before, milliseconds(10'000));
}

TEST(PeerTransportTest, CallToAPeerThatIsGoneIsSurelyNotAsked) {
  TestNode a(1), b(2);
  ConnectAll({&a, &b});
  b.transport->Shutdown();
  ASSERT_TRUE(a.sink.WaitForRefused(NodeId(2)));
  EXPECT_EQ(a.Ask(NodeId(2), "m", "").error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(a.Ask(NodeId(9), "m", "").error().code, ErrorCode::kUnavailable);
}

TEST(PeerTransportTest, ShutdownEndsCallsUnderWay) {
  TestNode a(1), b(2);
  ConnectAll({&a, &b});
  std::promise<void> asked;
  Callback<Result<Bytes>> kept;
  b.sink.SetAnswer([&](PeerCall, Callback<Result<Bytes>> reply) {
    kept = std::move(reply);
    asked.set_value();
  });
  std::promise<ErrorCode> ended;
  a.transport->Call(NodeId(2), {"m", Bytes()}, 60'000'000, [&](Result<Bytes> result) {
    ended.set_value(result.ok() ? ErrorCode::kInternal : result.error().code);
  });
  asked.get_future().wait();
  a.transport->Shutdown();
  EXPECT_EQ(ended.get_future().get(), ErrorCode::kShuttingDown);
}

TEST(PeerTransportTest, PeerThatIsGoneIsNoticedWithin200Milliseconds) {
  TestNode a(1), b(2);
  ConnectAll({&a, &b});
  // A stream must have stood a while to be dialed again at once: see kStableUs.
  std::this_thread::sleep_for(milliseconds(1'100));
  const auto before = steady_clock::now();
  b.transport->Shutdown();
  ASSERT_TRUE(a.sink.WaitForRefused(NodeId(2)));
  for (const auto& notice : a.sink.seen().unreachable) {
    if (notice.refused) {
      EXPECT_LT(notice.when - before, milliseconds(200));
      break;
    }
  }
}

TEST(PeerTransportTest, PeerThatReturnsIsConnectedWithinASecond) {
  TestNode a(1), b(2);
  ConnectAll({&a, &b});
  b.transport.reset();
  std::this_thread::sleep_for(milliseconds(1'500));  // long enough for the longest backoff
  a.sink.Forget();
  const auto before = steady_clock::now();
  b.Restart(IdentityOf(2));
  ASSERT_TRUE(a.sink.WaitForConnected(NodeId(2)));
  EXPECT_LT(steady_clock::now() - before, milliseconds(1'000));
  a.transport->Send(kGroup, MessageTo(2, 1, AppendOf(1, 10)));
  EXPECT_TRUE(b.sink.WaitForMessages(1));
}

}  // namespace
}  // namespace jangada::server
