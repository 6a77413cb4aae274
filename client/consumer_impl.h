// Consumer::Impl: what a consumer reads, partition by partition: where it starts, what is under
// way, what went wrong. Lives on the client's loop, but for Poll; ReadAhead is where the two meet.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/core.h"
#include "client/read_ahead.h"
#include "jangada/consumer.h"

namespace jangada::client {

class Consumer::Impl : public std::enable_shared_from_this<Consumer::Impl> {
 public:
  Impl(Core& core, ConsumerOptions options)
      : core_(core), options_(std::move(options)), options_are_good_(Check(options_)) {}

  // ---- any thread ----
  Result<ConsumedRecords> Poll(int64_t timeout_ms);
  const ReadAhead& ahead() const { return ahead_; }

  // ---- the loop ----
  void Open();
  void Close();
  void Assign(const TopicPartition& where, const Start& start);
  void AssignTopic(const std::string& topic, const Start& start);
  void Unassign(const TopicPartition& where);
  void UnassignTopic(const std::string& topic);
  Status Seek(const TopicPartition& where, const Start& start);
  Status Pause(const TopicPartition& where, bool pause);

 private:
  struct Partition {
    std::optional<Start> start;  // present: a node must be asked where that is
    int64_t next_offset = 0;     // to fetch
    uint64_t generation = 0;     // of the assignment: answers to an older one are dropped
    size_t buffered_bytes = 0;   // fetched, not polled
    bool paused = false;
    bool asking = false;  // a fetch or a question is under way
    Executor::TimerId timer = 0;
    int64_t backoff_us = 0;
    std::string topic_id;               // empty: not known yet
    std::optional<Error> out_of_range;  // why `start` is asked for: to go on where that is greater
  };
  struct Topic {
    Start start;
    size_t assigned = 0;  // the partitions below this were assigned
  };

  Partition* Find(const TopicPartition& where, uint64_t generation);
  /// Begins a new generation: what was read ahead, and what is under way, counts no more.
  void Renew(const TopicPartition& where, Partition* partition);
  void Drop(const TopicPartition& where);
  /// Whatever the partition needs next, if anything.
  void Continue(const TopicPartition& where, Partition* partition);
  void AskStart(const TopicPartition& where, Partition* partition);
  void OnStart(const TopicPartition& where, Partition* partition, const std::string& node,
               const Reply<std::vector<Reply<OffsetAnswer>>>& reply);
  void Fetch(const TopicPartition& where, Partition* partition);
  void OnFetched(const TopicPartition& where, Partition* partition, const std::string& node,
                 Reply<Fetched> reply);
  void OnFailure(const TopicPartition& where, Partition* partition, const std::string& node,
                 const Failure& failure);
  void RetryLater(const TopicPartition& where, Partition* partition);
  void Fail(const TopicPartition& where, const Error& error);
  void Polled(const TopicPartition& where, uint64_t generation, size_t bytes);
  void OnMetadata(const std::string& name);
  void UnfoldTopic(const std::string& name, bool gone);
  std::optional<Error> Lost(const TopicPartition& where, Partition* partition, bool gone);
  int32_t FetchBytes() const;
  void Free(size_t bytes);

  Core& core_;
  const ConsumerOptions options_;
  const Status options_are_good_;
  ReadAhead ahead_;

  // The loop's.
  std::map<TopicPartition, Partition> partitions_;
  std::map<std::string, Topic> topics_;
  size_t buffered_bytes_ = 0;  // of all partitions
  uint64_t last_generation_ = 0;
  Metadata::ListenerId listener_ = 0;
};

}  // namespace jangada::client
