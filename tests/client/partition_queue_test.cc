// The producer's order, sequences and retries, without a network: time and answers are given by
// hand.
#include "client/partition_queue.h"

#include <gtest/gtest.h>

namespace jangada::client {
namespace {

constexpr ProducerIdentity kIdentity{.producer_id = 7, .epoch = 0};

/// A batch per record, sent at once, so that each record is a batch to talk about.
ProducerOptions OneRecordPerBatch() {
  return {.linger_ms = 0, .batch_bytes = 1, .delivery_timeout_ms = 10'000};
}

class PartitionQueueTest : public testing::Test {
 protected:
  void Start(const ProducerOptions& options) {
    delivery_timeout_us_ = options.delivery_timeout_ms * 1000;
    queue_.emplace(options);
  }

  void Add(int records) {
    for (int i = 0; i < records; ++i) {
      const int name = added_++;
      queue_->Add(
          {.timestamp_ms = 1, .value = std::to_string(name)}, 10,
          [this, name](const Result<int64_t>& offset) {
            order_.push_back(name);
            results_.emplace(name, offset);
          },
          now_us_, now_us_ + delivery_timeout_us_);
    }
    if (queue_->needs_identity() && first_identity_) {
      first_identity_ = false;
      queue_->SetIdentity(kIdentity);
    }
  }

  /// All tries that may leave now.
  std::vector<PartitionQueue::Try> Tries() {
    std::vector<PartitionQueue::Try> tries;
    while (auto next = queue_->Next(now_us_)) tries.push_back(*std::move(next));
    return tries;
  }

  void Fail(int64_t number, ErrorCode code, bool fate_unknown, bool retriable = true) {
    queue_->OnFailure(number,
                      {.error = {code, "no"}, .fate_unknown = fate_unknown, .retriable = retriable},
                      now_us_);
  }

  void Deliver() {
    for (auto& finished : queue_->TakeFinished()) {
      int64_t index = 0;
      for (auto& done : finished.callbacks) {
        if (finished.base_offset.ok()) {
          done(*finished.base_offset + index++);
        } else {
          done(finished.base_offset.error());
        }
      }
    }
  }

  static storage::BatchHeader HeaderOf(const PartitionQueue::Try& what) {
    return *storage::ReadBatchHeader(what.batch.view());
  }
  static std::vector<int> SequencesOf(const std::vector<PartitionQueue::Try>& tries) {
    std::vector<int> sequences;
    for (const auto& what : tries) sequences.push_back(HeaderOf(what).base_sequence);
    return sequences;
  }

  std::optional<PartitionQueue> queue_;
  int64_t now_us_ = 1'000'000'000;
  int64_t delivery_timeout_us_ = 0;
  int added_ = 0;
  bool first_identity_ = true;
  std::vector<int> order_;
  std::map<int, Result<int64_t>> results_;
};

using Sequences = std::vector<int>;

TEST_F(PartitionQueueTest, AtMostFiveBatchesAreUnderWayInOrder) {
  Start(OneRecordPerBatch());
  Add(8);
  const auto tries = Tries();
  EXPECT_EQ(SequencesOf(tries), (Sequences{0, 1, 2, 3, 4}));
  EXPECT_EQ(HeaderOf(tries[0]).producer_id, 7);
  queue_->OnAck(tries[0].number, {.base_offset = 100});
  EXPECT_EQ(SequencesOf(Tries()), (Sequences{5}));
}

TEST_F(PartitionQueueTest, NoMoreAreUnderWayThanTheOptionsSay) {
  auto options = OneRecordPerBatch();
  options.max_in_flight = 2;
  Start(options);
  Add(4);
  EXPECT_EQ(Tries().size(), 2U);
}

TEST_F(PartitionQueueTest, ABatchExpiresWithItsFirstRecordHoweverLongThatWaitedBefore) {
  Start({.linger_ms = 5, .delivery_timeout_ms = 10'000});
  delivery_timeout_us_ = 300;
  Add(1);
  delivery_timeout_us_ = 10'000'000;
  Add(1);
  now_us_ += 301;
  queue_->Expire(now_us_);
  Deliver();
  EXPECT_EQ(results_.at(0).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(results_.at(1).error().code, ErrorCode::kUnavailable);
}

TEST_F(PartitionQueueTest, RecordsOfOneBatchShareItsAnswer) {
  Start({.linger_ms = 5, .delivery_timeout_ms = 10'000});
  Add(3);
  EXPECT_TRUE(Tries().empty()) << "it lingers";
  EXPECT_EQ(queue_->NextDueUs(now_us_), now_us_ + 5000);
  now_us_ += 5000;
  const auto tries = Tries();
  ASSERT_EQ(tries.size(), 1U);
  EXPECT_EQ(HeaderOf(tries[0]).record_count, 3);
  queue_->OnAck(tries[0].number, {.base_offset = 40});
  Deliver();
  EXPECT_EQ(*results_.at(0), 40);
  EXPECT_EQ(*results_.at(2), 42);
}

TEST_F(PartitionQueueTest, ALargeRecordStartsABatchOfItsOwn) {
  Start({.linger_ms = 1000, .batch_bytes = 100, .delivery_timeout_ms = 10'000});
  Add(1);
  queue_->Add(
      {.value = std::string(5000, 'x')}, 5000, [](const Result<int64_t>&) {}, now_us_,
      now_us_ + 10'000'000);
  const auto tries = Tries();
  ASSERT_EQ(tries.size(), 2U) << "both are full: the first has no room left, the second is large";
  EXPECT_EQ(HeaderOf(tries[0]).record_count, 1);
  EXPECT_EQ(HeaderOf(tries[1]).record_count, 1);
}

TEST_F(PartitionQueueTest, AFlushedBatchDoesNotLinger) {
  Start({.linger_ms = 1000, .delivery_timeout_ms = 10'000});
  Add(2);
  queue_->Flush();
  EXPECT_EQ(Tries().size(), 1U);
  Add(1);
  EXPECT_TRUE(Tries().empty()) << "the flush was for what was there";
}

TEST_F(PartitionQueueTest, AfterAFailureTheOldestGoesFirstUnderItsOldSequence) {
  Start(OneRecordPerBatch());
  Add(6);
  const auto tries = Tries();
  Fail(tries[1].number, ErrorCode::kTimeout, true);
  EXPECT_TRUE(Tries().empty()) << "four are still under way";
  queue_->OnAck(tries[0].number, {.base_offset = 100});
  Fail(tries[2].number, ErrorCode::kOutOfOrderSequence, false, false);
  Fail(tries[3].number, ErrorCode::kOutOfOrderSequence, false, false);
  EXPECT_TRUE(Tries().empty());
  Fail(tries[4].number, ErrorCode::kOutOfOrderSequence, false, false);
  EXPECT_TRUE(Tries().empty()) << "it backs off";
  now_us_ = queue_->NextDueUs(now_us_);
  EXPECT_EQ(SequencesOf(Tries()), (Sequences{1, 2, 3, 4, 5}));
}

TEST_F(PartitionQueueTest, ARetryIsTheSameBytesUnderANewNumber) {
  Start(OneRecordPerBatch());
  Add(1);
  const auto first = Tries();
  Fail(first[0].number, ErrorCode::kNotLeader, false);
  now_us_ = queue_->NextDueUs(now_us_);
  const auto second = Tries();
  ASSERT_EQ(second.size(), 1U);
  EXPECT_EQ(second[0].batch, first[0].batch);
  EXPECT_NE(second[0].number, first[0].number);
  queue_->OnAck(first[0].number, {.base_offset = 3});  // an answer to the old try changes nothing
  EXPECT_FALSE(queue_->empty());
  EXPECT_TRUE(queue_->TakeFinished().empty());
}

TEST_F(PartitionQueueTest, CallbacksComeInTheOrderOfTheRecords) {
  Start(OneRecordPerBatch());
  Add(3);
  const auto tries = Tries();
  queue_->OnAck(tries[2].number, {.base_offset = 12});
  queue_->OnAck(tries[1].number, {.base_offset = 11});
  Deliver();
  EXPECT_TRUE(order_.empty());
  queue_->OnAck(tries[0].number, {.base_offset = 10});
  Deliver();
  EXPECT_EQ(order_, (std::vector<int>{0, 1, 2}));
  EXPECT_TRUE(queue_->empty());
}

TEST_F(PartitionQueueTest, BackoffGrowsOnlyWithFurtherFailures) {
  auto options = OneRecordPerBatch();
  options.retry_backoff_ms = 10;
  options.max_retry_backoff_ms = 25;
  Start(options);
  Add(5);
  std::vector<int64_t> waits_ms;
  for (int round = 0; round < 4; ++round) {
    for (const auto& what : Tries()) Fail(what.number, ErrorCode::kNotLeader, false);
    waits_ms.push_back((queue_->NextDueUs(now_us_) - now_us_) / 1000);
    now_us_ = queue_->NextDueUs(now_us_);
  }
  EXPECT_EQ(waits_ms, (std::vector<int64_t>{10, 20, 25, 25}));
}

TEST_F(PartitionQueueTest, ARefusedBatchFailsAndTheRestGoOnUnderANewIdentity) {
  Start(OneRecordPerBatch());
  Add(3);
  const auto tries = Tries();
  Fail(tries[0].number, ErrorCode::kRecordTooLarge, false, false);
  Fail(tries[1].number, ErrorCode::kOutOfOrderSequence, false, false);
  EXPECT_FALSE(queue_->needs_identity()) << "one is still under way";
  Fail(tries[2].number, ErrorCode::kOutOfOrderSequence, false, false);
  Deliver();
  EXPECT_EQ(results_.at(0).error().code, ErrorCode::kRecordTooLarge);
  ASSERT_TRUE(queue_->needs_identity());
  EXPECT_TRUE(Tries().empty());
  queue_->SetIdentity({.producer_id = 8, .epoch = 0});
  now_us_ += 1'000'000;
  const auto again = Tries();
  EXPECT_EQ(SequencesOf(again), (Sequences{0, 1}));
  EXPECT_EQ(HeaderOf(again[0]).producer_id, 8);
  EXPECT_EQ((*storage::DecodeRecords(again[0].batch.view(), 0))[0].value, "1");
}

TEST_F(PartitionQueueTest, BehindALostBatchWhatMayBeWrittenIsNeverRenumbered) {
  Start(OneRecordPerBatch());
  Add(3);
  const auto tries = Tries();
  Fail(tries[0].number, ErrorCode::kTimeout, true);
  Fail(tries[1].number, ErrorCode::kTimeout, true);
  Fail(tries[2].number, ErrorCode::kNotLeader, false);
  now_us_ += 10'000'001;
  Add(1);  // younger: not expired
  queue_->Expire(now_us_);
  Deliver();
  EXPECT_EQ(results_.at(0).error().code, ErrorCode::kTimeout);
  EXPECT_EQ(results_.at(1).error().code, ErrorCode::kTimeout);
  EXPECT_EQ(results_.at(2).error().code, ErrorCode::kUnavailable) << "surely not written";
  EXPECT_EQ(results_.count(3), 0U);
  queue_->SetIdentity({.producer_id = 8, .epoch = 0});
  const auto again = Tries();
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ((*storage::DecodeRecords(again[0].batch.view(), 0))[0].value, "3");
}

TEST_F(PartitionQueueTest, FateUnknownBehindARefusedBatchFailsToo) {
  Start(OneRecordPerBatch());
  Add(3);
  const auto tries = Tries();
  Fail(tries[1].number, ErrorCode::kTimeout, true);
  Fail(tries[2].number, ErrorCode::kOutOfOrderSequence, false, false);
  Fail(tries[0].number, ErrorCode::kCorruptRecord, false, false);
  Deliver();
  EXPECT_EQ(order_, (std::vector<int>{0, 1}));
  EXPECT_EQ(results_.at(1).error().code, ErrorCode::kTimeout);
  EXPECT_TRUE(queue_->needs_identity());
}

TEST_F(PartitionQueueTest, AForgottenProducerStartsAnewWhenNothingCanBeDoubled) {
  Start(OneRecordPerBatch());
  Add(1);
  const auto first = Tries();
  Fail(first[0].number, ErrorCode::kUnknownProducer, false, false);
  Deliver();
  EXPECT_TRUE(results_.empty());
  ASSERT_TRUE(queue_->needs_identity());
  queue_->SetIdentity({.producer_id = 9, .epoch = 0});
  now_us_ += 1'000'000;
  EXPECT_EQ(HeaderOf(Tries().at(0)).producer_id, 9);
}

TEST_F(PartitionQueueTest, AForgottenProducerFailsWhatMayBeWritten) {
  Start(OneRecordPerBatch());
  Add(1);
  Fail(Tries().at(0).number, ErrorCode::kTimeout, true);
  now_us_ += 1'000'000;
  Fail(Tries().at(0).number, ErrorCode::kUnknownProducer, false, false);
  Deliver();
  EXPECT_EQ(results_.at(0).error().code, ErrorCode::kTimeout);
}

TEST_F(PartitionQueueTest, ADuplicateTooOldToBeRememberedIsWritten) {
  Start(OneRecordPerBatch());
  Add(1);
  Fail(Tries().at(0).number, ErrorCode::kDuplicateSequence, false, false);
  Deliver();
  EXPECT_EQ(*results_.at(0), -1);
}

TEST_F(PartitionQueueTest, WhatIsUnderWayIsNotExpired) {
  Start(OneRecordPerBatch());
  Add(1);
  const auto tries = Tries();
  now_us_ += 60'000'000;
  queue_->Expire(now_us_);
  EXPECT_TRUE(queue_->TakeFinished().empty());
  queue_->OnAck(tries[0].number, {.base_offset = 5});
  Deliver();
  EXPECT_EQ(*results_.at(0), 5);
}

TEST_F(PartitionQueueTest, ATryIsNoLongerThanWhatIsLeft) {
  auto options = OneRecordPerBatch();
  options.try_timeout_ms = 2500;
  options.delivery_timeout_ms = 3000;
  Start(options);
  Add(1);
  const auto first = Tries();
  EXPECT_EQ(first[0].timeout_ms, 2500);
  now_us_ += 2'000'000;
  Fail(first[0].number, ErrorCode::kTimeout, true);
  now_us_ = queue_->NextDueUs(now_us_);
  EXPECT_LE(Tries().at(0).timeout_ms, 1000);
}

TEST_F(PartitionQueueTest, WithoutIdempotenceOneIsUnderWayAndUnknownFateFails) {
  auto options = OneRecordPerBatch();
  options.idempotent = false;
  Start(options);
  Add(2);
  auto tries = Tries();
  ASSERT_EQ(tries.size(), 1U);
  EXPECT_EQ(HeaderOf(tries[0]).producer_id, storage::kNoProducerId);
  Fail(tries[0].number, ErrorCode::kNotLeader, false);
  now_us_ += 1'000'000;
  tries = Tries();
  ASSERT_EQ(tries.size(), 1U) << "surely not written: tried again";
  Fail(tries[0].number, ErrorCode::kTimeout, true);
  Deliver();
  EXPECT_EQ(results_.at(0).error().code, ErrorCode::kTimeout);
  EXPECT_EQ(results_.count(1), 0U);
}

TEST_F(PartitionQueueTest, ABrokenConnectionNeverSaysThatNothingWasWritten) {
  auto options = OneRecordPerBatch();
  options.idempotent = false;
  Start(options);
  Add(1);
  Fail(Tries().at(0).number, ErrorCode::kUnavailable, true);
  Deliver();
  EXPECT_EQ(results_.at(0).error().code, ErrorCode::kTimeout);
}

TEST_F(PartitionQueueTest, TimeThatChangesNothingIsNotDue) {
  Start({.linger_ms = 5, .delivery_timeout_ms = 10'000});
  Add(1);
  now_us_ += 6000;  // lingered long enough, but say that no leader is known
  EXPECT_EQ(queue_->NextDueUs(now_us_), now_us_ - 6000 + 10'000'000);
}

}  // namespace
}  // namespace jangada::client
