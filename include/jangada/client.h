// Client: a connection to a cluster. Give it some nodes; it learns the others, finds the leaders
// and follows them. Producers and consumers are made from it and must end before it.
//
// Threads: safe to share. A client has one thread of its own, on which the callbacks of its
// producers run; no call of this header may be made from there (it would wait for itself, and ends
// the process).
// Blocking: every call with a timeout blocks until it is answered, refused for good, or out of
// time. A node that is dead or does not answer is passed over for the next one.
// Errors, beside those named at the calls: kInvalidArgument (the sentence says what to mend),
// kUnavailable (nobody could be reached, or no leader was there in time; surely not done), kTimeout
// (a change may have been done), kShuttingDown.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "jangada/cluster.h"
#include "jangada/group.h"
#include "jangada/options.h"
#include "jangada/result.h"

namespace jangada::client {

struct Core;

class Client {
 public:
  /// Connects to nothing yet, does not block. kInvalidArgument: an address is not host:port, or an
  /// option can't be what it is.
  static Result<std::unique_ptr<Client>> Make(ClientOptions options);
  /// Cancels what is under way, and waits for the threads.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // ---- offsets ----
  /// One answer a query, in their order. kUnknownTopic.
  Result<std::vector<OffsetAnswer>> ListOffsets(std::vector<OffsetQuery> queries,
                                                int64_t timeout_ms);
  /// Where every partition of the topic ends: the offset that its next record will have. Records
  /// acknowledged before the call lie below. kUnknownTopic.
  Result<std::map<TopicPartition, int64_t>> EndOffsets(const std::string& topic,
                                                       int64_t timeout_ms);

  // ---- admin: proto/jangada/v1/admin.proto says more of what each does ----
  // When a try's fate is unknown the call is made again. kAlreadyExists of what is made, and
  // kUnknownTopic or kNotFound of what is taken away, then mean that the earlier try was done.

  /// The new topic's id, once its partitions have leaders. kAlreadyExists; kFailedPrecondition: too
  /// few live nodes; kTimeout: it may exist all the same.
  Result<std::string> CreateTopic(NewTopic topic, int64_t timeout_ms);
  /// Its records are gone for good. kUnknownTopic.
  Status DeleteTopic(std::string name, int64_t timeout_ms);
  /// As the node that answers knows them.
  Result<std::vector<TopicEntry>> ListTopics(int64_t timeout_ms);
  /// The same, in full. No names: all topics. kUnknownTopic.
  Result<TopicsView> DescribeTopics(std::vector<std::string> names, int64_t timeout_ms);
  /// kUnknownTopic.
  Status AlterTopicConfigs(std::string topic, ConfigChanges changes, int64_t timeout_ms);
  /// Raises the number of partitions to `total`, once the new ones have leaders. Keys may belong to
  /// other partitions afterwards. kUnknownTopic; kInvalidArgument: there are so many already.
  Status CreatePartitions(std::string topic, int32_t total, int64_t timeout_ms);
  /// Removes the records below `before_offset`; -1: all that are committed. Answers the new log
  /// start offset. kUnknownTopic, kOffsetOutOfRange (beyond the high watermark).
  Result<int64_t> DeleteRecords(TopicPartition where, int64_t before_offset, int64_t timeout_ms);

  /// As the node that answers knows it.
  Result<ClusterView> DescribeCluster(int64_t timeout_ms);
  /// As the leaders know them, who are waited for while time is left. No topics: all of them.
  /// kUnknownTopic.
  Result<std::vector<PartitionStateView>> DescribePartitions(std::vector<std::string> topics,
                                                             int64_t timeout_ms);
  /// Asks the leader to hand over to node `to`, which is not awaited. kUnknownTopic,
  /// kFailedPrecondition (not a voter, too far behind, not live).
  Status TransferLeadership(TopicPartition where, int32_t to, int64_t timeout_ms);
  /// Records the wish that the partition be on these nodes, the preferred leader first;
  /// DescribePartitions shows the progress. kUnknownTopic, kFailedPrecondition.
  Status MovePartition(TopicPartition where, std::vector<int32_t> replicas, int64_t timeout_ms);
  /// Admits a node. kAlreadyExists.
  Status AddNode(int32_t id, int64_t timeout_ms);
  /// Takes a node out for good. kNotFound, kFailedPrecondition.
  Status RemoveNode(int32_t id, int64_t timeout_ms);

  // ---- consumer groups ----
  /// Of all nodes, and of both doors.
  Result<GroupListView> ListGroups(int64_t timeout_ms);
  /// With what it has committed, and how far it is behind. kNotFound.
  Result<GroupView> DescribeGroup(std::string group, int64_t timeout_ms);
  /// A group without members, with what it has committed. kNotFound, kFailedPrecondition (it has
  /// members).
  Status DeleteGroup(std::string group, int64_t timeout_ms);
  /// Sets a group without members to these offsets; each of 0 or more. kUnknownTopic: of one of the
  /// partitions, while all others may have been set; kFailedPrecondition: it has members.
  Status CommitOffsets(std::string group, std::vector<GroupOffset> offsets, int64_t timeout_ms);

  // ---- what concerns one node: `node` is its id; 0: whichever answers first ----
  // kNotFound: the cluster has no such node. A node that is named is tried once, and no other.
  Result<LogLevelView> GetLogLevel(int32_t node, int64_t timeout_ms);
  /// At once, until the node's process ends. Answers the level that it replaced.
  Result<LogLevelView> SetLogLevel(int32_t node, std::string level, int64_t timeout_ms);
  /// Every option that the node runs with.
  Result<ConfigView> DescribeConfig(int32_t node, int64_t timeout_ms);

  /// Asks one node, and no other, whether it serves (grpc.health.v1). false: it answers, and says
  /// that it does not serve now.
  Result<bool> IsServing(const std::string& address, int64_t timeout_ms);

  /// The library's own parts, for its producers and consumers.
  Core& core() { return *core_; }

 private:
  explicit Client(ClientOptions options);
  Result<std::string> AwaitTopic(const std::string& name, int64_t timeout_ms);
  template <class T, class Call>
  Result<T> AskNode(int32_t node, int64_t timeout_ms, Call call);

  std::unique_ptr<Core> core_;
};

}  // namespace jangada::client
