#include "tests/sim/swarm.h"

#include <algorithm>
#include <set>
#include <utility>

namespace jangada::sim {
namespace {

constexpr int64_t kMs = 1'000;
constexpr int64_t kSecond = 1'000'000;

/// From low to high, each order of magnitude as likely as another. Integers all the way, so that
/// every machine draws the same.
int64_t LogUniform(Random& random, int64_t low, int64_t high) {
  int doublings = 0;
  while ((low << (doublings + 1)) <= high) ++doublings;
  const int64_t from = low << random.Below(static_cast<uint64_t>(doublings) + 1);
  return std::min<int64_t>(high,
                           from + static_cast<int64_t>(random.Below(static_cast<uint64_t>(from))));
}

void ChooseWindows(Random& random, Swarm* swarm) {
  server::Config& config = swarm->config;
  config.raft.heartbeat_ms = random.Chance(1, 2) ? 250 : 50;
  config.raft.election_timeout_ms = config.raft.heartbeat_ms * 4;
  config.raft.disk_stall_ms = config.raft.election_timeout_ms * 3;
  config.storage.checkpoint_bytes = LogUniform(random, 500, 64 << 10);
  config.storage.cache_bytes = LogUniform(random, 512, 1 << 20);
  config.raft.max_inflight_bytes = LogUniform(random, 1 << 10, 1 << 20);
  config.raft.max_uncommitted_bytes = LogUniform(random, 4 << 10, 4 << 20);
  server::PartitionOptions& base = swarm->base;
  base.replica.raft.max_inflight_entries = static_cast<size_t>(LogUniform(random, 1, 256));
  base.replica.raft.max_append_bytes = static_cast<size_t>(LogUniform(random, 64, 64 << 10));
  base.replica.trim_interval_us = LogUniform(random, 50 * kMs, 5 * kSecond);
  base.replica.proposal_timeout_us = LogUniform(random, 300 * kMs, 30 * kSecond);
  base.retention_check_us = kSecond;
  base.producer_expiry_check_us = 2 * kSecond;
  base.max_producers = static_cast<size_t>(random.Chance(1, 3) ? 8 : 10'000);
}

void ChooseTopics(Random& random, Swarm* swarm) {
  const int groups = static_cast<int>(LogUniform(random, 1, 8));
  const int32_t most = static_cast<int32_t>(std::min(swarm->nodes, 5));
  int left = groups;
  for (int i = 0; left > 0; ++i) {
    TopicPlan topic;
    topic.name = "topic-" + std::to_string(i);
    topic.partitions = static_cast<int32_t>(1 + random.Below(static_cast<uint64_t>(left)));
    topic.replicas = std::min<int32_t>(most, random.Chance(1, 5) && swarm->nodes >= 5 ? 5 : 3);
    // The fewer, the more often all of them move. But whoever has one may not lose its disk.
    if (random.Chance(1, 10)) topic.replicas = std::min<int32_t>(most, random.Chance(1, 2) ? 1 : 2);
    if (random.Chance(1, 3))
      topic.configs["retention.bytes"] = std::to_string(LogUniform(random, 500, 64'000));
    if (random.Chance(1, 4))
      topic.configs["retention.ms"] = std::to_string(LogUniform(random, 5'000, 60'000));
    if (random.Chance(1, 4)) topic.configs["message.timestamp.type"] = "LogAppendTime";
    left -= topic.partitions;
    swarm->topics.push_back(topic);
  }
}

void ChooseWeather(Random& random, Swarm* swarm) {
  swarm->call_jitter_us = 400;
  LinkWeather& weather = swarm->weather;
  weather.max_delay_us = LogUniform(random, 200, 20 * kMs);
  weather.min_delay_us = std::min<int64_t>(100, weather.max_delay_us / 2);
  const auto sometimes = [&](uint32_t most) {
    return random.Chance(1, 2) ? 0u : static_cast<uint32_t>(LogUniform(random, 1, most));
  };
  weather.broken = sometimes(30);
  if (random.Chance(1, 2)) {  // worse than TCP
    weather.lost = sometimes(500);
    weather.doubled = sometimes(500);
    weather.late = sometimes(500);
  }
  swarm->disk.max_sync_us = LogUniform(random, 100, 20 * kMs);
  swarm->disk.max_read_us = LogUniform(random, 100, 5 * kMs);
}

/// How long a fault of this kind lasts at least and at most; 0: it is a moment.
std::pair<int64_t, int64_t> LengthOf(FaultKind kind) {
  switch (kind) {
    case FaultKind::kBreakStreams:
    case FaultKind::kFailedSync:
    case FaultKind::kReadErrors:
    case FaultKind::kRot:
    case FaultKind::kWallJump:
    case FaultKind::kTransfer:
    case FaultKind::kMove:
    case FaultKind::kTrim:
    case FaultKind::kChurnTopics:
    case FaultKind::kAlterConfigs: return {0, 0};
    default: return {50 * kMs, 8 * kSecond};
  }
}

/// The faults that make up a theme.
std::set<FaultKind> FaultsOf(Theme theme) {
  using Kind = FaultKind;
  switch (theme) {
    case Theme::kFallingBehind:
      return {Kind::kIsolate,  Kind::kOneWay, Kind::kPause, Kind::kSlowDisk,
              Kind::kTransfer, Kind::kTrim,   Kind::kAmbush};
    case Theme::kElections:
      return {Kind::kIsolate,  Kind::kSplit,    Kind::kOneWay,  Kind::kPause,
              Kind::kSlowLink, Kind::kSlowDisk, Kind::kTransfer};
    case Theme::kChanges:
      return {Kind::kMove,    Kind::kAmbush,   Kind::kTransfer,
              Kind::kIsolate, Kind::kSlowLink, Kind::kSlowDisk};
    case Theme::kForgetting:
      return {Kind::kPowerAll, Kind::kPower, Kind::kLoseTail,
              Kind::kRotMeta,  Kind::kRot,   Kind::kIsolate};
    default: return {};
  }
}

/// From a stream of its own: what else is drawn stays as it is.
void ChooseTheme(Random random, Swarm* swarm) {
  const auto themes = static_cast<uint64_t>(Theme::kCount);
  swarm->theme = static_cast<Theme>(random.Below(themes));
  if (swarm->theme == Theme::kElections) {
    const auto often = [&random] { return static_cast<uint32_t>(LogUniform(random, 300, 4'000)); };
    swarm->weather.late = std::max(swarm->weather.late, often());
    swarm->weather.doubled = std::max(swarm->weather.doubled, often());
    // So that replicas change their leaders while writes wait.
    if (random.Chance(1, 3)) swarm->disk.max_sync_us = LogUniform(random, 50 * kMs, 400 * kMs);
    if (random.Chance(1, 2)) swarm->window = std::max(swarm->window, 3);
    swarm->informed_producers = random.Chance(1, 2);
    if (swarm->informed_producers) {
      swarm->call_timeout_us = LogUniform(random, 50 * kMs, 800 * kMs);
      swarm->think_us = std::min(swarm->think_us, 20 * kMs);
    }
    for (TopicPlan& topic : swarm->topics) {
      if (swarm->nodes >= 5 && random.Chance(1, 2)) topic.replicas = 5;
    }
  }
  if (swarm->theme == Theme::kForgetting && random.Chance(1, 2)) {  // what is read comes from disks
    swarm->config.storage.cache_bytes = LogUniform(random, 256, 2'000);
  }
  if (swarm->theme != Theme::kFallingBehind) return;
  swarm->config.storage.checkpoint_bytes = LogUniform(random, 300, 3'000);
  swarm->base.replica.trim_interval_us = 50 * kMs;
  swarm->base.replica.proposal_timeout_us = 30 * kSecond;
  for (TopicPlan& topic : swarm->topics) {
    if (random.Chance(2, 3)) topic.configs["retention.bytes"] = "500";
  }
  // Five, so that one replica can be further behind than another that has just got a checkpoint.
  if (!random.Chance(1, 2)) return;
  swarm->nodes = 5;
  while (swarm->drift_ppm.size() < 5) {
    swarm->drift_ppm.push_back(static_cast<int64_t>(random.Below(200)) - 100);
  }
  for (TopicPlan& topic : swarm->topics) topic.replicas = 5;
}

void ChooseFaults(Random& random, Swarm* swarm) {
  const std::set<FaultKind> often = FaultsOf(swarm->theme);
  for (size_t kind = 0; kind < kFaultKinds; ++kind) {
    const bool is_often = often.contains(static_cast<FaultKind>(kind));
    const bool on = random.Chance(1, 2) || is_often;
    const int64_t every_us = is_often ? LogUniform(random, kSecond / 4, 3 * kSecond)
                                      : LogUniform(random, 2 * kSecond, 30 * kSecond);
    Random own(random.Next());
    if (!on) continue;
    const auto [shortest, longest] = LengthOf(static_cast<FaultKind>(kind));
    int64_t at_us = 3 * kSecond;
    while (true) {
      at_us += static_cast<int64_t>(own.Below(static_cast<uint64_t>(2 * every_us)));
      if (at_us >= swarm->safety_us) break;
      Fault fault;
      fault.at_us = at_us;
      fault.kind = static_cast<FaultKind>(kind);
      fault.for_us = longest == 0 ? 0 : LogUniform(own, shortest, longest);
      fault.random = own.Next();
      swarm->faults.push_back(fault);
    }
  }
  std::stable_sort(swarm->faults.begin(), swarm->faults.end(),
                   [](const Fault& a, const Fault& b) { return a.at_us < b.at_us; });
  for (size_t i = 0; i < swarm->faults.size(); ++i) swarm->faults[i].id = static_cast<int>(i) + 1;
}

void ChooseClients(Random& random, Swarm* swarm) {
  swarm->producers = static_cast<int>(1 + random.Below(3));
  swarm->plain_producers = static_cast<int>(random.Below(2));
  swarm->consumers = static_cast<int>(1 + random.Below(2));
  swarm->window = random.Chance(1, 2) ? 1 : static_cast<int>(2 + random.Below(4));
  swarm->max_records = random.Chance(1, 2) ? 1 : static_cast<int>(LogUniform(random, 2, 12));
  swarm->max_value_bytes = static_cast<int>(LogUniform(random, 8, 4'000));
  swarm->think_us = LogUniform(random, 5 * kMs, 200 * kMs);
  swarm->call_timeout_us = LogUniform(random, 500 * kMs, 10 * kSecond);
  swarm->patience_us = LogUniform(random, 2 * kSecond, 60 * kSecond);
  for (TopicPlan& topic : swarm->topics) {
    // Twice a producer's patience: what it sends again is then still remembered.
    if (random.Chance(2, 3)) {
      topic.configs["producer.id.expiration.ms"] = std::to_string(2 * swarm->patience_us / kMs);
    }
  }
}

/// Consumer groups, in half of the worlds. From a stream of its own.
void ChooseGroups(Random random, bool faults, Swarm* swarm) {
  if (random.Chance(1, 2)) return;
  swarm->groups = random.Chance(1, 3) ? 2 : 1;
  swarm->group_members = static_cast<int>(1 + random.Below(4));
  swarm->session_us = LogUniform(random, 400 * kMs, 3 * kSecond);
  // Members must hear of a rebalance before it is over.
  swarm->rebalance_us = std::max(swarm->session_us, LogUniform(random, 250 * kMs, 2 * kSecond));
  swarm->commit_every_us = LogUniform(random, 20 * kMs, kSecond);
  swarm->mishap_every_us = LogUniform(random, kSecond / 2, 8 * kSecond);
  if (!faults) swarm->mishap_every_us = 0;
  swarm->kafka_producers = random.Chance(2, 3);
  server::Config::Groups& config = swarm->config.groups;
  config.partitions = static_cast<int64_t>(1 + random.Below(2));
  config.initial_rebalance_delay_ms = random.Chance(1, 2) ? 0 : LogUniform(random, 50, 500);
  config.min_session_timeout_ms = 300;
}

}  // namespace

Swarm MakeSwarm(uint64_t seed, bool faults) {
  Random random(seed * 0x9e3779b97f4a7c15 + 0x737761726d);
  Swarm swarm;
  swarm.seed = seed;
  // On more nodes than a partition has replicas a move changes something.
  const uint64_t size = random.Below(20);
  swarm.nodes = size == 0 ? 1 : size < 10 ? 3 : size < 14 ? 4 : 5;
  swarm.shards = static_cast<int>(1 + random.Below(3));
  swarm.safety_us = LogUniform(random, 6 * kSecond, 48 * kSecond);
  ChooseWindows(random, &swarm);
  ChooseTopics(random, &swarm);
  ChooseClients(random, &swarm);
  if (faults) ChooseWeather(random, &swarm);
  for (int i = 0; i < swarm.nodes; ++i) {
    // Machines' clocks differ by some ten parts in a million; a few are broken.
    const int64_t most = random.Chance(1, 4) ? 50'000 : 100;
    swarm.drift_ppm.push_back(static_cast<int64_t>(random.Below(static_cast<uint64_t>(2 * most))) -
                              most);
  }
  if (faults) ChooseTheme(Random(seed * 0x9e3779b97f4a7c15 + 0x7468656d65), &swarm);
  if (faults) ChooseFaults(random, &swarm);
  // Of a stream of its own: what is drawn above stays as it was before there were such clients.
  Random later(seed * 0x9e3779b97f4a7c15 + 0x6d657461);
  swarm.metadata_clients = later.Chance(1, 2) ? 0 : static_cast<int>(1 + later.Below(2));
  ChooseGroups(Random(seed * 0x9e3779b97f4a7c15 + 0x67726f757073), faults, &swarm);
  for (int i = 1; i <= swarm.nodes; ++i) {
    swarm.config.cluster.founders.push_back({NodeId(i), {"node-" + std::to_string(i), 6092}});
  }
  return swarm;
}

std::string Swarm::Describe() const {
  std::string out = "seed " + std::to_string(seed) + ": " + std::to_string(nodes) + " nodes, " +
                    std::to_string(shards) + " shards, heartbeat " +
                    std::to_string(config.raft.heartbeat_ms) + " ms, checkpoint every " +
                    std::to_string(config.storage.checkpoint_bytes) + " B, cache " +
                    std::to_string(config.storage.cache_bytes) +
                    " B, theme: " + kThemeNames[static_cast<size_t>(theme)] + "\n";
  for (const TopicPlan& topic : topics) {
    out += "  " + topic.name + ": " + std::to_string(topic.partitions) + " partitions, " +
           std::to_string(topic.replicas) + " replicas";
    for (const auto& [key, value] : topic.configs) out += ", " + key + "=" + value;
    out += "\n";
  }
  out += "  network: up to " + std::to_string(weather.max_delay_us) + " us, lost " +
         std::to_string(weather.lost) + ", doubled " + std::to_string(weather.doubled) + ", late " +
         std::to_string(weather.late) + ", broken " + std::to_string(weather.broken) +
         " of 10,000; sync up to " + std::to_string(disk.max_sync_us) + " us\n";
  out += "  clients: " + std::to_string(producers) + " idempotent, " +
         std::to_string(plain_producers) + " plain, " + std::to_string(consumers) + " consumers, " +
         std::to_string(metadata_clients) + " of metadata; window " + std::to_string(window) + "\n";
  if (groups > 0) {
    out += "  " + std::to_string(groups) + " consumer groups of " + std::to_string(group_members) +
           ", session " + std::to_string(session_us / kMs) + " ms, rebalance " +
           std::to_string(rebalance_us / kMs) + " ms, commits every " +
           std::to_string(commit_every_us / kMs) + " ms, mishaps every " +
           std::to_string(mishap_every_us / kMs) + " ms" +
           (kafka_producers ? "; half of the producers by Kafka's door" : "") + "\n";
  }
  return out;
}

}  // namespace jangada::sim
