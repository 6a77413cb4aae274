// CreateTopics, key 19, v0 to v7, on any node. -1 for partitions or replicas takes the defaults of
// the node that is asked. A topic is answered when its leaders serve it, or with REQUEST_TIMED_OUT
// while it goes on.
#include <memory>
#include <set>

#include "base/countdown.h"
#include "server/kafka/handlers/cluster_view.h"
#include "server/kafka/handlers/config_resources.h"
#include "server/kafka/handlers/handlers.h"
#include "server/partition/topic_config.h"

namespace jangada::server::kafka {
namespace {

using Topic = CreateTopicsRequest::Topic;
using Answer = CreateTopicsResponse::Topic;

using Refusal = ConfigRefusal;

/// What the broker is asked, or why it is not.
using Plan = std::variant<server::CreateTopic, Refusal>;

std::optional<Refusal> ReadAssignment(const Topic& asked, server::CreateTopic* create) {
  create->assignment.resize(asked.assignments.size());
  for (const CreateTopicsRequest::Assignment& assignment : asked.assignments) {
    const auto place = static_cast<size_t>(assignment.partition);
    if (assignment.partition < 0 || place >= create->assignment.size() ||
        !create->assignment[place].empty()) {
      return Refusal{Code::kInvalidReplicaAssignment,
                     "the partitions of an assignment must be 0, 1, 2... without a gap"};
    }
    for (const int32_t node : assignment.nodes) create->assignment[place].emplace_back(node);
    if (create->assignment[place].empty() ||
        assignment.nodes.size() != asked.assignments.front().nodes.size()) {
      return Refusal{Code::kInvalidReplicaAssignment,
                     "every partition needs replicas, and as many as the others"};
    }
  }
  create->partitions = static_cast<int32_t>(create->assignment.size());
  create->replication_factor = static_cast<int32_t>(create->assignment.front().size());
  return std::nullopt;
}

std::optional<Refusal> ReadCounts(const Door& door, const Topic& asked,
                                  server::CreateTopic* create) {
  const ClusterImagePtr image = door.broker.image();
  create->partitions =
      asked.num_partitions == -1 ? door.options.default_partitions : asked.num_partitions;
  create->replication_factor =
      asked.replication_factor == -1 ? DefaultReplicas(door, *image) : asked.replication_factor;
  if (create->partitions < 1 || create->partitions > kMaxPartitionsOfTopic) {
    return Refusal{
        Code::kInvalidPartitions,
        "a topic has from 1 to " + std::to_string(kMaxPartitionsOfTopic) + " partitions"};
  }
  const size_t live = door.broker.LiveNodes().size();
  if (create->replication_factor < 1 || static_cast<size_t>(create->replication_factor) > live) {
    return Refusal{Code::kInvalidReplicationFactor,
                   "replication factor " + std::to_string(create->replication_factor) +
                       " needs as many live nodes; there are " + std::to_string(live)};
  }
  return std::nullopt;
}

Plan PlanFor(const Call<CreateTopicsRequest>& call, const Topic& asked) {
  server::CreateTopic create{.name = asked.name,
                             .timeout_us = TimeoutUs(call.request.timeout_ms),
                             .validate_only = call.request.validate_only};
  if (const Status name = CheckTopicName(asked.name); !name.ok()) {
    return Refusal{Code::kInvalidTopic, name.error().message};
  }
  if (!asked.assignments.empty() &&
      (asked.num_partitions != -1 || asked.replication_factor != -1)) {
    return Refusal{Code::kInvalidRequest,
                   "a topic gets either an assignment or numbers of partitions and replicas"};
  }
  const std::optional<Refusal> refusal = asked.assignments.empty()
                                             ? ReadCounts(call.door(), asked, &create)
                                             : ReadAssignment(asked, &create);
  if (refusal) return *refusal;
  for (const CreateTopicsRequest::Config& config : asked.configs) {
    if (!config.value) {
      return Refusal{Code::kInvalidConfig, "the config " + config.name + " has no value"};
    }
    if (const Status valid = ValidateTopicConfig(config.name, *config.value); !valid.ok()) {
      return Refusal{Code::kInvalidConfig, valid.error().message};
    }
    if (config.name == "min.insync.replicas") {
      ConfigRefusal too_many = CheckMinInSync(create.replication_factor, *config.value);
      if (too_many.code != Code::kNone) return too_many;
    }
    create.configs[config.name] = *config.value;
  }
  return create;
}

Code CodeOfCreate(ErrorCode code, const Topic& asked) {
  const bool by_hand = !asked.assignments.empty();
  if (code == ErrorCode::kInvalidArgument && by_hand) return Code::kInvalidReplicaAssignment;
  return AdminCodeOf(code);
}

void TakeConfigs(const std::map<std::string, std::string>& overrides, Answer* answer) {
  answer->configs.emplace();
  for (TopicConfigRow& row : DescribeTopicConfig(overrides)) {
    const ConfigSource source = row.is_default ? ConfigSource::kDefault : ConfigSource::kTopic;
    answer->configs->push_back({.name = std::move(row.name),
                                .value = std::move(row.value),
                                .config_source = static_cast<int8_t>(source)});
  }
}

struct CreateTopicsWork {
  explicit CreateTopicsWork(Call<CreateTopicsRequest> its_call) : call(std::move(its_call)) {}
  Call<CreateTopicsRequest> call;
  CreateTopicsResponse response;
};

}  // namespace

void HandleCreateTopics(Call<CreateTopicsRequest> call) {
  auto work = std::make_shared<CreateTopicsWork>(std::move(call));
  const std::vector<Topic>& topics = work->call.request.topics;
  work->response.topics.resize(topics.size());
  std::multiset<std::string> names;
  for (const Topic& topic : topics) names.insert(topic.name);
  auto left = std::make_shared<Countdown>(static_cast<int>(topics.size()) + 1,
                                          [work] { work->call.Answer(work->response); });
  for (size_t i = 0; i < topics.size(); ++i) {
    Answer* answer = &work->response.topics[i];
    answer->name = topics[i].name;
    Plan plan = names.count(topics[i].name) > 1
                    ? Refusal{Code::kInvalidRequest, "the request names this topic twice"}
                    : PlanFor(work->call, topics[i]);
    if (auto* refusal = std::get_if<Refusal>(&plan)) {
      answer->error_code = refusal->code;
      answer->error_message = std::move(refusal->message);
      left->Done();
      continue;
    }
    auto& create = std::get<server::CreateTopic>(plan);
    answer->num_partitions = create.partitions;
    answer->replication_factor = static_cast<int16_t>(create.replication_factor);
    TakeConfigs(create.configs, answer);
    work->call.broker().CreateTopic(
        std::move(create), [work, left, answer, i](const Result<Uuid>& id) {
          if (id.ok()) {
            answer->id = *id;
          } else {
            answer->error_code = CodeOfCreate(id.error().code, work->call.request.topics[i]);
            answer->error_message = id.error().message;
          }
          left->Done();
        });
  }
  left->Done();
}

}  // namespace jangada::server::kafka
