#include "client/consumer.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

#include "client/client.h"
#include "client/core.h"

namespace jangada::client {
namespace {

/// A node may not have heard yet of a topic that was made a moment ago.
constexpr int64_t kUnknownTopicGraceUs = 1'000'000;

/// The records of `batches` from `next_offset` on. Offsets have no holes in Jangada, so that a hole
/// here means that records were lost on the way.
Result<std::vector<storage::Record>> Decode(const std::vector<Bytes>& batches,
                                            int64_t next_offset) {
  std::vector<storage::Record> records;
  for (const Bytes& batch : batches) {
    TRY_ASSIGN(const auto header, storage::ReadBatchHeader(batch.view()));
    TRY_ASSIGN(auto decoded, storage::DecodeRecords(batch.view(), header.base_offset));
    for (storage::Record& record : decoded) {
      if (record.offset < next_offset) continue;  // the batch begins before what was asked for
      if (record.offset > next_offset) {
        return Error{ErrorCode::kDataCorrupt,
                     "the record at offset " + std::to_string(next_offset) +
                         " is missing: the node answered " + std::to_string(record.offset)};
      }
      ++next_offset;
      records.push_back(std::move(record));
    }
  }
  return records;
}

size_t BytesOf(const std::vector<Bytes>& batches) {
  size_t bytes = 0;
  for (const Bytes& batch : batches) bytes += batch.size();
  return bytes;
}

}  // namespace

class Consumer::Impl : public std::enable_shared_from_this<Consumer::Impl> {
 public:
  Impl(Core& core, ConsumerOptions options) : core_(core), options_(options) {}

  // ---- any thread ----
  Result<ConsumedRecords> Poll(int64_t timeout_ms);
  std::string trouble() {
    const std::lock_guard lock(mutex_);
    return trouble_;
  }

  // ---- the loop ----
  void Open();
  void Close();
  void Assign(const TopicPartition& where, int64_t offset);
  void Unassign(const TopicPartition& where);

 private:
  struct Partition {
    int64_t next_offset = 0;    // to fetch
    uint64_t generation = 0;    // of the assignment: answers to an older one are dropped
    size_t buffered_bytes = 0;  // fetched, not polled
    bool fetching = false;
    Executor::TimerId timer = 0;
    int64_t backoff_us = 0;
  };
  struct Ready {
    ConsumedRecords records;
    std::optional<Error> error;
    uint64_t generation = 0;
    size_t bytes = 0;
  };

  Partition* Find(const TopicPartition& where, uint64_t generation);
  void Fetch(const TopicPartition& where, Partition* partition);
  void OnFetched(const TopicPartition& where, uint64_t generation, const std::string& node,
                 Reply<Fetched> reply);
  void OnFailure(const TopicPartition& where, Partition* partition, const std::string& node,
                 const Failure& failure);
  void OnOutOfRange(const TopicPartition& where, Partition* partition, const Failure& failure);
  void RetryLater(const TopicPartition& where, Partition* partition);
  void Fail(const TopicPartition& where, const Error& error);
  void Push(Ready ready);
  void Polled(const TopicPartition& where, uint64_t generation, size_t bytes);
  void OnMetadata(const std::string& topic);
  void SetTrouble(std::string trouble);

  Core& core_;
  const ConsumerOptions options_;

  // Shared, under mutex_.
  std::mutex mutex_;
  std::condition_variable filled_;
  std::deque<Ready> ready_;
  std::string trouble_;

  // The loop's.
  std::map<TopicPartition, Partition> partitions_;
  uint64_t last_generation_ = 0;
  Metadata::ListenerId listener_ = 0;
};

Result<ConsumedRecords> Consumer::Impl::Poll(int64_t timeout_ms) {
  Ready next;
  {
    std::unique_lock lock(mutex_);
    if (!filled_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                          [this] { return !ready_.empty(); })) {
      return ConsumedRecords{};
    }
    next = std::move(ready_.front());
    ready_.pop_front();
  }
  if (next.error.has_value()) return *next.error;
  core_.loop.Post([self = shared_from_this(), where = next.records.where,
                   generation = next.generation,
                   bytes = next.bytes] { self->Polled(where, generation, bytes); });
  return std::move(next.records);
}

void Consumer::Impl::Open() {
  listener_ = core_.metadata.Listen([this](const std::string& topic) { OnMetadata(topic); });
}

