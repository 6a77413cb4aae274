// DeleteGroups, key 42, v0 to v2, at the coordinator of each group: the group goes with its
// offsets. Refused while it has members.
#include <memory>

#include "base/countdown.h"
#include "server/kafka/handlers/group_codes.h"
#include "server/kafka/handlers/handlers.h"

namespace jangada::server::kafka {
namespace {

struct Work {
  explicit Work(Call<DeleteGroupsRequest> its_call) : call(std::move(its_call)) {}
  Call<DeleteGroupsRequest> call;
  DeleteGroupsResponse response;
};

}  // namespace

void HandleDeleteGroups(Call<DeleteGroupsRequest> call) {
  const auto work = std::make_shared<Work>(std::move(call));
  const std::vector<std::string>& names = work->call.request.groups_names;
  work->response.results.resize(names.size());
  const auto left = std::make_shared<Countdown>(static_cast<int>(names.size()) + 1,
                                                [work] { work->call.Answer(work->response); });
  for (size_t i = 0; i < names.size(); ++i) {
    DeleteGroupsResponse::Result* result = &work->response.results[i];
    result->group_id = names[i];
    work->call.broker().groups().DeleteGroup(names[i], [work, left, result](GroupError error) {
      result->error_code = CodeOf(error);
      left->Done();
    });
  }
  left->Done();
}

}  // namespace jangada::server::kafka
