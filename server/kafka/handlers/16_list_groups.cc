// ListGroups, key 16, v0 to v5: the groups that this node coordinates; clients ask every node. The
// filters (states from version 4, types from version 5) are compared without regard to case. Every
// group is of the type "classic".
#include <algorithm>
#include <cctype>
#include <utility>

#include "server/kafka/handlers/group_codes.h"
#include "server/kafka/handlers/handlers.h"

namespace jangada::server::kafka {
namespace {

constexpr const char* kClassic = "classic";

bool SameWord(const std::string& a, const std::string& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
    return std::tolower(x) == std::tolower(y);
  });
}

bool Passes(const std::vector<std::string>& filter, const std::string& word) {
  return filter.empty() ||
         std::any_of(filter.begin(), filter.end(),
                     [&word](const std::string& wanted) { return SameWord(wanted, word); });
}

}  // namespace

void HandleListGroups(Call<ListGroupsRequest> call) {
  GroupBroker& groups = call.broker().groups();
  groups.List([call = std::move(call)](GroupList list) mutable {
    ListGroupsResponse response{.error_code = CodeOf(list.error), .groups = {}};
    const ListGroupsRequest& asked = call.request;
    for (ListedGroup& group : list.groups) {
      if (!Passes(asked.states_filter, NameOf(group.state))) continue;
      if (!Passes(asked.types_filter, kClassic)) continue;
      response.groups.push_back({.group_id = std::move(group.id),
                                 .protocol_type = std::move(group.protocol_type),
                                 .group_state = NameOf(group.state),
                                 .group_type = kClassic});
    }
    call.Answer(response);
  });
}

}  // namespace jangada::server::kafka
