// ShardOf: which partition of `__consumer_offsets` keeps a group. The same function as Kafka's, so
// that tools which compute it themselves agree. Never changes: offsets would be looked for where
// they are not. Pure; any thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace jangada::server::groups {

/// Java's String.hashCode of text in UTF-8. Bytes that are no UTF-8 count as one unit each.
int32_t JavaHash(std::string_view text);

/// REQUIRES: partitions > 0.
int32_t ShardOf(std::string_view group, int32_t partitions);

}  // namespace jangada::server::groups
