// What makes a retried batch harmless.
#include "server/partition/producers.h"

#include <gtest/gtest.h>

#include <limits>

namespace jangada::server {
namespace {

constexpr int32_t kMaxSequence = std::numeric_limits<int32_t>::max();

ProducerBatch Batch(int32_t sequence, int32_t count = 1, int16_t epoch = 0, int64_t id = 9) {
  return {id, epoch, sequence, count};
}

class ProducersTest : public ::testing::Test {
 protected:
  /// The batch is committed; returns its offset.
  int64_t Commit(const ProducerBatch& batch) {
    const int64_t offset = next_offset_;
    producers_.Apply(batch, offset, 1000 + offset);
    in_flight_.OnApplied(batch);
    next_offset_ += batch.count;
    return offset;
  }
  Result<BatchVerdict> Check(const ProducerBatch& batch) const {
    return in_flight_.Check(producers_, batch);
  }
  bool IsNew(const ProducerBatch& batch) const {
    const auto verdict = Check(batch);
    return verdict.ok() && std::holds_alternative<BatchIsNew>(*verdict);
  }
  /// Offset that a duplicate is answered with; -1: it is no known duplicate.
  int64_t OffsetInLog(const ProducerBatch& batch) const {
    const auto verdict = Check(batch);
    if (!verdict.ok() || !std::holds_alternative<BatchIsInLog>(*verdict)) return -1;
    return std::get<BatchIsInLog>(*verdict).where.base_offset;
  }
  ErrorCode Refused(const ProducerBatch& batch) const { return Check(batch).error().code; }

