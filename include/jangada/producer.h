// Producer: sends records to topics. It batches, partitions as Kafka does by default, routes to the
// leaders, and retries under the same sequences, so that a record is written once though leaders
// die. Records of one partition are written in the order of Send.
//
// Threads: safe to share. Callbacks run on the client's thread: they must not block, and may call
// nothing that blocks but Send and TrySend (there Send never waits for room).
#pragma once

#include <cstdint>
#include <future>
#include <memory>
#include <optional>
#include <string>

#include "jangada/callback.h"
#include "jangada/options.h"
#include "jangada/record.h"
#include "jangada/result.h"

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
  /// `client` outlives it. Connects to nothing yet.
  Producer(Client& client, ProducerOptions options);
  /// What is not acknowledged by now fails with kShuttingDown: call Flush or Close before.
  ~Producer();
  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;

  /// Takes one record (its offset is ignored). Without `partition` the key decides, (murmur2(key) &
  /// 0x7fffffff) % partitions; records without a key fill a batch of one partition, then of
  /// another. Blocks while buffer_bytes are under way, up to max_block_ms.
  ///
  /// `done` is called once, on the client's thread; callbacks of one partition come in the order of
  /// Send, but for records that are refused before they have a partition. Errors: kUnknownTopic,
  /// kRecordTooLarge, kThrottled (there was no room in time; surely not written), kUnavailable
  /// (surely not written), kTimeout (may have been written), kShuttingDown (closed; may have been
  /// written), kInvalidArgument (the producer's options), and the broker's own.
  void Send(const std::string& topic, Record record, Callback<Result<Delivery>> done,
            std::optional<int32_t> partition = std::nullopt);

  /// The same, with a future in place of the callback. Do not wait for it on the client's thread.
  [[nodiscard]] std::future<Result<Delivery>> Send(const std::string& topic, Record record,
                                                   std::optional<int32_t> partition = std::nullopt);

  /// Send that never blocks. False: there is no room now; nothing was taken, `record` and `done`
  /// are as they were.
  [[nodiscard]] bool TrySend(const std::string& topic, Record&& record,
                             Callback<Result<Delivery>>&& done,
                             std::optional<int32_t> partition = std::nullopt);

  /// Sends at once what waits for more, and blocks until every record is through (acknowledged or
  /// failed). False: some are still under way after the timeout. Not from a callback.
  bool Flush(int64_t timeout_ms);

  /// Flush, then the end: what is still under way fails, and so does every later Send, with
  /// kShuttingDown. What Flush answered. Not from a callback.
  bool Close(int64_t timeout_ms);

  /// Records sent but not through. Does not block.
  int64_t under_way() const;

  /// Requests (batches) that were acknowledged so far. Does not block.
  int64_t acknowledged_requests() const;

 private:
  class Impl;
  EventLoop& loop_;
  std::shared_ptr<Impl> impl_;
};

}  // namespace jangada::client
