// What a consumer says of itself in a group of the protocol type "consumer": which topics it wants
// to read. Coordinators look into it for one purpose: offsets of a topic that is being read are not
// deleted. Clients make these bytes, so nothing in them is believed. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace jangada::server::groups {

inline constexpr const char* kConsumerProtocolType = "consumer";

/// nullopt for bytes that are no subscription.
std::optional<std::vector<std::string>> SubscribedTopics(std::string_view metadata);

}  // namespace jangada::server::groups