  Producers producers_{10'000};
  ProducersInFlight in_flight_;
  int64_t next_offset_ = 0;
};

TEST_F(ProducersTest, NewProducerStartsAtSequenceZero) {
  EXPECT_TRUE(IsNew(Batch(0)));
  EXPECT_EQ(Refused(Batch(1)), ErrorCode::kUnknownProducer);
}

TEST_F(ProducersTest, NextSequenceFollowsTheLastRecordNotTheLastBatch) {
  Commit(Batch(0, 10));
  EXPECT_TRUE(IsNew(Batch(10)));
  EXPECT_EQ(Refused(Batch(11)), ErrorCode::kOutOfOrderSequence);
}

TEST_F(ProducersTest, EachOfTheLastFiveBatchesIsAnsweredWithItsOwnOffset) {
  std::vector<int64_t> offsets;
  for (int32_t i = 0; i < 5; ++i) offsets.push_back(Commit(Batch(i * 3, 3)));
  for (int32_t i = 0; i < 5; ++i) EXPECT_EQ(OffsetInLog(Batch(i * 3, 3)), offsets[i]) << i;
}

TEST_F(ProducersTest, OlderBatchThanTheWindowIsADuplicateWhoseOffsetIsForgotten) {
  for (int32_t i = 0; i < 6; ++i) Commit(Batch(i));
  EXPECT_EQ(Refused(Batch(0)), ErrorCode::kDuplicateSequence);
  EXPECT_EQ(OffsetInLog(Batch(1)), 1);
}

TEST_F(ProducersTest, BatchThatOverlapsThePastIsNoDuplicate) {
  Commit(Batch(0, 4));
  EXPECT_EQ(Refused(Batch(2, 4)), ErrorCode::kOutOfOrderSequence);
  EXPECT_EQ(Refused(Batch(0, 5)), ErrorCode::kOutOfOrderSequence);
}

TEST_F(ProducersTest, SequencesWrapFromTheGreatestToZero) {
  EXPECT_EQ(NextSequence(kMaxSequence, 1), 0);
  EXPECT_EQ(Batch(kMaxSequence - 1, 4).last_sequence(), 1);
  producers_.Apply(Batch(kMaxSequence - 9, 10), 100, 0);  // ends at the greatest
  EXPECT_TRUE(IsNew(Batch(0)));
  producers_.Apply(Batch(0), 110, 0);
  EXPECT_EQ(OffsetInLog(Batch(kMaxSequence - 9, 10)), 100);
  producers_.Apply(Batch(1, 4), 111, 0);
  EXPECT_TRUE(IsNew(Batch(5)));
}

TEST_F(ProducersTest, BatchAcrossTheWrapIsFoundAgain) {
  producers_.Apply(Batch(kMaxSequence - 3, 2), 50, 0);
  EXPECT_TRUE(IsNew(Batch(kMaxSequence - 1, 4)));
  producers_.Apply(Batch(kMaxSequence - 1, 4), 52, 0);
  EXPECT_EQ(OffsetInLog(Batch(kMaxSequence - 1, 4)), 52);
  EXPECT_TRUE(IsNew(Batch(2)));
}

TEST_F(ProducersTest, OlderEpochIsFenced) {
  Commit(Batch(0, 1, 3));
  EXPECT_EQ(Refused(Batch(1, 1, 2)), ErrorCode::kProducerFenced);
  EXPECT_EQ(Refused(Batch(0, 1, 2)), ErrorCode::kProducerFenced);
}

TEST_F(ProducersTest, HigherEpochStartsAtZeroAndForgetsTheOldWindow) {
  Commit(Batch(0, 5));
  EXPECT_EQ(Refused(Batch(5, 1, 1)), ErrorCode::kOutOfOrderSequence);
  ASSERT_TRUE(IsNew(Batch(0, 5, 1)));
  const int64_t offset = Commit(Batch(0, 5, 1));
  EXPECT_EQ(OffsetInLog(Batch(0, 5, 1)), offset);
}

TEST_F(ProducersTest, NegativeEpochOrSequenceIsTheCallersMistake) {
  EXPECT_EQ(Refused(Batch(-1)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(Refused(Batch(0, 1, -1)), ErrorCode::kInvalidArgument);
}

TEST_F(ProducersTest, DuplicateOfABatchInFlightNamesItsFlight) {
  in_flight_.OnProposed(Batch(0, 2), 41);
  in_flight_.OnProposed(Batch(2, 2), 42);
  const auto verdict = Check(Batch(0, 2));
  ASSERT_TRUE(verdict.ok());
  ASSERT_TRUE(std::holds_alternative<BatchIsInFlight>(*verdict));
  EXPECT_EQ(std::get<BatchIsInFlight>(*verdict).flight, 41u);
  EXPECT_TRUE(IsNew(Batch(4)));
  EXPECT_EQ(Refused(Batch(6)), ErrorCode::kOutOfOrderSequence);
}

TEST_F(ProducersTest, FlightsEndInOrderAsTheyAreApplied) {
  in_flight_.OnProposed(Batch(0), 41);
  in_flight_.OnProposed(Batch(1), 42);
  EXPECT_EQ(in_flight_.OnApplied(Batch(0)), 41u);
  EXPECT_EQ(in_flight_.OnApplied(Batch(7)), std::nullopt);
  EXPECT_EQ(in_flight_.OnApplied(Batch(1)), 42u);
  EXPECT_EQ(in_flight_.OnApplied(Batch(1)), std::nullopt);
}

TEST_F(ProducersTest, RefusedProposalIsNotWaitedFor) {
  in_flight_.OnProposed(Batch(0), 41);
  in_flight_.OnProposed(Batch(1), 42);
  in_flight_.OnRefused(Batch(1));
  EXPECT_TRUE(IsNew(Batch(1)));
}

TEST_F(ProducersTest, LostLeadershipForgetsFlightsButNotWhatWasApplied) {
  const int64_t offset = Commit(Batch(0));
  in_flight_.OnProposed(Batch(1), 42);
  in_flight_.Clear();
  EXPECT_TRUE(IsNew(Batch(1)));
  EXPECT_EQ(OffsetInLog(Batch(0)), offset);
}

TEST_F(ProducersTest, NewEpochInFlightFencesTheOldOneAtOnce) {
  Commit(Batch(0));
  in_flight_.OnProposed(Batch(0, 1, 1), 42);
  EXPECT_EQ(Refused(Batch(1, 1, 0)), ErrorCode::kProducerFenced);
}

TEST_F(ProducersTest, ExpiryForgetsOnlyWhoAppendedNothingSince) {
  const int64_t offset = Commit(Batch(0));
  Commit(Batch(1));
  producers_.Expire({9, offset});  // decided before the second batch
  EXPECT_NE(producers_.Find(9), nullptr);
  producers_.Expire({9, offset + 1});
  EXPECT_EQ(producers_.Find(9), nullptr);
  EXPECT_EQ(Refused(Batch(2)), ErrorCode::kUnknownProducer);
  EXPECT_TRUE(IsNew(Batch(0)));
}

TEST_F(ProducersTest, BeyondTheBoundTheOneThatAppendedLongestAgoGoes) {
  Producers producers(3);
  for (int64_t id = 1; id <= 3; ++id) producers.Apply(Batch(0, 1, 0, id), id, 0);
  producers.Apply(Batch(1, 1, 0, 1), 10, 0);  // 1 is young again
  producers.Apply(Batch(0, 1, 0, 4), 11, 0);
  EXPECT_EQ(producers.all().size(), 3u);
  EXPECT_EQ(producers.Find(2), nullptr);
  EXPECT_NE(producers.Find(1), nullptr);
}

TEST_F(ProducersTest, EncodedStateComesBackWhole) {
  for (int32_t i = 0; i < 7; ++i) Commit(Batch(i));
  Commit(Batch(0, 3, 5, 10));
  std::string bytes;
  producers_.EncodeTo(&bytes);
  Producers copy(10'000);
  ByteReader in(bytes);
  ASSERT_TRUE(copy.DecodeFrom(&in).ok());
  EXPECT_TRUE(in.AtEnd());
  EXPECT_EQ(copy, producers_);
}

TEST_F(ProducersTest, EveryTruncationOfTheEncodingIsRefused) {
  for (int32_t i = 0; i < 7; ++i) Commit(Batch(i));
  std::string bytes;
  producers_.EncodeTo(&bytes);
  for (size_t length = 0; length < bytes.size(); ++length) {
    Producers copy(10'000);
    ByteReader in(std::string_view(bytes).substr(0, length));
    EXPECT_FALSE(copy.DecodeFrom(&in).ok()) << length;
  }
}

TEST(IdleProducersTest, ProducerExpiresAfterItsLastSeenAppend) {
  Producers producers(10);
  IdleProducers idle;
  producers.Apply(Batch(0), 0, 0);
  EXPECT_TRUE(idle.Check(producers, 0, 100).empty());
  producers.Apply(Batch(1), 1, 0);
  EXPECT_TRUE(idle.Check(producers, 90, 100).empty());
  EXPECT_TRUE(idle.Check(producers, 189, 100).empty());
  const auto expired = idle.Check(producers, 190, 100);
  ASSERT_EQ(expired.size(), 1u);
  EXPECT_EQ(expired[0], (Producers::Idle{9, 1}));
}

}  // namespace
}  // namespace jangada::server
