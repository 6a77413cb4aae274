// AlterConfigs, key 33, v0 to v2, on any node: what is named is set, everything else goes back to
// its default. (IncrementalAlterConfigs changes single settings and should be preferred, as with
// Kafka.)
#include <memory>

#include "server/kafka/handlers/config_resources.h"
#include "server/kafka/handlers/handlers.h"

namespace jangada::server::kafka {

void HandleAlterConfigs(Call<AlterConfigsRequest> call) {
  std::vector<ConfigChanger::Resource> resources;
  for (const AlterConfigsRequest::Resource& asked : call.request.resources) {
    ConfigChanger::Resource& resource = resources.emplace_back();
    resource.type = asked.type;
    resource.name = asked.name;
    const auto topic =
        asked.type == ResourceType::kTopic ? call.broker().image()->FindTopic(asked.name) : nullptr;
    if (topic != nullptr) {
      for (const auto& [name, value] : topic->configs) resource.changes[name] = std::nullopt;
    }
    for (const AlterConfigsRequest::Config& config : asked.configs) {
      resource.changes[config.name] = config.value;
    }
  }
  auto changer = std::make_shared<ConfigChanger>(call.broker(), call.request.validate_only);
  auto shared = std::make_shared<Call<AlterConfigsRequest>>(std::move(call));
  changer->Start(std::move(resources),
                 [shared](const AlterConfigsResponse& response) { shared->Answer(response); });
}

}  // namespace jangada::server::kafka
