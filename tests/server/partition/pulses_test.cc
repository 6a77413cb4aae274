// Pulses between two shards whose replicas are words only, and a whole group that lives on them.
#include "server/partition/pulses.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "tests/server/partition/test_cluster.h"

namespace jangada::testing {
namespace {

using server::Pulse;
using server::Pulses;
using server::PulseSign;
using server::Stance;

constexpr int64_t kSecond = TestCluster::kSecond;
constexpr int64_t kInterval = 250'000;
constexpr NodeId kLeader{1};
constexpr NodeId kFollower{2};
constexpr GroupId kGroup{7};
constexpr raft::Term kTerm = 3;
constexpr raft::Index kCommit = 20;

struct FakeMember final : server::PulseMember {
  Stance CurrentStance() const override { return stance; }
  void HearPulses() override {}
  void OnPulseChange() override { ++changes; }

  Stance stance;
  int changes = 0;
};

Stance Leading(raft::Term term = kTerm) { return {Stance::Kind::kLeads, term, {kFollower}, 0}; }
Stance Following(raft::Index commit = kCommit, raft::Term term = kTerm) {
  return {Stance::Kind::kFollows, term, {kLeader}, commit};
}

class PulsesTest : public ::testing::Test {
 protected:
  /// One node's end: what it sends goes to the other end, unless `lose` says so.
  struct End final : server::Transport {
    End(VirtualWorld& world, NodeId self, uint32_t shards = 1)
        : self(self), executor(world), pulses(Options(self, shards), executor, *this) {}
    static Pulses::Options Options(NodeId self, uint32_t shards) {
      return {.self = self, .shard = 0, .shards = shards, .interval_us = kInterval};
    }
    void Send(GroupId, raft::Message) override {}
    void SendStatus(NodeId, const server::NodeStatus&) override {}
    void Call(NodeId, server::PeerCall, int64_t, Callback<Result<Bytes>>) override {}
    void SendPulse(NodeId, Pulse pulse) override {
      sent.push_back(pulse);
      if (other == nullptr || (lose && lose(pulse))) return;
      other->executor.Post([this, pulse] { other->pulses.OnPulse(self, pulse); });
    }

    const NodeId self;
    VirtualExecutor executor;
    End* other = nullptr;
    std::function<bool(const Pulse&)> lose;
    std::vector<Pulse> sent;
    FakeMember member;  // above the pulses, which know it
    Pulses pulses;
  };

  PulsesTest() { Connect(); }

  void Connect() {
    leader->other = follower.get();
    follower->other = leader.get();
    leader->member.stance = Leading();
    follower->member.stance = Following();
    leader->pulses.Join(kGroup, leader->member);
    follower->pulses.Join(kGroup, follower->member);
  }
  void Change(End& end, const Stance& stance, GroupId group = kGroup) {
    end.member.stance = stance;
    end.pulses.NoteChange(group);
  }
  bool LeaderIsHeard(raft::Term term = kTerm) {
    const auto sign = follower->pulses.FromLeader(kGroup, kLeader, term);
    return sign && sign->fresh;
  }
  bool FollowerIsHeard(raft::Index commit = kCommit, raft::Term term = kTerm) {
    const auto sign = leader->pulses.FromFollower(kGroup, kFollower, term, commit);
    return sign && sign->fresh;
  }
  void Run(int intervals) { world.RunFor(intervals * kInterval); }

