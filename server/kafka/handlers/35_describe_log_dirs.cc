// DescribeLogDirs, key 35, v0 to v4: the data folder of the node that is asked, as its one log
// directory, with the size of each replica's log in it. A size counts the entries of the log as
// they were appended; what the store compresses, and what it has not yet given back, the disk knows
// only as a whole. There is no lag between a log's end and the high watermark: a replica knows as
// committed only what it holds.
#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "server/kafka/handlers/handlers.h"

namespace jangada::server::kafka {
namespace {

/// nullopt: all.
using Asked = std::optional<std::map<std::string, std::set<int32_t>>>;

Asked AskedFor(const DescribeLogDirsRequest& request) {
  if (!request.topics) return std::nullopt;
  Asked asked(std::in_place);
  for (const DescribeLogDirsRequest::Topic& topic : *request.topics) {
    (*asked)[topic.name].insert(topic.partitions.begin(), topic.partitions.end());
  }
  return asked;
}

bool IsAsked(const Asked& asked, const TopicPartition& where) {
  if (!asked) return true;
  const auto topic = asked->find(where.topic);
  return topic != asked->end() && topic->second.contains(where.partition);
}

}  // namespace

void HandleDescribeLogDirs(Call<DescribeLogDirsRequest> call) {
  LogDirView view = call.broker().LogDir();
  const Asked asked = AskedFor(call.request);
  DescribeLogDirsResponse::Result folder{.error_code = Code::kNone,
                                         .log_dir = std::move(view.path),
                                         .topics = {},
                                         .total_bytes = view.total_bytes,
                                         .usable_bytes = view.usable_bytes};
  for (const LogDirView::Replica& replica : view.replicas) {
    if (!IsAsked(asked, replica.where)) continue;
    if (folder.topics.empty() || folder.topics.back().name != replica.where.topic) {
      folder.topics.push_back({.name = replica.where.topic, .partitions = {}});
    }
    folder.topics.back().partitions.push_back(
        {.index = replica.where.partition, .size = replica.bytes});
  }
  DescribeLogDirsResponse response;
  response.results.push_back(std::move(folder));
  call.Answer(response);
}

}  // namespace jangada::server::kafka
