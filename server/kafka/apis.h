// Apis: the one table of what the Kafka door speaks. It drives dispatch and what ApiVersions
// advertises, so the two cannot differ. Pure; any thread.
#pragma once

#include <cstdint>
#include <vector>

#include "server/kafka/call.h"
#include "server/kafka/messages/18_api_versions.h"

namespace jangada::server::kafka {

struct Api {
  int16_t key = 0;
  const char* name = "";
  int16_t min_version = 0;
  int16_t max_version = 0;
  /// Told in place of min_version where clients look for a version that they then don't use.
  int16_t advertised_min = 0;
  int16_t flexible_since = kNoVersion;
  /// A call may wait for minutes, and its handler keeps nothing of the frame meanwhile.
  bool parks = false;
  /// Reads the body and hands it to the handler.
  void (*serve)(Incoming) = nullptr;
};

/// Ordered by key.
const std::vector<Api>& Apis();
/// nullptr: not spoken here.
const Api* FindApi(int16_t key);

/// What ApiVersions answers.
ApiVersionsResponse AdvertisedVersions();

}  // namespace jangada::server::kafka
