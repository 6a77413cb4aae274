// Every bound of the doors, by name, with what it protects. A limit that depends on another is
// asserted here, at compile time.
#pragma once

#include <cstddef>
#include <cstdint>

namespace jangada::server {

/// One gRPC message, both directions. Larger ones are refused with RESOURCE_EXHAUSTED by the
/// library.
inline constexpr size_t kMaxGrpcMessageBytes = 16 << 20;

/// Produce requests that one node holds for all its clients (received, not answered). Beyond:
/// kThrottled.
inline constexpr size_t kMaxProduceBytesInFlight = 256 << 20;
static_assert(kMaxProduceBytesInFlight >= 4 * kMaxGrpcMessageBytes, "a few clients must fit");

/// Of one ProduceStream: beyond, the node stops reading it until acks have left.
inline constexpr size_t kMaxStreamBytesInFlight = 16 << 20;
inline constexpr size_t kMaxStreamRequestsInFlight = 4096;
static_assert(kMaxStreamBytesInFlight >= kMaxGrpcMessageBytes, "the largest message must fit");

/// Requests of one stream to one partition that are handed to the log before the first is answered.
inline constexpr size_t kMaxLaneWindow = 256;

/// Of one Consume call: stored bytes fetched ahead over all its partitions, each of which may hold
/// kMinFetchBytes (or one batch) in any case.
inline constexpr size_t kMaxConsumeBytesAhead = 16 << 20;
inline constexpr size_t kMinFetchBytes = 64 << 10;
inline constexpr size_t kMaxConsumePartitions = 1024;

/// Stored bytes in one Fetch or Consume response.
inline constexpr size_t kDefaultFetchBytes = 1 << 20;
inline constexpr size_t kMaxFetchBytes = 4 << 20;
static_assert(kMaxFetchBytes * 2 < kMaxGrpcMessageBytes, "a batch more and plain framing must fit");

/// Plain records in one response: a new response begins once it holds this much.
inline constexpr size_t kPlainResponseBytes = 1 << 20;
/// A compressed batch may unfold to this much when it is answered as plain records.
inline constexpr size_t kMaxUnfoldedBatchBytes = 32 << 20;

// ---- the Kafka door ----

/// Connections of one node, and of one client's address: one machine cannot take all of them.
inline constexpr int64_t kMaxKafkaConnections = 10'000;
inline constexpr int64_t kMaxKafkaConnectionsPerAddress = 5'000;
static_assert(kMaxKafkaConnectionsPerAddress < kMaxKafkaConnections, "others come in, too");
/// Requests of one connection that are read and not answered. Beyond, it is not read.
inline constexpr size_t kMaxKafkaRequestsInFlight = 1024;
/// The same in bytes, with the replies that wait to leave; one request more may come.
inline constexpr size_t kMaxKafkaConnectionBytes = 64 << 20;
/// Requests that one node holds for all connections. Beyond, none is read until some are answered.
inline constexpr size_t kMaxKafkaRequestBytesInFlight = 256 << 20;
static_assert(kMaxKafkaRequestBytesInFlight >= 4 * kMaxKafkaConnectionBytes, "a few must fit");
/// The clients of one address begin requests up to one part in so many of that, and finish what they
/// began up to twice as much: four addresses at least must join to leave no room for others.
inline constexpr size_t kKafkaAddressShare = 8;
/// Where there is no room for requests, who stops in the middle of one for so long, or waits there
/// for room, is disconnected.
inline constexpr int64_t kKafkaStalledUs = 5'000'000;
/// Stored bytes in one Fetch response, and in those of all connections. Beyond, each gets
/// kMinFetchBytes (or one batch) at a time.
inline constexpr size_t kMaxKafkaFetchBytes = 64 << 20;
inline constexpr size_t kMaxKafkaFetchBytesInFlight = 256 << 20;
static_assert(kMaxKafkaFetchBytesInFlight >= 2 * kMaxKafkaFetchBytes, "a few must fit");
/// A peer that takes nothing of a reply for so long, or whose request comes more slowly than this
/// and a byte rate allow, is disconnected.
inline constexpr int64_t kKafkaSlowPeerUs = 30'000'000;
inline constexpr int64_t kKafkaSlowestBytesPerSecond = 32 << 10;

inline constexpr size_t kMaxListOffsetsQueries = 10'000;
inline constexpr size_t kMaxTopicNameBytes = 249;
inline constexpr int32_t kMaxPartitionsOfTopic = 10'000;

/// How long a call may take that names no time, and the longest it may name.
inline constexpr int64_t kDefaultCallUs = 10'000'000;
inline constexpr int64_t kMaxCallUs = 120'000'000;
inline constexpr int64_t kMaxFetchWaitUs = 60'000'000;
inline constexpr int64_t kDefaultDescribeWaitUs = 2'000'000;
/// The longest that a door leaves one fetch with the broker; a longer wait is several of them.
inline constexpr int64_t kMaxPollSliceUs = 1'000'000;
/// A Consume call asks each partition anew after this long without records.
inline constexpr int64_t kConsumePollUs = 1'000'000;

/// A topic that this node does not know may have been created elsewhere a moment ago: it is looked
/// for this long before UNKNOWN_TOPIC is answered.
inline constexpr int64_t kUnknownTopicGraceUs = 400'000;
/// Waits between two tries of a call that found no leader.
inline constexpr int64_t kFirstBackoffUs = 5'000;
inline constexpr int64_t kMaxBackoffUs = 100'000;
/// One try of a call that may be repeated: a leader that answers nothing for so long is asked anew,
/// wherever it is by then. (A paused process keeps its connections open.)
inline constexpr int64_t kForwardTryUs = 2'000'000;

}  // namespace jangada::server
