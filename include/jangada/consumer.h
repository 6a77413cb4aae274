// Consumer: reads partitions, each from a start of its own, straight from their leaders, and reads
// ahead of Poll. It goes on across changes of leaders; it checks every batch's CRC, and that
// offsets have neither holes nor repeats: of each partition Poll answers every record once, in
// order.
//
// Threads: safe to share; pieces of one partition that several threads poll at once go to them in
// order. No call may be made from a producer's callback.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "jangada/cluster.h"
#include "jangada/options.h"
#include "jangada/record.h"
#include "jangada/result.h"

namespace jangada::client {

class Client;
class EventLoop;

/// Where reading begins.
class Start {
 public:
  /// The log start offset.
  static Start Earliest() { return Start(OffsetQuery::At::kEarliest, 0); }
  /// The end: what is produced from now on.
  static Start Latest() { return Start(OffsetQuery::At::kLatest, 0); }
  /// The first record whose timestamp is this or later, in ms since 1970 UTC; the end if none is.
  static Start Time(int64_t timestamp_ms) {
    return Start(OffsetQuery::At::kTimestamp, timestamp_ms);
  }
  static Start Offset(int64_t offset) { return Start(offset); }

  /// nullopt: a node must be asked.
  std::optional<int64_t> offset() const { return offset_; }
  OffsetQuery::At at() const { return at_; }
  int64_t timestamp_ms() const { return timestamp_ms_; }

 private:
  explicit Start(int64_t offset) : offset_(offset) {}
  Start(OffsetQuery::At at, int64_t timestamp_ms) : at_(at), timestamp_ms_(timestamp_ms) {}

  std::optional<int64_t> offset_;
  OffsetQuery::At at_ = OffsetQuery::At::kEarliest;
  int64_t timestamp_ms_ = 0;
};

/// Consecutive records of one partition.
struct ConsumedRecords {
  TopicPartition where;
  std::vector<Record> records;
  int64_t high_watermark = 0;  // as the leader told with these records
  int64_t log_start_offset = 0;
};

class Consumer {
 public:
  /// `client` outlives it. Reads nothing yet.
  Consumer(Client& client, ConsumerOptions options);
  ~Consumer();
  Consumer(const Consumer&) = delete;
  Consumer& operator=(const Consumer&) = delete;

  // These return at once; what goes wrong with a partition is answered by Poll.

  /// Reads the partition from `start` on. One that was read already goes on from there: what was
  /// read ahead is forgotten.
  void Assign(const TopicPartition& where, Start start);
  void Assign(const TopicPartition& where, int64_t offset);
  /// Reads every partition of the topic from `start` on, and those that it gets later from their
  /// beginning.
  void AssignTopic(const std::string& topic, Start start);
  void Unassign(const TopicPartition& where);
  void UnassignTopic(const std::string& topic);

  /// Assign for a partition that is read already, and stays paused if it was. kNotFound: it is not
  /// assigned.
  Status Seek(const TopicPartition& where, Start start);

  /// Poll answers nothing of a paused partition; what was read ahead is kept. kNotFound: it is not
  /// assigned.
  Status Pause(const TopicPartition& where);
  Status Resume(const TopicPartition& where);

  /// The partitions that are read now. Those of a topic come a moment after AssignTopic.
  std::vector<TopicPartition> assignment() const;

  /// The offset of the next record that Poll will answer of this partition. nullopt: it is not
  /// assigned, or its start is being asked for.
  std::optional<int64_t> Position(const TopicPartition& where) const;

  /// The next records of some partition; none when the timeout passed. Blocks up to `timeout_ms`.
  /// An error ends the reading of one partition, which its sentence names; the others go on:
  /// kUnknownTopic (also: deleted, or deleted and made anew), kOffsetOutOfRange, kDataCorrupt (a
  /// batch failed its CRC, or offsets are missing), kInvalidArgument (the consumer's options).
  /// Troubles that may pass (no leader, a broken connection) are waited out.
  Result<ConsumedRecords> Poll(int64_t timeout_ms);

  /// What reading waits for at present, for the user's eyes; empty: nothing is wrong.
  std::string trouble() const;

 private:
  class Impl;
  EventLoop& loop_;
  std::shared_ptr<Impl> impl_;
};

}  // namespace jangada::client
