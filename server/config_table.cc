// The options' rows, and how each kind of value is read and written. Pure.
#include "server/config_table.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include "server/log_level.h"

namespace jangada::server {
namespace {

constexpr int64_t kKiB = 1 << 10;
constexpr int64_t kMiB = 1 << 20;
constexpr int64_t kGiB = 1 << 30;
constexpr int64_t kTiB = int64_t{1} << 40;
constexpr int64_t kHourMs = 3600 * 1000;
constexpr int64_t kMaxInt = std::numeric_limits<int64_t>::max();

Error Wrong(std::string sentence) {
  return Error{ErrorCode::kInvalidArgument, std::move(sentence)};
}

std::optional<int64_t> ReadInteger(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Sizes may carry a suffix: 64MiB.
std::optional<int64_t> ReadSize(std::string_view text) {
  constexpr std::pair<std::string_view, int64_t> kSuffixes[] = {
      {"KiB", kKiB}, {"MiB", kMiB}, {"GiB", kGiB}, {"TiB", kTiB}};
  for (const auto& [suffix, factor] : kSuffixes) {
    if (!text.ends_with(suffix)) continue;
    text.remove_suffix(suffix.size());
    while (text.ends_with(' ')) text.remove_suffix(1);
    const auto value = ReadInteger(text);
    if (!value || *value > kMaxInt / factor || *value < -kMaxInt / factor) return std::nullopt;
    return *value * factor;
  }
  return ReadInteger(text);
}

Result<Endpoint> ReadEndpoint(const std::string& text) {
  const size_t colon = text.rfind(':');
  const auto port = colon == std::string::npos
                        ? std::nullopt
                        : ReadInteger(std::string_view(text).substr(colon + 1));
  if (!port || *port < 1 || *port > 65535 || colon == 0) {
    return Wrong("'" + text + "' is not an address; write host:port with a port from 1 to 65535.");
  }
  return Endpoint{text.substr(0, colon), static_cast<uint16_t>(*port)};
}

Result<Founder> ReadFounder(const std::string& text) {
  const size_t at = text.find('@');
  const auto id =
      at == std::string::npos ? std::nullopt : ReadInteger(std::string_view(text).substr(0, at));
  if (!id || *id < 1 || *id > std::numeric_limits<int32_t>::max()) {
    return Wrong("'" + text + "' is not a founder; write id@host:port with an id of 1 or more.");
  }
  TRY_ASSIGN(Endpoint peer, ReadEndpoint(text.substr(at + 1)));
  return Founder{NodeId(static_cast<int32_t>(*id)), std::move(peer)};
}

std::string Range(const Option& option) {
  std::string text = "must be a number";
  if (option.max == kMaxInt) {
    text += " of " + std::to_string(option.min) + " or more";
  } else {
    text += " from " + std::to_string(option.min) + " to " + std::to_string(option.max);
  }
  return text + " (" + option.unit + ")" +
         (option.special != nullptr ? std::string(", or ") + option.special : "");
}

// ---- one overload a kind of field ----

Status Set(const Option& option, std::string& field, const std::string& text) {
  if (text.empty() && option.required) return Wrong("must not be empty.");
  bool known = option.allowed.empty();
  std::string choices;
  for (const char* word : option.allowed) {
    known |= text == word;
    choices += (choices.empty() ? "" : ", ") + std::string(word);
  }
  if (!known) return Wrong("'" + text + "' is none of " + choices + ".");
  field = text;
  return {};
}

Status Set(const Option& option, int64_t& field, const std::string& text) {
  if (option.special != nullptr && text == option.special) {
    field = -1;
    return {};
  }
  const auto value = std::string_view(option.unit) == "bytes" ? ReadSize(text) : ReadInteger(text);
  if (!value || *value < option.min || *value > option.max) {
    return Wrong("'" + text + "' is not good here: it " + Range(option) + ".");
  }
  field = *value;
  return {};
}

Status Set(const Option&, bool& field, const std::string& text) {
  if (text != "true" && text != "false") return Wrong("'" + text + "' is neither true nor false.");
  field = text == "true";
  return {};
}

Status Set(const Option&, Endpoint& field, const std::string& text) {
  TRY_ASSIGN(field, ReadEndpoint(text));
  return {};
}

Status Set(const Option&, std::optional<Endpoint>& field, const std::string& text) {
  field.reset();
  if (text.empty()) return {};
  TRY_ASSIGN(field, ReadEndpoint(text));
  return {};
}

Status Set(const Option&, std::vector<Founder>& field, const std::string& text) {
  std::vector<Founder> founders;
  for (size_t begin = 0; begin < text.size();) {
    const size_t comma = std::min(text.find(',', begin), text.size());
    TRY_ASSIGN(Founder founder, ReadFounder(text.substr(begin, comma - begin)));
    founders.push_back(std::move(founder));
    begin = comma + 1;
  }
  field = std::move(founders);
  return {};
}

std::string Text(const Option&, const std::string& field) { return field; }
std::string Text(const Option& option, int64_t field) {
  if (option.special != nullptr && field == -1) return option.special;
  return std::to_string(field);
}
std::string Text(const Option&, bool field) { return field ? "true" : "false"; }
std::string Text(const Option&, const Endpoint& field) { return field.ToString(); }
std::string Text(const Option&, const std::optional<Endpoint>& field) {
  return field ? field->ToString() : "";
}
std::string Text(const Option&, const std::vector<Founder>& field) {
  std::string text;
  for (const Founder& founder : field) {
    if (!text.empty()) text += ',';
    text += std::to_string(founder.node.value()) + "@" + founder.peer.ToString();
  }
  return text;
}

// ---- rows ----

/// The field's accessor, of the type that the variant knows it by.
#define FIELD(path)          \
  +[](Config & c) -> auto& { \
    return c.path;           \
  }

std::vector<Option> NodeRows() {
  return {
      {"data_dir",
       "path",
       "The folder of everything this node keeps; made if it is not there.",
       FIELD(data_dir),
       0,
       0,
       nullptr,
       {},
       true},
      {"node.id", "number", "This node's id: unique in the cluster, and the same for ever.",
       FIELD(node.id), 1, std::numeric_limits<int32_t>::max()},
      {"node.rack", "name", "The rack or zone; replicas of a partition are spread over them.",
       FIELD(node.rack)},
      {"cluster.founders", "list of {id, address}",
       "The nodes that found the cluster, with their peer addresses; the same list on each of "
       "them. "
       "By default this node alone. On a command line: 1@host:port,2@host:port.",
       FIELD(cluster.founders)},
      {"cluster.join", "true or false",
       "This node is no founder: it was, or will be, admitted by `jangada node add`.",
       FIELD(cluster.join)},
      {"shards", "threads", "Threads that own partitions; 0 is one per core.", FIELD(shards), 0,
       1024},
  };
}

std::vector<Option> ListenerRows() {
  return {
      {"grpc.listen", "host:port", "Where clients reach the gRPC API.", FIELD(grpc.listen)},
      {"grpc.advertised", "host:port",
       "The address that clients are told; by default that of grpc.listen.",
       FIELD(grpc.advertised)},
      {"peer.listen", "host:port", "Where the other nodes reach this one.", FIELD(peer.listen)},
      {"peer.advertised", "host:port",
       "The address that other nodes are told; by default that of peer.listen.",
       FIELD(peer.advertised)},
      {"http.listen", "host:port",
       "Where /metrics (for Prometheus), /healthz and /readyz are served over HTTP.",
       FIELD(http.listen)},
      {"http.advertised", "host:port",
       "The address that HTTP clients are told; by default that of http.listen.",
       FIELD(http.advertised)},
  };
}

std::vector<Option> KafkaRows() {
  return {
      {"kafka.listen", "host:port", "Where clients that speak the Kafka protocol reach this node.",
       FIELD(kafka.listen)},
      {"kafka.advertised", "host:port",
       "The address that Kafka clients are told; by default the host of peer.advertised with the "
       "port of kafka.listen.",
       FIELD(kafka.advertised)},
      {"kafka.auto_create_topics", "true or false",
       "A topic that a Kafka client asks for by name is made if there is none and the client "
       "allows "
       "it (producers do).",
       FIELD(kafka.auto_create_topics)},
      {"kafka.default_partitions", "number",
       "Partitions of a topic that a Kafka client makes without saying how many.",
       FIELD(kafka.default_partitions), 1, 10'000},
      {"kafka.default_replicas", "number",
       "Replicas of such a topic's partitions; it is made once as many nodes live. auto: three, or "
       "as many as there are nodes.",
       FIELD(kafka.default_replicas), 1, 99, "auto"},
      {"kafka.idle_timeout_ms", "ms",
       "A connection on which nothing happens for so long is closed.", FIELD(kafka.idle_timeout_ms),
       1'000, 24 * kHourMs},
      {"kafka.max_connections", "number",
       "Kafka connections that this node takes; more are refused.", FIELD(kafka.max_connections), 1,
       1'000'000},
      {"kafka.max_connections_per_address", "number", "The same for the clients of one address.",
       FIELD(kafka.max_connections_per_address), 1, 1'000'000},
  };
}

std::vector<Option> GroupsRows() {
  return {
      {"groups.partitions", "number",
       "Partitions of the topic that keeps consumer groups and their offsets; read once, when the "
       "first group makes the topic.",
       FIELD(groups.partitions), 1, 1'000},
      {"groups.initial_rebalance_delay_ms", "ms",
       "An empty group waits so long for more members after its first, and again while more come.",
       FIELD(groups.initial_rebalance_delay_ms), 0, kHourMs},
      {"groups.min_session_timeout_ms", "ms",
       "The shortest session that a member may ask for: without a sign of life it is then put out "
       "of its group.",
       FIELD(groups.min_session_timeout_ms), 1, kHourMs},
      {"groups.max_session_timeout_ms", "ms", "The longest.", FIELD(groups.max_session_timeout_ms),
       1, 24 * kHourMs},
      {"groups.max_members", "number", "Members of one group, at most.", FIELD(groups.max_members),
       1, 100'000},
      {"groups.offsets_retention_minutes", "minutes",
       "A group without members is forgotten so long after it was last used, with its offsets.",
       FIELD(groups.offsets_retention_minutes), 1, 52'560'000},
  };
}

std::vector<Option> RaftRows() {
  return {
      {"raft.heartbeat_ms", "ms", "How often a leader speaks to its followers when idle.",
       FIELD(raft.heartbeat_ms), kTickMs, kHourMs},
      {"raft.election_timeout_ms", "ms",
       "A follower waits between one and two of these for its leader before it stands for "
       "election. At least 3 heartbeats.",
       FIELD(raft.election_timeout_ms), kTickMs, kHourMs},
      {"raft.disk_stall_ms", "ms",
       "A leader whose disk has not finished a write for this long steps down.",
       FIELD(raft.disk_stall_ms), kTickMs, kHourMs},
      {"raft.max_inflight_bytes", "bytes",
       "Sent to one follower of one partition and not yet acknowledged, at most.",
       FIELD(raft.max_inflight_bytes), kMiB, kGiB},
      {"raft.max_uncommitted_bytes", "bytes",
       "Accepted for one partition and not yet replicated, at most; beyond it producers are told "
       "to "
       "slow down.",
       FIELD(raft.max_uncommitted_bytes), kMiB, 16 * kGiB},
  };
}

std::vector<Option> StorageRows() {
  return {
      {"storage.min_free_bytes", "bytes",
       "With less free space than this the node refuses to append; it still votes, trims, deletes "
       "and serves reads. auto: 1 GiB or 5 % of the file system, whichever is less.",
       FIELD(storage.min_free_bytes), 0, kMaxInt, "auto"},
      {"storage.checkpoint_bytes", "bytes",
       "A replica writes a checkpoint after this much of its log: what a restart replays at most.",
       FIELD(storage.checkpoint_bytes), kMiB, kTiB},
      {"storage.cache_bytes", "bytes", "Recent entries kept in memory, for the whole node.",
       FIELD(storage.cache_bytes), kMiB, kTiB},
      {"limits.max_request_bytes", "bytes", "The largest request that a client may send.",
       FIELD(limits.max_request_bytes), 64 * kKiB, kGiB},
  };
}

std::vector<Option> WatchRows() {
  return {
      {"metrics.per_partition", "true or false",
       "Adds series of each partition to /metrics: log start, high watermark, lag. A node with "
       "thousands of partitions then has thousands of series.",
       FIELD(metrics.per_partition)},
      {"log.level",
       "level",
       "How much is logged: trace, debug, info, warn or error.",
       FIELD(log.level),
       0,
       0,
       nullptr,
       {kLogLevels.begin(), kLogLevels.end()}},
      {"log.file", "path", "Where the log goes; by default to stderr.", FIELD(log.file)},
  };
}

#undef FIELD

}  // namespace

const std::vector<Option>& OptionTable() {
  static const std::vector<Option> table = [] {
    std::vector<Option> rows;
    for (auto* section :
         {NodeRows, ListenerRows, KafkaRows, GroupsRows, RaftRows, StorageRows, WatchRows}) {
      for (Option& row : section()) rows.push_back(std::move(row));
    }
    return rows;
  }();
  return table;
}

Status SetFromText(const Option& option, Config& config, const std::string& text) {
  return std::visit([&](auto field) { return Set(option, field(config), text); }, option.field);
}

std::string ToText(const Option& option, const Config& config) {
  // The accessors serve both directions; reading through them changes nothing.
  return std::visit([&](auto field) { return Text(option, field(const_cast<Config&>(config))); },
                    option.field);
}

}  // namespace jangada::server
