// DescribeConfigs, key 32, v0 to v4, on any node. A topic's settings, each with where its value
// comes from; of a node only what tells clients about its doors.
#include <algorithm>

#include "server/kafka/handlers/config_resources.h"
#include "server/kafka/handlers/handlers.h"
#include "server/partition/topic_config.h"

namespace jangada::server::kafka {
namespace {

using Resource = DescribeConfigsRequest::Resource;
using Config = DescribeConfigsResponse::Config;

/// As Kafka numbers them.
enum ConfigType : int8_t { kUnknownType = 0, kString = 2, kLong = 5, kList = 7 };

bool IsWanted(const Resource& asked, const std::string& name) {
  return !asked.keys ||
         std::find(asked.keys->begin(), asked.keys->end(), name) != asked.keys->end();
}

int8_t TypeOf(const std::string& name, const std::string& value) {
  if (name == "cleanup.policy") return kList;
  const bool number = !value.empty() && value.find_first_not_of("-0123456789") == std::string::npos;
  return number ? kLong : kString;
}

Config Describe(TopicConfigRow row, const DescribeConfigsRequest& request) {
  Config config{.name = row.name,
                .value = row.value,
                .is_default = row.is_default,
                .source = row.is_default ? ConfigSource::kDefault : ConfigSource::kTopic,
                .type = TypeOf(row.name, row.value)};
  if (request.include_documentation) config.documentation = std::move(row.documentation);
  if (request.include_synonyms) {
    if (!row.is_default) config.synonyms.push_back({row.name, row.value, ConfigSource::kTopic});
    config.synonyms.push_back({row.name, row.default_value, ConfigSource::kDefault});
  }
  return config;
}

void DescribeNode(const Call<DescribeConfigsRequest>& call, const Resource& asked,
                  DescribeConfigsResponse::Result* result) {
  const std::pair<std::string, std::string> rows[] = {
      {"auto.create.topics.enable", call.door().options.auto_create_topics ? "true" : "false"},
      {"num.partitions", std::to_string(call.door().options.default_partitions)},
  };
  for (const auto& [name, value] : rows) {
    if (!IsWanted(asked, name)) continue;
    result->configs.push_back({.name = name,
                               .value = value,
                               .read_only = true,
                               .source = ConfigSource::kStaticBroker,
                               .type = TypeOf(name, value)});
  }
}

DescribeConfigsResponse::Result Describe(const Call<DescribeConfigsRequest>& call,
                                         const Resource& asked) {
  DescribeConfigsResponse::Result result{.resource_type = asked.type, .resource_name = asked.name};
  if (ConfigRefusal refusal = CheckChanges(call.broker(), asked.type, asked.name, {});
      refusal.code != Code::kNone) {
    result.error_code = refusal.code;
    result.error_message = std::move(refusal.message);
    return result;
  }
  if (asked.type == ResourceType::kBroker) {
    DescribeNode(call, asked, &result);
    return result;
  }
  const auto topic = call.broker().image()->FindTopic(asked.name);
  if (topic == nullptr) {
    result.error_code = Code::kUnknownTopicOrPartition;
    return result;
  }
  for (TopicConfigRow& row : DescribeTopicConfig(topic->configs)) {
    if (IsWanted(asked, row.name)) {
      result.configs.push_back(Describe(std::move(row), call.request));
    }
  }
  return result;
}

}  // namespace

void HandleDescribeConfigs(Call<DescribeConfigsRequest> call) {
  DescribeConfigsResponse response;
  for (const Resource& asked : call.request.resources) {
    response.results.push_back(Describe(call, asked));
  }
  call.Answer(response);
}

}  // namespace jangada::server::kafka
