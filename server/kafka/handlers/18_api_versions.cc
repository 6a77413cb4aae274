// ApiVersions, key 18, v0 to v4: the table of apis.cc. (What another version gets: dispatcher.cc.)
// No features are told: clients then keep to the protocols without them. From v3 on a client names
// its software, in a form that Kafka insists on.
#include <algorithm>

#include "server/kafka/apis.h"
#include "server/kafka/handlers/handlers.h"

namespace jangada::server::kafka {
namespace {

constexpr int16_t kFirstWithSoftware = 3;

bool IsLetterOrDigit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/// Kafka's: letters and digits, with '-' and '.' between them.
bool IsSoftwareName(const std::string& name) {
  return !name.empty() && IsLetterOrDigit(name.front()) && IsLetterOrDigit(name.back()) &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return IsLetterOrDigit(c) || c == '-' || c == '.'; });
}

}  // namespace

void HandleApiVersions(Call<ApiVersionsRequest> call) {
  if (call.version() >= kFirstWithSoftware &&
      (!IsSoftwareName(call.request.client_software_name) ||
       !IsSoftwareName(call.request.client_software_version))) {
    return call.Answer({.error_code = Code::kInvalidRequest});
  }
  call.Answer(AdvertisedVersions());
}

}  // namespace jangada::server::kafka