void Consumer::Impl::Close() {
  core_.metadata.StopListening(listener_);
  for (auto& [where, partition] : partitions_) core_.loop.Cancel(partition.timer);
  partitions_.clear();
}

void Consumer::Impl::Assign(const TopicPartition& where, int64_t offset) {
  Unassign(where);
  Partition& partition = partitions_[where];
  partition.next_offset = offset;
  partition.generation = ++last_generation_;
  Fetch(where, &partition);
}

void Consumer::Impl::Unassign(const TopicPartition& where) {
  const auto it = partitions_.find(where);
  if (it != partitions_.end()) {
    core_.loop.Cancel(it->second.timer);
    partitions_.erase(it);
  }
  const std::lock_guard lock(mutex_);
  std::erase_if(ready_, [&](const Ready& ready) { return ready.records.where == where; });
}

Consumer::Impl::Partition* Consumer::Impl::Find(const TopicPartition& where, uint64_t generation) {
  const auto it = partitions_.find(where);
  if (it == partitions_.end() || it->second.generation != generation) return nullptr;
  return &it->second;
}

void Consumer::Impl::Fetch(const TopicPartition& where, Partition* partition) {
  if (partition->fetching || partition->timer != 0 ||
      partition->buffered_bytes >= options_.buffer_bytes_per_partition) {
    return;
  }
  const std::string leader = core_.metadata.LeaderOf(where);
  if (leader.empty()) {
    SetTrouble("no leader is known for partition " + std::to_string(where.partition) + " of '" +
               where.topic + "'");
    core_.metadata.Want(where.topic);
    return;
  }
  partition->fetching = true;
  if (partition->backoff_us == 0) SetTrouble({});
  core_.wire->Fetch(leader, where, partition->next_offset, options_.fetch_bytes,
                    options_.max_wait_ms, options_.max_wait_ms + options_.try_timeout_ms,
                    [self = weak_from_this(), where, generation = partition->generation,
                     leader](Reply<Fetched> reply) {
                      if (const auto impl = self.lock()) {
                        impl->OnFetched(where, generation, leader, std::move(reply));
                      }
                    });
}

void Consumer::Impl::OnFetched(const TopicPartition& where, uint64_t generation,
                               const std::string& node, Reply<Fetched> reply) {
  Partition* partition = Find(where, generation);
  if (partition == nullptr) return;
  partition->fetching = false;
  if (!reply.ok()) return OnFailure(where, partition, node, reply.failure());
  partition->backoff_us = 0;
  SetTrouble({});
  const Fetched& fetched = reply.value();
  auto records = Decode(fetched.batches, partition->next_offset);
  if (!records.ok()) return Fail(where, records.error());
  if (!records->empty()) {
    const size_t bytes = BytesOf(fetched.batches);
    partition->next_offset = records->back().offset + 1;
    partition->buffered_bytes += bytes;
    Push({.records = {where, std::move(records).value(), fetched.high_watermark},
          .error = std::nullopt,
          .generation = generation,
          .bytes = bytes});
  }
  Fetch(where, partition);
}

void Consumer::Impl::OnFailure(const TopicPartition& where, Partition* partition,
                               const std::string& node, const Failure& failure) {
  SetTrouble(failure.error.message);
  if (failure.error.code == ErrorCode::kOffsetOutOfRange) {
    return OnOutOfRange(where, partition, failure);
  }
  if (failure.error.code == ErrorCode::kNotLeader) {
    core_.metadata.LearnLeader(where, failure.leader_address);
  } else if (failure.disconnected) {
    core_.metadata.NodeFailed(node);
  } else if (!failure.retriable && failure.error.code != ErrorCode::kUnknownTopic) {
    return Fail(where, failure.error);
  }
  // kUnknownTopic from a leader: the topic is gone, which the next metadata confirm.
  core_.metadata.Want(where.topic);
  RetryLater(where, partition);
}

