// What a client may set, with the defaults. Times are in milliseconds. Plain values; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "jangada/record.h"
#include "jangada/result.h"

namespace jangada::client {

struct ClientOptions {
  /// host:port of some nodes; the others are learnt from them.
  std::vector<std::string> bootstrap = {"127.0.0.1:7092"};
  /// One try of a short question. A broken connection fails at once; this is for a node that hangs.
  int64_t try_timeout_ms = 2000;
  /// Between tries when every node was asked in vain; doubles up to the maximum.
  int64_t retry_backoff_ms = 20;
  int64_t max_retry_backoff_ms = 100;
  /// How often topics in use are asked about without a reason: new partitions are seen so soon.
  /// Leaders that move are learnt at once, from the nodes' answers.
  int64_t metadata_refresh_ms = 10'000;
};

struct ProducerOptions {
  /// Retries can't duplicate: batches are numbered under a producer id. Without it a batch whose
  /// fate is unknown fails, and only one is under way per partition.
  bool idempotent = true;
  Compression compression = Compression::kNone;  // kNone, kGzip, kLz4 or kZstd
  int64_t linger_ms = 5;          // how long an unfilled batch waits for more; 0: not at all
  size_t batch_bytes = 64 << 10;  // a batch that holds so much, before compression, is sent
  /// Batches of one partition under way at once, 1 to 5. However many, they stay in order.
  int max_in_flight = 5;
  /// From Send to the callback, retries included. Afterwards the record fails, at the latest when
  /// the try that is then under way ends (try_timeout_ms and half a second).
  int64_t delivery_timeout_ms = 120'000;
  /// A record that takes more, before compression, is refused: nodes refuse larger requests
  /// (limits.max_request_bytes), and with such a request all that shares its connection.
  size_t max_request_bytes = 16 << 20;
  /// Records under way take at most so much, before compression. With so much under way Send blocks
  /// and TrySend declines. (Their batches and requests are copies: the process may need up to three
  /// times as much.)
  size_t buffer_bytes = 32 << 20;
  /// How long Send blocks for room at most; afterwards the record fails with kThrottled.
  int64_t max_block_ms = 60'000;
  /// One try of one batch. A node that answers nothing for so long is taken for dead.
  int64_t try_timeout_ms = 2500;
  int64_t retry_backoff_ms = 20;  // between tries; doubles up to the maximum
  int64_t max_retry_backoff_ms = 100;
};

/// What to do when the offset to read from was deleted, or does not exist yet.
enum class OutOfRangePolicy {
  kFail,      // Poll answers kOffsetOutOfRange
  kEarliest,  // go on at the log start offset; an offset beyond the end fails all the same
  kLatest,    // go on at the end
};

struct ConsumerOptions {
  int32_t fetch_bytes = 1 << 20;                // of one partition in one answer; at most 4 MiB
  size_t buffer_bytes_per_partition = 4 << 20;  // read ahead of Poll, as stored (compressed)
  size_t buffer_bytes = 64 << 20;               // the same, over all partitions
  int64_t max_wait_ms = 500;  // a node may hold a fetch that has nothing so long; at most 60,000
  int64_t try_timeout_ms = 1500;  // beyond that wait: then the node hangs
  int64_t retry_backoff_ms = 20;
  int64_t max_retry_backoff_ms = 100;
  OutOfRangePolicy out_of_range = OutOfRangePolicy::kFail;
};

/// kInvalidArgument says which option can't be what it is: ten years are the longest time. No
/// client is made with such options; producers and consumers that are made with them answer this
/// error to every Send and Poll.
Status Check(const ClientOptions& options);
Status Check(const ProducerOptions& options);
Status Check(const ConsumerOptions& options);

}  // namespace jangada::client
