#include "server/partition_calls.h"

#include <gtest/gtest.h>

namespace jangada::server::peer_calls {
namespace {

const TopicPartition kWhere{"t", 3};

TEST(PartitionCalls, QuestionsTravel) {
  const PeerCall inspect = Inspect(kWhere);
  EXPECT_TRUE(IsOne(inspect));
  EXPECT_FALSE(IsOne({"controller.request", {}}));
  EXPECT_EQ(DecodeQuestion(inspect)->where, kWhere);
  EXPECT_EQ(DecodeQuestion(inspect)->hand_over_to, std::nullopt);
  EXPECT_EQ(DecodeQuestion(HandOver(kWhere, NodeId(2)))->hand_over_to, NodeId(2));
  EXPECT_FALSE(DecodeQuestion({inspect.method, Bytes::Copy("\x01nonsense")}).ok());
}

TEST(PartitionCalls, AnswersTravel) {
  PartitionView view{.where = kWhere, .leader = NodeId(1), .leader_epoch = 7, .from_leader = true};
  view.replicas = {{.node = NodeId(1), .voter = true, .live = true, .match_index = 5}};
  view.high_watermark = 12;
  const auto back = InspectAnswer(EncodeAnswer(Result<PartitionView>(view)));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->where, kWhere);
  EXPECT_EQ(back->leader_epoch, 7u);
  EXPECT_EQ(back->high_watermark, 12);
  EXPECT_EQ(back->replicas.at(0).match_index, 5u);
  EXPECT_TRUE(HandOverAnswer(EncodeAnswer(Status())).ok());
}

TEST(PartitionCalls, RefusalsTravelAndSilenceIsUnavailable) {
  const Error refusal{ErrorCode::kFailedPrecondition, "not now"};
  EXPECT_EQ(HandOverAnswer(EncodeAnswer(Status(refusal))).error(), refusal);
  EXPECT_EQ(InspectAnswer(EncodeAnswer(Result<PartitionView>(refusal))).error(), refusal);
  const Result<Bytes> silence = Error{ErrorCode::kTimeout, "no answer"};
  EXPECT_EQ(InspectAnswer(silence).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(HandOverAnswer(silence).error().code, ErrorCode::kUnavailable);
}

TEST(PartitionCalls, OneThatNoLongerLeadsKnowsNothingForSure) {
  const PartitionView view{.where = kWhere, .from_leader = false};
  EXPECT_EQ(InspectAnswer(EncodeAnswer(Result<PartitionView>(view))).error().code,
            ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace jangada::server::peer_calls
