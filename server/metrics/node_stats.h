// NodeStats: everything that a node says of itself to its operator, gathered from its rooms at
// about one moment. Plain values; the rooms know nothing of how they are shown.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/ids.h"
#include "server/grpc/door_stats.h"
#include "server/host_stats.h"
#include "server/http/http_server.h"
#include "server/kafka/door_stats.h"
#include "server/metrics/process_stats.h"
#include "server/node_condition.h"
#include "server/runtime/shard_stats.h"
#include "server/transport/transport_stats.h"
#include "storage/store_stats.h"

namespace jangada::server {

struct ShardSample {
  bool responding = false;      // it answered in time; else what it owns is missing below
  double response_seconds = 0;  // from the question to the answer, or for how long it was waited
  ShardStats stats;
};

/// The cluster, and group 0 on this node.
struct ClusterSample {
  bool controller_known = false;
  bool controller_leads = false;  // this node is the controller's leader
  size_t nodes = 0;
  size_t live_nodes = 0;
  size_t topics = 0;
  size_t partitions = 0;
};

struct RefillSample {
  size_t now = 0;        // replicas being refilled
  uint64_t started = 0;  // since the process began
  uint64_t ended = 0;
};

struct NodeStats {
  NodeId node;
  bool ready = false;
  double uptime_seconds = 0;
  ProcessStats process;
  std::map<std::string, size_t> connections;  // by door
  NodeCondition condition;
  ClusterSample cluster;
  RefillSample refills;
  std::vector<ShardSample> shards;
  HostStats replicas;  // of the shards that answered, and of group 0
  storage::StoreStats store;
  TransportStats transport;
  DoorStats grpc;
  KafkaDoorStats kafka;
  HttpServer::Stats http;
  bool per_partition = false;  // replicas.partitions was asked for
};

}  // namespace jangada::server
