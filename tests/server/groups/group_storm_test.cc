// A storm of everything that clients do, and broken ones do, to one group.
#include "tests/server/groups/group_bench.h"

namespace jangada::server::groups::testing {
namespace {

/// A client that does, at random, what clients do; and what broken ones do.
struct Client {
  std::optional<std::string> instance;
  std::string member_id;
  int32_t generation = -1;
  Parked<JoinedGroup> joining;
  Parked<SyncedGroup> syncing;
  std::optional<std::string> part;

  void Crash() {
    Client fresh;
    fresh.instance = instance;
    *this = std::move(fresh);
  }
  void Take(GroupBench& bench) {
    if (joining && joining->has_value()) {
      const JoinedGroup joined = **std::exchange(joining, nullptr);
      member_id =
          joined.error == GroupError::kUnknownMember || joined.error == GroupError::kFencedInstance
              ? ""
          : joined.member_id.empty() ? member_id
                                     : joined.member_id;
      if (joined.error != GroupError::kNone) return;
      generation = joined.generation;
      std::vector<std::string> ids;
      for (const auto& member : joined.members) ids.push_back(member.member_id);
      syncing = bench.Sync(joined, ids);
    }
    if (syncing && syncing->has_value()) {
      const SyncedGroup synced = **std::exchange(syncing, nullptr);
      part.reset();
      if (synced.error == GroupError::kNone) part = synced.assignment;
      if (synced.error == GroupError::kUnknownMember) member_id.clear();
    }
  }
  void Join(GroupBench& bench, bool careful) {
    part.reset();
    JoinGroup join = GroupBench::Asks(member_id);
    join.instance_id = instance;
    join.must_know_its_id = careful;
    joining = bench.Join(join);
  }
  void Beat(GroupBench& bench) {
    if (member_id.empty()) return;
    const GroupError error = bench.Heartbeat(
        {.group = "g", .generation = generation, .member_id = member_id, .instance_id = instance});
    if (error == GroupError::kNone || joining || syncing) return;
    if (error == GroupError::kUnknownMember || error == GroupError::kFencedInstance)
      member_id.clear();
    Join(bench, false);
  }
};

class GroupStorm : public ::testing::TestWithParam<uint64_t> {};

TEST_P(GroupStorm, EndsInOneStableGenerationInWhichEverybodyHasItsPart) {
  Random random(GetParam());
  GroupBench bench({.initial_delay_us = random.Chance(1, 2) ? 0 : 1 * kSecond});
  std::vector<Client> clients(1 + random.Below(5));
  for (size_t i = 0; i < clients.size(); ++i) {
    if (random.Chance(1, 3)) clients[i].instance = "instance-" + std::to_string(i);
  }
  int32_t generation = 0;
  for (int step = 0; step < 400; ++step) {
    Client& client = clients[random.Below(clients.size())];
    bench.fate = random.Chance(1, 10)   ? GroupError::kNotAvailable
                 : random.Chance(1, 20) ? GroupError::kTimeout
                                        : GroupError::kNone;
    switch (random.Below(7)) {
      case 0: client.Join(bench, random.Chance(1, 2)); break;
      case 1: client.Beat(bench); break;
      case 2:
        if (!client.member_id.empty()) bench.Leave(client.member_id, client.instance);
        break;
      case 3: client.Crash(); break;
      case 4: bench.Pass(static_cast<int64_t>(random.Below(12)) * kSecond); break;
      case 5:
        bench.Commit({.group = "g",
                      .generation = client.generation,
                      .member_id = client.member_id,
                      .instance_id = client.instance});
        break;
      case 6: {  // the coordinator moves
        const auto record = bench.written.empty() ? GroupRecord{} : bench.written.back();
        bench.group->Kill(GroupError::kNotCoordinator);
        bench.group =
            std::make_unique<Group>("g", bench.options, bench.random, record, bench.now_us);
        generation = record.generation;
        break;
      }
    }
    for (Client& each : clients) each.Take(bench);
    ASSERT_GE(bench.group->generation(), generation);
    generation = bench.group->generation();
  }
  // Peace: everybody lives, and joins when it is told to.
  bench.fate = GroupError::kNone;
  for (int second = 0; second < 700; ++second) {
    for (Client& client : clients) {
      client.Take(bench);
      if (!client.joining && !client.syncing && (client.member_id.empty() || !client.part)) {
        client.Join(bench, true);
      }
      client.Beat(bench);
      client.Take(bench);
    }
    bench.Pass(1 * kSecond);
  }
  EXPECT_EQ(bench.group->state(), GroupState::kStable);
  EXPECT_EQ(bench.group->size(), clients.size());
  for (const Client& client : clients) {
    EXPECT_EQ(client.generation, bench.group->generation());
    ASSERT_TRUE(client.part.has_value());
  }
  EXPECT_EQ(bench.group->Record(), bench.written.back());
}

INSTANTIATE_TEST_SUITE_P(Seeds, GroupStorm, ::testing::Range<uint64_t>(1, 200));

}  // namespace
}  // namespace jangada::server::groups::testing
