#include "server/groups/consumer_protocol.h"

#include <map>
#include <utility>

#include "base/coding.h"

namespace jangada::server::groups {
namespace {

constexpr int16_t kSubscriptionVersion = 1;
constexpr int16_t kAssignmentVersion = 0;

void AppendString(std::string* out, std::string_view text) {
  AppendBig(out, static_cast<int16_t>(text.size()));
  out->append(text);
}

void AppendBytes(std::string* out, std::string_view bytes) {
  AppendBig(out, static_cast<int32_t>(bytes.size()));
  out->append(bytes);
}

/// Partitions by their topics, in order.
void AppendPartitions(std::string* out, const std::vector<TopicPartition>& partitions) {
  std::map<std::string, std::vector<int32_t>> by_topic;
  for (const TopicPartition& where : partitions) by_topic[where.topic].push_back(where.partition);
  AppendBig(out, static_cast<int32_t>(by_topic.size()));
  for (const auto& [topic, numbers] : by_topic) {
    AppendString(out, topic);
    AppendBig(out, static_cast<int32_t>(numbers.size()));
    for (const int32_t number : numbers) AppendBig(out, number);
  }
}

std::optional<std::string> TakeString(ByteReader* in) {
  const auto length = in->Big<int16_t>();
  if (!in->ok() || length < 0) return std::nullopt;
  const std::string_view text = in->Take(static_cast<size_t>(length));
  if (!in->ok()) return std::nullopt;
  return std::string(text);
}

/// null counts as empty.
std::optional<std::string> TakeBytes(ByteReader* in) {
  const auto length = in->Big<int32_t>();
  if (!in->ok() || length < -1) return std::nullopt;
  if (length == -1) return std::string();
  const std::string_view bytes = in->Take(static_cast<size_t>(length));
  if (!in->ok()) return std::nullopt;
  return std::string(bytes);
}

std::optional<std::vector<std::string>> TakeTopics(ByteReader* in) {
  const auto count = in->Big<int32_t>();
  if (!in->ok() || count < 0) return std::nullopt;
  std::vector<std::string> topics;
  for (int32_t i = 0; i < count; ++i) {
    auto topic = TakeString(in);
    if (!topic) return std::nullopt;
    topics.push_back(std::move(*topic));
  }
  return topics;
}

std::optional<std::vector<TopicPartition>> TakePartitions(ByteReader* in) {
  const auto topics = in->Big<int32_t>();
  if (!in->ok() || topics < 0) return std::nullopt;
  std::vector<TopicPartition> partitions;
  for (int32_t i = 0; i < topics; ++i) {
    const auto topic = TakeString(in);
    if (!topic) return std::nullopt;
    const auto count = in->Big<int32_t>();
    if (!in->ok() || count < 0) return std::nullopt;
    for (int32_t k = 0; k < count; ++k) {
      const auto number = in->Big<int32_t>();
      if (!in->ok()) return std::nullopt;
      partitions.push_back({*topic, number});
    }
  }
  return partitions;
}

}  // namespace

std::string EncodeSubscription(const Subscription& subscription) {
  std::string out;
  AppendBig(&out, kSubscriptionVersion);
  AppendBig(&out, static_cast<int32_t>(subscription.topics.size()));
  for (const std::string& topic : subscription.topics) AppendString(&out, topic);
  AppendBytes(&out, subscription.user_data);
  AppendPartitions(&out, subscription.owned);
  return out;
}

std::optional<Subscription> DecodeSubscription(std::string_view metadata) {
  ByteReader in(metadata);
  const auto version = in.Big<int16_t>();
  if (!in.ok() || version < 0) return std::nullopt;
  auto topics = TakeTopics(&in);
  if (!topics) return std::nullopt;
  auto user_data = TakeBytes(&in);
  if (!user_data) return std::nullopt;
  Subscription subscription{
      .topics = std::move(*topics), .user_data = std::move(*user_data), .owned = {}};
  if (version == 0) return subscription;
  auto owned = TakePartitions(&in);
  if (!owned) return std::nullopt;
  subscription.owned = std::move(*owned);
  return subscription;
}

std::optional<std::vector<std::string>> SubscribedTopics(std::string_view metadata) {
  ByteReader in(metadata);
  const auto version = in.Big<int16_t>();
  if (!in.ok() || version < 0) return std::nullopt;
  return TakeTopics(&in);
}

std::string EncodeAssignment(const std::vector<TopicPartition>& partitions) {
  std::string out;
  AppendBig(&out, kAssignmentVersion);
  AppendPartitions(&out, partitions);
  AppendBytes(&out, {});
  return out;
}

std::optional<std::vector<TopicPartition>> DecodeAssignment(std::string_view assignment) {
  if (assignment.empty()) return std::vector<TopicPartition>();
  ByteReader in(assignment);
  const auto version = in.Big<int16_t>();
  if (!in.ok() || version < 0) return std::nullopt;
  return TakePartitions(&in);
}

}  // namespace jangada::server::groups
