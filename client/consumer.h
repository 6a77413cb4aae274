// Consumer: reads partitions from given offsets on, straight from their leaders, and reads ahead of
// Poll. It goes on across changes of leaders; it checks every batch's CRC, and that offsets have
// neither holes nor repeats. Safe to share between threads.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "client/options.h"
#include "client/wire.h"
#include "storage/record_batch.h"

namespace jangada::client {

class Client;
class EventLoop;

/// Consecutive records of one partition.
struct ConsumedRecords {
  TopicPartition where;
  std::vector<storage::Record> records;
  int64_t high_watermark = 0;  // as the leader told with these records
};

class Consumer {
 public:
  /// `client` outlives it.
  Consumer(Client& client, ConsumerOptions options);
  ~Consumer();
  Consumer(const Consumer&) = delete;
  Consumer& operator=(const Consumer&) = delete;

  /// Reads the partition from `offset` on. One that was read already goes on from there: what was
  /// read ahead is forgotten.
  void Assign(const TopicPartition& where, int64_t offset);
  void Unassign(const TopicPartition& where);

  /// The next records of some partition; none when the timeout passed.
  /// Errors end the reading of one partition: kUnknownTopic, kOffsetOutOfRange, kDataCorrupt (a
  /// batch failed its CRC, or offsets are missing). Troubles that may pass (no leader, a broken
  /// connection) are waited out.
  Result<ConsumedRecords> Poll(int64_t timeout_ms);

  /// What reading waits for at present, for the user's eyes; empty: nothing is wrong.
  std::string trouble() const;

 private:
  class Impl;
  EventLoop& loop_;
  std::shared_ptr<Impl> impl_;
};

}  // namespace jangada::client
