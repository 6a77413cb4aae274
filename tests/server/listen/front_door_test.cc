// The listening end of a gRPC port against whoever connects and says nothing, or something else.
#include "server/listen/front_door.h"

#include <atomic>
#include <cstring>
#include <memory>

#include "tests/server/listen/connection.h"

namespace jangada::server {
namespace {

constexpr auto kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A door behind which nobody talks; what is handed over is kept open until its end.
class FrontDoorTest : public ::testing::Test {
 protected:
  void Open(FrontDoor::Options options) {
    options.name = "test";
    options.answer = "this port speaks gRPC";
    door_ = std::make_unique<FrontDoor>(std::move(options));
    ASSERT_TRUE(door_->Open("127.0.0.1", 0).ok());
    door_->Start([this](int fd) {
      const std::lock_guard lock(mutex_);
      handed_over_.push_back(fd);
    });
  }
  void TearDown() override {
    door_->Stop();
    for (const int fd : handed_over_) close(fd);
  }
  size_t handed_over() {
    const std::lock_guard lock(mutex_);
    return handed_over_.size();
  }
  bool WaitForHandedOver(size_t count) {
    return Eventually([&] { return handed_over() >= count; });
  }
  bool WaitForStrangers(size_t count) {
    return Eventually([&] { return door_->strangers() == count; });
  }
  /// It speaks as gRPC's clients do, and was handed over.
  Connection Speaker() {
    Connection one(door_->port());
    const size_t before = handed_over();
    one.Say(kPreface);
    EXPECT_TRUE(WaitForHandedOver(before + 1));
    return one;
  }

