// CallMeter: counts the calls of the door, by method and status, and how long each took. Any
// thread; no lock and no allocation per call.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/latency_histogram.h"
#include "server/grpc/door_stats.h"

namespace jangada::server::grpc_door {

/// Every method of the services Log, Admin and ConsumerGroup, in the order of the .proto files.
enum class Method : uint8_t {
  kInitProducer,
  kProduce,
  kProduceStream,
  kConsume,
  kFetch,
  kListOffsets,
  kCreateTopic,
  kDeleteTopic,
  kListTopics,
  kDescribeTopics,
  kAlterTopicConfigs,
  kCreatePartitions,
  kDescribeCluster,
  kDescribePartitions,
  kTransferLeadership,
  kMovePartition,
  kDeleteRecords,
  kAddNode,
  kRemoveNode,
  kGetLogLevel,
  kSetLogLevel,
  kDescribeConfig,
  kJoin,
  kFindCoordinator,
  kListGroups,
  kDescribeGroup,
  kDeleteGroup,
  kCommitOffsets,
  kFetchOffsets,
};
inline constexpr size_t kMethods = static_cast<size_t>(Method::kFetchOffsets) + 1;

class CallMeter {
 public:
  void Began(Method method) { ++counters(method).open; }
  /// `code`: gRPC's, of the status that the call ended with.
  void Ended(Method method, int code);
  /// A request was answered, however.
  void Answered(Method method, int64_t took_us) { counters(method).latency.Record(took_us); }

  std::vector<MethodStats> Stats() const;

 private:
  struct Counters {
    std::array<std::atomic<uint64_t>, kGrpcCodes> by_code{};
    std::atomic<int64_t> open = 0;
    LatencyHistogram latency;
  };

  Counters& counters(Method method) { return counters_[static_cast<size_t>(method)]; }

  std::array<Counters, kMethods> counters_;
};

}  // namespace jangada::server::grpc_door
