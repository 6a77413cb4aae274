// ConfigResources: what the three requests about configs share: which resources there are, and how
// their settings are described and changed. A topic has the settings of topic_config.h. A node has
// none that can be changed here: its own come from its configuration file. Any thread.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/broker.h"
#include "server/kafka/messages/32_describe_configs.h"
#include "server/kafka/messages/33_alter_configs.h"

namespace jangada::server::kafka {

/// What is changed of one resource; nullopt: back to the default.
using ConfigChanges = std::map<std::string, std::optional<std::string>>;

struct ConfigRefusal {
  Code code = Code::kNone;
  std::string message;
};

/// Settings of a node that tools set around other work (throttles of reassignments). They are
/// taken, and change nothing: nothing here needs throttling by hand.
bool IsIgnoredBrokerConfig(const std::string& name);

/// Whether all of the changes may be made. kNone: they may.
ConfigRefusal CheckChanges(const Broker& broker, ResourceType type, const std::string& name,
                           const ConfigChanges& changes);

/// min.insync.replicas beyond a majority can't be kept: a majority acknowledges.
ConfigRefusal CheckMinInSync(int32_t replication_factor, const std::string& value);

/// Changes resources, all of them side by side, and collects what became of each.
class ConfigChanger : public std::enable_shared_from_this<ConfigChanger> {
 public:
  ConfigChanger(Broker& broker, bool validate_only)
      : broker_(broker), validate_only_(validate_only) {}

  struct Resource {
    ResourceType type = ResourceType::kUnknown;
    std::string name;
    ConfigChanges changes;
    ConfigRefusal refusal;  // known beforehand
  };
  void Start(std::vector<Resource> resources, Callback<AlterConfigsResponse> done);

 private:
  Broker& broker_;
  const bool validate_only_;
  AlterConfigsResponse response_;
};

}  // namespace jangada::server::kafka
