// What a client may set, with the defaults. Times are in milliseconds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "storage/record_batch.h"

namespace jangada::client {

struct ClientOptions {
  /// host:port of some nodes; the others are learnt from them.
  std::vector<std::string> bootstrap = {"127.0.0.1:7092"};
  /// One try of a short question. A broken connection fails at once; this is for a node that hangs.
  int64_t try_timeout_ms = 2000;
  /// Between tries when every node was asked in vain; doubles up to the maximum.
  int64_t retry_backoff_ms = 20;
  int64_t max_retry_backoff_ms = 100;
};

struct ProducerOptions {
  /// Retries can't duplicate: batches are numbered under a producer id. Without it a batch whose
  /// fate is unknown fails, and only one is under way per partition.
  bool idempotent = true;
  storage::Compression compression = storage::Compression::kNone;
  int64_t linger_ms = 5;          // how long an unfilled batch waits for more
  size_t batch_bytes = 64 << 10;  // a batch that holds so much is sent
  /// From Send to the callback, retries included. Afterwards the record fails.
  int64_t delivery_timeout_ms = 120'000;
  /// A record that takes more, before compression, is refused: nodes refuse larger requests
  /// (limits.max_request_bytes), and with such a request all that shares its connection.
  size_t max_request_bytes = 16 << 20;
  /// Send blocks while so much waits for acknowledgement.
  size_t buffer_bytes = 32 << 20;
  /// One try of one batch. A node that answers nothing for so long is taken for dead.
  int64_t try_timeout_ms = 2500;
  int64_t retry_backoff_ms = 20;
  int64_t max_retry_backoff_ms = 100;
};

enum class OutOfRangePolicy {
  kFail,      // Poll answers kOffsetOutOfRange
  kEarliest,  // go on at the log start offset
};

struct ConsumerOptions {
  int32_t fetch_bytes = 1 << 20;                // of one partition in one answer
  size_t buffer_bytes_per_partition = 4 << 20;  // read ahead of Poll
  int64_t max_wait_ms = 500;                    // a node may hold a fetch that has nothing so long
  int64_t try_timeout_ms = 1500;                // beyond that wait: then the node hangs
  int64_t retry_backoff_ms = 20;
  int64_t max_retry_backoff_ms = 100;
  OutOfRangePolicy out_of_range = OutOfRangePolicy::kFail;
};

}  // namespace jangada::client
