// GroupBench: one Group with a clock and a log that the test plays. Calls keep their answers; what
// is written down succeeds at once unless the test says otherwise. Shared by the tests of groups.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/groups/group.h"

namespace jangada::server::groups::testing {

inline constexpr int64_t kMs = 1'000;
inline constexpr int64_t kSecond = 1'000'000;

template <class Answer>
using Parked = std::shared_ptr<std::optional<Answer>>;

class GroupBench {
 public:
  explicit GroupBench(const GroupOptions& options = {.initial_delay_us = 0})
      : options(options), group(std::make_unique<Group>("g", options, random)) {}

  /// What a member of 10 s sessions and 30 s rebalances asks.
  static JoinGroup Asks(std::string member_id = {},
                        std::vector<std::string> protocols = {"range"}) {
    JoinGroup join{.group = "g",
                   .member_id = std::move(member_id),
                   .instance_id = {},
                   .client_id = "client",
                   .client_host = "/127.0.0.1",
                   .session_timeout_ms = 10'000,
                   .rebalance_timeout_ms = 30'000,
                   .protocol_type = "consumer",
                   .protocols = {}};
    for (const std::string& name : protocols) join.protocols.push_back({name, "says-" + name});
    return join;
  }
  static JoinGroup AsksStatic(const std::string& instance, std::string member_id = {}) {
    JoinGroup join = Asks(std::move(member_id));
    join.instance_id = instance;
    return join;
  }

  Parked<JoinedGroup> Join(JoinGroup join) {
    auto answer = std::make_shared<std::optional<JoinedGroup>>();
    group->Join(std::move(join), now_us, Keep(answer));
    Record();
    return answer;
  }
  Parked<JoinedGroup> Join(std::string member_id = {}) { return Join(Asks(std::move(member_id))); }

  Parked<SyncedGroup> Sync(const JoinedGroup& joined, std::vector<std::string> assignees = {}) {
    SyncGroup sync{.group = "g",
                   .generation = joined.generation,
                   .member_id = joined.member_id,
                   .instance_id = {},
                   .protocol_type = {},
                   .protocol = {},
                   .assignments = {}};
    for (const std::string& id : assignees) sync.assignments.push_back({id, "part of " + id});
    return Sync(std::move(sync));
  }
  Parked<SyncedGroup> Sync(SyncGroup sync) {
    auto answer = std::make_shared<std::optional<SyncedGroup>>();
    group->Sync(std::move(sync), now_us, Keep(answer));
    Record();
    return answer;
  }

  GroupMembership Membership(const JoinedGroup& joined) const {
    return {.group = "g",
            .generation = joined.generation,
            .member_id = joined.member_id,
            .instance_id = {}};
  }
  GroupError Heartbeat(const GroupMembership& member) {
    const GroupError error = group->Heartbeat(member, now_us);
    Record();
    return error;
  }
  GroupError Commit(const GroupMembership& member) {
    const GroupError error = group->CheckCommit(member, now_us);
    Record();
    return error;
  }
  GroupError Leave(std::string member_id, std::optional<std::string> instance = {}) {
    const LeftGroup left = group->Leave(
        {.group = "g", .members = {{std::move(member_id), std::move(instance)}}}, now_us);
    Record();
    return left.members.at(0);
  }

  /// Time passes; the group acts at each of its deadlines on the way.
  void Pass(int64_t us) {
    const int64_t until_us = now_us + us;
    while (true) {
      const auto due_us = group->next_due_us();
      if (!due_us || *due_us > until_us) break;
      now_us = std::max(now_us, *due_us);
      group->OnTime(now_us);
      Record();
    }
    now_us = until_us;
  }

  /// Carries out what is to be written, with the fate that the test wants.
  void Record() {
    while (auto pending = group->TakeRecord()) {
      if (hold_records) {
        held.push_back(*std::move(pending));
        continue;
      }
      if (fate == GroupError::kNone) written.push_back(pending->record);
      group->OnRecorded(pending->number, fate, now_us);
    }
  }
  void ReleaseRecords(GroupError its_fate = GroupError::kNone) {
    for (Group::Pending& pending : std::exchange(held, {})) {
      if (its_fate == GroupError::kNone) written.push_back(pending.record);
      group->OnRecorded(pending.number, its_fate, now_us);
    }
    Record();
  }

  /// `count` members of a stable group; the first is the leader.
  std::vector<JoinedGroup> Stable(size_t count) {
    std::vector<std::string> ids;
    std::vector<JoinedGroup> joined;
    for (size_t i = 0; i < count; ++i) {
      // Everybody who is there joins again with the newcomer.
      std::vector<Parked<JoinedGroup>> all;
      all.push_back(Join());
      for (const std::string& id : ids) all.push_back(Join(id));
      joined.clear();
      ids.clear();
      for (const auto& answer : all) {
        joined.push_back(answer->value());
        ids.push_back(joined.back().member_id);
      }
    }
    std::stable_partition(joined.begin(), joined.end(), [](const JoinedGroup& member) {
      return member.leader == member.member_id;
    });
    SyncAll(joined);
    EXPECT_EQ(group->state(), GroupState::kStable);
    return joined;
  }
  /// The leader (the first) assigns everybody a part.
  void SyncAll(const std::vector<JoinedGroup>& joined) {
    std::vector<std::string> ids;
    for (const JoinedGroup& member : joined) ids.push_back(member.member_id);
    for (const JoinedGroup& member : joined) {
      const bool leads = member.member_id == member.leader;
      Sync(member, leads ? ids : std::vector<std::string>{});
    }
  }

  GroupOptions options;
  Random random{7};
  int64_t now_us = 1'000 * kSecond;
  GroupError fate = GroupError::kNone;  // of what is written
  bool hold_records = false;
  std::vector<Group::Pending> held;
  std::vector<GroupRecord> written;
  std::unique_ptr<Group> group;

 private:
  template <class Answer>
  static Callback<Answer> Keep(const Parked<Answer>& answer) {
    return [answer](Answer got) {
      EXPECT_FALSE(answer->has_value()) << "answered twice";
      *answer = std::move(got);
    };
  }
};

}  // namespace jangada::server::groups::testing
