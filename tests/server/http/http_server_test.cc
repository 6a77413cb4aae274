// The HTTP door against what it is for, and against garbage, slow clients, half-open connections
// and floods: each is answered or closed, and the next client is served as before.
#include "server/http/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <deque>
#include <future>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/random.h"
#include "tests/server/http/raw_client.h"

namespace jangada::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using testing::Body;
using testing::Get;
using ::testing::HasSubstr;
using testing::RawClient;
using testing::StatusLine;

constexpr char kRequest[] = "GET /page HTTP/1.1\r\nHost: test\r\n\r\n";

class HttpServerTest : public ::testing::Test {
 protected:
  void Start(const HttpLimits& limits = {}) {
    HttpPages pages;
    pages["/page"] = [](Callback<HttpAnswer> done) { done(PlainAnswer(200, "a page\n")); };
    pages["/sick"] = [](Callback<HttpAnswer> done) { done(PlainAnswer(503, "no\n")); };
    pages["/large"] = [](Callback<HttpAnswer> done) {
      done(PlainAnswer(200, std::string(16 << 20, 'x')));
    };
    pages["/held"] = [this](Callback<HttpAnswer> done) {
      const std::lock_guard lock(mutex_);
      held_.push_back(std::move(done));
    };
    server_ = std::make_unique<HttpServer>(std::move(pages), limits);
    const Status started = server_->Start("127.0.0.1", 0);
    ASSERT_TRUE(started.ok()) << started.error();
  }

  uint16_t port() const { return server_->port(); }
  std::string Ask(const std::string& request) {
    RawClient client(port());
    client.Send(request);
    return client.ReadAnswer();
  }
  /// The server is none the worse for whatever came before.
  void ExpectServes() { EXPECT_EQ(Body(Get(port(), "/page")), "a page\n"); }

  bool Eventually(const std::function<bool()>& condition) {
    const auto until = steady_clock::now() + std::chrono::seconds(10);
    while (!condition()) {
      if (steady_clock::now() > until) return false;
      std::this_thread::sleep_for(milliseconds(2));
    }
    return true;
  }

  size_t held() {
    const std::lock_guard lock(mutex_);
    return held_.size();
  }

  std::mutex mutex_;
  std::deque<Callback<HttpAnswer>> held_;
  std::unique_ptr<HttpServer> server_;
};

// ---- what it is for ----

TEST_F(HttpServerTest, APageIsServedWithItsTypeAndLength) {
  Start();
  const std::string answer = Get(port(), "/page");
  EXPECT_EQ(StatusLine(answer), "HTTP/1.1 200 OK");
  EXPECT_THAT(answer, HasSubstr("Content-Type: text/plain; charset=utf-8\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Length: 7\r\n"));
  EXPECT_THAT(answer, HasSubstr("Cache-Control: no-store\r\n"));
  EXPECT_EQ(Body(answer), "a page\n");
  EXPECT_EQ(StatusLine(Get(port(), "/sick")), "HTTP/1.1 503 Service Unavailable");
}

TEST_F(HttpServerTest, AQueryDoesNotChangeThePage) {
  Start();
  EXPECT_EQ(Body(Get(port(), "/page?verbose=1&x=%20")), "a page\n");
}

