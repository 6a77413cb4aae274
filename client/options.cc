#include "jangada/options.h"

#include "client/partition_queue.h"
#include "client/waits.h"

namespace jangada::client {
namespace {

constexpr int32_t kMostFetchBytes = 4 << 20;
constexpr int64_t kMostWaitMs = 60'000;

Error Bad(const std::string& name, int64_t value, const std::string& wanted) {
  return {ErrorCode::kInvalidArgument,
          name + " is " + std::to_string(value) + "; it must be " + wanted};
}

Status CheckWait(const std::string& name, int64_t value, int64_t least) {
  if (value >= least && value <= kLongestWaitMs) return {};
  return Bad(name, value,
             "from " + std::to_string(least) + " to " + std::to_string(kLongestWaitMs));
}

template <class Options>
Status CheckRetries(const Options& options) {
  TRY(CheckWait("try_timeout_ms", options.try_timeout_ms, 1));
  TRY(CheckWait("retry_backoff_ms", options.retry_backoff_ms, 1));
  if (options.max_retry_backoff_ms < options.retry_backoff_ms) {
    return Bad("max_retry_backoff_ms", options.max_retry_backoff_ms,
               "at least retry_backoff_ms, " + std::to_string(options.retry_backoff_ms));
  }
  return CheckWait("max_retry_backoff_ms", options.max_retry_backoff_ms, 1);
}

}  // namespace

Status Check(const ClientOptions& options) {
  TRY(CheckRetries(options));
  return CheckWait("metadata_refresh_ms", options.metadata_refresh_ms, 1);
}

Status Check(const ProducerOptions& options) {
  TRY(CheckRetries(options));
  const auto bytes = [](size_t value) { return static_cast<int64_t>(value); };
  if (options.compression == Compression::kSnappy || options.compression > Compression::kZstd) {
    return Error{ErrorCode::kInvalidArgument, "compression must be kNone, kGzip, kLz4 or kZstd"};
  }
  TRY(CheckWait("linger_ms", options.linger_ms, 0));
  if (options.max_in_flight < 1 || options.max_in_flight > kMostInFlightPerPartition) {
    return Bad("max_in_flight", options.max_in_flight,
               "from 1 to " + std::to_string(kMostInFlightPerPartition));
  }
  TRY(CheckWait("delivery_timeout_ms", options.delivery_timeout_ms, 1));
  TRY(CheckWait("max_block_ms", options.max_block_ms, 0));
  if (options.batch_bytes < 1 || options.batch_bytes > options.max_request_bytes) {
    return Bad("batch_bytes", bytes(options.batch_bytes),
               "from 1 to max_request_bytes, " + std::to_string(options.max_request_bytes));
  }
  if (options.buffer_bytes < options.batch_bytes) {
    return Bad("buffer_bytes", bytes(options.buffer_bytes),
               "at least batch_bytes, " + std::to_string(options.batch_bytes));
  }
  return {};
}

Status Check(const ConsumerOptions& options) {
  TRY(CheckRetries(options));
  if (options.fetch_bytes < 1 || options.fetch_bytes > kMostFetchBytes) {
    return Bad("fetch_bytes", options.fetch_bytes, "from 1 to " + std::to_string(kMostFetchBytes));
  }
  if (options.buffer_bytes_per_partition < 1) {
    return Bad("buffer_bytes_per_partition", 0, "positive");
  }
  if (options.buffer_bytes < 1) return Bad("buffer_bytes", 0, "positive");
  if (options.max_wait_ms < 0 || options.max_wait_ms > kMostWaitMs) {
    return Bad("max_wait_ms", options.max_wait_ms, "from 0 to " + std::to_string(kMostWaitMs));
  }
  return {};
}

}  // namespace jangada::client
