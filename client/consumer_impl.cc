#include "client/consumer_impl.h"

#include <algorithm>
#include <chrono>

#include "client/waits.h"
#include "storage/record_batch.h"

namespace jangada::client {
namespace {

/// A node may not have heard yet of a topic that was made a moment ago.
constexpr int64_t kUnknownTopicGraceUs = 1'000'000;
/// With very many partitions each may still fetch so much at a time.
constexpr size_t kLeastFetchBytes = 64 << 10;

Error Missing(const TopicPartition& where, int64_t offset, int64_t instead) {
  return {ErrorCode::kDataCorrupt, "the record at offset " + std::to_string(offset) + " of '" +
                                       where.topic + "' partition " +
                                       std::to_string(where.partition) +
                                       " is missing: the node answered " + std::to_string(instead)};
}

/// Where `batches` end, by their headers. Offsets have no holes in Jangada, so that a hole here
/// means that records were lost on the way.
Result<int64_t> EndOf(const TopicPartition& where, const std::vector<Bytes>& batches,
                      int64_t next_offset) {
  for (const Bytes& batch : batches) {
    TRY_ASSIGN(const auto header, storage::ReadBatchHeader(batch.view()));
    if (header.base_offset > next_offset) return Missing(where, next_offset, header.base_offset);
    next_offset = std::max(next_offset, header.base_offset + header.last_offset_delta + 1);
  }
  return next_offset;
}

/// The records of a piece, every batch checked.
Result<std::vector<Record>> Decode(const ReadAhead::Piece& piece) {
  std::vector<Record> records;
  int64_t next_offset = piece.from;
  for (const Bytes& batch : piece.batches) {
    TRY_ASSIGN(const auto header, storage::ReadBatchHeader(batch.view()));
    auto decoded = storage::DecodeRecords(batch.view(), header.base_offset);
    if (!decoded.ok()) {
      return Error{ErrorCode::kDataCorrupt,
                   "the batch at offset " + std::to_string(header.base_offset) + " of '" +
                       piece.where.topic + "' partition " + std::to_string(piece.where.partition) +
                       " is damaged: " + decoded.error().message};
    }
    for (Record& record : *decoded) {
      if (record.offset < next_offset) continue;  // the batch begins before what was asked for
      if (record.offset > next_offset) return Missing(piece.where, next_offset, record.offset);
      ++next_offset;
      records.push_back(std::move(record));
    }
  }
  if (next_offset != piece.end) return Missing(piece.where, next_offset, piece.end);
  return records;
}

size_t BytesOf(const std::vector<Bytes>& batches) {
  size_t bytes = 0;
  for (const Bytes& batch : batches) bytes += batch.size();
  return bytes;
}

Error NotAssigned(const TopicPartition& where) {
  return {ErrorCode::kNotFound, "partition " + std::to_string(where.partition) + " of '" +
                                    where.topic + "' is not assigned to this consumer"};
}

}  // namespace

Result<ConsumedRecords> Consumer::Impl::Poll(int64_t timeout_ms) {
  TRY(options_are_good_);
  const int64_t deadline_us = core_.loop.NowUs() + BoundedMs(timeout_ms) * 1000;
  for (;;) {
    const int64_t left_ms = std::max<int64_t>(0, (deadline_us - core_.loop.NowUs()) / 1000);
    std::optional<ReadAhead::Piece> piece = ahead_.Take(left_ms);
    if (!piece.has_value()) return ConsumedRecords{};
    if (piece->error.has_value()) return *std::move(piece->error);
    auto records = Decode(*piece);
    if (!records.ok()) {
      if (!ahead_.End(piece->where, piece->generation)) continue;
      core_.loop.Post(
          [self = shared_from_this(), where = piece->where, generation = piece->generation] {
            if (self->Find(where, generation) != nullptr) self->Drop(where);
          });
      return records.error();
    }
    core_.loop.Post([self = shared_from_this(), where = piece->where,
                     generation = piece->generation,
                     bytes = piece->bytes] { self->Polled(where, generation, bytes); });
    if (!ahead_.Advance(piece->where, piece->generation, piece->end)) continue;
    return ConsumedRecords{.where = std::move(piece->where),
                           .records = std::move(records).value(),
                           .high_watermark = piece->high_watermark,
                           .log_start_offset = piece->log_start_offset};
  }
}

void Consumer::Impl::Open() {
  listener_ = core_.metadata.Listen([this](const std::string& topic) { OnMetadata(topic); });
}

void Consumer::Impl::Close() {
  core_.metadata.StopListening(listener_);
  while (!topics_.empty()) UnassignTopic(std::string(topics_.begin()->first));
  while (!partitions_.empty()) Drop(TopicPartition(partitions_.begin()->first));
}

// ---- assignment ----

void Consumer::Impl::Assign(const TopicPartition& where, const Start& start) {
  const auto [it, is_new] = partitions_.try_emplace(where);
  Partition& partition = it->second;
  if (is_new) core_.metadata.Follow(where.topic);
  partition.start = start.offset().has_value() ? std::nullopt : std::optional(start);
  partition.next_offset = start.offset().value_or(0);
  partition.paused = false;
  partition.topic_id.clear();
  Renew(where, &partition);
  Continue(where, &partition);
}

void Consumer::Impl::AssignTopic(const std::string& topic, const Start& start) {
  UnassignTopic(topic);
  topics_.emplace(topic, Topic{.start = start});
  core_.metadata.Follow(topic);
  core_.metadata.Want(topic);
  UnfoldTopic(topic, false);
}

void Consumer::Impl::Unassign(const TopicPartition& where) {
  if (partitions_.contains(where)) Drop(where);
  ahead_.Forget(where);
}

void Consumer::Impl::UnassignTopic(const std::string& name) {
  const auto topic = topics_.find(name);
  if (topic != topics_.end()) {
    core_.metadata.Unfollow(name);
    topics_.erase(topic);
  }
  for (const TopicPartition& where : ahead_.assignment()) {
    if (where.topic == name) Unassign(where);
  }
}

Status Consumer::Impl::Seek(const TopicPartition& where, const Start& start) {
  if (!ahead_.assigned(where)) return NotAssigned(where);
  const auto it = partitions_.find(where);
  const bool paused = it != partitions_.end() && it->second.paused;
  Assign(where, start);
  return paused ? Pause(where, true) : Status();
}

/// What was read ahead of a paused partition is forgotten, so that it takes no room from others.
Status Consumer::Impl::Pause(const TopicPartition& where, bool pause) {
  const auto it = partitions_.find(where);
  if (it == partitions_.end()) return NotAssigned(where);
  Partition& partition = it->second;
  if (partition.paused == pause) return {};
  partition.paused = pause;
  if (pause) {
    partition.next_offset = ahead_.position(where).value_or(partition.next_offset);
    Renew(where, &partition);
  }
  Continue(where, &partition);
  return {};
}

Consumer::Impl::Partition* Consumer::Impl::Find(const TopicPartition& where, uint64_t generation) {
  const auto it = partitions_.find(where);
  if (it == partitions_.end() || it->second.generation != generation) return nullptr;
  return &it->second;
}

void Consumer::Impl::Renew(const TopicPartition& where, Partition* partition) {
  core_.loop.Cancel(partition->timer);
  partition->timer = 0;
  partition->backoff_us = 0;
  partition->asking = false;
  partition->generation = ++last_generation_;
  const size_t bytes = std::exchange(partition->buffered_bytes, 0);
  ahead_.Assign(
      where, partition->generation,
      partition->start.has_value() ? std::nullopt : std::optional(partition->next_offset));
  Free(bytes);
}

void Consumer::Impl::Drop(const TopicPartition& where) {
  const auto it = partitions_.find(where);
  core_.loop.Cancel(it->second.timer);
  const size_t bytes = it->second.buffered_bytes;
  partitions_.erase(it);
  core_.metadata.Unfollow(where.topic);
  Free(bytes);
}

// ---- reading ----

void Consumer::Impl::Continue(const TopicPartition& where, Partition* partition) {
  if (partition->paused || partition->asking || partition->timer != 0) return;
  if (!options_are_good_.ok()) return;  // Poll says so
  if (partition->start.has_value()) return AskStart(where, partition);
  if (partition->buffered_bytes < options_.buffer_bytes_per_partition &&
      buffered_bytes_ < options_.buffer_bytes) {
    Fetch(where, partition);
  }
}

void Consumer::Impl::AskStart(const TopicPartition& where, Partition* partition) {
  partition->asking = true;
  const std::string node = core_.nodes.Next();
  // A time after the last record means the end.
  const std::vector<OffsetQuery> queries = {{.where = where,
                                             .at = partition->start->at(),
                                             .timestamp_ms = partition->start->timestamp_ms()},
                                            {.where = where, .at = OffsetQuery::At::kLatest}};
  core_.wire->ListOffsets(node, queries, core_.options.try_timeout_ms,
                          [self = weak_from_this(), where, generation = partition->generation,
                           node](const Reply<std::vector<Reply<OffsetAnswer>>>& reply) {
                            const auto impl = self.lock();
                            Partition* asked =
                                impl == nullptr ? nullptr : impl->Find(where, generation);
                            if (asked != nullptr) impl->OnStart(where, asked, node, reply);
                          });
}

void Consumer::Impl::OnStart(const TopicPartition& where, Partition* partition,
                             const std::string& node,
                             const Reply<std::vector<Reply<OffsetAnswer>>>& reply) {
  partition->asking = false;
  const Failure* failure = reply.ok() ? nullptr : &reply.failure();
  if (reply.ok()) {
    for (const Reply<OffsetAnswer>& answer : reply.value()) {
      if (!answer.ok()) failure = &answer.failure();
    }
  }
  if (failure != nullptr) {
    if (failure->disconnected) core_.nodes.Failed(node);
    return OnFailure(where, partition, node, *failure);
  }
  if (reply.value().size() != 2) {
    return Fail(where, {ErrorCode::kInternal, node + " answered the wrong number of offsets"});
  }
  core_.nodes.Answered(node);
  const int64_t found = reply.value()[0].value().offset;
  // Beyond the end is no place where deleting records leads to: that is somebody's mistake.
  const auto out_of_range = std::exchange(partition->out_of_range, std::nullopt);
  if (out_of_range.has_value() && found <= partition->next_offset) {
    return Fail(where, *out_of_range);
  }
  const auto position = ahead_.position(where);
  const bool all_polled = !position.has_value() || *position == partition->next_offset;
  partition->next_offset = found >= 0 ? found : reply.value()[1].value().offset;
  partition->start.reset();
  partition->backoff_us = 0;
  if (all_polled) Renew(where, partition);
  Continue(where, partition);
}

int32_t Consumer::Impl::FetchBytes() const {
  const size_t share = std::max(kLeastFetchBytes, options_.buffer_bytes / partitions_.size());
  return static_cast<int32_t>(std::min<size_t>(static_cast<size_t>(options_.fetch_bytes), share));
}

void Consumer::Impl::Fetch(const TopicPartition& where, Partition* partition) {
  const std::string leader = core_.metadata.LeaderOf(where);
  if (leader.empty()) {
    ahead_.set_trouble("no leader is known for partition " + std::to_string(where.partition) +
                       " of '" + where.topic + "'");
    core_.metadata.Want(where.topic);
    return;
  }
  partition->asking = true;
  if (partition->backoff_us == 0) ahead_.set_trouble({});
  core_.wire->Fetch(leader, where, partition->next_offset, FetchBytes(), options_.max_wait_ms,
                    options_.max_wait_ms + options_.try_timeout_ms,
                    [self = weak_from_this(), where, generation = partition->generation,
                     leader](Reply<Fetched> reply) {
                      const auto impl = self.lock();
                      Partition* asked = impl == nullptr ? nullptr : impl->Find(where, generation);
                      if (asked != nullptr) {
                        impl->OnFetched(where, asked, leader, std::move(reply));
                      }
                    });
}

void Consumer::Impl::OnFetched(const TopicPartition& where, Partition* partition,
                               const std::string& node, Reply<Fetched> reply) {
  partition->asking = false;
  if (!reply.ok()) return OnFailure(where, partition, node, reply.failure());
  partition->backoff_us = 0;
  ahead_.set_trouble({});
  Fetched& fetched = reply.value();
  const auto end = EndOf(where, fetched.batches, partition->next_offset);
  if (!end.ok()) return Fail(where, end.error());
  if (*end > partition->next_offset) {
    const size_t bytes = BytesOf(fetched.batches);
    partition->buffered_bytes += bytes;
    buffered_bytes_ += bytes;
    ahead_.Push({.where = where,
                 .generation = partition->generation,
                 .from = std::exchange(partition->next_offset, *end),
                 .end = *end,
                 .batches = std::move(fetched.batches),
                 .high_watermark = fetched.high_watermark,
                 .log_start_offset = fetched.log_start_offset,
                 .bytes = bytes});
  }
  Continue(where, partition);
}

void Consumer::Impl::OnFailure(const TopicPartition& where, Partition* partition,
                               const std::string& node, const Failure& failure) {
  const ErrorCode code = failure.error.code;
  if (code == ErrorCode::kOffsetOutOfRange) {
    if (options_.out_of_range == OutOfRangePolicy::kFail) return Fail(where, failure.error);
    const bool earliest = options_.out_of_range == OutOfRangePolicy::kEarliest;
    partition->start = earliest ? Start::Earliest() : Start::Latest();
    if (earliest) partition->out_of_range = failure.error;
    return Continue(where, partition);
  }
  ahead_.set_trouble(failure.error.message);
  if (code == ErrorCode::kNotLeader) {
    core_.metadata.LearnLeader(where, failure.leader_address);
  } else if (failure.disconnected) {
    core_.metadata.NodeFailed(node);
  } else if (!failure.retriable && code != ErrorCode::kUnknownTopic) {
    return Fail(where, failure.error);
  }
  // kUnknownTopic from a leader: the topic is gone, which the next metadata confirm.
  core_.metadata.Want(where.topic);
  RetryLater(where, partition);
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
        impl->Continue(where, waiting);
      });
}

