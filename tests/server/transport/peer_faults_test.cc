// Peers that hang, swallow, talk nonsense, move and leave.
#include <arpa/inet.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "jangada/v1/peer.grpc.pb.h"
#include "server/transport/outbox.h"
#include "server/transport/wire.h"
#include "tests/server/transport/recording_sink.h"
#include "tests/server/transport/test_messages.h"
#include "tests/server/transport/test_node.h"

namespace jangada::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr GroupId kGroup{7};

int ConnectTo(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  return fd;
}

/// Forwards one TCP port to another until it is told to swallow: then it keeps all connections open
/// and moves no byte, as a machine does whose cable was pulled.
class Forwarder {
 public:
  explicit Forwarder(uint16_t to) : to_(to) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(listener_, 16), 0);
    socklen_t length = sizeof address;
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Run(); });
  }
  ~Forwarder() {
    stop_ = true;
    thread_.join();
    for (int fd : fds_) close(fd);
    close(listener_);
  }
  uint16_t port() const { return port_; }
  void Swallow() { swallow_ = true; }

 private:
  void Run() {
    while (!stop_) {
      std::vector<pollfd> polled{{listener_, POLLIN, 0}};
      for (int fd : fds_) polled.push_back({fd, POLLIN, 0});
      poll(polled.data(), swallow_ ? 0 : polled.size(), 20);
      if (swallow_) continue;
      if (polled[0].revents & POLLIN) {
        fds_.push_back(accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC));
        fds_.push_back(ConnectTo(to_));
        continue;
      }
      for (size_t i = 1; i < polled.size(); ++i) {
        if (polled[i].revents != 0) Move(i - 1);
      }
    }
  }
  /// fds_ come in pairs.
  void Move(size_t index) {
    char buffer[65536];
    const ssize_t count = read(fds_[index], buffer, sizeof buffer);
    const int other = fds_[index ^ 1];
    if (count <= 0) {
      shutdown(other, SHUT_RDWR);
      return;
    }
    for (ssize_t sent = 0; sent < count;) {
      const ssize_t n = send(other, buffer + sent, count - sent, MSG_NOSIGNAL);
      if (n <= 0) return;
      sent += n;
    }
  }

  const uint16_t to_;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::vector<int> fds_;
  std::atomic<bool> swallow_ = false;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

/// A peer that welcomes everyone and then reads nothing.
class DeafPeer final : public v1::Peer::CallbackService {
 public:
  explicit DeafPeer(int node) : identity_(IdentityOf(node)) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~DeafPeer() override { server_->Shutdown(std::chrono::system_clock::now()); }
  Endpoint endpoint() const { return {"127.0.0.1", static_cast<uint16_t>(port_)}; }

  grpc::ServerBidiReactor<v1::PeerFrame, v1::PeerHelloReply>* Connect(
      grpc::CallbackServerContext*) override {
    class Stream final : public grpc::ServerBidiReactor<v1::PeerFrame, v1::PeerHelloReply> {
     public:
      explicit Stream(const PeerIdentity& identity) {
        wire::EncodeIdentity(identity, reply_.mutable_identity());
        StartWrite(&reply_);
      }
      void OnCancel() override { Finish(grpc::Status::CANCELLED); }
      void OnDone() override { delete this; }

     private:
      v1::PeerHelloReply reply_;
    };
    return new Stream(identity_);
  }

