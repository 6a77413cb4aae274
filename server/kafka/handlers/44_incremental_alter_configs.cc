// IncrementalAlterConfigs, key 44, v0 and v1, on any node. SET and DELETE; APPEND and SUBTRACT
// change lists, of which cleanup.policy is the only one.
#include <algorithm>
#include <memory>

#include "server/kafka/handlers/config_resources.h"
#include "server/kafka/handlers/handlers.h"
#include "server/partition/topic_config.h"

namespace jangada::server::kafka {
namespace {

using Operation = IncrementalAlterConfigsRequest::Operation;

constexpr std::string_view kListConfig = "cleanup.policy";

std::vector<std::string> Split(const std::string& list) {
  std::vector<std::string> words;
  for (size_t begin = 0; begin < list.size();) {
    const size_t comma = std::min(list.find(',', begin), list.size());
    words.push_back(list.substr(begin, comma - begin));
    begin = comma + 1;
  }
  return words;
}

std::string ChangedList(const std::string& now, Operation operation, const std::string& named) {
  std::vector<std::string> words = Split(now);
  for (const std::string& word : Split(named)) {
    std::erase(words, word);
    if (operation == Operation::kAppend) words.push_back(word);
  }
  std::string list;
  for (const std::string& word : words) list += (list.empty() ? "" : ",") + word;
  return list;
}

std::string ValueNow(const Broker& broker, const std::string& topic_name,
                     const std::string& config) {
  const auto topic = broker.image()->FindTopic(topic_name);
  if (topic == nullptr) return "";
  for (TopicConfigRow& row : DescribeTopicConfig(topic->configs)) {
    if (row.name == config) return std::move(row.value);
  }
  return "";
}

ConfigChanger::Resource Read(const Broker& broker,
                             const IncrementalAlterConfigsRequest::Resource& asked) {
  ConfigChanger::Resource resource{.type = asked.type, .name = asked.name};
  const auto refuse = [&resource](Code code, std::string why) {
    resource.refusal = {code, std::move(why)};
    return resource;
  };
  for (const IncrementalAlterConfigsRequest::Config& config : asked.configs) {
    if (resource.changes.contains(config.name)) {
      return refuse(Code::kInvalidRequest, "'" + config.name + "' is named twice");
    }
    if (config.operation == Operation::kDelete) {
      resource.changes[config.name] = std::nullopt;
      continue;
    }
    if (!config.value) {
      return refuse(Code::kInvalidConfig, "'" + config.name + "' is given no value");
    }
    if (config.operation == Operation::kSet) {
      resource.changes[config.name] = config.value;
      continue;
    }
    const bool known =
        config.operation == Operation::kAppend || config.operation == Operation::kSubtract;
    if (!known || config.name != kListConfig) {
      return refuse(Code::kInvalidConfig,
                    "'" + config.name + "' is no list: it can be set and deleted only");
    }
    resource.changes[config.name] =
        ChangedList(ValueNow(broker, asked.name, config.name), config.operation, *config.value);
  }
  return resource;
}

}  // namespace

void HandleIncrementalAlterConfigs(Call<IncrementalAlterConfigsRequest> call) {
  std::vector<ConfigChanger::Resource> resources;
  for (const auto& asked : call.request.resources) resources.push_back(Read(call.broker(), asked));
  auto changer = std::make_shared<ConfigChanger>(call.broker(), call.request.validate_only);
  auto shared = std::make_shared<Call<IncrementalAlterConfigsRequest>>(std::move(call));
  changer->Start(std::move(resources),
                 [shared](const AlterConfigsResponse& response) { shared->Answer(response); });
}

}  // namespace jangada::server::kafka
