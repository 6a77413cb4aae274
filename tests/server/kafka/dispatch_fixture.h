// DispatchFixture: the Kafka door without its sockets, in front of a fake cluster of which this is
// node 1 (of 1 to 3). Requests are asked as encoded frames, as a client sends them.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include "server/kafka/dispatcher.h"
#include "server/kafka/handlers/handlers.h"
#include "storage/record_batch.h"
#include "tests/server/fake_cluster.h"
#include "tests/server/kafka/kafka_frames.h"

namespace jangada::server::kafka::testing {

using server::testing::FakeBroker;
using server::testing::FakeCluster;

inline Bytes BatchOf(const std::vector<std::string>& values) {
  storage::BatchBuilder builder;
  for (const std::string& value : values) {
    builder.Add({.timestamp_ms = 1000, .key = {}, .value = value, .headers = {}});
  }
  return builder.Build().value();
}

class DispatchFixture : public ::testing::Test {
 protected:
  explicit DispatchFixture(const DoorOptions& options = {}) : dispatcher_(broker_, options) {
    for (int i = 1; i <= 3; ++i) {
      cluster_.AddNode(NodeId(i), static_cast<uint16_t>(7091 + i), static_cast<uint16_t>(9091 + i));
    }
  }

  /// Sends a frame (with its length) and does not wait.
  std::future<Reply> Send(const std::string& frame) {
    auto promise = std::make_shared<std::promise<Reply>>();
    std::future<Reply> reply = promise->get_future();
    dispatcher_.Dispatch(Bytes::Copy(std::string_view(frame).substr(4)), gone_,
                         [promise](Reply got) { promise->set_value(std::move(got)); });
    return reply;
  }

  static Reply Get(std::future<Reply> reply) {
    if (reply.wait_for(std::chrono::seconds(20)) != std::future_status::ready) {
      ADD_FAILURE() << "no reply";
      return {};
    }
    return reply.get();
  }

  template <class Request>
  typename Request::Response Ask(const Request& request, int16_t version) {
    const Reply reply = Get(Send(EncodeRequest(request, version)));
    EXPECT_FALSE(reply.close.has_value()) << *reply.close;
    const std::string frame = Join(reply.frame);
    EXPECT_EQ(CorrelationIdOf(frame), 7);
    return DecodeResponse<Request>(frame, version);
  }

  static ProduceRequest ProduceOf(const std::string& topic, const Bytes& batch, int16_t acks = -1) {
    return {.acks = acks,
            .timeout_ms = 5000,
            .topics = {{.name = topic, .partitions = {{.index = 0, .records = Records{{batch}}}}}}};
  }
  ProduceResponse::Partition Produce(const ProduceRequest& request, int16_t version = 9) {
    return Ask(request, version).topics.at(0).partitions.at(0);
  }

  FakeCluster cluster_;
  FakeBroker broker_{cluster_, NodeId(1)};
  std::shared_ptr<Abandonment> gone_ = std::make_shared<Abandonment>();
  Dispatcher dispatcher_;
};

}  // namespace jangada::server::kafka::testing
