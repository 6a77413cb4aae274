#include "server/kafka/errors.h"

#include <gtest/gtest.h>

namespace jangada::server::kafka {
namespace {

TEST(KafkaErrors, AnUnknownFateIsNeverACodeThatClientsTakeForNotWritten) {
  for (const ErrorCode fate_unknown : {ErrorCode::kTimeout, ErrorCode::kShuttingDown}) {
    EXPECT_EQ(CodeOf(fate_unknown), Code::kRequestTimedOut);
  }
}

TEST(KafkaErrors, WhatSurelyDidNotHappenSendsClientsToAnotherLeader) {
  EXPECT_EQ(CodeOf(ErrorCode::kNotLeader), Code::kNotLeaderOrFollower);
  EXPECT_EQ(CodeOf(ErrorCode::kUnavailable), Code::kNotLeaderOrFollower);
}

TEST(KafkaErrors, IdempotentProducersGetKafkasNumbers) {
  EXPECT_EQ(static_cast<int>(CodeOf(ErrorCode::kOutOfOrderSequence)), 45);
  EXPECT_EQ(static_cast<int>(CodeOf(ErrorCode::kDuplicateSequence)), 46);
  EXPECT_EQ(static_cast<int>(CodeOf(ErrorCode::kProducerFenced)), 47);
  EXPECT_EQ(static_cast<int>(CodeOf(ErrorCode::kUnknownProducer)), 59);
}

TEST(KafkaErrors, EveryErrorOfOursHasACodeThatIsNotSuccess) {
  for (int i = 0; i <= static_cast<int>(ErrorCode::kInternal); ++i) {
    EXPECT_NE(CodeOf(static_cast<ErrorCode>(i)), Code::kNone) << static_cast<ErrorCode>(i);
    EXPECT_NE(AdminCodeOf(static_cast<ErrorCode>(i)), Code::kNone) << static_cast<ErrorCode>(i);
  }
}

}  // namespace
}  // namespace jangada::server::kafka
