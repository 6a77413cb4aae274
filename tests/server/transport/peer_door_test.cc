// The peer port against whoever connects and says nothing, and the log against repetitions.
#include "server/transport/peer_door.h"

#include <arpa/inet.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "jangada/v1/peer.grpc.pb.h"
#include "server/transport/notices.h"
#include "tests/server/transport/test_messages.h"
#include "tests/server/transport/test_node.h"

namespace jangada::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// A TCP connection to a port of this machine, from the loopback address `from`.
class Connection {
 public:
  explicit Connection(uint16_t port, const char* from = "127.0.0.1")
      : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    inet_pton(AF_INET, from, &address.sin_addr);
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    address.sin_port = htons(port);
    EXPECT_EQ(connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  Connection(Connection&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ~Connection() {
    if (fd_ >= 0) close(fd_);
  }

  void Say(const std::string& bytes) const {
    EXPECT_EQ(send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  /// As the far end names it.
  std::string Name() const {
    sockaddr_in address{};
    socklen_t length = sizeof address;
    EXPECT_EQ(getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length), 0);
    char text[INET_ADDRSTRLEN] = {};
    inet_ntop(AF_INET, &address.sin_addr, text, sizeof text);
    return "ipv4:" + std::string(text) + ":" + std::to_string(ntohs(address.sin_port));
  }
  /// The far end has closed it.
  bool IsCut() const {
    char bytes[256];
    while (true) {
      const ssize_t got = recv(fd_, bytes, sizeof bytes, MSG_DONTWAIT);
      if (got > 0) continue;  // what gRPC says first
      return got == 0 || errno != EAGAIN;
    }
  }

 private:
  int fd_;
};

size_t CountCut(const std::vector<Connection>& connections) {
  return static_cast<size_t>(std::count_if(connections.begin(), connections.end(),
                                           [](const auto& one) { return one.IsCut(); }));
}

bool Eventually(const std::function<bool()>& condition) {
  for (const auto end = steady_clock::now() + kPatience; steady_clock::now() < end;) {
    if (condition()) return true;
    std::this_thread::sleep_for(milliseconds(5));
  }
  return condition();
}

/// A door whose connections nobody talks to; they are kept open until its end.
class PeerDoorTest : public ::testing::Test {
 protected:
  void Open(const PeerDoor::Limits& limits) {
    door_ = std::make_unique<PeerDoor>(limits);
    ASSERT_TRUE(door_->Open({"127.0.0.1", 0}).ok());
    door_->Start([this](int fd) {
      const std::lock_guard lock(mutex_);
      handed_over_.push_back(fd);
    });
  }
  void TearDown() override {
    door_->Stop();
    for (const int fd : handed_over_) close(fd);
  }
  bool WaitForHandedOver(size_t count) {
    return Eventually([&] {
      const std::lock_guard lock(mutex_);
      return handed_over_.size() >= count;
    });
  }

  std::unique_ptr<PeerDoor> door_;
  std::mutex mutex_;
  std::vector<int> handed_over_;
};

TEST_F(PeerDoorTest, OldestStrangerIsCutForTheNewest) {
  Open({.strangers = 3, .strangers_of_address = 3});
  std::vector<Connection> all;
  for (int i = 0; i < 5; ++i) {
    all.emplace_back(door_->port());
    ASSERT_TRUE(WaitForHandedOver(all.size()));
  }
  EXPECT_TRUE(Eventually([&] { return all[0].IsCut() && all[1].IsCut(); }));
  EXPECT_EQ(CountCut(all), 2u);
  EXPECT_EQ(door_->strangers(), 3u);
}

TEST_F(PeerDoorTest, OneAddressTakesNoRoomFromTheOthers) {
  Open({.strangers = 10, .strangers_of_address = 2});
  const Connection other(door_->port(), "127.0.0.2");
  ASSERT_TRUE(WaitForHandedOver(1));
  std::vector<Connection> many;
  for (int i = 0; i < 20; ++i) many.emplace_back(door_->port());
  ASSERT_TRUE(WaitForHandedOver(21));
  EXPECT_TRUE(Eventually([&] { return CountCut(many) == 18; }));
  EXPECT_FALSE(other.IsCut());
}

TEST_F(PeerDoorTest, StrangerIsCutWhenItsTimeIsOver) {
  Open({.patience_us = 50'000});
  const Connection silent(door_->port());
  const Connection known(door_->port());
  ASSERT_TRUE(WaitForHandedOver(2));
  door_->OnAdmitted(known.Name());
  EXPECT_TRUE(Eventually([&] { return silent.IsCut(); }));
  EXPECT_FALSE(known.IsCut());
  EXPECT_EQ(door_->strangers(), 0u);
}

TEST_F(PeerDoorTest, WhoIsKnownIsNoStrangerWhateverGrpcCallsIt) {
  Open({.strangers = 1, .strangers_of_address = 1});
  const Connection first(door_->port());
  ASSERT_TRUE(WaitForHandedOver(1));
  door_->OnAdmitted("nonsense");
  door_->OnAdmitted("ipv6:%5B::1%5D:1");
  EXPECT_EQ(door_->strangers(), 1u);
  door_->OnAdmitted(first.Name());
  EXPECT_EQ(door_->strangers(), 0u);
  const Connection second(door_->port());
  ASSERT_TRUE(WaitForHandedOver(2));
  EXPECT_FALSE(first.IsCut());
}

TEST(PeerDoor, KnowsAnIpv6ConnectionByTheNameThatGrpcGivesIt) {
  PeerDoor door;
  if (!door.Open({"::1", 0}).ok()) GTEST_SKIP() << "this machine has no IPv6";
  std::atomic<int> handed_over = -1;
  door.Start([&](int fd) { handed_over = fd; });
  const int fd = socket(AF_INET6, SOCK_STREAM, 0);
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  address.sin6_port = htons(door.port());
  socklen_t length = sizeof address;
  ASSERT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), length), 0);
  ASSERT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length), 0);
  ASSERT_TRUE(Eventually([&] { return door.strangers() == 1 && handed_over >= 0; }));
  door.OnAdmitted("ipv6:%5B::1%5D:" + std::to_string(ntohs(address.sin6_port)));
  EXPECT_EQ(door.strangers(), 0u);
  door.Stop();
  close(fd);
  close(handed_over);
}