void Consumer::Impl::OnOutOfRange(const TopicPartition& where, Partition* partition,
                                  const Failure& failure) {
  if (options_.out_of_range == OutOfRangePolicy::kFail) return Fail(where, failure.error);
  partition->fetching = true;
  const std::string node = core_.nodes.Next();
  core_.wire->ListOffsets(
      node, {{.where = where, .at = OffsetQuery::At::kEarliest}}, core_.options.try_timeout_ms,
      [self = weak_from_this(), where, generation = partition->generation, node,
       failure](const Reply<std::vector<Reply<OffsetAnswer>>>& reply) {
        const auto impl = self.lock();
        Partition* asked = impl == nullptr ? nullptr : impl->Find(where, generation);
        if (asked == nullptr) return;
        asked->fetching = false;
        if (!reply.ok() && reply.failure().disconnected) impl->core_.nodes.Failed(node);
        if (!reply.ok() || reply.value().empty() || !reply.value().front().ok()) {
          return impl->RetryLater(where, asked);
        }
        const int64_t earliest = reply.value().front().value().offset;
        if (earliest <= asked->next_offset)
          return impl->Fail(where, failure.error);  // beyond the end
        asked->next_offset = earliest;
        impl->Fetch(where, asked);
      });
}

void Consumer::Impl::RetryLater(const TopicPartition& where, Partition* partition) {
  partition->backoff_us =
      partition->backoff_us == 0
          ? options_.retry_backoff_ms * 1000
          : std::min(partition->backoff_us * 2, options_.max_retry_backoff_ms * 1000);
  partition->timer = core_.loop.After(
      partition->backoff_us, [self = weak_from_this(), where, generation = partition->generation] {
        const auto impl = self.lock();
        Partition* waiting = impl == nullptr ? nullptr : impl->Find(where, generation);
        if (waiting == nullptr) return;
        waiting->timer = 0;
        impl->Fetch(where, waiting);
      });
}

void Consumer::Impl::Fail(const TopicPartition& where, const Error& error) {
  Partition& partition = partitions_[where];
  core_.loop.Cancel(partition.timer);
  const uint64_t generation = partition.generation;
  partitions_.erase(where);
  Push({.records = {where, {}, 0}, .error = error, .generation = generation, .bytes = 0});
}

void Consumer::Impl::Push(Ready ready) {
  {
    const std::lock_guard lock(mutex_);
    ready_.push_back(std::move(ready));
  }
  filled_.notify_one();
}

void Consumer::Impl::Polled(const TopicPartition& where, uint64_t generation, size_t bytes) {
  Partition* partition = Find(where, generation);
  if (partition == nullptr) return;
  partition->buffered_bytes -= bytes;
  Fetch(where, partition);
}

void Consumer::Impl::OnMetadata(const std::string& topic) {
  const int64_t unknown_since_us = core_.metadata.UnknownSinceUs(topic);
  const bool gone =
      unknown_since_us != 0 && core_.loop.NowUs() - unknown_since_us > kUnknownTopicGraceUs;
  const std::optional<int32_t> count = core_.metadata.PartitionCount(topic);
  std::vector<TopicPartition> of_topic;
  for (const auto& [where, partition] : partitions_) {
    if (where.topic == topic) of_topic.push_back(where);
  }
  for (const TopicPartition& where : of_topic) {
    if (gone) {
      Fail(where, {ErrorCode::kUnknownTopic, "there is no topic '" + topic + "'"});
    } else if (count.has_value() && where.partition >= *count) {
      Fail(where, {ErrorCode::kUnknownTopic,
                   "topic '" + topic + "' has no partition " + std::to_string(where.partition)});
    } else {
      Fetch(where, &partitions_[where]);
    }
  }
}

void Consumer::Impl::SetTrouble(std::string trouble) {
  const std::lock_guard lock(mutex_);
  trouble_ = std::move(trouble);
}

Consumer::Consumer(Client& client, ConsumerOptions options)
    : loop_(client.core().loop), impl_(std::make_shared<Impl>(client.core(), options)) {
  loop_.RunAndWait([this] { impl_->Open(); });
}

Consumer::~Consumer() {
  loop_.RunAndWait([this] { impl_->Close(); });
}

void Consumer::Assign(const TopicPartition& where, int64_t offset) {
  loop_.RunAndWait([&] { impl_->Assign(where, offset); });
}

void Consumer::Unassign(const TopicPartition& where) {
  loop_.RunAndWait([&] { impl_->Unassign(where); });
}

Result<ConsumedRecords> Consumer::Poll(int64_t timeout_ms) { return impl_->Poll(timeout_ms); }

std::string Consumer::trouble() const { return impl_->trouble(); }

}  // namespace jangada::client
