// Coordinators of one shard on three nodes, in virtual time: who serves, what outlives a leader,
// when offsets go, and that the fold of the log is what every node says.
#include "server/groups/coordinator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "server/groups/consumer_protocol.h"
#include "tests/server/groups/groups_cluster.h"

namespace jangada::server::groups::testing {
namespace {

constexpr int64_t kSecond = GroupsCluster::kSecond;

TEST(Coordinator, OffsetsAreKeptAndReadBack) {
  GroupsCluster cluster;
  const int leader = cluster.AwaitLeader();
  EXPECT_EQ(cluster.Fetch(leader, "g", "t", 0), -1);
  EXPECT_EQ(cluster.CommitSimply(leader, "g", "t", 0, 42), GroupError::kNone);
  EXPECT_EQ(cluster.CommitSimply(leader, "g", "t", 3, 7), GroupError::kNone);
  EXPECT_EQ(cluster.Fetch(leader, "g", "t", 0), 42);
  const FetchedOffsets all = cluster.Fetch(leader, "g");
  ASSERT_EQ(all.offsets.size(), 2u);
  EXPECT_EQ(all.offsets[1].where, (TopicPartition{"t", 3}));
  EXPECT_EQ(all.offsets[1].metadata, "meta");
  EXPECT_TRUE(cluster.Fetch(leader, "nobody").offsets.empty());
}

TEST(Coordinator, OnlyTheLeaderServes) {
  GroupsCluster cluster;
  const int other = cluster.AwaitLeader() % 3 + 1;
  const GroupError no = GroupError::kNotCoordinator;
  EXPECT_EQ(cluster.CommitSimply(other, "g", "t", 0, 1), no);
  EXPECT_EQ(cluster.Fetch(other, "g").error, no);
  EXPECT_EQ(cluster.Describe(other, "g").error, no);
  EXPECT_EQ(cluster.at(other).List().error, no);
  EXPECT_EQ(cluster.Heartbeat(other, "g", {}), no);
  const auto joined = cluster.Await<JoinedGroup>([&](Callback<JoinedGroup> done) {
    cluster.at(other).Join(GroupsCluster::Asks("g"), std::move(done));
  });
  EXPECT_EQ(joined.error, no);
}

TEST(Coordinator, WhatIsUnknownOrTooLargeIsRefusedByItself) {
  GroupsCluster cluster;
  const int leader = cluster.AwaitLeader();
  EXPECT_EQ(cluster.CommitSimply(leader, "g", "nothing", 0, 1), GroupError::kUnknownTopic);
  EXPECT_EQ(cluster.CommitSimply(leader, "g", "t", 4, 1), GroupError::kUnknownTopic);
  EXPECT_EQ(cluster.CommitSimply(leader, "g", "t", -1, 1), GroupError::kUnknownTopic);
  EXPECT_EQ(cluster.CommitSimply(leader, std::string(kMaxGroupIdBytes + 1, 'g'), "t", 0, 1),
            GroupError::kInvalidGroupId);
  CommitOffsets mixed{.member = {.group = "g", .member_id = {}, .instance_id = {}}, .offsets = {}};
  mixed.offsets.push_back({.where = {"t", 0}, .offset = 5, .metadata = std::string(4097, 'm')});
  mixed.offsets.push_back({.where = {"t", 1}, .offset = 6, .metadata = std::string(4096, 'm')});
  const auto errors = cluster.Await<OffsetErrors>([&](Callback<OffsetErrors> done) {
    cluster.at(leader).Commit(std::move(mixed), std::move(done));
  });
  EXPECT_THAT(errors.each,
              ::testing::ElementsAre(GroupError::kMetadataTooLarge, GroupError::kNone));
  EXPECT_EQ(cluster.Fetch(leader, "g", "t", 0), -1);
  EXPECT_EQ(cluster.Fetch(leader, "g", "t", 1), 6);
}

TEST(Coordinator, MembersCommitUnderTheirGenerationOnly) {
  GroupsCluster cluster;
  const int leader = cluster.AwaitLeader();
  const JoinedGroup joined = cluster.JoinAlone(leader, "g");
  GroupMembership member = cluster.MembershipOf("g", joined);
  EXPECT_EQ(cluster.Commit(leader, member, "t", 0, 1).each.at(0), GroupError::kNone);
  member.generation = 0;
  EXPECT_EQ(cluster.Commit(leader, member, "t", 0, 2).error, GroupError::kIllegalGeneration);
  EXPECT_EQ(cluster.CommitSimply(leader, "g", "t", 0, 3), GroupError::kUnknownMember);
  member.group = "never heard of";
  EXPECT_EQ(cluster.Commit(leader, member, "t", 0, 4).error, GroupError::kIllegalGeneration);
  EXPECT_EQ(cluster.Fetch(leader, "g", "t", 0), 1);
}

// ---- another leader ----

TEST(Coordinator, MembersDoNotNoticeThatAnotherNodeCoordinates) {
  GroupsCluster cluster;
  const int first = cluster.AwaitLeader();
  const JoinedGroup joined = cluster.JoinAlone(first, "g");
  EXPECT_EQ(cluster.Commit(first, cluster.MembershipOf("g", joined), "t", 0, 11).each.at(0),
            GroupError::kNone);
  cluster.Crash(first);
  const int second = cluster.AwaitLeader(first);
  EXPECT_EQ(cluster.Heartbeat(second, "g", joined), GroupError::kNone);
  EXPECT_EQ(cluster.Fetch(second, "g", "t", 0), 11);
  EXPECT_EQ(cluster.Describe(second, "g").state, GroupState::kStable);
  EXPECT_EQ(cluster.Describe(second, "g").members.at(0).assignment, "everything");
  EXPECT_EQ(cluster.Commit(second, cluster.MembershipOf("g", joined), "t", 0, 12).each.at(0),
            GroupError::kNone);
  cluster.RunFor(10 * kSecond);  // its session, from the second leader's beginning on
  EXPECT_EQ(cluster.Heartbeat(second, "g", joined), GroupError::kUnknownMember);
}

TEST(Coordinator, EverythingAnsweredOutlivesThePowerLossOfAllNodes) {
  GroupsCluster cluster;
  const int leader = cluster.AwaitLeader();
  const JoinedGroup joined = cluster.JoinAlone(leader, "g");
  EXPECT_EQ(cluster.Commit(leader, cluster.MembershipOf("g", joined), "t", 2, 99).each.at(0),
            GroupError::kNone);
  for (int node = 1; node <= 3; ++node) cluster.Crash(node);
  for (int node = 1; node <= 3; ++node) cluster.Start(node);
  const int again = cluster.AwaitLeader();
  EXPECT_EQ(cluster.Fetch(again, "g", "t", 2), 99);
  EXPECT_EQ(cluster.Heartbeat(again, "g", joined), GroupError::kNone);
}

TEST(Coordinator, WhoIsCutOffAnswersNoReadAndLosesItsMembers) {
  GroupsCluster cluster;
  const int old = cluster.AwaitLeader();
  EXPECT_EQ(cluster.CommitSimply(old, "g", "t", 0, 1), GroupError::kNone);
  auto parked = std::make_shared<std::optional<JoinedGroup>>();
  const JoinedGroup member = cluster.JoinAlone(old, "h");
  cluster.at(old).Join(GroupsCluster::Asks("h"),
                       [parked](JoinedGroup joined) { *parked = std::move(joined); });
  EXPECT_FALSE(parked->has_value());  // it waits for the other
  cluster.Isolate(old);
  auto read = std::make_shared<std::optional<FetchedOffsets>>();
  cluster.at(old).Fetch({.group = "g", .where = std::nullopt},
                        [read](FetchedOffsets fetched) { *read = std::move(fetched); });
  const int leader = cluster.AwaitLeader(old);
  EXPECT_EQ(cluster.CommitSimply(leader, "g", "t", 0, 2), GroupError::kNone);
  cluster.RunFor(10 * kSecond);
  ASSERT_TRUE(read->has_value());
  EXPECT_EQ((*read)->error, GroupError::kNotCoordinator);
  ASSERT_TRUE(parked->has_value());
  EXPECT_EQ((*parked)->error, GroupError::kNotCoordinator);
  cluster.Heal();
  EXPECT_TRUE(cluster.RunUntil([&] { return cluster.Converged(); }));
  EXPECT_EQ(cluster.Fetch(cluster.AwaitLeader(), "g", "t", 0), 2);
}

TEST(Coordinator, ACommitWhoseFateIsUnknownIsNotCalledRefused) {
  GroupsCluster cluster;
  const int old = cluster.AwaitLeader();
  cluster.Isolate(old);
  EXPECT_EQ(cluster.CommitSimply(old, "g", "t", 0, 1), GroupError::kTimeout);
}

TEST(Coordinator, AFollowerThatFellBehindTheLogIsFilledFromACheckpoint) {
  GroupsCluster cluster({.checkpoint_every_bytes = 4096});
  const int leader = cluster.AwaitLeader();
  const int away = leader % 3 + 1;
  cluster.Crash(away);
  for (int i = 0; i < 2500; ++i) {
    ASSERT_EQ(cluster.CommitSimply(leader, "g" + std::to_string(i % 7), "t", i % 4, i),
              GroupError::kNone);
  }
  cluster.Start(away);
  EXPECT_TRUE(cluster.RunUntil([&] { return cluster.Converged(); }));
  EXPECT_GT(cluster.leader().replica().counters().checkpoints_sent, 0u);
}

// ---- topics come and go ----

TEST(Coordinator, OffsetsGoWithTheirTopic) {
  GroupsCluster cluster;
  const int leader = cluster.AwaitLeader();
  cluster.AddTopic("u", 1);
  EXPECT_EQ(cluster.CommitSimply(leader, "g", "t", 0, 1), GroupError::kNone);
  EXPECT_EQ(cluster.CommitSimply(leader, "g", "u", 0, 2), GroupError::kNone);
  cluster.RemoveTopic("u");
  EXPECT_EQ(cluster.Fetch(leader, "g", "u", 0), -1);
  cluster.AddTopic("u", 1);  // another one
  EXPECT_EQ(cluster.Fetch(leader, "g", "u", 0), -1);
  cluster.RunFor(30 * kSecond);
  EXPECT_EQ(cluster.leader().state().Find("g")->topics.size(), 1u);
  EXPECT_EQ(cluster.Fetch(cluster.AwaitLeader(), "g", "t", 0), 1);
}

TEST(Coordinator, ALeaderThatDoesNotKnowATopicYetDeletesNoOffsetsOfIt) {
  GroupsCluster cluster;
  const int first = cluster.AwaitLeader();
  for (int node = 1; node <= 3; ++node) {
    if (node != first) cluster.FreezeImage(node, true);
  }
  cluster.AddTopic("new", 1);
  EXPECT_EQ(cluster.CommitSimply(first, "g", "new", 0, 5), GroupError::kNone);
  cluster.Crash(first);
  const int second = cluster.AwaitLeader(first);
  cluster.RunFor(60 * kSecond);
  EXPECT_EQ(cluster.Fetch(second, "g").error, GroupError::kLoading);
  EXPECT_EQ(cluster.CommitSimply(second, "g", "t", 0, 5), GroupError::kLoading);
  cluster.FreezeImage(second, false);
  EXPECT_EQ(cluster.Fetch(cluster.AwaitLeader(), "g", "new", 0), 5);
}

// ---- expiry and deletion ----

TEST(Coordinator, GroupsThatNobodyUsesExpireAndThoseWithMembersDoNot) {
  GroupsCluster cluster({.offsets_retention_ms = 60'000});
  const int leader = cluster.AwaitLeader();
  EXPECT_EQ(cluster.CommitSimply(leader, "simple", "t", 0, 1), GroupError::kNone);
  const JoinedGroup lives = cluster.JoinAlone(leader, "lives");
  const JoinedGroup leaves = cluster.JoinAlone(leader, "leaves");
  EXPECT_EQ(cluster.Commit(leader, cluster.MembershipOf("lives", lives), "t", 0, 2).each.at(0),
            GroupError::kNone);
  EXPECT_EQ(cluster.Commit(leader, cluster.MembershipOf("leaves", leaves), "t", 0, 3).each.at(0),
            GroupError::kNone);
  for (int i = 0; i < 20; ++i) {  // 40 s
    cluster.RunFor(2 * kSecond);
    EXPECT_EQ(cluster.Heartbeat(leader, "lives", lives), GroupError::kNone);
    EXPECT_EQ(cluster.Heartbeat(leader, "leaves", leaves), GroupError::kNone);
  }
  cluster.Await<LeftGroup>([&](Callback<LeftGroup> done) {
    cluster.at(leader).Leave({.group = "leaves", .members = {{leaves.member_id, {}}}},
                             std::move(done));
  });
  for (int i = 0; i < 20; ++i) {
    cluster.RunFor(2 * kSecond);
    EXPECT_EQ(cluster.Heartbeat(leader, "lives", lives), GroupError::kNone);
  }
  EXPECT_EQ(cluster.at(leader).state().Find("simple"), nullptr);
  EXPECT_EQ(cluster.Fetch(leader, "leaves", "t", 0), 3);  // it is empty since 40 s
  for (int i = 0; i < 20; ++i) {
    cluster.RunFor(2 * kSecond);
    EXPECT_EQ(cluster.Heartbeat(leader, "lives", lives), GroupError::kNone);
  }
  EXPECT_EQ(cluster.Fetch(leader, "leaves", "t", 0), -1);
  EXPECT_EQ(cluster.Fetch(leader, "lives", "t", 0), 2);
  EXPECT_TRUE(cluster.RunUntil([&] { return cluster.Converged(); }));
}

TEST(Coordinator, AGroupIsDeletedOnlyWithoutMembers) {
  GroupsCluster cluster;
  const int leader = cluster.AwaitLeader();
  const auto remove = [&](const std::string& group) {
    return cluster.Await<GroupError>(
        [&](Callback<GroupError> done) { cluster.at(leader).DeleteGroup(group, std::move(done)); });
  };
  EXPECT_EQ(remove("g"), GroupError::kGroupNotFound);
  const JoinedGroup joined = cluster.JoinAlone(leader, "g");
  EXPECT_EQ(remove("g"), GroupError::kNonEmptyGroup);
  EXPECT_EQ(cluster.CommitSimply(leader, "simple", "t", 0, 1), GroupError::kNone);
  EXPECT_EQ(remove("simple"), GroupError::kNone);
  EXPECT_EQ(cluster.Fetch(leader, "simple", "t", 0), -1);
  EXPECT_EQ(cluster.Describe(leader, "simple").state, GroupState::kDead);
  cluster.RunFor(15 * kSecond);  // the member's session ends
  EXPECT_EQ(cluster.Describe(leader, "g").state, GroupState::kEmpty);
  EXPECT_EQ(remove("g"), GroupError::kNone);
  EXPECT_EQ(remove("g"), GroupError::kGroupNotFound);
}

TEST(Coordinator, MembersOfTheGrpcDoorKeepKafkasOutAndTheOffsetsOfWhatTheyRead) {
  GroupsCluster cluster;
  const int leader = cluster.AwaitLeader();
  JoinGroup asks = GroupsCluster::Asks("g");
  asks.protocol_type = kGrpcProtocolType;
  const auto join = [&](const JoinGroup& member) {
    return cluster.Await<JoinedGroup>(
        [&](Callback<JoinedGroup> done) { cluster.at(leader).Join(member, std::move(done)); });
  };
  EXPECT_EQ(join(asks).error, GroupError::kNone);
  EXPECT_EQ(join(GroupsCluster::Asks("g")).error, GroupError::kInconsistentProtocol);
  const auto erased = cluster.Await<OffsetErrors>([&](Callback<OffsetErrors> done) {
    cluster.at(leader).Delete({.group = "g", .where = {{"t", 0}}}, std::move(done));
  });
  EXPECT_THAT(erased.each, ::testing::ElementsAre(GroupError::kSubscribed));
}

TEST(Coordinator, OffsetsOfTopicsThatMembersReadAreNotDeleted) {
  GroupsCluster cluster;
  const int leader = cluster.AwaitLeader();
  cluster.AddTopic("other", 1);
  const JoinedGroup joined = cluster.JoinAlone(leader, "g", "t");
  const GroupMembership member = cluster.MembershipOf("g", joined);
  cluster.Commit(leader, member, "t", 0, 1);
  cluster.Commit(leader, member, "other", 0, 2);
  const auto erase = [&](const std::string& group) {
    return cluster.Await<OffsetErrors>([&](Callback<OffsetErrors> done) {
      cluster.at(leader).Delete({.group = group, .where = {{"t", 0}, {"other", 0}}},
                                std::move(done));
    });
  };
  EXPECT_THAT(erase("g").each, ::testing::ElementsAre(GroupError::kSubscribed, GroupError::kNone));
  EXPECT_EQ(cluster.Fetch(leader, "g", "t", 0), 1);
  EXPECT_EQ(cluster.Fetch(leader, "g", "other", 0), -1);
  EXPECT_EQ(erase("unheard").error, GroupError::kGroupNotFound);
  cluster.RunFor(15 * kSecond);
  EXPECT_THAT(erase("g").each, ::testing::ElementsAre(GroupError::kNone, GroupError::kNone));
  EXPECT_EQ(cluster.Fetch(leader, "g", "t", 0), -1);
}

TEST(Coordinator, ListsLiveGroupsAndThoseThatOnlyKeepOffsets) {
  GroupsCluster cluster;
  const int leader = cluster.AwaitLeader();
  cluster.JoinAlone(leader, "lives");
  cluster.CommitSimply(leader, "simple", "t", 0, 1);
  GroupList list = cluster.at(leader).List();
  std::sort(list.groups.begin(), list.groups.end(),
            [](const ListedGroup& a, const ListedGroup& b) { return a.id < b.id; });
  ASSERT_EQ(list.groups.size(), 2u);
  EXPECT_EQ(list.groups[0].state, GroupState::kStable);
  EXPECT_EQ(list.groups[0].protocol_type, "consumer");
  EXPECT_EQ(list.groups[1].state, GroupState::kEmpty);
  EXPECT_EQ(list.groups[1].protocol_type, "");
}

TEST(Coordinator, AFullShardTakesNoNewcomersAndServesThoseThatAreThere) {
  GroupsCluster cluster;
  const int leader = cluster.AwaitLeader();
  const JoinedGroup joined = cluster.JoinAlone(leader, "g");
  cluster.AddTopic("wide", 300);
  for (int i = 0; cluster.at(leader).state().bytes() < kMaxShardBytes; ++i) {
    CommitOffsets commit{
        .member = {.group = "filler-" + std::to_string(i), .member_id = {}, .instance_id = {}},
        .offsets = {}};
    for (int32_t p = 0; p < 300; ++p) {
      commit.offsets.push_back(
          {.where = {"wide", p}, .offset = 1, .metadata = std::string(4096, 'm')});
    }
    cluster.Await<OffsetErrors>([&](Callback<OffsetErrors> done) {
      cluster.at(leader).Commit(std::move(commit), std::move(done));
    });
    ASSERT_LT(i, 100);
  }
  EXPECT_EQ(cluster.CommitSimply(leader, "late", "t", 0, 1), GroupError::kTooLarge);
  const auto late = cluster.Await<JoinedGroup>([&](Callback<JoinedGroup> done) {
    cluster.at(leader).Join(GroupsCluster::Asks("late"), std::move(done));
  });
  EXPECT_EQ(late.error, GroupError::kGroupFull);
  EXPECT_EQ(cluster.Heartbeat(leader, "g", joined), GroupError::kNone);
  // What is committed moves on, as long as it says no more than before.
  EXPECT_EQ(cluster.CommitSimply(leader, "filler-0", "wide", 0, 2), GroupError::kNone);
  EXPECT_EQ(cluster.Fetch(leader, "filler-0", "wide", 0), 2);
  EXPECT_EQ(cluster.CommitSimply(leader, "filler-0", "t", 0, 1), GroupError::kTooLarge);
}

TEST(Coordinator, BeyondAllGroupsThatMayLiveNoneBeginsAndThoseThatAreThereGoOn) {
  GroupsCluster cluster;
  const int leader = cluster.AwaitLeader();
  const JoinedGroup joined = cluster.JoinAlone(leader, "g");
  size_t refused = 0;
  for (size_t i = 0; i < kMaxLiveGroups; ++i) {
    // Their first step only: they are live, and wait for their members to come back.
    cluster.at(leader).Join(GroupsCluster::Asks("more-" + std::to_string(i)),
                            [&refused](const JoinedGroup& answer) {
                              if (answer.error == GroupError::kGroupFull) ++refused;
                            });
  }
  EXPECT_EQ(refused, 1u);
  EXPECT_EQ(cluster.Heartbeat(leader, "g", joined), GroupError::kNone);
}

TEST(Coordinator, MembersThatSayTooMuchLeaveRoomForTheOthers) {
  GroupsCluster cluster({.initial_delay_us = kSecond});
  const int leader = cluster.AwaitLeader();
  const JoinedGroup joined = cluster.JoinAlone(leader, "g");
  int parked = 0;
  int refused = 0;
  for (int i = 0; i < 40; ++i) {
    JoinGroup large = GroupsCluster::Asks("large-" + std::to_string(i));
    large.protocols[0].metadata = std::string(1 << 20, 'x');
    ++parked;
    cluster.at(leader).Join(std::move(large), [&](const JoinedGroup& answer) {
      --parked;
      if (answer.error == GroupError::kGroupFull) ++refused;
    });
  }
  EXPECT_EQ(parked, 31);
  EXPECT_EQ(refused, 9);
  // Who is there may join again, as long as it does not grow.
  const auto again = cluster.Await<JoinedGroup>([&](Callback<JoinedGroup> done) {
    cluster.at(leader).Join(GroupsCluster::Asks("g", joined.member_id), std::move(done));
  });
  EXPECT_EQ(again.error, GroupError::kNone);
  cluster.RunFor(60 * kSecond);  // none of the large ones gives a sign of life
  const auto late = cluster.Await<JoinedGroup>([&](Callback<JoinedGroup> done) {
    cluster.at(cluster.AwaitLeader()).Join(GroupsCluster::Asks("late"), std::move(done));
  });
  EXPECT_EQ(late.error, GroupError::kNone);
}

// ---- a storm ----

class CoordinatorStorm : public ::testing::TestWithParam<uint64_t> {};

/// Whatever crashes and is cut off: an answered commit is read back, offsets of one client never go
/// back, and all nodes fold the same.
TEST_P(CoordinatorStorm, NoAnsweredCommitIsLostOrGoesBack) {
  Random random(GetParam());
  GroupsCluster cluster({.seed = GetParam(), .checkpoint_every_bytes = 2048});
  std::map<std::pair<std::string, int32_t>, int64_t> answered;
  int64_t next = 1;
  for (int step = 0; step < 60; ++step) {
    const int leader = cluster.AwaitLeader();
    const std::string group = "g" + std::to_string(random.Below(3));
    const auto partition = static_cast<int32_t>(random.Below(4));
    switch (random.Below(8)) {
      case 0:
        cluster.Heal();  // one at a time: two of three go on
        cluster.Isolate(leader);
        break;
      case 1: {
        cluster.Heal();
        cluster.Crash(leader);
        cluster.RunFor(static_cast<int64_t>(random.Below(3)) * kSecond);
        cluster.Start(leader);
        break;
      }
      case 2: cluster.Heal(); break;
      case 3: {
        const int64_t read = cluster.Fetch(leader, group, "t", partition);
        const auto known = answered.find({group, partition});
        if (read >= -1 && known != answered.end()) {
          EXPECT_GE(read, known->second);
        }
        break;
      }
      default: {
        const int64_t offset = next++;
        if (cluster.CommitSimply(leader, group, "t", partition, offset) == GroupError::kNone) {
          answered[{group, partition}] = offset;
        }
      }
    }
    if (random.Chance(1, 4)) cluster.Heal();
  }
  cluster.Heal();
  EXPECT_TRUE(cluster.RunUntil([&] { return cluster.Converged(); }));
  const int leader = cluster.AwaitLeader();
  for (const auto& [where, offset] : answered) {
    EXPECT_GE(cluster.Fetch(leader, where.first, "t", where.second), offset);
  }
  for (int node = 1; node <= 3; ++node) EXPECT_TRUE(cluster.fatal(node).empty());
  ShardState restored;
  ASSERT_TRUE(restored.Restore(cluster.at(leader).state().Encode().view()).ok());
  EXPECT_EQ(restored, cluster.at(leader).state());
}

INSTANTIATE_TEST_SUITE_P(Seeds, CoordinatorStorm, ::testing::Range<uint64_t>(1, 30));

}  // namespace
}  // namespace jangada::server::groups::testing
