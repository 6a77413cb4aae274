// Wire: the calls of the gRPC API (proto/jangada/v1) as plain C++, one node and one try at a time.
// Everything above it (routing, retries, order) is free of gRPC; tests may put another Wire in its
// place.
//
// Every call returns at once and ends in one call of `done`, posted to the executor that the Wire
// was made with. Meanings, units and errors are those of the .proto files.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/callback.h"
#include "base/executor.h"
#include "base/result.h"
#include "jangada/cluster.h"
#include "jangada/group.h"

namespace jangada::client {

/// Why a try failed, with what a program needs to go on.
struct Failure {
  Error error = {};
  bool fate_unknown = false;  // it may have been done, or may yet be
  bool retriable = false;
  bool disconnected =
      false;  // made by gRPC here: the node was not reached, or did not answer in time
  /// kNotLeader: who leads, as far as that node knows.
  int32_t leader_node_id = 0;
  std::string leader_address = {};
};

template <class T>
class Reply {
 public:
  Reply(T value) : state_(std::move(value)) {}            // NOLINT(google-explicit-constructor)
  Reply(Failure failure) : state_(std::move(failure)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return std::holds_alternative<T>(state_); }
  T& value() { return std::get<T>(state_); }
  const T& value() const { return std::get<T>(state_); }
  const Failure& failure() const { return std::get<Failure>(state_); }

 private:
  std::variant<T, Failure> state_;
};

struct Nothing {};

struct ProducerIdentity {
  int64_t producer_id = -1;
  int16_t epoch = 0;
};

struct ProduceAck {
  int64_t base_offset = -1;
  bool duplicate = false;
};

struct Fetched {
  std::vector<Bytes> batches;  // RecordBatch v2, offsets filled in
  int64_t next_offset = 0;
  int64_t high_watermark = 0;
  int64_t log_start_offset = 0;
};

/// A pipelined produce to one node. Dropping it cancels what is under way; no callback comes after
/// that.
class ProduceStream {
 public:
  /// `number` comes back with the answer. Answers of one partition come in the order of the sends.
  virtual void Send(int64_t number, const TopicPartition& where, const Bytes& batch,
                    int64_t timeout_ms) = 0;
  virtual ~ProduceStream() = default;
};

struct ProduceStreamEvents {
  Callback<int64_t, Reply<ProduceAck>> on_answer;
  /// Once, and the last: nothing that was not answered will be; its fate is unknown.
  Callback<Failure> on_broken;
};

template <class T>
using Done = Callback<Reply<T>>;

class Wire {
 public:
  virtual ~Wire() = default;

  // ---- Log ----
  virtual std::unique_ptr<ProduceStream> OpenProduceStream(const std::string& node,
                                                           ProduceStreamEvents events) = 0;
  virtual void InitProducer(const std::string& node, int64_t timeout_ms,
                            Done<ProducerIdentity> done) = 0;
  /// Only from the leader itself; never forwarded.
  virtual void Fetch(const std::string& node, const TopicPartition& where, int64_t offset,
                     int32_t max_bytes, int64_t max_wait_ms, int64_t timeout_ms,
                     Done<Fetched> done) = 0;
  /// One answer a query, in their order.
  virtual void ListOffsets(const std::string& node, const std::vector<OffsetQuery>& queries,
                           int64_t timeout_ms, Done<std::vector<Reply<OffsetAnswer>>> done) = 0;

  // ---- Admin ----
  virtual void CreateTopic(const std::string& node, const NewTopic& topic, int64_t timeout_ms,
                           Done<std::string> done) = 0;  // answers the topic's id
  virtual void DeleteTopic(const std::string& node, const std::string& name, int64_t timeout_ms,
                           Done<Nothing> done) = 0;
  virtual void ListTopics(const std::string& node, int64_t timeout_ms,
                          Done<std::vector<TopicEntry>> done) = 0;
  virtual void DescribeTopics(const std::string& node, const std::vector<std::string>& names,
                              int64_t timeout_ms, Done<TopicsView> done) = 0;
  virtual void AlterTopicConfigs(const std::string& node, const std::string& topic,
                                 const ConfigChanges& changes, int64_t timeout_ms,
                                 Done<Nothing> done) = 0;
  virtual void CreatePartitions(const std::string& node, const std::string& topic, int32_t total,
                                int64_t timeout_ms, Done<Nothing> done) = 0;
  /// Answers the log start offset.
  virtual void DeleteRecords(const std::string& node, const TopicPartition& where,
                             int64_t before_offset, int64_t timeout_ms, Done<int64_t> done) = 0;
  virtual void DescribeCluster(const std::string& node, int64_t timeout_ms,
                               Done<ClusterView> done) = 0;
  virtual void DescribePartitions(const std::string& node, const std::vector<std::string>& topics,
                                  int64_t timeout_ms,
                                  Done<std::vector<PartitionStateView>> done) = 0;
  virtual void TransferLeadership(const std::string& node, const TopicPartition& where, int32_t to,
                                  int64_t timeout_ms, Done<Nothing> done) = 0;
  virtual void MovePartition(const std::string& node, const TopicPartition& where,
                             const std::vector<int32_t>& replicas, int64_t timeout_ms,
                             Done<Nothing> done) = 0;
  virtual void AddNode(const std::string& node, int32_t id, int64_t timeout_ms,
                       Done<Nothing> done) = 0;
  virtual void RemoveNode(const std::string& node, int32_t id, int64_t timeout_ms,
                          Done<Nothing> done) = 0;
  virtual void GetLogLevel(const std::string& node, int64_t timeout_ms,
                           Done<LogLevelView> done) = 0;
  /// Answers the level that it replaced.
  virtual void SetLogLevel(const std::string& node, const std::string& level, int64_t timeout_ms,
                           Done<LogLevelView> done) = 0;
  virtual void DescribeConfig(const std::string& node, int64_t timeout_ms,
                              Done<ConfigView> done) = 0;

  // ---- ConsumerGroup ----
  virtual void ListGroups(const std::string& node, int64_t timeout_ms,
                          Done<GroupListView> done) = 0;
  virtual void DescribeGroup(const std::string& node, const std::string& group, int64_t timeout_ms,
                             Done<GroupView> done) = 0;
  virtual void DeleteGroup(const std::string& node, const std::string& group, int64_t timeout_ms,
                           Done<Nothing> done) = 0;
  /// The failure of one partition counts as that of the whole.
  virtual void CommitOffsets(const std::string& node, const std::string& group,
                             const std::vector<GroupOffset>& offsets, int64_t timeout_ms,
                             Done<Nothing> done) = 0;

  // ---- grpc.health.v1 ----
  /// Does the node say that it serves?
  virtual void CheckHealth(const std::string& node, int64_t timeout_ms, Done<bool> done) = 0;
};

/// The real one. `events` is where callbacks are posted; it outlives the Wire. The destructor
/// cancels what is under way and waits for gRPC to let go.
std::unique_ptr<Wire> MakeGrpcWire(Executor& events);

}  // namespace jangada::client
