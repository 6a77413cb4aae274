// What consumers say of themselves in a group, and are assigned, as Kafka's clients write it
// (ConsumerProtocolSubscription and ConsumerProtocolAssignment); members of the gRPC door are kept
// in the same form. Clients make these bytes, so nothing in them is believed. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/broker.h"

namespace jangada::server::groups {

/// Protocol types: of Kafka's consumers, and of members that came by the gRPC door. A group holds
/// one of them.
inline constexpr const char* kConsumerProtocolType = "consumer";
inline constexpr const char* kGrpcProtocolType = "jangada";

struct Subscription {
  std::vector<std::string> topics;
  std::string user_data;
  std::vector<TopicPartition> owned;  // what it has read so far; version 1 and later
  friend bool operator==(const Subscription&, const Subscription&) = default;
};

/// As version 1. REQUIRES: topic names of fewer than 32,768 bytes.
std::string EncodeSubscription(const Subscription& subscription);
/// Of any version; fields after those above are left alone. nullopt for bytes that are no
/// subscription.
std::optional<Subscription> DecodeSubscription(std::string_view metadata);
/// The topics alone, also where what follows them can't be read.
std::optional<std::vector<std::string>> SubscribedTopics(std::string_view metadata);

/// As version 0. REQUIRES: topic names of fewer than 32,768 bytes.
std::string EncodeAssignment(const std::vector<TopicPartition>& partitions);
/// Of any version. Empty bytes are an empty assignment; nullopt for bytes that are none.
std::optional<std::vector<TopicPartition>> DecodeAssignment(std::string_view assignment);

}  // namespace jangada::server::groups
