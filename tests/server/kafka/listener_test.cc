// The listener with real sockets over loopback: order, limits, garbage, slowness, the end.
#include "server/kafka/listener.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "server/runtime/shard.h"
#include "tests/server/kafka/dispatch_fixture.h"

namespace jangada::server::kafka {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using testing::BatchOf;
using testing::EncodeRequest;

/// A client's socket, blocking, each call bounded in time.
class Client {
 public:
  /// `from`: the last number of the client's address, 127.0.0.`from`.
  explicit Client(uint16_t port, uint32_t from = 1) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    const timeval limit{.tv_sec = 20, .tv_usec = 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl((uint32_t{127} << 24) + from);
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() { close(fd_); }

  bool Send(const std::string& bytes) {
    for (size_t sent = 0; sent < bytes.size();) {
      const ssize_t n = send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) return false;
      sent += static_cast<size_t>(n);
    }
    return true;
  }
  /// A frame with its length; empty when the connection ended.
  std::string Receive() {
    std::string frame = ReceiveBytes(4);
    if (frame.size() < 4) return "";
    return frame + ReceiveBytes(static_cast<size_t>(LoadBig<int32_t>(frame.data())));
  }
  /// The peer closed, and sent nothing before it did.
  bool Ended() {
    char byte = 0;
    const ssize_t n = recv(fd_, &byte, 1, 0);
    return n == 0 || (n < 0 && errno == ECONNRESET);
  }
  /// Nothing comes, and nothing ends, for a moment.
  bool IsQuiet(milliseconds moment) {
    pollfd readable{.fd = fd_, .events = POLLIN, .revents = 0};
    return poll(&readable, 1, static_cast<int>(moment.count())) == 0;
  }
  void LimitReceiveBuffer(int bytes) {
    setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  }

 private:
  std::string ReceiveBytes(size_t count) {
    std::string bytes(count, '\0');
    size_t got = 0;
    while (got < count) {
      const ssize_t n = recv(fd_, bytes.data() + got, count - got, 0);
      if (n <= 0) return "";
      got += static_cast<size_t>(n);
    }
    return bytes;
  }
  const int fd_;
};

class KafkaListener : public testing::DispatchFixture {
 protected:
  KafkaListener() {
    cluster_.AddTopic("t", 1, NodeId(1));
    for (auto& shard : shards_) shard = std::make_unique<Shard>("test-shard");
    for (auto& shard : shards_) shard->Start();
  }
  ~KafkaListener() override {
    listener_.reset();
    for (auto& shard : shards_) shard->Stop();
  }

  void Start(const ListenerOptions& options = {}) {
    std::vector<boost::asio::io_context*> ios;
    for (auto& shard : shards_) ios.push_back(&shard->io());
    listener_ = std::make_unique<Listener>(dispatcher_, options, ios);
    const Status listening = listener_->Listen({"127.0.0.1", 0});
    ASSERT_TRUE(listening.ok()) << listening.error();
    listener_->Start();
  }
  uint16_t port() { return listener_->port(); }
  bool AwaitConnections(int64_t count) {
    const auto deadline = steady_clock::now() + seconds(20);
    while (listener_->connections() != count && steady_clock::now() < deadline) {
      std::this_thread::sleep_for(milliseconds(2));
    }
    return listener_->connections() == count;
  }
  static std::string Versions(int32_t correlation_id) {
    return EncodeRequest(ApiVersionsRequest{}, 0, correlation_id);
  }
  /// A client whose turn has come: it was answered.
  void Greet(Client& client) {
    ASSERT_TRUE(client.Send(Versions(1)));
    ASSERT_EQ(testing::CorrelationIdOf(client.Receive()), 1);
  }

