#include "server/grpc/call_meter.h"

namespace jangada::server::grpc_door {
namespace {

/// Index = Method.
constexpr std::array<const char*, kMethods> kMethodNames = {"InitProducer",
                                                            "Produce",
                                                            "ProduceStream",
                                                            "Consume",
                                                            "Fetch",
                                                            "ListOffsets",
                                                            "CreateTopic",
                                                            "DeleteTopic",
                                                            "ListTopics",
                                                            "DescribeTopics",
                                                            "AlterTopicConfigs",
                                                            "CreatePartitions",
                                                            "DescribeCluster",
                                                            "DescribePartitions",
                                                            "TransferLeadership",
                                                            "MovePartition",
                                                            "DeleteRecords",
                                                            "AddNode",
                                                            "RemoveNode",
                                                            "GetLogLevel",
                                                            "SetLogLevel",
                                                            "DescribeConfig",
                                                            "Join",
                                                            "FindCoordinator",
                                                            "ListGroups",
                                                            "DescribeGroup",
                                                            "DeleteGroup",
                                                            "CommitOffsets",
                                                            "FetchOffsets"};

const char* ServiceOf(size_t method) {
  if (method < static_cast<size_t>(Method::kCreateTopic)) return "Log";
  return method < static_cast<size_t>(Method::kJoin) ? "Admin" : "ConsumerGroup";
}

}  // namespace

void CallMeter::Ended(Method method, int code) {
  Counters& counted = counters(method);
  const auto place = static_cast<size_t>(code);
  constexpr size_t kUnknown = 2;
  counted.by_code[place < kGrpcCodes ? place : kUnknown].fetch_add(1, std::memory_order_relaxed);
  --counted.open;
}

std::vector<MethodStats> CallMeter::Stats() const {
  std::vector<MethodStats> stats;
  for (size_t i = 0; i < kMethods; ++i) {
    const Counters& counted = counters_[i];
    MethodStats method{.service = ServiceOf(i),
                       .method = kMethodNames[i],
                       .by_code = {},
                       .latency = counted.latency.Snapshot(),
                       .open = counted.open};
    for (size_t code = 0; code < kGrpcCodes; ++code) {
      method.by_code[code] = counted.by_code[code].load(std::memory_order_relaxed);
    }
    stats.push_back(std::move(method));
  }
  return stats;
}

}  // namespace jangada::server::grpc_door
