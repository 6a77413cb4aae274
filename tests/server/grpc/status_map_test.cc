#include "server/grpc/status_map.h"

#include <gtest/gtest.h>

#include "tests/server/fake_cluster.h"

namespace jangada::server::grpc_door {
namespace {

using testing::FakeBroker;
using testing::FakeCluster;

std::vector<ErrorCode> AllCodes() {
  std::vector<ErrorCode> codes;
  for (int i = 0; i <= static_cast<int>(ErrorCode::kInternal); ++i)
    codes.push_back(static_cast<ErrorCode>(i));
  return codes;
}

class StatusMapTest : public ::testing::Test {
 protected:
  StatusMapTest() { cluster_.AddNode(NodeId(2), 7093); }
  FakeCluster cluster_;
  FakeBroker broker_{cluster_, NodeId(1)};
};

TEST_F(StatusMapTest, UnavailableIsOnlySaidOfWhatWasSurelyNotDone) {
  for (const ErrorCode code : AllCodes()) {
    const Presentation presentation = PresentationOf(code);
    if (presentation.code == grpc::StatusCode::UNAVAILABLE) {
      EXPECT_EQ(presentation.fate, v1::FATE_NOT_DONE) << code;
    }
    EXPECT_NE(presentation.code, grpc::StatusCode::OK) << code;
    EXPECT_NE(presentation.code, grpc::StatusCode::UNKNOWN) << code;
  }
}

TEST_F(StatusMapTest, NotLeaderIsNotDoneAndNotUnavailable) {
  EXPECT_EQ(PresentationOf(ErrorCode::kNotLeader).code, grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(PresentationOf(ErrorCode::kNotLeader).fate, v1::FATE_NOT_DONE);
}

TEST_F(StatusMapTest, WhatMayHaveBeenDoneSaysSo) {
  for (const ErrorCode code : {ErrorCode::kTimeout, ErrorCode::kShuttingDown, ErrorCode::kIoError,
                               ErrorCode::kInternal, ErrorCode::kDataCorrupt}) {
    EXPECT_EQ(PresentationOf(code).fate, v1::FATE_UNKNOWN) << code;
  }
  EXPECT_EQ(PresentationOf(ErrorCode::kTimeout).code, grpc::StatusCode::DEADLINE_EXCEEDED);
}

TEST_F(StatusMapTest, EveryErrorSurvivesTheWayToAnotherNodeAndBack) {
  for (const ErrorCode code : AllCodes()) {
    const Error error{code, "What is wrong, and what to do."};
    const grpc::Status status = StatusOf(error, nullptr, broker_);
    EXPECT_EQ(ErrorFrom(status, true), error);
  }
}

TEST_F(StatusMapTest, NotLeaderNamesTheLeaderAndItsAddress) {
  const TopicPartition where{"t", 4};
  cluster_.SetLeader(where, NodeId(2));
  const v1::ErrorDetail detail = DetailOf({ErrorCode::kNotLeader, "Elsewhere."}, &where, broker_);
  EXPECT_EQ(detail.code(), "NOT_LEADER");
  EXPECT_EQ(detail.leader_node_id(), 2);
  EXPECT_EQ(detail.leader_grpc_address(), "127.0.0.1:7093");
  EXPECT_EQ(detail.topic(), "t");
  EXPECT_EQ(detail.partition(), 4);
}

TEST_F(StatusMapTest, SilenceOfTheLeaderIsUnknownUnlessNothingWasSent) {
  for (const grpc::StatusCode code :
       {grpc::StatusCode::UNAVAILABLE, grpc::StatusCode::DEADLINE_EXCEEDED,
        grpc::StatusCode::CANCELLED}) {
    const grpc::Status silent(code, "Socket closed");
    EXPECT_EQ(ErrorFrom(silent, true).code, ErrorCode::kTimeout);
    EXPECT_EQ(ErrorFrom(silent, false).code, ErrorCode::kUnavailable);
  }
}

TEST_F(StatusMapTest, GarbageInPlaceOfADetailIsNoDetail) {
  const grpc::Status garbage(grpc::StatusCode::INTERNAL, "x", std::string("\xff\xff\x00\x01", 4));
  EXPECT_FALSE(DetailFrom(garbage).has_value());
  EXPECT_EQ(ErrorFrom(garbage, true).code, ErrorCode::kInternal);
}

}  // namespace
}  // namespace jangada::server::grpc_door