TEST(PeerDoor, PortThatCannotBeHadIsRefusedWithTheReason) {
  PeerDoor door, second;
  ASSERT_TRUE(door.Open({"127.0.0.1", 0}).ok());
  const Status busy = second.Open({"127.0.0.1", door.port()});
  ASSERT_FALSE(busy.ok());
  EXPECT_EQ(busy.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_NE(busy.error().message.find(std::to_string(door.port())), std::string::npos);
  const Status elsewhere = second.Open({"192.0.2.1", 0});  // an address for documentation
  ASSERT_FALSE(elsewhere.ok());
  EXPECT_NE(elsewhere.error().message.find("192.0.2.1"), std::string::npos);
  const Status unknown = second.Open({"no.such.host.invalid", 1});
  ASSERT_FALSE(unknown.ok());
  EXPECT_NE(unknown.error().message.find("no.such.host.invalid"), std::string::npos);
}

// ---- with gRPC behind it ----

TEST(PeerDoorTransport, PeersTalkOnWhileHundredsOfConnectionsSayNothing) {
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
    return a.transport->strangers() <= PeerDoor::Limits().strangers_of_address &&
           CountCut(silent) >= silent.size() - PeerDoor::Limits().strangers_of_address;
  }));
  TestNode c(3);  // and a new one comes in
  ConnectAll({&a, &b, &c});
  EXPECT_TRUE(b.Ask(NodeId(1), "m", "x").ok());
}

TEST(PeerDoorTransport, StreamWithoutAHelloIsCut) {
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

TEST(PeerDoorTransport, PeersStayWhenAStrangersTimeIsOver) {
  TestNode a(1), b(2);
  ConnectAll({&a, &b});
  EXPECT_TRUE(Eventually([&] { return a.transport->strangers() == 0; })) << "all have said hello";
  std::this_thread::sleep_for(milliseconds(5'500));
  EXPECT_TRUE(a.sink.seen().unreachable.empty());
  EXPECT_TRUE(b.sink.seen().unreachable.empty());
}

// ---- notices ----

TEST(Notices, FirstIsToldAtOnceAndThenOneAMinuteWithTheirNumber) {
  Notices notices;
  int64_t now_us = 1'000'000'000;
  EXPECT_EQ(notices.Note("refused", now_us), 1u);
  uint64_t told = 1, lines = 1;
  for (int second = 1; second <= 300; ++second) {
    now_us += 1'000'000;
    const uint64_t times = notices.Note("refused", now_us);
    told += times;
    lines += times > 0 ? 1 : 0;
  }
  EXPECT_EQ(lines, 6u);
  EXPECT_EQ(told, 301u) << "none is left out";
  EXPECT_EQ(notices.Note("another", now_us), 1u);
}

TEST(Notices, RememberOnlySoManyKinds) {
  Notices notices;
  for (size_t i = 0; i <= Notices::kMaxKinds; ++i) {
    EXPECT_EQ(notices.Note(std::to_string(i), static_cast<int64_t>(i)), 1u);
  }
  EXPECT_EQ(notices.Note("1", 1'000), 0u);
  EXPECT_EQ(notices.Note("0", 1'000), 1u) << "the oldest was forgotten";
}

}  // namespace
}  // namespace jangada::server