  std::unique_ptr<FrontDoor> door_;
  std::mutex mutex_;
  std::vector<int> handed_over_;
};

// ---- first bytes ----

TEST_F(FrontDoorTest, HandsOverWhoSpeaksHttp2WithAllThatHeSaid) {
  Open({});
  const Connection client = Speaker();
  EXPECT_EQ(door_->strangers(), 0u);
  char bytes[64];
  const ssize_t got = recv(handed_over_.front(), bytes, sizeof bytes, MSG_DONTWAIT);
  EXPECT_EQ(std::string(bytes, static_cast<size_t>(std::max<ssize_t>(got, 0))), kPreface);
  EXPECT_FALSE(client.IsCut());
}

TEST_F(FrontDoorTest, HandsOverAConnectionWhoseFirstBytesComeOneByOne) {
  Open({});
  const Connection client(door_->port());
  for (const char* at = kPreface; *at != '\0'; ++at) client.Say(std::string(1, *at));
  EXPECT_TRUE(WaitForHandedOver(1));
  char byte = 0;
  EXPECT_EQ(recv(handed_over_.front(), &byte, 1, MSG_DONTWAIT), 1) << "a single byte is readable";
}

TEST_F(FrontDoorTest, ABrowserReadsTheSentence) {
  Open({});
  const Connection browser(door_->port());
  browser.Say("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string answer = browser.ReadToEnd();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ")) << answer;
  EXPECT_TRUE(answer.ends_with("\r\n\r\nthis port speaks gRPC\n")) << answer;
  EXPECT_EQ(handed_over(), 0u);
}

TEST_F(FrontDoorTest, TheSentenceArrivesThoughMuchIsSaid) {
  Open({});
  const Connection talker(door_->port());
  talker.Say("POST / HTTP/1.1\r\n\r\n" + std::string(100'000, 'x'));
  talker.Finish();
  EXPECT_TRUE(talker.ReadToEnd().ends_with("this port speaks gRPC\n"));
  EXPECT_TRUE(WaitForStrangers(0));
}

TEST_F(FrontDoorTest, TooFewBytesAreAnsweredWhenNoMoreCanCome) {
  Open({});
  const Connection terse(door_->port());
  terse.Say("PRI");
  terse.Finish();
  EXPECT_EQ(terse.ReadToEnd(), "this port speaks gRPC\n");
}

TEST_F(FrontDoorTest, AKafkaClientIsSentNoTextForALength) {
  Open({});
  const Connection client(door_->port());
  client.Say(std::string("\0\0\0\x18\0\x12\0\x03", 8));
  EXPECT_EQ(client.ReadToEnd(), "");
}

TEST_F(FrontDoorTest, WhoWasAnsweredAndStaysIsCutWhenHisTimeIsOver) {
  Open({.patience_us = 200'000});
  const Connection stays(door_->port());
  stays.Say("GET / HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(WaitForStrangers(0));
}

TEST_F(FrontDoorTest, WhoLeavesWithoutAWordIsForgotten) {
  Open({});
  {
    const Connection probe(door_->port());
    EXPECT_TRUE(WaitForStrangers(1));
  }
  EXPECT_TRUE(WaitForStrangers(0));
}

// ---- strangers ----

TEST_F(FrontDoorTest, OldestStrangerIsCutForTheNewest) {
  Open({.strangers = 3, .strangers_of_address = 3});
  std::vector<Connection> all;
  for (size_t i = 0; i < 5; ++i) {
    all.emplace_back(door_->port());
    ASSERT_TRUE(WaitForStrangers(std::min<size_t>(i + 1, 3)));
  }
  EXPECT_TRUE(Eventually([&] { return all[0].IsCut() && all[1].IsCut(); }));
  EXPECT_EQ(CountCut(all), 2u);
}

TEST_F(FrontDoorTest, OneAddressTakesNoRoomFromTheOthers) {
  Open({.strangers = 10, .strangers_of_address = 2});
  const Connection other(door_->port(), "127.0.0.2");
  ASSERT_TRUE(WaitForStrangers(1));
  std::vector<Connection> many;
  for (int i = 0; i < 20; ++i) many.emplace_back(door_->port());
  EXPECT_TRUE(Eventually([&] { return CountCut(many) == 18; }));
  EXPECT_FALSE(other.IsCut());
}

TEST_F(FrontDoorTest, SilentStrangerIsCutWhenItsTimeIsOver) {
  Open({.patience_us = 100'000});
  const Connection silent(door_->port());
  const Connection speaks = Speaker();
  EXPECT_TRUE(Eventually([&] { return silent.IsCut(); }));
  EXPECT_FALSE(speaks.IsCut());
  EXPECT_EQ(door_->strangers(), 0u);
}

TEST_F(FrontDoorTest, WhoSpokeStaysAStrangerUntilAdmittedWhereThatIsAsked) {
  Open({.waits_for_admission = true, .patience_us = 500'000});
  const Connection silent = Speaker();
  const Connection known = Speaker();
  EXPECT_EQ(door_->strangers(), 2u);
  door_->OnAdmitted(known.Name());
  EXPECT_TRUE(Eventually([&] { return silent.IsCut(); }));
  EXPECT_FALSE(known.IsCut());
  EXPECT_EQ(door_->strangers(), 0u);
}

TEST_F(FrontDoorTest, WhoIsKnownIsNoStrangerWhateverGrpcCallsIt) {
  Open({.waits_for_admission = true, .strangers = 1, .strangers_of_address = 1});
  const Connection first = Speaker();
  door_->OnAdmitted("nonsense");
  door_->OnAdmitted("ipv6:%5B::1%5D:1");
  EXPECT_EQ(door_->strangers(), 1u);
  door_->OnAdmitted(first.Name());
  EXPECT_EQ(door_->strangers(), 0u);
  const Connection second = Speaker();
  EXPECT_FALSE(first.IsCut());
}

TEST(FrontDoor, KnowsAnIpv6ConnectionByTheNameThatGrpcGivesIt) {
  FrontDoor door({.name = "test", .waits_for_admission = true});
  if (!door.Open("::1", 0).ok()) GTEST_SKIP() << "this machine has no IPv6";
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
  ASSERT_GT(send(fd, kPreface, std::strlen(kPreface), MSG_NOSIGNAL), 0);
  ASSERT_TRUE(Eventually([&] { return door.strangers() == 1 && handed_over >= 0; }));
  door.OnAdmitted("ipv6:%5B::1%5D:" + std::to_string(ntohs(address.sin6_port)));
  EXPECT_EQ(door.strangers(), 0u);
  door.Stop();
  close(fd);
  close(handed_over);
}

TEST(FrontDoor, PortThatCannotBeHadIsRefusedWithTheReason) {
  FrontDoor door({}), second({});
  ASSERT_TRUE(door.Open("127.0.0.1", 0).ok());
  const auto refusal = [&](const std::string& host, uint16_t port) {
    const Status opened = second.Open(host, port);
    return opened.ok() ? "" : opened.error().message;
  };
  EXPECT_EQ(refusal("127.0.0.1", door.port()),
            "port " + std::to_string(door.port()) + " is in use by another process");
  // An address for documentation.
  EXPECT_EQ(refusal("192.0.2.1", 0), "Cannot assign requested address");
  EXPECT_NE(refusal("no.such.host.invalid", 1), "");
}

}  // namespace
}  // namespace jangada::server
