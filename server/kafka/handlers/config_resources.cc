#include "server/kafka/handlers/config_resources.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/countdown.h"
#include "server/kafka/handlers/cluster_view.h"
#include "server/partition/topic_config.h"

namespace jangada::server::kafka {
namespace {

constexpr std::string_view kIgnoredBrokerConfigs[] = {
    "follower.replication.throttled.rate", "leader.replication.throttled.rate",
    "replica.alter.log.dirs.io.max.bytes.per.second"};

/// A node by its id as text; empty: all of them.
bool IsNode(const Broker& broker, const std::string& name) {
  if (name.empty()) return true;
  int32_t id = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), id);
  return error == std::errc() && end == name.data() + name.size() &&
         broker.image()->FindNode(NodeId(id)) != nullptr;
}

ConfigRefusal CheckBrokerChanges(const Broker& broker, const std::string& name,
                                 const ConfigChanges& changes) {
  if (!IsNode(broker, name)) {
    return {Code::kInvalidRequest, "there is no node '" + name + "'"};
  }
  for (const auto& [key, value] : changes) {
    if (IsIgnoredBrokerConfig(key)) continue;
    return {Code::kInvalidConfig, "'" + key +
                                      "' can't be set here: a node's settings stand in its "
                                      "configuration file"};
  }
  return {};
}

}  // namespace

bool IsIgnoredBrokerConfig(const std::string& name) {
  return std::find(std::begin(kIgnoredBrokerConfigs), std::end(kIgnoredBrokerConfigs), name) !=
         std::end(kIgnoredBrokerConfigs);
}

ConfigRefusal CheckMinInSync(int32_t replication_factor, const std::string& value) {
  int32_t wanted = 0;
  std::from_chars(value.data(), value.data() + value.size(), wanted);
  const Status valid = CheckMinInsyncReplicas(wanted, replication_factor);
  if (valid.ok()) return {};
  return {Code::kInvalidConfig, valid.error().message};
}

ConfigRefusal CheckChanges(const Broker& broker, ResourceType type, const std::string& name,
                           const ConfigChanges& changes) {
  if (type == ResourceType::kBroker) return CheckBrokerChanges(broker, name, changes);
  if (type != ResourceType::kTopic) {
    return {Code::kInvalidRequest, "only topics and nodes have configs here"};
  }
  const auto topic = broker.image()->FindTopic(name);
  if (topic == nullptr) {
    return {Code::kUnknownTopicOrPartition, "there is no topic '" + name + "'"};
  }
  for (const auto& [key, value] : changes) {
    if (!value) continue;
    if (const Status valid = ValidateTopicConfig(key, *value); !valid.ok()) {
      return {Code::kInvalidConfig, valid.error().message};
    }
    if (key != "min.insync.replicas") continue;
    if (ConfigRefusal refusal = CheckMinInSync(topic->replication_factor, *value);
        refusal.code != Code::kNone) {
      return refusal;
    }
  }
  return {};
}

void ConfigChanger::Start(std::vector<Resource> resources, Callback<AlterConfigsResponse> done) {
  response_.resources.resize(resources.size());
  auto left =
      std::make_shared<Countdown>(static_cast<int>(resources.size()) + 1,
                                  [changer = shared_from_this(), done = std::move(done)]() mutable {
                                    done(std::move(changer->response_));
                                  });
  for (size_t i = 0; i < resources.size(); ++i) {
    Resource& resource = resources[i];
    AlterConfigsResponse::Resource* answer = &response_.resources[i];
    answer->type = resource.type;
    answer->name = resource.name;
    ConfigRefusal refusal = std::move(resource.refusal);
    if (refusal.code == Code::kNone) {
      refusal = CheckChanges(broker_, resource.type, resource.name, resource.changes);
    }
    if (refusal.code != Code::kNone) {
      answer->error_code = refusal.code;
      answer->error_message = std::move(refusal.message);
    }
    const bool is_change = refusal.code == Code::kNone && resource.type == ResourceType::kTopic &&
                           !validate_only_ && !resource.changes.empty();
    if (!is_change) {
      left->Done();
      continue;
    }
    broker_.AlterTopicConfigs(resource.name, std::move(resource.changes),
                              [changer = shared_from_this(), left, answer](const Status& altered) {
                                if (!altered.ok()) {
                                  answer->error_code = AdminCodeOf(altered.error().code);
                                  answer->error_message = altered.error().message;
                                }
                                left->Done();
                              });
  }
  left->Done();
}

}  // namespace jangada::server::kafka