 private:
  const PeerIdentity identity_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

TEST(PeerFaultsTest, SilentPeerIsNoticed) {
  TestNode a(1), b(2);
  Forwarder cable(b.endpoint.port);
  a.transport->SetPeers({{NodeId(2), {"127.0.0.1", cable.port()}}});
  ASSERT_TRUE(a.sink.WaitForConnected(NodeId(2)));
  cable.Swallow();
  ASSERT_TRUE(a.sink.WaitFor([](const auto& seen) { return !seen.unreachable.empty(); }));
  EXPECT_FALSE(a.sink.seen().unreachable.front().refused) << "its process may well be alive";
}

TEST(PeerFaultsTest, MemoryForAPeerThatDoesNotReadIsBounded) {
  TestNode a(1);
  DeafPeer deaf(2);
  a.transport->SetPeers({{NodeId(2), deaf.endpoint()}});
  ASSERT_TRUE(a.sink.WaitForConnected(NodeId(2)));
  constexpr size_t kBytes = 4 << 20;
  const raft::AppendRequest append = AppendOf(1, kBytes);  // one payload, shared by all messages
  uint64_t sent = 0;
  while (sent * kBytes < 2 * LaneBytes(Lane::kBulk)) {
    a.transport->Send(kGroup, MessageTo(2, 1, append));
    a.transport->Flush();
    ++sent;
  }
  const uint64_t queued = sent - a.transport->stats().messages_dropped;
  EXPECT_LE(queued * kBytes, LaneBytes(Lane::kBulk) + kMaxMessageBytes);
  EXPECT_TRUE(a.sink.WaitFor([](const auto& seen) { return !seen.unreachable.empty(); }))
      << "the core must hear that appends were dropped";
}

TEST(PeerFaultsTest, VotesDoNotQueueBehindAppends) {
  TestNode a(1);
  TestNode b(2);
  ConnectAll({&a, &b});
  // 96 MiB of appends are queued or on their way when the vote is sent; it overtakes nearly all of
  // them.
  const raft::AppendRequest append = AppendOf(1, 1 << 20);
  for (int i = 0; i < 96; ++i) a.transport->Send(kGroup, MessageTo(2, 1, append));
  a.transport->Send(kGroup, MessageTo(2, 2, raft::VoteRequest{}));
  a.transport->Flush();
  ASSERT_TRUE(b.sink.WaitForMessages(97));
  const auto messages = b.sink.seen().messages;
  size_t before = 0;
  while (std::holds_alternative<raft::AppendRequest>(messages[before].second.body)) ++before;
  EXPECT_LT(before, 48u);
}

TEST(PeerFaultsTest, MessageBeyondTheLargestIsDroppedAndTold) {
  TestNode a(1), b(2);
  ConnectAll({&a, &b});
  a.transport->Send(kGroup, MessageTo(2, 1, AppendOf(1, kMaxMessageBytes + 1)));
  a.transport->Send(kGroup, MessageTo(2, 1, AppendOf(2, kMaxMessageBytes - 1024)));
  ASSERT_TRUE(b.sink.WaitForMessages(1)) << "the largest one does arrive";
  EXPECT_EQ(std::get<raft::AppendRequest>(b.sink.seen().messages[0].second.body).prev.index, 1u);
  EXPECT_TRUE(a.sink.WaitFor([](const auto& seen) { return !seen.unreachable.empty(); }));
}

TEST(PeerFaultsTest, NonsenseOnThePortHarmsNobody) {
  TestNode a(1), b(2);
  ConnectAll({&a, &b});
  const std::string http1 = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
  const std::string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  Random random(5);
  for (int round = 0; round < 30; ++round) {
    std::string noise = round % 3 == 0 ? http1 : round % 3 == 1 ? preface : "";
    for (int i = 0; i < 2'000; ++i) noise.push_back(static_cast<char>(random.Next()));
    const int fd = ConnectTo(b.endpoint.port);
    send(fd, noise.data(), noise.size(), MSG_NOSIGNAL);
    shutdown(fd, SHUT_WR);
    close(fd);
  }
  a.transport->Send(kGroup, MessageTo(2, 1, raft::VoteRequest{}));
  EXPECT_TRUE(b.sink.WaitForMessages(1));
  EXPECT_TRUE(b.sink.seen().unreachable.empty());
}

TEST(PeerFaultsTest, FrameWithoutAHelloAndNonsenseFramesAreRefused) {
  TestNode b(2);
  const auto stub = v1::Peer::NewStub(
      grpc::CreateChannel(b.endpoint.ToString(), grpc::InsecureChannelCredentials()));
  for (int round = 0; round < 4; ++round) {
    grpc::ClientContext context;
    const auto stream = stub->Connect(&context);
    v1::PeerFrame frame;
    if (round >= 1) wire::EncodeIdentity(IdentityOf(1), frame.mutable_hello()->mutable_from());
    if (round >= 2) frame.mutable_hello()->set_to(3);
    if (round >= 3) frame.mutable_hello()->set_to(2);  // and no lane
    stream->Write(frame);
    v1::PeerHelloReply reply;
    ASSERT_TRUE(stream->Read(&reply));
    EXPECT_FALSE(reply.refusal().empty()) << round;
    EXPECT_FALSE(stream->Finish().ok());
  }
  EXPECT_TRUE(b.sink.seen().messages.empty());
}

TEST(PeerFaultsTest, MalformedMessagesAreCountedAndTheStreamGoesOn) {
  TestNode b(2);
  const auto stub = v1::Peer::NewStub(
      grpc::CreateChannel(b.endpoint.ToString(), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  const auto stream = stub->Connect(&context);
  v1::PeerFrame hello;
  wire::EncodeIdentity(IdentityOf(1), hello.mutable_hello()->mutable_from());
  hello.mutable_hello()->set_to(2);
  hello.mutable_hello()->set_lane(v1::PEER_LANE_CONTROL);
  stream->Write(hello);
  v1::PeerHelloReply reply;
  ASSERT_TRUE(stream->Read(&reply));
  ASSERT_EQ(reply.refusal(), "");
  v1::PeerFrame frame;
  frame.add_messages();                     // no body
  frame.mutable_heartbeats()->add_term(5);  // no group
  wire::EncodeFrame({{kGroup, MessageTo(2, 1, raft::TimeoutNow{})}}, &frame);
  stream->Write(frame);
  EXPECT_TRUE(b.sink.WaitForMessages(1));
  EXPECT_EQ(b.transport->stats().messages_malformed, 2u);
  context.TryCancel();
  stream->Finish();
}

TEST(PeerFaultsTest, ThreeNodesSurviveTheRestartOfEachInTurn) {
  std::vector<std::unique_ptr<TestNode>> nodes;
  for (int id = 1; id <= 3; ++id) nodes.push_back(std::make_unique<TestNode>(id));
  std::vector<TestNode*> all;
  for (const auto& node : nodes) all.push_back(node.get());
  ConnectAll(all);
  std::map<NodeId, Endpoint> peers;
  for (TestNode* node : all) peers[node->id] = node->endpoint;
  for (TestNode* restarted : all) {
    for (TestNode* node : all) node->sink.Forget();
    restarted->transport.reset();
    restarted->Restart(IdentityOf(restarted->id.value()));
    restarted->transport->SetPeers(peers);
    for (TestNode* node : all) {
      if (node == restarted) continue;
      ASSERT_TRUE(node->sink.WaitForConnected(restarted->id));
      ASSERT_TRUE(restarted->sink.WaitForConnected(node->id));
    }
  }
}

TEST(PeerFaultsTest, PeerThatMovesIsDialedAtItsNewAddressAndOneThatLeavesNoMore) {
  TestNode a(1), b(2);
  ConnectAll({&a, &b});
  TestNode moved(IdentityOf(2));
  a.sink.Forget();
  a.transport->SetPeers({{NodeId(2), moved.endpoint}});
  ASSERT_TRUE(a.sink.WaitForConnected(NodeId(2)));
  a.transport->Send(kGroup, MessageTo(2, 1, raft::VoteRequest{}));
  ASSERT_TRUE(moved.sink.WaitForMessages(1));
  EXPECT_TRUE(b.sink.seen().messages.empty());

  a.transport->SetPeers({});
  const uint64_t dropped = a.transport->stats().messages_dropped;
  a.transport->Send(kGroup, MessageTo(2, 1, raft::VoteRequest{}));
  EXPECT_EQ(a.transport->stats().messages_dropped, dropped + 1);
}

TEST(PeerFaultsTest, BusyPortIsRefusedWithItsNumber) {
  TestNode a(1);
  RecordingSink sink;
  PeerTransport second(IdentityOf(2), sink);
  const Status started = second.Start(a.endpoint);
  ASSERT_FALSE(started.ok());
  EXPECT_NE(started.error().message.find(std::to_string(a.endpoint.port)), std::string::npos);
  EXPECT_NE(started.error().message.find("in use"), std::string::npos) << started.error();
}

TEST(PeerFaultsTest, NothingIsToldAfterShutdownAndItDoesNotHang) {
  for (int round = 0; round < 20; ++round) {
    TestNode a(1), b(2);
    Introduce({&a, &b});
    if (round % 2 == 0) {  // else: in mid-dial
      ASSERT_TRUE(a.sink.WaitForConnected(NodeId(2)));
    }
    for (int i = 0; i < 100; ++i) {
      a.transport->Send(kGroup, MessageTo(2, 1, AppendOf(1, 10'000)));
      b.transport->Send(kGroup, MessageTo(1, 1, AppendOf(1, 10'000), 2));
    }
    a.transport->Flush();
    const auto before = steady_clock::now();
    a.transport->Shutdown();
    EXPECT_LT(steady_clock::now() - before, milliseconds(5'000));
    a.sink.Forget();
    b.transport->Send(kGroup, MessageTo(1, 1, raft::VoteRequest{}, 2));
    b.transport->Shutdown();
    a.transport->Send(kGroup, MessageTo(1, 1, raft::VoteRequest{}));  // not even to itself
    const auto seen = a.sink.seen();
    EXPECT_TRUE(seen.messages.empty() && seen.unreachable.empty() && seen.connected.empty());
  }
}

}  // namespace
}  // namespace jangada::server