void Consumer::Impl::Fail(const TopicPartition& where, const Error& error) {
  const uint64_t generation = partitions_.at(where).generation;
  Drop(where);
  ahead_.Push({.where = where, .generation = generation, .batches = {}, .error = error});
}

void Consumer::Impl::Polled(const TopicPartition& where, uint64_t generation, size_t bytes) {
  Partition* partition = Find(where, generation);
  if (partition == nullptr) return;  // counted when the generation ended
  partition->buffered_bytes -= bytes;
  Free(bytes);
  Continue(where, partition);
}

/// Room for others, who may be waiting for it.
void Consumer::Impl::Free(size_t bytes) {
  const bool was_full = buffered_bytes_ >= options_.buffer_bytes;
  buffered_bytes_ -= bytes;
  if (!was_full || buffered_bytes_ >= options_.buffer_bytes) return;
  for (auto& [where, partition] : partitions_) Continue(where, &partition);
}

// ---- metadata ----

void Consumer::Impl::OnMetadata(const std::string& name) {
  const int64_t unknown_since_us = core_.metadata.UnknownSinceUs(name);
  const bool gone =
      unknown_since_us != 0 && core_.loop.NowUs() - unknown_since_us > kUnknownTopicGraceUs;
  std::vector<TopicPartition> of_topic;
  for (const auto& [where, partition] : partitions_) {
    if (where.topic == name) of_topic.push_back(where);
  }
  for (const TopicPartition& where : of_topic) {
    Partition& partition = partitions_.at(where);
    if (const auto lost = Lost(where, &partition, gone)) {
      Fail(where, *lost);
    } else {
      Continue(where, &partition);
    }
  }
  UnfoldTopic(name, gone);
}

