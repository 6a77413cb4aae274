// Config: every option of a node, read from a YAML file and from `--set key=value`, checked as a
// whole. One table (ConfigOptions) drives parsing, defaults, `--help` and the test that keeps
// deploy/jangada.yaml true. All problems are reported at once, each with its option's name. Runs
// once, before any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "server/controller/cluster_image.h"

namespace jangada::server {

/// Plain values; the fields' meaning, units and ranges stand in the table (config.cc), for all
/// readers.
struct Config {
  static constexpr int64_t kAuto = -1;

  std::string data_dir = "./data";

  struct Node {
    int64_t id = 1;
    std::string rack;
  } node;

  struct Cluster {
    /// After LoadConfig never empty: by default this node alone.
    std::vector<Founder> founders;
    bool join = false;
  } cluster;

  /// After LoadConfig `advertised` is never unset.
  struct Listener {
    Endpoint listen;
    std::optional<Endpoint> advertised;
  };
  Listener grpc{{"127.0.0.1", 7092}, {}};
  Listener peer{{"127.0.0.1", 6092}, {}};
  Listener http{{"127.0.0.1", 8092}, {}};
  struct Kafka : Listener {
    bool auto_create_topics = true;
    int64_t default_partitions = 1;
    int64_t default_replicas = kAuto;  // three, or as many as there are nodes
    int64_t idle_timeout_ms = 600'000;
    int64_t max_connections = 10'000;
    int64_t max_connections_per_address = 5'000;
  } kafka{{{"127.0.0.1", 9092}, {}}};

  struct Groups {
    int64_t partitions = 16;
    int64_t initial_rebalance_delay_ms = 3'000;
    int64_t min_session_timeout_ms = 6'000;
    int64_t max_session_timeout_ms = 1'800'000;
    int64_t max_members = 1'000;
    int64_t offsets_retention_minutes = 10'080;
  } groups;

  int64_t shards = 0;

  struct Raft {
    int64_t heartbeat_ms = 250;
    int64_t election_timeout_ms = 1000;
    int64_t disk_stall_ms = 3000;
    int64_t max_inflight_bytes = 16 << 20;
    int64_t max_uncommitted_bytes = 64 << 20;
  } raft;

  struct Storage {
    /// kAuto: 1 GiB or 5 % of the file system, whichever is less.
    int64_t min_free_bytes = kAuto;
    int64_t checkpoint_bytes = 64 << 20;
    int64_t cache_bytes = 64 << 20;
  } storage;

  struct Limits {
    int64_t max_request_bytes = 16 << 20;
  } limits;

  struct Metrics {
    bool per_partition = false;
  } metrics;

  struct Log {
    std::string level = "info";
    std::string file;
  } log;

  NodeId self() const { return NodeId(static_cast<int32_t>(node.id)); }
};

/// One row of the table, as text for people and tests.
struct ConfigOption {
  std::string key;            // "raft.heartbeat_ms"
  std::string value;          // as one would write it in the file
  std::string default_value;  // as one would write it in the file; empty: nothing
  std::string unit;           // "ms", "bytes", "host:port", ...
  std::string help;           // one or two sentences
};
/// Every option at its default.
const std::vector<ConfigOption>& ConfigOptions();

/// Every option as a node runs with it, in the table's order.
std::vector<ConfigOption> DescribeConfig(const Config& config);

/// The table as the text of `--help`.
std::string ConfigHelp();

struct LoadedConfig {
  Config config;
  /// One sentence each, beginning with the option's name (or the file's). Empty: the config is
  /// good.
  std::vector<std::string> problems;
  bool ok() const { return problems.empty(); }
};

/// Defaults, then the YAML text, then `settings` ("key=value", the later wins), then the checks
/// that span options. `source` names the text in problems.
LoadedConfig ParseConfig(const std::string& yaml, const std::string& source,
                         const std::vector<std::string>& settings);

/// The same, from a file (none: defaults and settings only).
LoadedConfig LoadConfig(const std::optional<std::string>& path,
                        const std::vector<std::string>& settings);

/// Every option as `key: value` lines in the table's order: what a node runs with.
std::string ConfigToText(const Config& config);

}  // namespace jangada::server
