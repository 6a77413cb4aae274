// Requests: what one node asks of the controller's leader, and the answer, as they travel between
// nodes (PeerCall "controller.request"). Plain values; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/uuid.h"
#include "server/controller/cluster_image.h"

namespace jangada::server::request {

/// Whether a request whose fate is unknown may be sent again: the second time changes nothing more.
template <bool kValue>
struct Repeatable {
  static constexpr bool kRepeatable = kValue;
};

struct CreateTopic : Repeatable<true> {  // by its id
  std::string name;
  Uuid id;
  int32_t partitions = 0;
  int32_t replication_factor = 0;
  std::vector<std::vector<NodeId>> assignment;  // not empty: in place of the two numbers
  std::map<std::string, std::string> configs;
  bool validate_only = false;
  static void Fields(auto& m, auto& v) {
    v(m.name), v(m.id), v(m.partitions), v(m.replication_factor), v(m.assignment), v(m.configs);
    v(m.validate_only);
  }
};

struct DeleteTopic : Repeatable<false> {
  std::string name;
  static void Fields(auto& m, auto& v) { v(m.name); }
};

struct CreatePartitions : Repeatable<false> {
  std::string topic;
  int32_t total = 0;
  std::vector<std::vector<NodeId>> assignment;  // of the new ones; empty: they are placed
  static void Fields(auto& m, auto& v) { v(m.topic), v(m.total), v(m.assignment); }
};

struct AlterTopicConfigs : Repeatable<false> {
  std::string topic;
  std::map<std::string, std::optional<std::string>> changes;
  static void Fields(auto& m, auto& v) { v(m.topic), v(m.changes); }
};

struct AllotProducerIds : Repeatable<true> {  // a block that nobody took is lost: there are enough
  int64_t count = 0;
  static void Fields(auto& m, auto& v) { v(m.count); }
};

struct MovePartition : Repeatable<false> {
  std::string topic;
  int32_t partition = 0;
  std::vector<NodeId> replicas;
  static void Fields(auto& m, auto& v) { v(m.topic), v(m.partition), v(m.replicas); }
};

struct AddNode : Repeatable<true> {
  NodeId node;
  static void Fields(auto& m, auto& v) { v(m.node); }
};

struct RemoveNode : Repeatable<true> {
  NodeId node;
  static void Fields(auto& m, auto& v) { v(m.node); }
};

struct RegisterNode : Repeatable<true> {
  NodeInfo node;
  static void Fields(auto& m, auto& v) {
    v(m.node.id), v(m.node.disk_id), v(m.node.rack), v(m.node.peer), v(m.node.grpc);
    v(m.node.kafka), v(m.node.http);
  }
};

struct SettleReplicas : Repeatable<true> {
  GroupId group;
  uint64_t revision = 0;
  static void Fields(auto& m, auto& v) { v(m.group), v(m.revision); }
};

/// The topic that holds the consumer groups. kAlreadyExists where another request made it. How many
/// replicas it gets the leader decides, who knows all nodes: whoever asks may have just started.
struct CreateGroupsTopic : Repeatable<true> {
  Uuid id;
  int32_t partitions = 0;
  static void Fields(auto& m, auto& v) { v(m.id), v(m.partitions); }
};

/// Never reorder: the place is the tag on the wire.
using Request = std::variant<CreateTopic, DeleteTopic, CreatePartitions, AlterTopicConfigs,
                             AllotProducerIds, MovePartition, AddNode, RemoveNode, RegisterNode,
                             SettleReplicas, CreateGroupsTopic>;

struct Answer {
  std::optional<ErrorCode> error;  // nullopt: done
  std::string message;
  int64_t value = 0;             // the first of the producer ids
  uint64_t version = 0;          // done: visible in images from this version on
  std::optional<NodeId> leader;  // kNotLeader: who may lead
  static void Fields(auto& m, auto& v) {
    v(m.error), v(m.message), v(m.value), v(m.version), v(m.leader);
  }
};

Answer Refusal(const Error& error);

Bytes EncodeRequest(const Request& request);
Result<Request> DecodeRequest(std::string_view bytes);
Bytes EncodeAnswer(const Answer& answer);
Result<Answer> DecodeAnswer(std::string_view bytes);

bool IsRepeatable(const Request& request);

}  // namespace jangada::server::request
