// The loader of Config: YAML is flattened to (key, text) pairs, each pair goes through the table of
// config_table.cc, and the rules that span options come last. yaml-cpp throws; its exceptions end
// here.
#include "server/config.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <utility>

#include "server/config_table.h"

namespace jangada::server {
namespace {

using Problems = std::vector<std::string>;

/// A founder in the file is `{id: 1, address: host:port}` or "1@host:port"; both become the latter.
std::string FounderText(const YAML::Node& item, const std::string& key, Problems& problems) {
  if (item.IsScalar()) return item.Scalar();
  if (item.IsMap() && item.size() == 2 && item["id"] && item["address"] && item["id"].IsScalar() &&
      item["address"].IsScalar()) {
    return item["id"].Scalar() + "@" + item["address"].Scalar();
  }
  problems.push_back(key + ": each founder must be written as {id: 1, address: host:port}.");
  return "";
}

void Flatten(const YAML::Node& node, const std::string& key,
             std::vector<std::pair<std::string, std::string>>& pairs, Problems& problems) {
  if (node.IsMap()) {
    for (const auto& item : node) {
      if (!item.first.IsScalar()) {
        problems.push_back((key.empty() ? "file" : key) + ": the names of options must be words.");
        continue;
      }
      const std::string name = item.first.Scalar();
      Flatten(item.second, key.empty() ? name : key + "." + name, pairs, problems);
    }
    return;
  }
  std::string text;
  if (node.IsScalar()) text = node.Scalar();
  if (node.IsSequence()) {
    const size_t before = problems.size();
    for (const auto& item : node) {
      if (!text.empty()) text += ',';
      text += FounderText(item, key, problems);
    }
    if (problems.size() != before) return;
  }
  pairs.emplace_back(key, text);
}

/// Edits (insert, delete, replace) from one word to the other.
size_t EditDistance(const std::string& from, const std::string& to) {
  std::vector<size_t> row(to.size() + 1);
  for (size_t j = 0; j <= to.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= from.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= to.size(); ++j) {
      const size_t replaced = diagonal + (from[i - 1] == to[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row.back();
}

/// The option that a wrong name most likely meant; people also forget or misplace the part before
/// the dot.
std::string NearestKey(const std::string& key) {
  std::string best;
  size_t best_distance = key.size() / 2 + 1;
  const std::string last = key.substr(key.rfind('.') + 1);
  for (const Option& option : OptionTable()) {
    const std::string option_last =
        std::string(option.key).substr(std::string(option.key).rfind('.') + 1);
    const size_t distance =
        std::min(EditDistance(key, option.key), EditDistance(last, option_last) + 1);
    if (distance < best_distance) {
      best_distance = distance;
      best = option.key;
    }
  }
  return best;
}

void SetOption(Config& config, const std::string& key, const std::string& text,
               Problems& problems) {
  for (const Option& option : OptionTable()) {
    if (key != option.key) continue;
    if (Status status = SetFromText(option, config, text); !status.ok()) {
      problems.push_back(key + ": " + status.error().message);
    }
    return;
  }
  const std::string nearest = NearestKey(key);
  problems.push_back(key + ": there is no such option" +
                     (nearest.empty() ? "." : "; did you mean " + nearest + "?"));
}

void ApplyYaml(Config& config, const std::string& yaml, const std::string& source,
               Problems& problems) {
  std::vector<std::pair<std::string, std::string>> pairs;
  try {
    const YAML::Node root = YAML::Load(yaml);
    if (root.IsNull()) return;
    if (!root.IsMap()) {
      problems.push_back(source + ": must hold `option: value` lines.");
      return;
    }
    Flatten(root, "", pairs, problems);
  } catch (const YAML::Exception& error) {
    problems.push_back(source + ": is not valid YAML: line " + std::to_string(error.mark.line + 1) +
                       ": " + error.msg + ".");
    return;
  }
  std::set<std::string> seen;
  for (const auto& [key, text] : pairs) {
    if (!seen.insert(key).second) {
      problems.push_back(key + ": stands twice in " + source + "; remove one of them.");
      continue;
    }
    SetOption(config, key, text, problems);
  }
}

void ApplySettings(Config& config, const std::vector<std::string>& settings, Problems& problems) {
  for (const std::string& setting : settings) {
    const size_t equals = setting.find('=');
    if (equals == std::string::npos || equals == 0) {
      problems.push_back("--set " + setting + ": must be written as key=value.");
      continue;
    }
    SetOption(config, setting.substr(0, equals), setting.substr(equals + 1), problems);
  }
}

bool IsWildcard(const std::string& host) {
  return host == "0.0.0.0" || host == "::" || host == "[::]";
}

struct NamedListener {
  const char* name;
  Config::Listener* listener;
};

std::vector<NamedListener> Listeners(Config& config) {
  return {{"grpc", &config.grpc},
          {"peer", &config.peer},
          {"kafka", &config.kafka},
          {"http", &config.http}};
}

void CheckListeners(Config& config, Problems& problems) {
  const std::vector<NamedListener> all = Listeners(config);
  for (size_t i = 0; i < all.size(); ++i) {
    const auto& [name, listener] = all[i];
    if (!listener->advertised && listener == &config.kafka) {
      // Kafka's clients must find every node, and where the other nodes find it is known to work.
      listener->advertised = Endpoint{config.peer.advertised->host, listener->listen.port};
    }
    if (!listener->advertised) {
      if (IsWildcard(listener->listen.host)) {
        problems.push_back(std::string(name) + ".advertised: must be set, because " + name +
                           ".listen is every address and others need to be told one.");
      }
      listener->advertised = listener->listen;
    }
    for (size_t j = 0; j < i; ++j) {
      const Endpoint& other = all[j].listener->listen;
      const bool same_host = other.host == listener->listen.host || IsWildcard(other.host) ||
                             IsWildcard(listener->listen.host);
      if (same_host && other.port == listener->listen.port) {
        problems.push_back(std::string(name) + ".listen: port " + std::to_string(other.port) +
                           " is also that of " + all[j].name + ".listen; each needs its own.");
      }
    }
  }
}

void CheckFounders(Config& config, Problems& problems) {
  Config::Cluster& cluster = config.cluster;
  const std::string self = std::to_string(config.node.id);
  if (cluster.founders.empty()) {
    if (cluster.join) {
      problems.push_back(
          "cluster.join: a joining node needs cluster.founders, to know whom to ask.");
    }
    cluster.founders.push_back({config.self(), *config.peer.advertised});
    return;
  }
  std::set<NodeId> ids;
  std::map<std::string, NodeId> addresses;
  bool listed = false;
  for (const Founder& founder : cluster.founders) {
    if (!ids.insert(founder.node).second) {
      problems.push_back("cluster.founders: lists node " + std::to_string(founder.node.value()) +
                         " twice.");
    }
    if (!addresses.emplace(founder.peer.ToString(), founder.node).second) {
      problems.push_back("cluster.founders: gives " + founder.peer.ToString() + " to two nodes.");
    }
    if (founder.node != config.self()) continue;
    listed = true;
    if (founder.peer != *config.peer.advertised) {
      problems.push_back("cluster.founders: lists this node (" + self + ") at " +
                         founder.peer.ToString() + ", but peer.advertised is " +
                         config.peer.advertised->ToString() + "; make them the same.");
    }
  }
  if (!listed && !cluster.join) {
    problems.push_back("cluster.founders: does not list this node (node.id " + self +
                       "); add it, or set cluster.join: true if `jangada node add` admits it.");
  }
}

void CheckTimes(const Config& config, Problems& problems) {
  const Config::Raft& raft = config.raft;
  const std::pair<const char*, int64_t> times[] = {
      {"raft.heartbeat_ms", raft.heartbeat_ms},
      {"raft.election_timeout_ms", raft.election_timeout_ms},
      {"raft.disk_stall_ms", raft.disk_stall_ms}};
  for (const auto& [key, value] : times) {
    if (value % kTickMs != 0) {
      problems.push_back(std::string(key) + ": must be a multiple of " + std::to_string(kTickMs) +
                         " ms, the tick of the clock.");
    }
  }
  // A follower must be able to miss a heartbeat or two without an election (thesis 3.9).
  if (raft.election_timeout_ms < 3 * raft.heartbeat_ms) {
    problems.push_back("raft.election_timeout_ms: must be at least 3 times raft.heartbeat_ms (" +
                       std::to_string(raft.heartbeat_ms) +
                       "), or one lost heartbeat is an election.");
  }
  if (config.groups.max_session_timeout_ms < config.groups.min_session_timeout_ms) {
    problems.push_back("groups.max_session_timeout_ms: is below groups.min_session_timeout_ms (" +
                       std::to_string(config.groups.min_session_timeout_ms) + ").");
  }
  if (raft.disk_stall_ms < raft.heartbeat_ms) {
    problems.push_back("raft.disk_stall_ms: must be at least raft.heartbeat_ms (" +
                       std::to_string(raft.heartbeat_ms) + ").");
  }
}

void CheckSizes(const Config& config, Problems& problems) {
  if (config.raft.max_inflight_bytes > config.raft.max_uncommitted_bytes) {
    problems.push_back("raft.max_inflight_bytes: is above raft.max_uncommitted_bytes (" +
                       std::to_string(config.raft.max_uncommitted_bytes) + ").");
  }
}

}  // namespace

LoadedConfig ParseConfig(const std::string& yaml, const std::string& source,
                         const std::vector<std::string>& settings) {
  LoadedConfig loaded;
  ApplyYaml(loaded.config, yaml, source, loaded.problems);
  ApplySettings(loaded.config, settings, loaded.problems);
  CheckListeners(loaded.config, loaded.problems);
  CheckFounders(loaded.config, loaded.problems);
  CheckTimes(loaded.config, loaded.problems);
  CheckSizes(loaded.config, loaded.problems);
  return loaded;
}

LoadedConfig LoadConfig(const std::optional<std::string>& path,
                        const std::vector<std::string>& settings) {
  if (!path) return ParseConfig("", "", settings);
  std::ifstream file(*path);
  std::stringstream text;
  if (file && file.peek() != std::ifstream::traits_type::eof()) text << file.rdbuf();
  if (file.eof()) file.clear();  // an empty file is one; a folder opens, but reading it fails
  LoadedConfig loaded = ParseConfig(text.str(), *path, settings);
  if (!file) {
    loaded.problems.insert(loaded.problems.begin(),
                           *path + ": cannot be read; name a readable file with --config.");
  }
  return loaded;
}

const std::vector<ConfigOption>& ConfigOptions() {
  static const std::vector<ConfigOption> options = DescribeConfig(Config());
  return options;
}

std::vector<ConfigOption> DescribeConfig(const Config& config) {
  std::vector<ConfigOption> rows;
  const Config defaults;
  for (const Option& option : OptionTable()) {
    rows.push_back({.key = option.key,
                    .value = ToText(option, config),
                    .default_value = ToText(option, defaults),
                    .unit = option.unit,
                    .help = option.help});
  }
  return rows;
}

std::string ConfigHelp() {
  std::string text;
  for (const ConfigOption& option : ConfigOptions()) {
    text += "  " + option.key + " (" + option.unit + ", default " +
            (option.default_value.empty() ? "none" : option.default_value) + ")\n      " +
            option.help + "\n";
  }
  return text;
}

std::string ConfigToText(const Config& config) {
  std::string text;
  for (const Option& option : OptionTable()) {
    YAML::Emitter value;  // which quotes what YAML would take for something else: [::1]:9092
    value << ToText(option, config);
    text += std::string(option.key) + ": " + value.c_str() + "\n";
  }
  return text;
}

}  // namespace jangada::server
