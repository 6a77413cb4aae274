// DescribeGroups, key 15, v0 to v5, at the coordinator of each group. A group that is not there is
// described as "Dead", without an error. There is no authorization, so no operations are told.
#include <memory>

#include "base/countdown.h"
#include "server/kafka/handlers/group_codes.h"
#include "server/kafka/handlers/handlers.h"

namespace jangada::server::kafka {
namespace {

void Take(GroupDescription description, DescribeGroupsResponse::Group* group) {
  group->error_code = CodeOf(description.error);
  if (description.error != GroupError::kNone) return;
  group->group_state = NameOf(description.state);
  group->protocol_type = std::move(description.protocol_type);
  group->protocol_data = std::move(description.protocol);
  for (GroupDescription::Member& member : description.members) {
    group->members.push_back({.member_id = std::move(member.member_id),
                              .group_instance_id = std::move(member.instance_id),
                              .client_id = std::move(member.client_id),
                              .client_host = std::move(member.client_host),
                              .member_metadata = Bytes(std::move(member.metadata)),
                              .member_assignment = Bytes(std::move(member.assignment))});
  }
}

struct Work {
  explicit Work(Call<DescribeGroupsRequest> its_call) : call(std::move(its_call)) {}
  Call<DescribeGroupsRequest> call;
  DescribeGroupsResponse response;
};

}  // namespace

void HandleDescribeGroups(Call<DescribeGroupsRequest> call) {
  const auto work = std::make_shared<Work>(std::move(call));
  const std::vector<std::string>& names = work->call.request.groups;
  work->response.groups.resize(names.size());
  const auto left = std::make_shared<Countdown>(static_cast<int>(names.size()) + 1,
                                                [work] { work->call.Answer(work->response); });
  for (size_t i = 0; i < names.size(); ++i) {
    DescribeGroupsResponse::Group* group = &work->response.groups[i];
    group->group_id = names[i];
    work->call.broker().groups().Describe(names[i],
                                          [work, left, group](GroupDescription description) {
                                            Take(std::move(description), group);
                                            left->Done();
                                          });
  }
  left->Done();
}

}  // namespace jangada::server::kafka
