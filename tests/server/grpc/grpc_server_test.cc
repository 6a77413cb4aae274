// The server itself: ports, health, hostile bytes, stopping.
#include "server/grpc/grpc_server.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/random.h"
#include "tests/server/grpc/door_fixture.h"

namespace jangada::server::testing {
namespace {

class GrpcServerTest : public DoorTest {
 protected:
  GrpcServerTest() : node_(StartNode(1)) { cluster_.AddTopic("t", 1, NodeId(1)); }
  TestNode& node_;
};

TEST_F(GrpcServerTest, BusyPortIsRefusedWithItsNumber) {
  const std::string port = std::to_string(node_.server->port());
  GrpcServer second(node_.broker);
  const Status status = second.Start("127.0.0.1:" + port);
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.error().message.find("port " + port + " is in use"), std::string::npos)
      << status.error().message;
}

TEST_F(GrpcServerTest, AddressThatIsNotOursIsRefusedWithAReason) {
  GrpcServer server(node_.broker);
  const Status elsewhere = server.Start("192.0.2.1:7092");
  ASSERT_FALSE(elsewhere.ok());
  EXPECT_NE(elsewhere.error().message.find("192.0.2.1:7092"), std::string::npos);
  GrpcServer senseless(node_.broker);
  EXPECT_FALSE(senseless.Start("nonsense").ok());
}

TEST_F(GrpcServerTest, PortCanBeTakenAgainAtOnceAfterAStop) {
  const uint16_t port = node_.server->port();
  EXPECT_TRUE(TryProduce(node_, One("t", 0, "v")).ok());
  node_.server->Shutdown(0);
  node_.server = std::make_unique<GrpcServer>(node_.broker);
  const Status again = node_.server->Start("127.0.0.1:" + std::to_string(port));
  EXPECT_TRUE(again.ok()) << again.error();
}

TEST_F(GrpcServerTest, UnaryCallsUnderWayAreAnsweredWithinTheGrace) {
  node_.broker.HoldAnswers(true);
  grpc::Status status;
  std::thread client([&] { status = TryProduce(node_, One("t", 0, "v")); });
  ASSERT_TRUE(Eventually([&] { return node_.broker.produces.load() == 1; }));
  node_.server->BeginShutdown(10'000'000);
  node_.broker.ReleaseAnswers();
  client.join();
  EXPECT_TRUE(status.ok()) << status.error_message();
  node_.server->AwaitShutdown();
}

TEST_F(GrpcServerTest, CallsThatWaitForALeaderEndWithTheGrace) {
  cluster_.SetLeader({"t", 0}, std::nullopt);
  grpc::Status status;
  std::thread client([&] { status = TryProduce(node_, One("t", 0, "v")); });
  ASSERT_TRUE(Eventually([&] { return node_.broker.produces.load() >= 1; }));
  const auto began = std::chrono::steady_clock::now();
  node_.server->Shutdown(100'000);
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(3));
  client.join();
  EXPECT_FALSE(status.ok());
}

/// Sends bytes over a plain connection and reads until the server closes it or says something.
void SendRaw(uint16_t port, const std::string& bytes) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  ASSERT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  if (send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) > 0) {
    shutdown(fd, SHUT_WR);
    char buffer[4096];
    while (read(fd, buffer, sizeof buffer) > 0) {
    }
  }
  close(fd);
}

TEST_F(GrpcServerTest, HostileBytesDoNotHarmIt) {
  Random random(42);
  const std::string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  for (int round = 0; round < 30; ++round) {
    std::string noise;
    for (int i = 0; i < 2'000; ++i) noise.push_back(static_cast<char>(random.Below(256)));
    SendRaw(node_.server->port(), round % 2 == 0 ? noise : preface + noise);
  }
  SendRaw(node_.server->port(), "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(TryProduce(node_, One("t", 0, "v")).ok());
}

TEST_F(GrpcServerTest, RandomMessagesAreAnsweredWithAnErrorAndADetail) {
  Random random(43);
  int refused = 0;
  for (int round = 0; round < 300; ++round) {
    std::string bytes;
    const auto length = random.Below(60);
    for (uint64_t i = 0; i < length; ++i) bytes.push_back(static_cast<char>(random.Below(32)));
    v1::ProduceRequest request;
    if (!request.ParseFromString(bytes)) continue;
    request.set_timeout_ms(50);
    const grpc::Status status = TryProduce(node_, request);
    if (status.ok()) continue;
    ++refused;
    EXPECT_TRUE(grpc_door::DetailFrom(status).has_value()) << status.error_message();
  }
  EXPECT_GT(refused, 0);
  EXPECT_TRUE(TryProduce(node_, One("t", 0, "v")).ok());
}

}  // namespace
}  // namespace jangada::server::testing
