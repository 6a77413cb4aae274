#include "server/groups/consumer_protocol.h"

#include "base/coding.h"

namespace jangada::server::groups {

/// Subscription: int16 version, then an array (int32 count) of topics (int16 length); what follows
/// differs by version.
std::optional<std::vector<std::string>> SubscribedTopics(std::string_view metadata) {
  ByteReader in(metadata);
  const auto version = in.Big<int16_t>();
  const auto count = in.Big<int32_t>();
  if (!in.ok() || version < 0 || count < 0) return std::nullopt;
  std::vector<std::string> topics;
  for (int32_t i = 0; i < count && in.ok(); ++i) {
    const auto length = in.Big<int16_t>();
    if (length < 0) return std::nullopt;
    topics.emplace_back(in.Take(static_cast<size_t>(length)));
  }
  if (!in.ok()) return std::nullopt;
  return topics;
}

}  // namespace jangada::server::groups
