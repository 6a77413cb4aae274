// What a node says of topics that it does not know, at both doors, while it has not heard from the
// controller which there are: after a power loss of all nodes each begins with an old image.
#include <gtest/gtest.h>

#include "server/grpc/status_map.h"
#include "server/kafka/handlers/handlers.h"
#include "tests/fuzz/kafka_desk.h"
#include "tests/server/kafka/kafka_frames.h"

namespace jangada::server {
namespace {

grpc::StatusCode CodeOf(const Broker& broker, ErrorCode code) {
  return grpc_door::StatusOf(Error{code, "There is no topic \"u\"."}, nullptr, broker).error_code();
}

TEST(FreshNode, DeniesNoTopicAtTheGrpcDoor) {
  fuzz::InstantBroker broker;
  EXPECT_EQ(CodeOf(broker, ErrorCode::kUnknownTopic), grpc::StatusCode::NOT_FOUND);
  broker.SetController(std::nullopt);
  EXPECT_EQ(CodeOf(broker, ErrorCode::kUnknownTopic), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(CodeOf(broker, ErrorCode::kNotFound), grpc::StatusCode::NOT_FOUND);
  const Error error{ErrorCode::kUnknownTopic, "There is no topic \"u\"."};
  EXPECT_TRUE(grpc_door::DetailOf(error, nullptr, broker).retriable());
}

TEST(FreshNode, HasItsClientsAskAgainAtTheKafkaDoor) {
  constexpr int16_t kVersion = 4;
  kafka::MetadataRequest request;
  request.topics = {{.name = "u"}};
  request.allow_auto_topic_creation = false;
  const std::string frame = kafka::testing::EncodeRequest(request, kVersion).substr(4);
  fuzz::KafkaDesk desk;
  const auto code = [&] {
    const std::string answer = kafka::testing::Join(desk.Ask(Bytes::Copy(frame)).frame);
    return kafka::testing::DecodeResponse<kafka::MetadataRequest>(answer, kVersion)
        .topics.at(0)
        .error_code;
  };
  EXPECT_EQ(code(), kafka::Code::kUnknownTopicOrPartition);
  desk.broker().SetController(std::nullopt);
  EXPECT_EQ(code(), kafka::Code::kLeaderNotAvailable);
}

}  // namespace
}  // namespace jangada::server
