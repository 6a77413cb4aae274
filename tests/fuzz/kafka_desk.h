// KafkaDesk: the Kafka door without its sockets, in front of an InstantBroker: a frame in, its
// answer out, before the call returns. Every call moves the clock on by a second, so that nothing
// waits. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "base/check.h"
#include "base/coding.h"
#include "server/kafka/dispatcher.h"
#include "tests/fuzz/instant_broker.h"

namespace jangada::fuzz {

class KafkaDesk {
 public:
  InstantBroker& broker() { return broker_; }

  /// One request, without its length. What is not closed is answered in well-formed frames.
  server::kafka::Reply Ask(Bytes frame) {
    int answers = 0;
    server::kafka::Reply reply;
    dispatcher_.Dispatch(std::move(frame), gone_, [&](server::kafka::Reply got) {
      ++answers;
      reply = std::move(got);
    });
    CHECK_EQ(answers, 1);
    size_t size = 0;
    for (const Bytes& part : reply.frame) size += part.size();
    if (size > 0) {
      CHECK(!reply.close.has_value());
      CHECK_EQ(LoadBig<uint32_t>(reply.frame.front().data()), size - sizeof(uint32_t));
    }
    return reply;
  }

  /// When nothing is under way, nothing is held.
  void CheckNothingHeld() { CHECK_EQ(dispatcher_.door().fetch_bytes.used(), 0U); }

 private:
  server::kafka::DoorOptions Options() {
    server::kafka::DoorOptions options;
    options.now_us = [this] { return now_us_ += 1'000'000; };
    return options;
  }

  int64_t now_us_ = 0;
  InstantBroker broker_;
  server::kafka::Dispatcher dispatcher_{broker_, Options()};
  std::shared_ptr<server::Abandonment> gone_ = std::make_shared<server::Abandonment>();
};

}  // namespace jangada::fuzz