  std::unique_ptr<Shard> shards_[2];
  std::unique_ptr<Listener> listener_;
};

TEST_F(KafkaListener, AnswersRequestsOverASocket) {
  Start();
  Client client(port());
  ASSERT_TRUE(client.Send(EncodeRequest(ProduceOf("t", BatchOf({"a"})), 9)));
  const auto response = testing::DecodeResponse<ProduceRequest>(client.Receive(), 9);
  EXPECT_EQ(response.topics.at(0).partitions.at(0).error_code, Code::kNone);
  EXPECT_EQ(cluster_.Records({"t", 0}).size(), 1u);
}

TEST_F(KafkaListener, WhoComesBeforeItOpensWaitsAndIsServedThen) {
  Start({.starts_closed = true});
  Client early(port());
  ASSERT_TRUE(early.Send(Versions(1)));
  EXPECT_TRUE(early.IsQuiet(milliseconds(50)));
  listener_->Open();
  EXPECT_EQ(testing::CorrelationIdOf(early.Receive()), 1);
  listener_->Open();
  Client later(port());
  Greet(later);
}

TEST_F(KafkaListener, EndsThoughItNeverOpened) {
  Start({.starts_closed = true});
  Client early(port());
  listener_->BeginShutdown();
  listener_->AwaitShutdown(20'000'000);
  EXPECT_TRUE(early.Ended());
}

TEST_F(KafkaListener, RepliesLeaveInTheOrderOfTheirRequests) {
  Start();
  Client client(port());
  FetchRequest poll{.max_wait_ms = 10'000, .min_bytes = 1};
  poll.topics = {{.name = "t", .partitions = {{.index = 0, .max_bytes = 1000}}}};
  std::string stream = EncodeRequest(poll, 11, 100);
  for (int32_t id = 101; id < 200; ++id) stream += Versions(id);
  ASSERT_TRUE(client.Send(stream));
  EXPECT_TRUE(client.IsQuiet(milliseconds(100))) << "all wait behind the poll";
  Produce(ProduceOf("t", BatchOf({"a"})));
  for (int32_t id = 100; id < 200; ++id) {
    ASSERT_EQ(testing::CorrelationIdOf(client.Receive()), id);
  }
}

TEST_F(KafkaListener, OneByteAtATimeIsARequestToo) {
  Start();
  Client client(port());
  for (const char byte : Versions(5)) ASSERT_TRUE(client.Send(std::string(1, byte)));
  EXPECT_EQ(testing::CorrelationIdOf(client.Receive()), 5);
}

TEST_F(KafkaListener, LargeRequestsAndRepliesComeWhole) {
  Start({.max_request_bytes = 16 << 20});
  Client client(port());
  const std::string value(900'000, 'v');
  for (int i = 0; i < 8; ++i) {
    ASSERT_TRUE(client.Send(EncodeRequest(ProduceOf("t", BatchOf({value})), 9)));
    ASSERT_FALSE(client.Receive().empty());
  }
  FetchRequest fetch{.max_bytes = 50 << 20};
  fetch.topics = {{.name = "t", .partitions = {{.index = 0, .max_bytes = 50 << 20}}}};
  ASSERT_TRUE(client.Send(EncodeRequest(fetch, 11)));
  const auto response = testing::DecodeResponse<FetchRequest>(client.Receive(), 11);
  EXPECT_GT(response.topics[0].partitions[0].records->size(), 8 * value.size());
}

TEST_F(KafkaListener, GarbageIsClosedAndOthersAreServedOn) {
  Start();
  Client good(port());
  Greet(good);
  for (const std::string& garbage :
       {std::string("GET / HTTP/1.1\r\n\r\n"), std::string(64, '\xff'), std::string(64, '\0'),
        std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11),
        std::string("\0\0\0\x08\x7f\xff\0\0\0\0\0\0", 12)}) {
    Client bad(port());
    ASSERT_TRUE(bad.Send(garbage));
    EXPECT_TRUE(bad.Ended());
  }
  Greet(good);
  EXPECT_TRUE(AwaitConnections(1));
}

TEST_F(KafkaListener, ARequestAboveTheLimitIsClosedBeforeItIsRead) {
  Start({.max_request_bytes = 1000});
  Client client(port());
  ASSERT_TRUE(client.Send(std::string("\0\0\x03\xe9", 4)));
  EXPECT_TRUE(client.Ended());
}

TEST_F(KafkaListener, AProduceWithoutAcksThatFailsClosesTheConnection) {
  Start();
  Client client(port());
  ASSERT_TRUE(client.Send(EncodeRequest(ProduceOf("t", BatchOf({"a"}), 0), 9) +
                          EncodeRequest(ProduceOf("none", BatchOf({"a"}), 0), 9)));
  EXPECT_TRUE(client.Ended());
  EXPECT_EQ(cluster_.Records({"t", 0}).size(), 1u);
}

TEST_F(KafkaListener, ConnectionsBeyondTheLimitsAreRefusedAndOthersAreServedOn) {
  Start({.max_connections = 10, .max_connections_per_address = 2});
  Client first(port());
  Greet(first);
  {
    Client second(port());
    Greet(second);
    Client third(port());
    EXPECT_TRUE(third.Ended());
    Greet(first);
    Client elsewhere(port(), /*from=*/2);
    Greet(elsewhere);
  }
  ASSERT_TRUE(AwaitConnections(1));
  Client again(port());
  Greet(again);
}

TEST_F(KafkaListener, TheNodesLimitOfConnectionsHoldsForAllAddresses) {
  Start({.max_connections = 1});
  Client first(port());
  Greet(first);
  Client second(port());
  EXPECT_TRUE(second.Ended());
}

TEST_F(KafkaListener, ASilentConnectionIsClosedAndABusyOneIsNot) {
  Start({.idle_timeout_us = 200'000});
  Client silent(port());
  Client polling(port());
  FetchRequest poll{.max_wait_ms = 3'000, .min_bytes = 1};
  poll.topics = {{.name = "t", .partitions = {{.index = 0, .max_bytes = 1000}}}};
  ASSERT_TRUE(polling.Send(EncodeRequest(poll, 11)));
  EXPECT_TRUE(silent.Ended());
  EXPECT_FALSE(polling.Receive().empty()) << "waiting for an answer is not idle";
}

TEST_F(KafkaListener, ARequestThatNeverEndsIsClosed) {
  Start({.slow_peer_us = 200'000});
  Client client(port());
  ASSERT_TRUE(client.Send(std::string("\0\0\0\x20\0\x12", 6)));
  EXPECT_TRUE(client.Ended());
}

TEST_F(KafkaListener, APeerThatTakesNoRepliesIsClosedAndItsMemoryComesBack) {
  Start({.slow_peer_us = 300'000});
  for (int i = 0; i < 30; ++i) Produce(ProduceOf("t", BatchOf({std::string(900'000, 'v')})));
  Client client(port());
  client.LimitReceiveBuffer(4096);
  FetchRequest fetch{.max_bytes = 50 << 20};
  fetch.topics = {{.name = "t", .partitions = {{.index = 0, .max_bytes = 50 << 20}}}};
  ASSERT_TRUE(client.Send(EncodeRequest(fetch, 11)));
  EXPECT_TRUE(AwaitConnections(1));
  EXPECT_TRUE(AwaitConnections(0));
  EXPECT_EQ(dispatcher_.door().fetch_bytes.used(), 0u);
}

TEST_F(KafkaListener, ANodeThatHoldsTooManyRequestsReadsOnWhenSomeAreAnswered) {
  Start({.max_request_bytes_in_flight = 10'000});
  broker_.HoldAnswers(true);
  Client client(port());
  constexpr int kRequests = 20;
  std::thread sender([&] {
    for (int i = 0; i < kRequests; ++i) {
      EXPECT_TRUE(
          client.Send(EncodeRequest(ProduceOf("t", BatchOf({std::string(300'000, 'v')})), 9)));
    }
  });
  const auto deadline = steady_clock::now() + seconds(20);
  while (broker_.produces == 0 && steady_clock::now() < deadline) {
    std::this_thread::sleep_for(milliseconds(2));
  }
  EXPECT_TRUE(client.IsQuiet(milliseconds(200)));
  EXPECT_EQ(broker_.produces, 1) << "the frame under way is finished, no other begun";
  broker_.ReleaseAnswers();
  for (int i = 0; i < kRequests; ++i) EXPECT_FALSE(client.Receive().empty());
  sender.join();
  EXPECT_EQ(broker_.produces, kRequests);
}

TEST_F(KafkaListener, HalfRequestsOfOneAddressLeaveRoomForTheOthers) {
  Start({.max_request_bytes = 200'000, .max_request_bytes_in_flight = 800'000});
  std::vector<std::unique_ptr<Client>> stalled;
  for (int i = 0; i < 6; ++i) {
    stalled.push_back(std::make_unique<Client>(port()));
    Greet(*stalled.back());
  }
  const std::string large = EncodeRequest(ProduceOf("t", BatchOf({std::string(150'000, 'v')})), 9);
  for (auto& client : stalled) ASSERT_TRUE(client->Send(large.substr(0, 140'000)));
  // Once that much was read the address has no room for another request: its clients wait.
  Client same(port());
  const auto deadline = steady_clock::now() + seconds(20);
  bool waits = false;
  while (!waits && steady_clock::now() < deadline) {
    ASSERT_TRUE(same.Send(Versions(1)));
    waits = same.IsQuiet(milliseconds(200));
    if (!waits) same.Receive();
  }
  ASSERT_TRUE(waits);
  Client other(port(), /*from=*/2);
  Greet(other);
  ASSERT_TRUE(other.Send(large));
  EXPECT_FALSE(other.Receive().empty());
  stalled.clear();
  EXPECT_FALSE(same.Receive().empty());
}

TEST_F(KafkaListener, WhoStopsInTheMiddleOfARequestIsCutWhereThereIsNoRoomForOthers) {
  Start({.max_request_bytes = 200'000,
         .stalled_us = 100'000,
         .max_request_bytes_in_flight = 800'000});
  const std::string large = EncodeRequest(ProduceOf("t", BatchOf({std::string(150'000, 'v')})), 9);
  Client alone(port());
  ASSERT_TRUE(alone.Send(large.substr(0, 50'000)));
  EXPECT_TRUE(alone.IsQuiet(milliseconds(1'500))) << "there is room: nobody is in a hurry";
  Client second(port());
  ASSERT_TRUE(second.Send(large.substr(0, 140'000)));
  EXPECT_TRUE(alone.Ended());
  EXPECT_TRUE(second.Ended());
  Client other(port());
  Greet(other);
}

TEST_F(KafkaListener, WhoSendsTooManyRequestsIsNotReadAndOthersAreServedOn) {
  Start();
  Client busy(port());
  FetchRequest poll{.max_wait_ms = 60'000, .min_bytes = 1};
  poll.topics = {{.name = "t", .partitions = {{.index = 0, .max_bytes = 1000}}}};
  constexpr int32_t kRequests = 20'000;
  std::thread sender([&] {
    std::string stream = EncodeRequest(poll, 11, 100);
    for (int32_t id = 101; id < 100 + kRequests; ++id) stream += Versions(id);
    EXPECT_TRUE(busy.Send(stream));
  });
  EXPECT_TRUE(busy.IsQuiet(milliseconds(300)));
  uint64_t answered = 0;
  for (const KafkaRequestStats& each : dispatcher_.door().meter.Stats().requests) {
    if (each.request == "ApiVersions") answered = each.latency.count();
  }
  EXPECT_GE(answered, 1000u);
  // What one read brings is taken apart to its end.
  EXPECT_LE(answered, kMaxKafkaRequestsInFlight + (64 << 10) / Versions(1).size());
  Client other(port());
  Greet(other);
  Produce(ProduceOf("t", BatchOf({"a"})));
  for (int32_t id = 100; id < 100 + kRequests; ++id) {
    ASSERT_EQ(testing::CorrelationIdOf(busy.Receive()), id);
  }
  sender.join();
}

TEST_F(KafkaListener, ParkedJoinsDoNotKeepOthersFromBeingRead) {
  Start({.max_request_bytes_in_flight = 10'000});
  broker_.fake_groups().join.hold = true;
  Client member(port());
  const JoinGroupRequest join{.group_id = "g",
                              .session_timeout_ms = 10'000,
                              .rebalance_timeout_ms = 60'000,
                              .member_id = {},
                              .group_instance_id = {},
                              .protocol_type = "consumer",
                              .protocols = {{"range", Bytes(std::string(50'000, 'm'))}},
                              .reason = {}};
  ASSERT_TRUE(member.Send(EncodeRequest(join, 5)));
  EXPECT_TRUE(member.IsQuiet(milliseconds(200)));
  Client other(port());
  Greet(other);
  ASSERT_TRUE(member.Send(Versions(2)));
  EXPECT_TRUE(member.IsQuiet(milliseconds(200)));  // replies leave in the order of their requests
  broker_.fake_groups().join.Release();
  EXPECT_FALSE(member.Receive().empty());
  EXPECT_EQ(testing::CorrelationIdOf(member.Receive()), 2);
}

TEST_F(KafkaListener, StoppingAnswersWhatWasAskedAndThenCloses) {
  Start();
  Client idle(port());
  Greet(idle);
  Client asking(port());
  Greet(asking);
  broker_.HoldAnswers(true);
  ASSERT_TRUE(asking.Send(EncodeRequest(ProduceOf("t", BatchOf({"a"})), 9)));
  const auto deadline = steady_clock::now() + seconds(20);
  while (broker_.produces == 0 && steady_clock::now() < deadline) {
    std::this_thread::sleep_for(milliseconds(2));
  }
  listener_->BeginShutdown();
  EXPECT_TRUE(idle.Ended());
  broker_.ReleaseAnswers();
  EXPECT_FALSE(asking.Receive().empty());
  EXPECT_TRUE(asking.Ended());
  listener_->AwaitShutdown(20'000'000);
  EXPECT_EQ(listener_->connections(), 0);
}

TEST_F(KafkaListener, StoppingDoesNotWaitForeverForAnAnswer) {
  Start();
  Client client(port());
  FetchRequest poll{.max_wait_ms = 60'000, .min_bytes = 1};
  poll.topics = {{.name = "t", .partitions = {{.index = 0, .max_bytes = 1000}}}};
  ASSERT_TRUE(client.Send(EncodeRequest(poll, 11)));
  ASSERT_TRUE(AwaitConnections(1));
  listener_->BeginShutdown();
  listener_->AwaitShutdown(50'000);
  EXPECT_TRUE(client.Ended());
}

TEST_F(KafkaListener, ABusyPortIsOneSentence) {
  Start();
  Listener second(dispatcher_, {}, {&shards_[0]->io()});
  const Status listening = second.Listen({"127.0.0.1", port()});
  ASSERT_FALSE(listening.ok());
  EXPECT_THAT(listening.error().message, ::testing::HasSubstr("Cannot listen for Kafka clients"));
}

TEST_F(KafkaListener, ConnectionsThatComeAndGoLeaveNothingBehind) {
  Start();
  for (int round = 0; round < 300; ++round) {
    Client client(port());
    if (round % 3 == 0) continue;
    ASSERT_TRUE(client.Send(Versions(round)));
    if (round % 3 == 1) client.Receive();
  }
  EXPECT_TRUE(AwaitConnections(0));
}

}  // namespace
}  // namespace jangada::server::kafka
