// Client: a connection to a cluster. Give it some nodes; it learns the others, finds the leaders
// and follows them. Producers and consumers are made from it; its own calls block until they are
// answered, retry on other nodes while that can help, and give up after the timeout. Safe to share
// between threads.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "client/options.h"
#include "client/wire.h"

namespace jangada::client {

struct Core;

class Client {
 public:
  /// Connects to nothing yet. kInvalidArgument: an address is not host:port.
  static Result<std::unique_ptr<Client>> Make(ClientOptions options);
  ~Client();

  // ---- offsets ----
  /// One answer a query, in their order.
  Result<std::vector<OffsetAnswer>> ListOffsets(std::vector<OffsetQuery> queries,
                                                int64_t timeout_ms);

  // ---- admin: proto/jangada/v1/admin.proto says what each does and how it may fail ----
  // When a try's fate is unknown the call is made again. kAlreadyExists of what is made, and
  // kUnknownTopic or kNotFound of what is taken away, then mean that the earlier try was done.
  Result<std::string> CreateTopic(NewTopic topic, int64_t timeout_ms);
  Status DeleteTopic(std::string name, int64_t timeout_ms);
  Status AlterTopicConfigs(std::string topic, ConfigChanges changes, int64_t timeout_ms);
  /// `total`: the number afterwards.
  Status CreatePartitions(std::string topic, int32_t total, int64_t timeout_ms);
  Result<std::vector<TopicEntry>> ListTopics(int64_t timeout_ms);
  /// No names: all topics.
  Result<TopicsView> DescribeTopics(std::vector<std::string> names, int64_t timeout_ms);
  Result<ClusterView> DescribeCluster(int64_t timeout_ms);
  /// No topics: all of them.
  Result<std::vector<PartitionStateView>> DescribePartitions(std::vector<std::string> topics,
                                                             int64_t timeout_ms);
  Status TransferLeadership(TopicPartition where, int32_t to, int64_t timeout_ms);
  Status MovePartition(TopicPartition where, std::vector<int32_t> replicas, int64_t timeout_ms);
  /// Everything below `before_offset` goes, -1: everything. Answers the log start offset.
  Result<int64_t> DeleteRecords(TopicPartition where, int64_t before_offset, int64_t timeout_ms);
  Status AddNode(int32_t id, int64_t timeout_ms);
  Status RemoveNode(int32_t id, int64_t timeout_ms);

  // ---- what concerns one node: `node` is its id; 0: whichever answers first ----
  // kNotFound: the cluster has no such node. A node that is named is tried once, and no other.
  Result<LogLevelView> GetLogLevel(int32_t node, int64_t timeout_ms);
  /// At once, until the node's process ends. Answers the level that it replaced.
  Result<LogLevelView> SetLogLevel(int32_t node, std::string level, int64_t timeout_ms);
  /// Every option that the node runs with.
  Result<ConfigView> DescribeConfig(int32_t node, int64_t timeout_ms);

  /// For producers and consumers.
  Core& core() { return *core_; }

 private:
  explicit Client(ClientOptions options);
  Result<std::string> AwaitTopic(const std::string& name, int64_t timeout_ms);
  template <class T, class Call>
  Result<T> AskNode(int32_t node, int64_t timeout_ms, Call call);

  std::unique_ptr<Core> core_;
};

}  // namespace jangada::client