TEST_F(HttpServerTest, HeadGetsTheHeaderAlone) {
  Start();
  const std::string answer = Ask("HEAD /page HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(StatusLine(answer), "HTTP/1.1 200 OK");
  EXPECT_THAT(answer, HasSubstr("Content-Length: 7\r\n"));
  EXPECT_EQ(Body(answer), "");
}

TEST_F(HttpServerTest, AConnectionServesManyRequestsAlsoWhenTheyComeAtOnce) {
  Start();
  RawClient client(port());
  for (int i = 0; i < 3; ++i) {
    client.Send(kRequest);
    EXPECT_EQ(Body(client.ReadAnswer()), "a page\n");
  }
  client.Send(std::string(kRequest) + kRequest + "GET /sick HTTP/1.1\r\nHost: test\r\n\r\n");
  EXPECT_EQ(Body(client.ReadAnswer()), "a page\n");
  EXPECT_EQ(Body(client.ReadAnswer()), "a page\n");
  EXPECT_EQ(Body(client.ReadAnswer()), "no\n");
  EXPECT_EQ(server_->stats().requests, 6u);
}

TEST_F(HttpServerTest, HttpOneZeroIsServedAndClosed) {
  Start();
  RawClient client(port());
  client.Send("GET /page HTTP/1.0\r\n\r\n");
  EXPECT_EQ(Body(client.ReadAnswer()), "a page\n");
  EXPECT_TRUE(client.ReadsEnd());
}

TEST_F(HttpServerTest, PagesMayBeAnsweredLaterAndFromAnotherThread) {
  Start();
  std::future<std::string> slow =
      std::async(std::launch::async, [this] { return Get(port(), "/held"); });
  ASSERT_TRUE(Eventually([this] { return held() == 1; }));
  ExpectServes();
  held_.front()(PlainAnswer(200, "at last\n"));
  EXPECT_EQ(Body(slow.get()), "at last\n");
}

TEST_F(HttpServerTest, ALargePageArrivesWhole) {
  Start();
  EXPECT_EQ(Body(Get(port(), "/large")).size(), size_t{16} << 20);
}

// ---- mistakes ----

TEST_F(HttpServerTest, OtherPathsAreToldWhatThereIs) {
  Start();
  const std::string answer = Get(port(), "/metric");
  EXPECT_EQ(StatusLine(answer), "HTTP/1.1 404 Not Found");
  EXPECT_EQ(Body(answer), "There is no /metric here; there are /held, /large, /page, /sick.\n");
  EXPECT_EQ(StatusLine(Get(port(), "/")), "HTTP/1.1 404 Not Found");
  EXPECT_EQ(StatusLine(Get(port(), "/page/")), "HTTP/1.1 404 Not Found");
  EXPECT_EQ(StatusLine(Get(port(), "/../etc/passwd")), "HTTP/1.1 404 Not Found");
}

TEST_F(HttpServerTest, OtherMethodsAreRefusedWithWhatIsAllowed) {
  Start();
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"}) {
    const std::string answer =
        Ask(std::string(method) + " /page HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(StatusLine(answer), "HTTP/1.1 405 Method Not Allowed") << method;
    EXPECT_THAT(answer, HasSubstr("Allow: GET, HEAD\r\n"));
  }
  ExpectServes();
}

TEST_F(HttpServerTest, ABodyIsNotReadAndNothingCanHideInIt) {
  Start();
  const std::string hidden(kRequest);
  for (const std::string& body :
       {"Content-Length: " + std::to_string(hidden.size()) + "\r\n\r\n" + hidden,
        "Transfer-Encoding: chunked\r\n\r\n22\r\n" + hidden + "\r\n0\r\n\r\n"}) {
    RawClient client(port());
    client.Send("POST /page HTTP/1.1\r\nHost: test\r\n" + body);
    EXPECT_EQ(StatusLine(client.ReadAnswer()), "HTTP/1.1 405 Method Not Allowed");
    EXPECT_EQ(client.ReadAnswer(), "");  // the request within the body was none
    client.EndSending();
    EXPECT_TRUE(client.ReadsEnd());
  }
}

TEST_F(HttpServerTest, WhatIsNoHttpIsSaidSoAndClosed) {
  Start();
  const std::string tls_hello("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
  for (const std::string& bytes :
       {std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), tls_hello + std::string(200, '\0'),
        std::string("hello\r\n\r\n"), std::string("GET /page\r\n\r\n"),
        std::string("GET /page HTTP/9.9\r\n\r\n"),
        std::string("GET /page HTTP/1.1\r\nno colon\r\n\r\n"),
        std::string("GET /page HTTP/1.1\r\nContent-Length: -1\r\n\r\n")}) {
    RawClient client(port());
    client.Send(bytes);
    EXPECT_EQ(StatusLine(client.ReadAnswer()), "HTTP/1.1 400 Bad Request") << bytes;
    client.EndSending();
    EXPECT_TRUE(client.ReadsEnd());
  }
  ExpectServes();
}

TEST_F(HttpServerTest, RandomBytesDoNotHarmIt) {
  Start({.header_timeout_us = 200'000});
  Random random(20261125);
  for (int round = 0; round < 200; ++round) {
    std::string bytes = round % 2 == 0 ? "" : "GET /page HTTP/1.1\r\n";
    for (uint64_t left = random.Between(1, 3000); left > 0; --left) {
      bytes.push_back(static_cast<char>(random.Below(256)));
    }
    RawClient client(port());
    client.Send(bytes);
    client.EndSending();
    EXPECT_TRUE(client.ReadsEnd()) << "round " << round;
  }
  ExpectServes();
  EXPECT_TRUE(Eventually([this] { return server_->stats().connections == 0; }));
}

TEST_F(HttpServerTest, AHeaderThatIsTooLargeIsRefused) {
  Start({.max_header_bytes = 4096});
  const std::string fits(3000, 'a');
  EXPECT_EQ(StatusLine(Ask("GET /page HTTP/1.1\r\nConnection: close\r\nX: " + fits + "\r\n\r\n")),
            "HTTP/1.1 200 OK");
  const std::string answer =
      Ask("GET /page HTTP/1.1\r\nX: " + std::string(100'000, 'a') + "\r\n\r\n");
  EXPECT_EQ(StatusLine(answer), "HTTP/1.1 431 Request Header Fields Too Large");
  // Without an end it is not waited for.
  EXPECT_EQ(StatusLine(Ask("GET /" + std::string(8192, 'a'))),
            "HTTP/1.1 431 Request Header Fields Too Large");
  ExpectServes();
}

// ---- slow, half-open and too many ----

TEST_F(HttpServerTest, AHeaderThatDribblesInIsCutOff) {
  Start({.header_timeout_us = 300'000});
  RawClient client(port());
  const auto began = steady_clock::now();
  const std::string request(kRequest);
  size_t sent = 0;
  while (sent + 1 < request.size() && client.Send(request.substr(sent++, 1))) {
    std::this_thread::sleep_for(milliseconds(50));
    if (steady_clock::now() - began > std::chrono::seconds(5)) break;
  }
  EXPECT_TRUE(client.ReadsEnd());
  EXPECT_LT(steady_clock::now() - began, std::chrono::seconds(5));
  ExpectServes();
}

TEST_F(HttpServerTest, AConnectionThatSaysNothingIsClosed) {
  Start({.idle_timeout_us = 200'000});
  RawClient silent(port());
  EXPECT_TRUE(silent.ReadsEnd());
  RawClient once(port());
  once.Send(kRequest);
  EXPECT_EQ(Body(once.ReadAnswer()), "a page\n");
  EXPECT_TRUE(once.ReadsEnd());  // idle after its request
  EXPECT_TRUE(Eventually([this] { return server_->stats().connections == 0; }));
}

TEST_F(HttpServerTest, AClientThatDoesNotReadIsClosed) {
  Start({.write_timeout_us = 300'000});
  RawClient client(port());
  client.Send("GET /large HTTP/1.1\r\nHost: test\r\n\r\n");
  EXPECT_TRUE(Eventually([this] { return server_->stats().connections == 1; }));
  EXPECT_TRUE(Eventually([this] { return server_->stats().connections == 0; }));
  ExpectServes();
}

TEST_F(HttpServerTest, APageThatNeverComesIsAnsweredInTime) {
  Start({.page_timeout_us = 200'000});
  const std::string answer = Get(port(), "/held");
  EXPECT_EQ(StatusLine(answer), "HTTP/1.1 503 Service Unavailable");
  EXPECT_EQ(Body(answer), "The node did not answer in time.\n");
  held_.front()(PlainAnswer(200, "too late\n"));  // harms nobody
  ExpectServes();
}

TEST_F(HttpServerTest, IdleConnectionsMakeRoomForNewOnes) {
  Start({.max_connections = 8});
  std::vector<std::unique_ptr<RawClient>> idle;
  for (int i = 0; i < 40; ++i) {
    idle.push_back(std::make_unique<RawClient>(port()));
    ASSERT_TRUE(idle.back()->connected());
    if (i % 2 == 0) idle.back()->Send("GET /pa");  // half a request is idle too
  }
  for (int i = 0; i < 10; ++i) ExpectServes();
  EXPECT_TRUE(idle.front()->ReadsEnd());
  EXPECT_TRUE(Eventually([this] { return server_->stats().connections <= 8; }));
  EXPECT_GE(server_->stats().refused, 32u);
}

TEST_F(HttpServerTest, WithAllConnectionsBusyOneMoreIsClosed) {
  Start({.max_connections = 2});
  std::vector<std::future<std::string>> busy;
  for (int i = 0; i < 2; ++i) {
    busy.push_back(std::async(std::launch::async, [this] { return Get(port(), "/held"); }));
  }
  ASSERT_TRUE(Eventually([this] { return held() == 2; }));
  RawClient third(port());
  EXPECT_TRUE(third.ReadsEnd());
  for (auto& done : held_) done(PlainAnswer(200, "done\n"));
  for (auto& answer : busy) EXPECT_EQ(Body(answer.get()), "done\n");
  ASSERT_TRUE(Eventually([this] { return server_->stats().connections == 0; }));
  ExpectServes();
}

// ---- its port, its end ----

TEST_F(HttpServerTest, ABusyPortIsRefusedWithItsNumber) {
  Start();
  HttpServer second({});
  const Status status = second.Start("127.0.0.1", port());
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(status.error().message, HasSubstr("port " + std::to_string(port()) + " is in use"));
  EXPECT_THAT(status.error().message, HasSubstr("http.listen"));
  ExpectServes();
}

TEST_F(HttpServerTest, AnAddressThatIsNotOursIsRefusedWithAReason) {
  HttpServer elsewhere({});
  EXPECT_THAT(elsewhere.Start("192.0.2.1", 8092).error().message, HasSubstr("192.0.2.1:8092"));
  HttpServer nowhere({});
  EXPECT_FALSE(nowhere.Start("no host of this name.invalid", 8092).ok());
}

TEST_F(HttpServerTest, ThePortCanBeTakenAgainAtOnceAfterAStop) {
  Start();
  const uint16_t taken = port();
  RawClient client(taken);
  client.Send(kRequest);
  client.ReadAnswer();
  server_->Stop();
  EXPECT_TRUE(client.ReadsEnd());
  HttpServer again({});
  const Status status = again.Start("127.0.0.1", taken);
  EXPECT_TRUE(status.ok()) << status.error();
}

TEST_F(HttpServerTest, AStopWaitsForNoPageAndALateAnswerHarmsNobody) {
  Start();
  std::future<std::string> waiting =
      std::async(std::launch::async, [this] { return Get(port(), "/held"); });
  ASSERT_TRUE(Eventually([this] { return held() == 1; }));
  const auto began = steady_clock::now();
  server_.reset();
  EXPECT_LT(steady_clock::now() - began, std::chrono::seconds(3));
  EXPECT_EQ(waiting.get(), "");
  held_.front()(PlainAnswer(200, "too late\n"));
}

}  // namespace
}  // namespace jangada::server
