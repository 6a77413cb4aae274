// The membership driver: single steps, and that step by step it arrives, from any state, whoever
// leads.
#include "server/controller/membership_driver.h"

#include <set>

#include "fakes.h"
#include "gtest/gtest.h"

namespace jangada::server {
namespace {

raft::RaftStatus LeaderStatus(int self, raft::Membership membership) {
  raft::RaftStatus status;
  status.role = raft::Role::kLeader;
  status.leader = NodeId(self);
  status.last.index = 10'000;
  status.membership.membership = std::move(membership);
  const raft::Membership& present = status.membership.membership;
  for (const auto* list : {&present.voters, &present.learners}) {
    for (const NodeId node : *list) {
      if (node != NodeId(self)) status.peers.push_back({node, 10'000, true, true, false});
    }
  }
  return status;
}

bool AllLive(NodeId) { return true; }

MembershipStep Next(int self, DesiredMembers desired, const raft::RaftStatus& status) {
  return NextMembershipStep(NodeId(self), desired, status, AllLive);
}

void ExpectProposal(const MembershipStep& step, const std::vector<NodeId>& voters,
                    const std::vector<NodeId>& learners) {
  const auto* propose = std::get_if<StepPropose>(&step);
  ASSERT_NE(propose, nullptr) << "step " << step.index();
  EXPECT_EQ(propose->target.voters, voters);
  EXPECT_EQ(propose->target.learners, learners);
}

TEST(MembershipDriver, RestsWhereMembersAreAsDesiredInAnyOrder) {
  const auto status = LeaderStatus(1, {Nodes({1, 2, 3}), {}, {}});
  EXPECT_TRUE(std::holds_alternative<StepNone>(Next(1, {Nodes({3, 1, 2}), {}}, status)));
}

TEST(MembershipDriver, WaitsWhileAChangeIsUnderWayOrAnotherLeads) {
  const DesiredMembers desired{Nodes({1, 2, 4}), {}};
  auto joint = LeaderStatus(1, {Nodes({1, 2, 4}), Nodes({1, 2, 3}), {}});
  EXPECT_TRUE(std::holds_alternative<StepWait>(Next(1, desired, joint)));
  auto uncommitted = LeaderStatus(1, {Nodes({1, 2, 4}), {}, {}});
  uncommitted.membership_committed = false;
  EXPECT_TRUE(std::holds_alternative<StepWait>(Next(1, desired, uncommitted)))
      << "not settled before it is committed";
  auto follower = LeaderStatus(1, {Nodes({1, 2, 3}), {}, {}});
  follower.role = raft::Role::kFollower;
  EXPECT_TRUE(std::holds_alternative<StepWait>(Next(1, desired, follower)));
}

TEST(MembershipDriver, ANewVoterLearnsFirst) {
  const auto status = LeaderStatus(1, {Nodes({1, 2, 3}), {}, {}});
  ExpectProposal(Next(1, {Nodes({1, 2, 4}), {}}, status), Nodes({1, 2, 3}), Nodes({4}));
}

TEST(MembershipDriver, ALearnerThatLagsOrIsSilentBecomesNoVoter) {
  const DesiredMembers desired{Nodes({1, 2, 4}), {}};
  auto status = LeaderStatus(1, {Nodes({1, 2, 3}), {}, Nodes({4})});
  ExpectProposal(Next(1, desired, status), Nodes({1, 2, 4}), {});
  status.peers.back().match = status.last.index - kMayVoteWithin - 1;
  EXPECT_TRUE(std::holds_alternative<StepWait>(Next(1, desired, status)));
  status.peers.back().match = status.last.index;
  status.peers.back().recently_active = false;
  EXPECT_TRUE(std::holds_alternative<StepWait>(Next(1, desired, status)));
  status.peers.back().recently_active = true;
  status.peers.back().needs_snapshot = true;
  EXPECT_TRUE(std::holds_alternative<StepWait>(Next(1, desired, status)));
}

TEST(MembershipDriver, ALearnerThatHasNotAnsweredYetBecomesNoVoterHoweverShortTheLog) {
  auto status = LeaderStatus(1, {Nodes({1, 2, 3}), {}, Nodes({4})});
  status.last.index = 12;
  status.membership.index = 11;  // added it
  raft::PeerStatus& learner = status.peers.back();
  learner.match = 0;
  EXPECT_TRUE(std::holds_alternative<StepWait>(Next(1, {Nodes({1, 2, 4}), {}}, status)));
  learner.match = 10;  // an answer of a replica that was here before
  EXPECT_TRUE(std::holds_alternative<StepWait>(Next(1, {Nodes({1, 2, 4}), {}}, status)));
  learner.match = 11;
  ExpectProposal(Next(1, {Nodes({1, 2, 4}), {}}, status), Nodes({1, 2, 4}), {});
}

TEST(MembershipDriver, ALeaderThatLeavesHandsOverFirst) {
  const auto status = LeaderStatus(1, {Nodes({1, 2, 3}), {}, {}});
  const auto step = Next(1, {Nodes({3, 2}), {}}, status);
  ASSERT_TRUE(std::holds_alternative<StepTransfer>(step));
  EXPECT_EQ(std::get<StepTransfer>(step).to, NodeId(3)) << "the preferred leader";
}

TEST(MembershipDriver, ALeaderThatLeavesHandsOverToNobodyDead) {
  const auto status = LeaderStatus(1, {Nodes({1, 2, 3}), {}, {}});
  const auto three_is_dead = [](NodeId node) { return node != NodeId(3); };
  const auto step = NextMembershipStep(NodeId(1), {Nodes({3, 2}), {}}, status, three_is_dead);
  ASSERT_TRUE(std::holds_alternative<StepTransfer>(step));
  EXPECT_EQ(std::get<StepTransfer>(step).to, NodeId(2));
}

TEST(MembershipDriver, AnOnlyReplicaMovesThroughBothBeingVoters) {
  const DesiredMembers desired{Nodes({2}), {}};
  ExpectProposal(Next(1, desired, LeaderStatus(1, {Nodes({1}), {}, {}})), Nodes({1}), Nodes({2}));
  ExpectProposal(Next(1, desired, LeaderStatus(1, {Nodes({1}), {}, Nodes({2})})), Nodes({1, 2}),
                 {});
  const auto step = Next(1, desired, LeaderStatus(1, {Nodes({1, 2}), {}, {}}));
  ASSERT_TRUE(std::holds_alternative<StepTransfer>(step));
  ExpectProposal(Next(2, desired, LeaderStatus(2, {Nodes({1, 2}), {}, {}})), Nodes({2}), {});
}

TEST(MembershipDriver, VotersAreNotMovedToASetWithoutALiveMajority) {
  const auto status = LeaderStatus(1, {Nodes({1, 2, 3}), {}, {}});
  const auto only_self = [](NodeId node) { return node == NodeId(1); };
  EXPECT_TRUE(std::holds_alternative<StepWait>(
      NextMembershipStep(NodeId(1), {Nodes({1, 2}), {}}, status, only_self)));
}

TEST(MembershipDriver, VotersAreNotMovedToASetWhoseMajorityCouldElectNobody) {
  const DesiredMembers desired{Nodes({1, 2, 3}), {}};
  auto status = LeaderStatus(1, {Nodes({1, 3, 4}), {}, Nodes({2})});
  const auto peer = [&](int id) -> raft::PeerStatus& {
    return *std::find_if(status.peers.begin(), status.peers.end(),
                         [id](const auto& each) { return each.node == NodeId(id); });
  };
  peer(3).whole = false;  // one of three: the new one makes up for it
  ExpectProposal(Next(1, desired, status), Nodes({1, 2, 3}), {});
  peer(2).whole = false;  // it has not heard yet that it is whole
  EXPECT_TRUE(std::holds_alternative<StepWait>(Next(1, desired, status)));
  peer(2).whole = true;
  peer(3).whole = true;
  const DesiredMembers fewer{Nodes({1, 3}), {}};
  ExpectProposal(Next(1, fewer, status), Nodes({1, 3}), {});
  peer(3).whole = false;
  EXPECT_TRUE(std::holds_alternative<StepWait>(Next(1, fewer, status)));
}

TEST(MembershipDriver, LearnersComeGoAndChangePlaces) {
  const auto status = LeaderStatus(1, {Nodes({1, 2, 3}), {}, Nodes({5})});
  ExpectProposal(Next(1, {Nodes({1, 2, 3}), Nodes({4})}, status), Nodes({1, 2, 3}), Nodes({4}));
  ExpectProposal(Next(1, {Nodes({1, 2, 5}), Nodes({3})}, status), Nodes({1, 2, 5}), Nodes({3}));
}

/// From every membership to every desired one over four nodes, with leaders changing at random:
/// each step is applied as Raft would, and the walk must end at the desired set within a few steps,
/// never without a voter that was there before (an overlap is what carries the data over).
TEST(MembershipDriver, ArrivesFromEverywhereWhoeverLeads) {
  Random random(1);
  for (unsigned from = 1; from < 16; ++from) {
    for (unsigned to = 1; to < 16; ++to) {
      raft::Membership membership;
      DesiredMembers desired;
      for (int id = 1; id <= 4; ++id) {
        if (from & (1u << (id - 1))) membership.voters.emplace_back(id);
        if (to & (1u << (id - 1))) desired.voters.emplace_back(id);
      }
      NodeId leader = membership.voters[random.Below(membership.voters.size())];
      int steps = 0;
      for (; steps < 12; ++steps) {
        const auto status = LeaderStatus(leader.value(), membership);
        const auto step = NextMembershipStep(leader, desired, status, AllLive);
        if (std::holds_alternative<StepNone>(step)) break;
        ASSERT_FALSE(std::holds_alternative<StepWait>(step)) << membership.ToString();
        if (const auto* transfer = std::get_if<StepTransfer>(&step)) {
          leader = transfer->to;
        } else {
          const auto& target = std::get<StepPropose>(step).target;
          for (const NodeId voter : target.voters) {
            const auto& old = membership;
            EXPECT_TRUE(old.IsVoter(voter) || old.IsLearner(voter)) << "it never learned";
          }
          ASSERT_TRUE(std::find(target.voters.begin(), target.voters.end(), leader) !=
                      target.voters.end())
              << "a leader may not vote itself out";
          membership.voters = target.voters;
          membership.learners = target.learners;
        }
        if (random.Chance(1, 3)) {
          leader = membership.voters[random.Below(membership.voters.size())];
        }
      }
      EXPECT_EQ(membership.voters, desired.voters) << from << " to " << to;
      EXPECT_TRUE(membership.learners.empty());
      EXPECT_LT(steps, 12);
    }
  }
}

}  // namespace
}  // namespace jangada::server