  VirtualWorld world;
  std::unique_ptr<End> leader = std::make_unique<End>(world, kLeader);
  std::unique_ptr<End> follower = std::make_unique<End>(world, kFollower);
};

TEST_F(PulsesTest, BothSidesVouchAfterTwoRoundsAndThenSayNothingTwice) {
  Run(3);
  EXPECT_TRUE(LeaderIsHeard());
  EXPECT_TRUE(FollowerIsHeard());
  leader->sent.clear();
  follower->sent.clear();
  Run(40);
  EXPECT_TRUE(LeaderIsHeard());
  EXPECT_TRUE(FollowerIsHeard());
  EXPECT_EQ(leader->sent.size(), 40u);
  for (const Pulse& pulse : leader->sent) {
    EXPECT_TRUE(pulse.led.empty() && pulse.followed.empty() && !pulse.whole);
  }
}

TEST_F(PulsesTest, WhatIsSaidHoldsForItsTermAndCommitIndexOnly) {
  Run(3);
  EXPECT_FALSE(LeaderIsHeard(kTerm + 1));
  EXPECT_FALSE(FollowerIsHeard(kCommit + 1));
  EXPECT_FALSE(FollowerIsHeard(kCommit, kTerm - 1));
  EXPECT_FALSE(follower->pulses.FromLeader(GroupId(8), kLeader, kTerm).has_value());
  EXPECT_FALSE(follower->pulses.FromFollower(kGroup, kLeader, kTerm, kCommit).has_value());
}

TEST_F(PulsesTest, ChangeIsToldWithTheNextPulseAndWakesThePeersReplica) {
  Run(3);
  const int before = leader->member.changes;
  Change(*follower, Following(kCommit + 5));
  Run(1);
  EXPECT_TRUE(FollowerIsHeard(kCommit + 5));
  EXPECT_GT(leader->member.changes, before);
  Change(*leader, Leading(kTerm + 1));
  Run(1);
  EXPECT_FALSE(LeaderIsHeard());
  EXPECT_TRUE(LeaderIsHeard(kTerm + 1));
}

TEST_F(PulsesTest, ReplicaThatLeavesIsVouchedForNoLonger) {
  Run(3);
  leader->pulses.Leave(kGroup);
  Run(1);
  EXPECT_FALSE(follower->pulses.FromLeader(kGroup, kLeader, kTerm).has_value());
  Change(*follower, {});
  Run(1);
  EXPECT_FALSE(leader->pulses.FromFollower(kGroup, kFollower, kTerm, kCommit).has_value());
  leader->sent.clear();
  follower->sent.clear();
  Run(5);
  EXPECT_TRUE(leader->sent.empty()) << "nothing is left to say";
  EXPECT_TRUE(follower->sent.empty());
}

TEST_F(PulsesTest, SilenceWakesTheReplicasThatRestedOnIt) {
  Run(3);
  leader->lose = [](const Pulse&) { return true; };
  const int followers = follower->member.changes;
  const int leaders = leader->member.changes;
  Run(1);
  EXPECT_TRUE(LeaderIsHeard()) << "one pulse may be late";
  Run(3);
  EXPECT_FALSE(LeaderIsHeard());
  EXPECT_FALSE(FollowerIsHeard()) << "the follower is heard, but it hears nothing";
  EXPECT_GT(follower->member.changes, followers);
  EXPECT_GT(leader->member.changes, leaders);
}

TEST_F(PulsesTest, LostPulseIsNoticedAndTheListsAreToldAnew) {
  Run(3);
  Change(*leader, Leading(kTerm + 1));
  bool lost = false;
  leader->lose = [&lost](const Pulse& pulse) {
    return !lost && !pulse.led.empty() && (lost = true);
  };
  Run(2);
  ASSERT_TRUE(lost);
  EXPECT_FALSE(follower->pulses.FromLeader(kGroup, kLeader, kTerm).has_value())
      << "a pulse is missing: what was said before it means nothing";
  Run(2);
  EXPECT_TRUE(LeaderIsHeard(kTerm + 1));
}

TEST_F(PulsesTest, LeaderIsNotVouchedForBeforeThePeerKnowsThatItLeads) {
  leader->lose = [](const Pulse&) { return true; };
  Run(8);
  EXPECT_FALSE(FollowerIsHeard()) << "it follows, but does not hear this leader's pulses";
}

TEST_F(PulsesTest, NodeThatStartsAnewIsHeardAnew) {
  Run(5);
  follower = std::make_unique<End>(world, kFollower);
  leader->other = follower.get();
  follower->other = leader.get();
  Run(3);
  EXPECT_FALSE(FollowerIsHeard());
  EXPECT_FALSE(LeaderIsHeard()) << "it lacks what was said before it started";
  follower->member.stance = Following();
  follower->pulses.Join(kGroup, follower->member);
  Run(4);
  EXPECT_TRUE(LeaderIsHeard());
  EXPECT_TRUE(FollowerIsHeard());
}

TEST_F(PulsesTest, NodeThatSharesItsGroupsOutDifferentlyIsNotListenedTo) {
  leader.reset();
  leader = std::make_unique<End>(world, kLeader, 4);
  Connect();
  Run(8);
  EXPECT_FALSE(LeaderIsHeard());
  EXPECT_FALSE(FollowerIsHeard());
}

// ---- a group on pulses ----

class IdleGroupTest : public ::testing::Test {
 protected:
  void SetUp() override {
    cluster.AwaitLeader();
    ASSERT_TRUE(cluster.Produce(BatchOf({"a"})).ok());
    ASSERT_TRUE(cluster.RunUntil([&] { return cluster.Converged(); }));
    cluster.RunFor(2 * kSecond);
    leader = cluster.Leader();
    term = status(leader).term;
  }
  raft::RaftStatus status(int node) { return cluster.partition(node).replica().status(); }
  int Follower() const { return leader == 3 ? 2 : 3; }
  int OtherFollower() const { return 6 - leader - Follower(); }

