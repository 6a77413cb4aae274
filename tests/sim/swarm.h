// Swarm: what one seed's run is like: how big the cluster is, how small its windows are, which
// faults come how often, what its clients do. Each is on with probability one half and its
// intensity log-uniform, so that every seed is another world, and rare combinations come.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/random.h"
#include "server/config.h"
#include "server/partition/partition.h"
#include "tests/sim/network.h"
#include "tests/sim/node.h"

namespace jangada::sim {

/// One line each in kFaultNames, in the same order.
enum class FaultKind : uint8_t {
  kKill,
  kPower,
  kPowerAll,
  kPause,
  kStop,
  kIsolate,
  kSplit,
  kOneWay,
  kBridge,
  kRing,
  kFlap,
  kSlowLink,
  kBreakStreams,
  kCutClients,
  kSlowDisk,
  kHungDisk,
  kFailedSync,
  kFullDisk,
  kReadErrors,
  kRot,
  kLoseTail,
  kEmptyDisk,
  kWallJump,
  kLag,
  kTransfer,
  kMove,
  kTrim,
  kChurnTopics,
  kAlterConfigs,
  kRotMeta,
  kAmbush,
  kCount,
};
/// What a world is made to meet often: rare events need two or three others close together.
enum class Theme : uint8_t {
  kNone,
  kFallingBehind,  // short logs and checkpoints, and followers that need them
  kElections,      // leaders that are replaced and do not know it, and old messages
  kChanges,        // of who votes, while leaders are struck
  kForgetting,     // disks that lose votes and entries
  kCount,
};
inline constexpr std::array<const char*, static_cast<size_t>(Theme::kCount)> kThemeNames = {
    "none", "falling-behind", "elections", "changes", "forgetting"};

inline constexpr size_t kFaultKinds = static_cast<size_t>(FaultKind::kCount);
inline constexpr std::array<const char*, kFaultKinds> kFaultNames = {
    "kill",          "power",       "power-all", "pause",        "stop",          "isolate",
    "split",         "one-way",     "bridge",    "ring",         "flap",          "slow-link",
    "break-streams", "cut-clients", "slow-disk", "hung-disk",    "failed-sync",   "full-disk",
    "read-errors",   "rot",         "lose-tail", "empty-disk",   "wall-jump",     "lag",
    "transfer",      "move",        "trim",      "churn-topics", "alter-configs", "rot-meta",
    "ambush",
};

/// One thing that will go wrong. `random` chooses where, when it happens.
struct Fault {
  int id = 0;  // for --without
  int64_t at_us = 0;
  FaultKind kind = FaultKind::kKill;
  int64_t for_us = 0;
  uint64_t random = 0;
};

struct TopicPlan {
  std::string name;
  int32_t partitions = 1;
  int32_t replicas = 3;
  std::map<std::string, std::string> configs;
};

struct Swarm {
  uint64_t seed = 0;
  int nodes = 3;
  int shards = 2;
  server::Config config;  // of every node, but for its id
  Theme theme = Theme::kNone;
  server::PartitionOptions base;
  std::vector<TopicPlan> topics;
  LinkWeather weather;
  DiskPace disk;
  std::vector<int64_t> drift_ppm;  // of each node's clock
  int64_t safety_us = 0;
  std::vector<Fault> faults;

  // clients
  int producers = 2;  // idempotent
  int plain_producers = 1;
  int consumers = 2;
  int metadata_clients = 0;
  bool informed_producers = false;  // most of their calls go to the newest leader at once
  int window = 1;                   // batches of one producer under way in one partition
  int max_records = 3;              // of a batch
  int max_value_bytes = 64;
  int64_t think_us = 20'000;
  int64_t call_timeout_us = 2'000'000;
  /// A call and its answer take up to this much longer than the next one's, which overtakes it.
  int64_t call_jitter_us = 0;
  int64_t patience_us = 30'000'000;  // then a producer gives a batch up

  // consumer groups; 0: none
  int groups = 0;
  bool kafka_producers = false;  // every other producer comes by the Kafka door
  int group_members = 1;         // of each
  int64_t session_us = 6'000'000;
  int64_t rebalance_us = 6'000'000;
  int64_t commit_every_us = 500'000;
  int64_t mishap_every_us = 5'000'000;  // a member leaves, dies or stands still; 0: never

  std::string Describe() const;
};

/// `faults` false: a run in which nothing goes wrong.
Swarm MakeSwarm(uint64_t seed, bool faults = true);

}  // namespace jangada::sim
