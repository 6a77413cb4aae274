#include "client/cli/json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "client/cli/base64.h"
#include "client/cli/group_names.h"
#include "client/cli/values.h"

namespace jangada::client::json {
namespace {

using Json = nlohmann::ordered_json;

/// For a person's eyes as well. What is no UTF-8 is replaced.
std::string Document(const Json& value) {
  return value.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string Line(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

/// Negative: not known, or not there.
Json OrNull(int64_t number) { return number < 0 ? Json() : Json(number); }
Json SecondsOrNull(int64_t ms) { return ms < 0 ? Json() : Json(static_cast<double>(ms) / 1000); }
/// Node ids and epochs count from 1.
Json NodeOrNull(int32_t node) { return node == 0 ? Json() : Json(node); }
Json TextOrNull(const std::string& text) { return text.empty() ? Json() : Json(text); }

/// Nothing is known of a node that was never heard from.
Json DiskBytes(const NodeView& node, int64_t bytes) {
  return node.disk_total_bytes == 0 ? Json() : Json(bytes);
}

Json ReplicasOf(const PartitionStateView& state) {
  Json replicas = Json::array();
  for (const ReplicaStateView& replica : state.replicas) {
    replicas.push_back({{"node", replica.node},
                        {"voter", replica.voter},
                        {"live", replica.live},
                        {"caught_up", replica.caught_up},
                        {"lag_entries", replica.lag_entries}});
  }
  return replicas;
}

Json PartitionOf(const PartitionReport& report) {
  const PartitionStateView& state = *report.state;
  const bool known = state.from_leader;
  return {{"topic", state.where.topic},
          {"partition", state.where.partition},
          {"state", NameOf(report.standing)},
          {"why", TextOrNull(report.why)},
          {"leader", known ? NodeOrNull(state.leader) : Json()},
          {"leader_epoch", known ? Json(state.leader_epoch) : Json()},
          {"desired_replicas", state.desired_replicas},
          {"voters", VotersOf(state)},
          {"caught_up", CaughtUpIn(state)},
          {"start", known ? Json(state.log_start_offset) : Json()},
          {"end", known ? Json(state.high_watermark) : Json()},
          {"replicas", ReplicasOf(state)}};
}

Json PartitionsOf(const std::vector<PartitionReport>& reports) {
  Json partitions = Json::array();
  for (const PartitionReport& report : reports) partitions.push_back(PartitionOf(report));
  return partitions;
}

Json ConfigsOf(const std::map<std::string, std::string>& configs) {
  Json object = Json::object();
  for (const auto& [key, value] : configs) object[key] = value;
  return object;
}

/// `name`: text; or, for other bytes, `name`_base64.
void AddBytes(Json* object, const std::string& name, const std::optional<std::string>& bytes) {
  if (!bytes.has_value()) {
    (*object)[name] = nullptr;
  } else if (IsUtf8(*bytes)) {
    (*object)[name] = *bytes;
  } else {
    (*object)[name + "_base64"] = Base64(*bytes);
  }
}

Json CountsOf(const std::vector<PartitionReport>& reports) {
  std::map<Standing, int64_t> counts;
  for (const PartitionReport& report : reports) ++counts[report.standing];
  return {{"total", reports.size()},
          {"without_leader", counts[Standing::kNoLeader]},
          {"short_of_replicas", counts[Standing::kShortOfReplicas]},
          {"read_only", counts[Standing::kReadOnly]},
          {"moving", counts[Standing::kMoving]}};
}

}  // namespace

std::string Failure(const std::string& code, const std::string& message, int exit_code) {
  return Line({{"error", {{"code", code}, {"message", message}, {"exit_code", exit_code}}}});
}

std::string CreatedTopic(const std::string& name, const std::string& id, bool dry_run) {
  return Document({{"topic", name}, {"id", dry_run ? Json() : Json(id)}, {"created", !dry_run}});
}

std::string Topics(const std::vector<TopicEntry>& topics) {
  Json list = Json::array();
  for (const TopicEntry& topic : topics) {
    list.push_back({{"topic", topic.name},
                    {"id", topic.id},
                    {"partitions", topic.partitions},
                    {"replicas", topic.replication_factor}});
  }
  return Document({{"topics", std::move(list)}});
}

std::string Topic(const TopicView& topic, const std::vector<PartitionReport>& partitions) {
  return Document({{"topic", topic.name},
                   {"id", topic.id},
                   {"replicas", topic.replication_factor},
                   {"configs", ConfigsOf(topic.configs)},
                   {"partitions", PartitionsOf(partitions)}});
}

std::string AlteredTopic(const std::string& name, const ConfigChanges& changes,
                         std::optional<int32_t> partitions) {
  return Document({{"topic", name},
                   {"set", ConfigsOf(changes.set)},
                   {"reset", changes.reset},
                   {"partitions", partitions ? Json(*partitions) : Json()}});
}

std::string DeletedTopic(const std::string& name) {
  return Document({{"topic", name}, {"deleted", true}});
}

std::string Trimmed(const std::string& topic, const std::map<int32_t, int64_t>& starts) {
  Json list = Json::array();
  for (const auto& [partition, start] : starts) {
    list.push_back({{"partition", partition}, {"start", start}});
  }
  return Document({{"topic", topic}, {"partitions", std::move(list)}});
}

std::string Partitions(const std::vector<PartitionReport>& partitions) {
  return Document({{"partitions", PartitionsOf(partitions)}});
}

std::string Moved(const TopicPartition& where, const std::vector<int32_t>& replicas, bool done) {
  return Document({{"topic", where.topic},
                   {"partition", where.partition},
                   {"replicas", replicas},
                   {"done", done}});
}

std::string Transferred(const TopicPartition& where, int32_t leader) {
  return Document({{"topic", where.topic}, {"partition", where.partition}, {"leader", leader}});
}

std::string Groups(const GroupListView& view) {
  Json list = Json::array();
  for (const GroupEntry& group : view.groups) {
    list.push_back({{"group", group.group},
                    {"state", NameOf(group.state)},
                    {"door", TextOrNull(NameOf(group.door))},
                    {"coordinator", group.coordinator}});
  }
  return Document({{"groups", std::move(list)}, {"unanswered", view.unanswered}});
}

std::string Group(const GroupView& group) {
  Json members = Json::array();
  for (const GroupMemberView& member : group.members) {
    Json partitions = Json::array();
    for (const TopicPartition& where : member.partitions) {
      partitions.push_back({{"topic", where.topic}, {"partition", where.partition}});
    }
    members.push_back({{"member", member.member_id},
                       {"instance", TextOrNull(member.instance_id)},
                       {"client", member.client_id},
                       {"host", member.client_host},
                       {"partitions", std::move(partitions)}});
  }
  Json partitions = Json::array();
  int64_t records = 0, behind_ms = 0;
  for (const GroupPartitionView& partition : group.partitions) {
    const bool answered = partition.error.empty();
    partitions.push_back({{"topic", partition.where.topic},
                          {"partition", partition.where.partition},
                          {"committed", OrNull(partition.committed_offset)},
                          {"metadata", TextOrNull(partition.metadata)},
                          {"start", answered ? Json(partition.log_start_offset) : Json()},
                          {"end", answered ? Json(partition.log_end_offset) : Json()},
                          {"lag_records", OrNull(partition.lag_records)},
                          {"lag_seconds", SecondsOrNull(partition.lag_ms)},
                          {"member", TextOrNull(partition.member_id)},
                          {"error", TextOrNull(partition.error)}});
    // One that is not known makes the whole unknown.
    records = records < 0 || partition.lag_records < 0 ? -1 : records + partition.lag_records;
    behind_ms = behind_ms < 0 || partition.lag_ms < 0 ? -1 : std::max(behind_ms, partition.lag_ms);
  }
  return Document({{"group", group.group},
                   {"state", NameOf(group.state)},
                   {"door", TextOrNull(NameOf(group.door))},
                   {"coordinator", group.coordinator},
                   {"assignor", TextOrNull(group.assignor)},
                   {"lag_records", OrNull(records)},
                   {"lag_seconds", SecondsOrNull(behind_ms)},
                   {"members", std::move(members)},
                   {"partitions", std::move(partitions)}});
}

std::string ResetOffsets(const std::string& group, const std::vector<GroupOffset>& offsets,
                         bool dry_run) {
  Json list = Json::array();
  for (const GroupOffset& offset : offsets) {
    list.push_back({{"topic", offset.where.topic},
                    {"partition", offset.where.partition},
                    {"offset", offset.offset}});
  }
  return Document({{"group", group}, {"changed", !dry_run}, {"partitions", std::move(list)}});
}

std::string DeletedGroup(const std::string& group) {
  return Document({{"group", group}, {"deleted", true}});
}

std::string ClusterStatus(const ClusterView& cluster, const std::vector<PartitionReport>& reports,
                          const std::optional<std::map<int32_t, NodeCounts>>& counts) {
  Json nodes = Json::array();
  bool healthy = cluster.controller != 0 && counts.has_value();
  for (const NodeView& node : cluster.nodes) {
    healthy = healthy && node.live && NoteOf(node).empty();
    Json entry{{"node", node.id}, {"live", node.live}, {"clients", TextOrNull(node.grpc_address)}};
    entry["note"] = TextOrNull(NoteOf(node));
    for (const char* name : {"leads", "replicas", "behind"}) entry[name] = nullptr;
    if (counts) {
      const auto found = counts->find(node.id);
      const NodeCounts own = found == counts->end() ? NodeCounts{} : found->second;
      entry["leads"] = own.leads;
      entry["replicas"] = own.replicas;
      entry["behind"] = own.behind;
    }
    nodes.push_back(std::move(entry));
  }
  std::vector<PartitionReport> troubled;
  for (const PartitionReport& report : reports) {
    if (report.standing != Standing::kServing) troubled.push_back(report);
    healthy =
        healthy && (report.standing == Standing::kServing || report.standing == Standing::kMoving);
  }
  return Document({{"cluster_id", cluster.cluster_id},
                   {"answered_by", cluster.answered_by},
                   {"controller", NodeOrNull(cluster.controller)},
                   {"healthy", healthy},
                   {"nodes", std::move(nodes)},
                   {"partitions", counts ? CountsOf(reports) : Json()},
                   {"troubled", PartitionsOf(troubled)}});
}

std::string Nodes(const std::vector<NodeView>& nodes) {
  Json list = Json::array();
  for (const NodeView& node : nodes) {
    list.push_back({{"node", node.id},
                    {"live", node.live},
                    {"rack", TextOrNull(node.rack)},
                    {"clients", TextOrNull(node.grpc_address)},
                    {"peers", TextOrNull(node.peer_address)},
                    {"kafka", TextOrNull(node.kafka_address)},
                    {"http", TextOrNull(node.http_address)},
                    {"version", TextOrNull(node.version)},
                    {"draining", node.draining},
                    {"disk_full", node.disk_full},
                    {"disk_free_bytes", DiskBytes(node, node.disk_free_bytes)},
                    {"disk_total_bytes", DiskBytes(node, node.disk_total_bytes)},
                    {"refilling_replicas", node.refilling_replicas},
                    {"refilled_replicas", node.refilled_replicas}});
  }
  return Document({{"nodes", std::move(list)}});
}

std::string Leaders(const TopicsView& view) {
  std::map<int32_t, const NodeView*> live;
  for (const NodeView& node : view.nodes) {
    if (node.live) live[node.id] = &node;
  }
  Json list = Json::array();
  for (const TopicView& topic : view.topics) {
    for (size_t i = 0; i < topic.partitions.size(); ++i) {
      const TopicView::Partition& partition = topic.partitions[i];
      const auto leader = live.find(partition.leader);
      const bool known = leader != live.end();
      list.push_back({{"topic", topic.name},
                      {"partition", i},
                      {"leader", known ? Json(partition.leader) : Json()},
                      {"clients", known ? Json(leader->second->grpc_address) : Json()},
                      {"replicas", partition.replicas}});
    }
  }
  return Document({{"partitions", std::move(list)}});
}

std::string LogLevels(const std::vector<NodeLevel>& levels) {
  Json list = Json::array();
  for (const NodeLevel& level : levels) {
    list.push_back(
        {{"node", level.node}, {"level", level.level}, {"before", TextOrNull(level.before)}});
  }
  return Document({{"nodes", std::move(list)}});
}

std::string Config(const ConfigView& config) {
  Json list = Json::array();
  for (const ConfigView::Option& option : config.options) {
    list.push_back({{"key", option.key},
                    {"value", option.value},
                    {"default", TextOrNull(option.default_value)},
                    {"unit", TextOrNull(option.unit)},
                    {"help", option.help}});
  }
  return Document({{"node", config.node}, {"options", std::move(list)}});
}

std::string NodeChange(int32_t node, const std::string& state) {
  return Document({{"node", node}, {"state", state}});
}

std::string Ends(const std::string& topic, const std::vector<PartitionOffsets>& partitions) {
  Json list = Json::array();
  for (const PartitionOffsets& ends : partitions) {
    list.push_back({{"partition", ends.partition},
                    {"earliest", ends.earliest.offset},
                    {"latest", ends.latest.offset},
                    {"records", ends.latest.offset - ends.earliest.offset}});
  }
  return Document({{"topic", topic}, {"partitions", std::move(list)}});
}

std::string OffsetsAt(const std::string& topic, const std::string& at,
                      const std::map<int32_t, OffsetAnswer>& answers) {
  Json list = Json::array();
  for (const auto& [partition, answer] : answers) {
    list.push_back({{"partition", partition},
                    {"offset", OrNull(answer.offset)},
                    {"timestamp_ms", OrNull(answer.timestamp_ms)}});
  }
  return Document({{"topic", topic}, {"at", at}, {"partitions", std::move(list)}});
}

std::string Produced(const std::string& topic, int64_t sent, int64_t acknowledged, double seconds) {
  return Document(
      {{"topic", topic}, {"sent", sent}, {"acknowledged", acknowledged}, {"seconds", seconds}});
}

std::string Acknowledged(int32_t partition, int64_t offset, int64_t line) {
  return Line({{"partition", partition}, {"offset", offset}, {"line", line}});
}

std::string Record(const TopicPartition& where, const jangada::Record& record) {
  Json headers = Json::array();
  for (const RecordHeader& header : record.headers) {
    Json entry{{"name", header.key}};
    AddBytes(&entry, "value", header.value);
    headers.push_back(std::move(entry));
  }
  Json object{{"topic", where.topic},
              {"partition", where.partition},
              {"offset", record.offset},
              {"timestamp_ms", record.timestamp_ms}};
  AddBytes(&object, "key", record.key);
  AddBytes(&object, "value", record.value);
  object["headers"] = std::move(headers);
  return Line(object);
}

std::string Ready(bool ready, const std::vector<std::string>& missing, double waited_seconds) {
  return Document({{"ready", ready}, {"missing", missing}, {"waited_seconds", waited_seconds}});
}

std::string Bench(const BenchReport& report) {
  const auto a_second = [&](double count) {
    return report.seconds > 0 ? count / report.seconds : 0.0;
  };
  Json settings = Json::object();
  for (const auto& [name, value] : report.settings) {
    std::string key = name;
    std::replace(key.begin(), key.end(), ' ', '_');
    const auto number = ParseInteger(value);
    settings[key] = number ? Json(*number) : Json(value);
  }
  const LatencyHistogram& latency = report.latency;
  return Document({{"bench", report.bench},
                   {"topic", report.topic},
                   {"settings", std::move(settings)},
                   {"seconds", report.seconds},
                   {"records", report.records},
                   {"failed", report.failed},
                   {"bytes", report.bytes},
                   {"requests", report.requests},
                   {"mb_per_s", a_second(static_cast<double>(report.bytes) / 1e6)},
                   {"records_per_s", a_second(static_cast<double>(report.records))},
                   {"requests_per_s", a_second(static_cast<double>(report.requests))},
                   {"latency_of", report.latency_of},
                   {"latency_us",
                    {{"p50", latency.Percentile(0.5)},
                     {"p99", latency.Percentile(0.99)},
                     {"p99.9", latency.Percentile(0.999)},
                     {"max", latency.max()}}},
                   {"client_cpu_seconds", report.client_cpu_seconds}});
}

std::string Completion(const std::string& shell, const std::string& script) {
  return Document({{"shell", shell}, {"script", script}});
}

std::string ProfileList(const Profiles& profiles) {
  Json list = Json::array();
  for (const auto& [name, profile] : profiles.by_name) {
    list.push_back({{"profile", name},
                    {"default", name == profiles.default_name},
                    {"bootstrap", profile.bootstrap},
                    {"timeout_ms", profile.timeout_ms ? Json(*profile.timeout_ms) : Json()}});
  }
  return Document({{"file", profiles.path}, {"profiles", std::move(list)}});
}

std::string ProfileInUse(const Connection& connection, int64_t timeout_ms) {
  return Document({{"bootstrap", connection.bootstrap},
                   {"timeout_ms", timeout_ms},
                   {"profile", TextOrNull(connection.profile)},
                   {"because", connection.because}});
}

}  // namespace jangada::client::json
