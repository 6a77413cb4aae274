// Producer: sends records to topics. It batches, partitions as Kafka does by default, routes to the
// leaders, and retries under the same sequences, so that a record is written once though leaders
// die. Records of one partition are written in the order of Send. Safe to share between threads.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/callback.h"
#include "base/result.h"
#include "client/options.h"
#include "storage/record_batch.h"

namespace jangada::client {

class Client;
class EventLoop;

/// Where a record now stands.
struct Delivery {
  int32_t partition = 0;
  int64_t offset = 0;  // -1: written, at an offset that the log no longer knows
};

class Producer {
 public:
  /// `client` outlives it.
  Producer(Client& client, ProducerOptions options);
  /// What is not acknowledged by now fails with kShuttingDown: call Flush before.
  ~Producer();
  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;

  /// Takes one record (its offset is ignored). Without `partition` the key decides, (murmur2(key) &
  /// 0x7fffffff) % partitions; records without a key fill a batch of one partition, then of
  /// another. Blocks while buffer_bytes are under way. `done` is called once, on the client's
  /// thread: it must not block; callbacks of one partition come in the order of Send,
  /// but for a record larger than max_request_bytes, which is refused ahead of its turn. Errors:
  /// kUnknownTopic, kRecordTooLarge, kUnavailable (surely not written), kTimeout (may have been
  /// written), and the broker's own.
  void Send(const std::string& topic, storage::Record record, Callback<Result<Delivery>> done,
            std::optional<int32_t> partition = std::nullopt);

  /// Sends at once what waits for more, and waits until every record is through.
  /// False: some are still under way after the timeout.
  bool Flush(int64_t timeout_ms);

  /// Records sent but not through.
  int64_t under_way() const;

 private:
  class Impl;
  EventLoop& loop_;
  const int64_t delivery_timeout_us_;
  std::shared_ptr<Impl> impl_;
};

}  // namespace jangada::client
