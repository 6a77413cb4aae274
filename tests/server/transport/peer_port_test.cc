// The peer port against whoever connects and says no hello.
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "jangada/v1/peer.grpc.pb.h"
#include "tests/server/listen/connection.h"
#include "tests/server/transport/test_messages.h"
#include "tests/server/transport/test_node.h"

namespace jangada::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

TEST(PeerPort, PeersTalkOnWhileHundredsOfConnectionsSayNothing) {
  TestNode a(1), b(2);
  ConnectAll({&a, &b});
  std::vector<Connection> silent;
  for (int i = 0; i < 500; ++i) {
    silent.emplace_back(a.endpoint.port);
    if (i % 3 == 1) silent.back().Say("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");  // and no stream
    if (i % 3 == 2) silent.back().Say("GET / HTTP/1.1\r\n\r\n");
    if (i % 50 == 0) {
      b.transport->Send(GroupId(7), MessageTo(1, 1, raft::VoteRequest{}, 2));
      b.transport->Flush();
    }
  }
  EXPECT_TRUE(a.sink.WaitForMessages(10));
  EXPECT_TRUE(Eventually([&] {
    return a.transport->strangers() <= PeerTransport::kMaxStrangersOfAddress &&
           CountCut(silent) >= silent.size() - PeerTransport::kMaxStrangersOfAddress;
  }));
  TestNode c(3);  // and a new one comes in
  ConnectAll({&a, &b, &c});
  EXPECT_TRUE(b.Ask(NodeId(1), "m", "x").ok());
}

TEST(PeerPort, StreamWithoutAHelloIsCut) {
  TestNode a(1);
  const auto channel = grpc::CreateChannel("127.0.0.1:" + std::to_string(a.endpoint.port),
                                           grpc::InsecureChannelCredentials());
  const auto stub = v1::Peer::NewStub(channel);
  grpc::ClientContext context;
  const auto began = steady_clock::now();
  const auto stream = stub->Connect(&context);
  v1::PeerHelloReply reply;
  EXPECT_FALSE(stream->Read(&reply)) << "nobody answers a hello that was not said";
  EXPECT_LT(steady_clock::now() - began, milliseconds(15'000));
  EXPECT_FALSE(stream->Finish().ok());
}

TEST(PeerPort, PeersStayWhenAStrangersTimeIsOver) {
  TestNode a(1), b(2);
  ConnectAll({&a, &b});
  EXPECT_TRUE(Eventually([&] { return a.transport->strangers() == 0; })) << "all have said hello";
  std::this_thread::sleep_for(milliseconds(5'500));
  EXPECT_TRUE(a.sink.seen().unreachable.empty());
  EXPECT_TRUE(b.sink.seen().unreachable.empty());
}

}  // namespace
}  // namespace jangada::server