  TestCluster cluster;
  int leader = 0;
  raft::Term term = 0;
};

TEST_F(IdleGroupTest, SaysNothingForMinutesAndKeepsItsLeader) {
  const size_t before = cluster.messages_sent();
  cluster.RunFor(300 * kSecond);
  EXPECT_EQ(cluster.messages_sent(), before);
  EXPECT_EQ(cluster.Leader(), leader);
  for (int node = 1; node <= 3; ++node) EXPECT_EQ(status(node).term, term);
  for (const raft::PeerStatus& peer : status(leader).peers) EXPECT_TRUE(peer.recently_active);
  EXPECT_TRUE(cluster.Produce(BatchOf({"b"})).ok());
}

TEST_F(IdleGroupTest, WithoutPulsesItBeats) {
  TestCluster other({.pulses = false});
  other.AwaitLeader();
  other.RunFor(2 * kSecond);
  const size_t before = other.messages_sent();
  other.RunFor(10 * kSecond);
  EXPECT_GT(other.messages_sent(), before + 100);
}

TEST_F(IdleGroupTest, LeaderThatFallsSilentIsReplacedWithinTwoElectionTimeouts) {
  cluster.RunFor(100 * kSecond);
  cluster.Isolate(leader);
  const int64_t began = cluster.world().now_us();
  const int next = cluster.AwaitLeader(leader);
  const int64_t took_us = cluster.world().now_us() - began;
  EXPECT_GT(took_us, kSecond / 2) << "followers wait an election timeout from the last sign on";
  EXPECT_LT(took_us, 3 * kSecond);
  ASSERT_TRUE(cluster.RunUntil([&] { return !cluster.partition(leader).replica().IsReadyLeader(); },
                               2 * kSecond))
      << "check-quorum";
  cluster.Heal();
  ASSERT_TRUE(cluster.RunUntil([&] { return cluster.Converged(); }));
  EXPECT_EQ(status(leader).leader, NodeId(next));
}

TEST_F(IdleGroupTest, LeaderThatNobodyHearsStepsDownThoughItHearsThem) {
  for (int node : {Follower(), OtherFollower()}) cluster.CutOneWay(leader, node);
  cluster.AwaitLeader(leader);
  EXPECT_TRUE(cluster.RunUntil([&] { return !cluster.partition(leader).replica().IsReadyLeader(); },
                               3 * kSecond));
}

TEST_F(IdleGroupTest, FollowerThatHearsNothingDisturbsNobody) {
  cluster.CutOneWay(leader, Follower());
  cluster.RunFor(60 * kSecond);
  EXPECT_EQ(cluster.Leader(), leader);
  EXPECT_EQ(status(leader).term, term);
  cluster.Heal();
  cluster.RunFor(3 * kSecond);
  EXPECT_EQ(status(Follower()).leader, NodeId(leader));
}

TEST_F(IdleGroupTest, PulsesThatGetLostCostNoLeader) {
  cluster.LosePulses(40);
  for (int i = 0; i < 60; ++i) {
    cluster.RunFor(2 * kSecond);
    ASSERT_TRUE(cluster.Produce(BatchOf({"c"})).ok());
  }
  EXPECT_EQ(cluster.Leader(), leader);
  EXPECT_EQ(status(leader).term, term);
}

TEST_F(IdleGroupTest, FollowerThatMissedTheLastCommitIndexLearnsIt) {
  const TestCluster::Produced produced = cluster.Append(leader, BatchOf({"b"}));
  ASSERT_TRUE(cluster.RunUntil([&] { return produced->has_value(); }));
  cluster.CutOneWay(leader, Follower());  // the news of the commit does not get there
  cluster.RunFor(400'000);
  cluster.Heal();
  EXPECT_TRUE(cluster.RunUntil([&] { return cluster.Converged(); }, kSecond));
}

TEST_F(IdleGroupTest, FollowerThatCrashedIsVouchedForOnlyOnceItFollowsAgain) {
  cluster.Crash(Follower());
  cluster.RunFor(5 * kSecond);
  EXPECT_EQ(cluster.Leader(), leader);
  cluster.Start(Follower());
  ASSERT_TRUE(cluster.RunUntil([&] { return cluster.Converged(); }));
  cluster.RunFor(2 * kSecond);
  const size_t before = cluster.messages_sent();
  cluster.RunFor(60 * kSecond);
  EXPECT_EQ(cluster.messages_sent(), before);
  EXPECT_EQ(status(leader).term, term);
}

TEST_F(IdleGroupTest, LeadershipThatIsHandedOverIsTakenOver) {
  ASSERT_TRUE(cluster.partition(leader).TransferLeadership(NodeId(Follower())).ok());
  ASSERT_TRUE(cluster.RunUntil([&] { return cluster.Leader() == Follower(); }, 2 * kSecond));
  cluster.RunFor(3 * kSecond);
  const size_t before = cluster.messages_sent();
  cluster.RunFor(60 * kSecond);
  EXPECT_EQ(cluster.messages_sent(), before);
  EXPECT_EQ(cluster.Leader(), Follower());
}

}  // namespace
}  // namespace jangada::testing