/// Why the partition can't be read any more, if so.
std::optional<Error> Consumer::Impl::Lost(const TopicPartition& where, Partition* partition,
                                          bool gone) {
  if (gone) return Error{ErrorCode::kUnknownTopic, "there is no topic '" + where.topic + "'"};
  const std::optional<int32_t> count = core_.metadata.PartitionCount(where.topic);
  if (!count.has_value()) return std::nullopt;
  if (where.partition < 0 || where.partition >= *count) {
    return Error{ErrorCode::kUnknownTopic,
                 "topic '" + where.topic + "' has no partition " + std::to_string(where.partition) +
                     "; they count from 0 to " + std::to_string(*count - 1)};
  }
  const std::string id = core_.metadata.TopicId(where.topic);
  if (partition->topic_id.empty()) partition->topic_id = id;
  if (partition->topic_id == id) return std::nullopt;
  return Error{ErrorCode::kUnknownTopic, "topic '" + where.topic +
                                             "' was deleted and made anew; its offsets begin at 0 "
                                             "again, so assign it anew"};
}

/// Assigns the partitions of a topic that is read as a whole, once they are known.
void Consumer::Impl::UnfoldTopic(const std::string& name, bool gone) {
  const auto it = topics_.find(name);
  if (it == topics_.end()) return;
  Topic& topic = it->second;
  const auto count = static_cast<size_t>(core_.metadata.PartitionCount(name).value_or(0));
  const bool first_time = topic.assigned == 0;
  for (; topic.assigned < count; ++topic.assigned) {
    Assign({name, static_cast<int32_t>(topic.assigned)},
           first_time ? topic.start : Start::Earliest());
  }
  if (topic.assigned > 0) return;  // its partitions say what becomes of it
  if (gone) {
    core_.metadata.Unfollow(name);
    topics_.erase(it);
    ahead_.Push({.where = {name, -1},
                 .batches = {},
                 .error = Error{ErrorCode::kUnknownTopic,
                                "there is no topic '" + name + "'; create it first"}});
  } else {
    core_.metadata.Want(name);
  }
}

}  // namespace jangada::client
