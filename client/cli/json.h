// What -o json prints, each shape in one place. The table of commands documents them
// (Command::json) and the integration test holds the two together. Every function answers whole
// lines. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "client/cli/bench.h"
#include "client/cli/health.h"
#include "client/cli/profile.h"
#include "jangada/client.h"
#include "jangada/record.h"

namespace jangada::client::json {

/// One line, for stderr.
std::string Failure(const std::string& code, const std::string& message, int exit_code);

std::string CreatedTopic(const std::string& name, const std::string& id, bool dry_run);
std::string Topics(const std::vector<TopicEntry>& topics);
std::string Topic(const TopicView& topic, const std::vector<PartitionReport>& partitions);
std::string AlteredTopic(const std::string& name, const ConfigChanges& changes,
                         std::optional<int32_t> partitions);
std::string DeletedTopic(const std::string& name);
/// Partition -> its first offset.
std::string Trimmed(const std::string& topic, const std::map<int32_t, int64_t>& starts);

std::string Partitions(const std::vector<PartitionReport>& partitions);
std::string Moved(const TopicPartition& where, const std::vector<int32_t>& replicas, bool done);
std::string Transferred(const TopicPartition& where, int32_t leader);

std::string Groups(const GroupListView& view);
std::string Group(const GroupView& group);
std::string ResetOffsets(const std::string& group, const std::vector<GroupOffset>& offsets,
                         bool dry_run);
std::string DeletedGroup(const std::string& group);

struct NodeCounts {
  int64_t leads = 0;
  int64_t replicas = 0;
  int64_t behind = 0;
};
/// `counts`: nothing if the partitions are not known; `reports` is then empty.
std::string ClusterStatus(const ClusterView& cluster, const std::vector<PartitionReport>& reports,
                          const std::optional<std::map<int32_t, NodeCounts>>& counts);
std::string Nodes(const std::vector<NodeView>& nodes);
std::string Leaders(const TopicsView& view);
struct NodeLevel {
  int32_t node = 0;
  std::string level;
  std::string before;  // empty: it was not changed
};
std::string LogLevels(const std::vector<NodeLevel>& levels);
std::string Config(const ConfigView& config);
std::string NodeChange(int32_t node, const std::string& state);

struct PartitionOffsets {
  int32_t partition = 0;
  OffsetAnswer earliest;
  OffsetAnswer latest;
};
std::string Ends(const std::string& topic, const std::vector<PartitionOffsets>& partitions);
/// Partition -> answer.
std::string OffsetsAt(const std::string& topic, const std::string& at,
                      const std::map<int32_t, OffsetAnswer>& answers);

std::string Produced(const std::string& topic, int64_t sent, int64_t acknowledged, double seconds);
/// One line.
std::string Acknowledged(int32_t partition, int64_t offset, int64_t line);
/// One line. Bytes that are no UTF-8 go as base64, under another name.
std::string Record(const TopicPartition& where, const jangada::Record& record);

std::string Ready(bool ready, const std::vector<std::string>& missing, double waited_seconds);

std::string Bench(const BenchReport& report);

std::string Completion(const std::string& shell, const std::string& script);

std::string ProfileList(const Profiles& profiles);
std::string ProfileInUse(const Connection& connection, int64_t timeout_ms);

}  // namespace jangada::client::json
