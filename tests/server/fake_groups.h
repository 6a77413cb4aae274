// FakeGroups: consumer groups that answer what a test tells them to, and keep what they were asked.
// For tests of the doors; on the test's thread.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "server/group_broker.h"

namespace jangada::server::testing {

/// What was asked, in order, and what is answered to each. With `hold` answers are kept back until
/// Release.
template <class Asked, class Answer>
struct Script {
  std::vector<Asked> asked;
  Answer answer{};
  std::vector<Answer> answers;  // where they differ: the next first
  bool hold = false;
  std::vector<Callback<Answer>> held;

  void Ask(Asked question, Callback<Answer> done) {
    asked.push_back(std::move(question));
    if (hold) {
      held.push_back(std::move(done));
      return;
    }
    Answer next = answer;
    if (!answers.empty()) {
      next = answers.front();
      answers.erase(answers.begin());
    }
    done(std::move(next));
  }
  void Release() {
    for (Callback<Answer>& done : std::exchange(held, {})) done(answer);
  }
};

class FakeGroups final : public GroupBroker {
 public:
  Script<std::string, FoundCoordinator> find;
  Script<JoinGroup, JoinedGroup> join;
  Script<SyncGroup, SyncedGroup> sync;
  Script<GroupMembership, GroupError> heartbeat;
  Script<LeaveGroup, LeftGroup> leave;
  Script<CommitOffsets, OffsetErrors> commit;
  Script<FetchOffsets, FetchedOffsets> fetch;
  Script<DeleteOffsets, OffsetErrors> delete_offsets;
  Script<std::string, GroupDescription> describe;
  Script<int, GroupList> list;
  Script<std::string, GroupError> delete_group;

  void FindCoordinator(std::string group, Callback<FoundCoordinator> done) override {
    find.Ask(std::move(group), std::move(done));
  }
  void Join(JoinGroup request, Callback<JoinedGroup> done) override {
    join.Ask(std::move(request), std::move(done));
  }
  void Sync(SyncGroup request, Callback<SyncedGroup> done) override {
    sync.Ask(std::move(request), std::move(done));
  }
  void Heartbeat(GroupMembership member, Callback<GroupError> done) override {
    heartbeat.Ask(std::move(member), std::move(done));
  }
  void Leave(LeaveGroup request, Callback<LeftGroup> done) override {
    leave.Ask(std::move(request), std::move(done));
  }
  void Commit(CommitOffsets request, Callback<OffsetErrors> done) override {
    commit.Ask(std::move(request), std::move(done));
  }
  void Fetch(FetchOffsets request, Callback<FetchedOffsets> done) override {
    fetch.Ask(std::move(request), std::move(done));
  }
  void Delete(DeleteOffsets request, Callback<OffsetErrors> done) override {
    delete_offsets.Ask(std::move(request), std::move(done));
  }
  void Describe(std::string group, Callback<GroupDescription> done) override {
    describe.Ask(std::move(group), std::move(done));
  }
  void List(Callback<GroupList> done) override { list.Ask(0, std::move(done)); }
  void DeleteGroup(std::string group, Callback<GroupError> done) override {
    delete_group.Ask(std::move(group), std::move(done));
  }
};

}  // namespace jangada::server::testing
