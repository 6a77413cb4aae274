// The core's plain values against naive models: terms as runs, majorities, memberships as bytes.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "base/random.h"
#include "raft/membership.h"
#include "raft/progress.h"
#include "raft/quorum.h"
#include "raft/term_history.h"

namespace jangada::raft::test {
namespace {

std::vector<NodeId> Nodes(const std::vector<int>& ids) {
  std::vector<NodeId> nodes;
  for (const int id : ids) nodes.push_back(NodeId(id));
  return nodes;
}

/// A TermHistory as a list: one term an entry.
struct Model {
  Position base;
  std::vector<Term> terms;

  std::optional<Term> TermAt(Index index) const {
    if (index == base.index) return base.term;
    if (index < base.index || index > base.index + terms.size()) return std::nullopt;
    return terms[index - base.index - 1];
  }
  Position LastAtMost(Position bound) const {
    for (Index index = base.index + terms.size(); index > base.index; --index) {
      if (index <= bound.index && *TermAt(index) <= bound.term) return {index, *TermAt(index)};
    }
    return base;
  }
};

TEST(TermHistory, AgreesWithAListOfTerms) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    Random random(seed);
    TermHistory history(Position{});
    Model model;
    for (int step = 0; step < 100; ++step) {
      const Index first = model.base.index;
      const Index last = first + model.terms.size();
      const uint64_t dice = random.Below(10);
      if (dice < 7) {
        const Term term = history.last().term + random.Below(2);
        history.Append(term);
        model.terms.push_back(term);
      } else if (dice < 9) {
        const Index keep = random.Between(first, last);
        history.KeepUpTo(keep);
        model.terms.resize(keep - first);
      } else {
        const Index trim = random.Between(first, last);
        const Position base{trim, *model.TermAt(trim)};
        history.TrimTo(trim);
        model.terms.erase(model.terms.begin(),
                          model.terms.begin() + static_cast<std::ptrdiff_t>(trim - first));
        model.base = base;
      }
      ASSERT_EQ(history.base(), model.base);
      ASSERT_EQ(history.last().index, model.base.index + model.terms.size());
      for (Index index = 0; index <= history.last().index + 2; ++index) {
        ASSERT_EQ(history.TermAt(index), model.TermAt(index)) << "seed " << seed << " at " << index;
      }
      const Position bound{random.Below(history.last().index + 3),
                           random.Below(history.last().term + 2)};
      ASSERT_EQ(history.LastAtMost(bound), model.LastAtMost(bound)) << "seed " << seed;
    }
  }
}

TEST(Quorum, ValuesAreTheGreatestThatAMajorityHasReachedOrThatEveryMajorityNeeds) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    Random random(seed);
    Membership membership;
    std::map<NodeId, uint64_t> values;
    for (int id = 1; id <= 7; ++id) {
      values[NodeId(id)] = random.Below(10);
      if (id == 1 || random.Chance(1, 2)) membership.voters.push_back(NodeId(id));
      if (random.Chance(1, 3)) membership.outgoing.push_back(NodeId(id));
    }
    const auto holds = [&](const std::vector<NodeId>& voters, uint64_t value) {
      const auto reached = std::count_if(voters.begin(), voters.end(),
                                         [&](NodeId node) { return values[node] >= value; });
      return voters.empty() || 2 * static_cast<size_t>(reached) > voters.size();
    };
    // No majority can be formed of those that have not reached it.
    const auto blocks = [&](const std::vector<NodeId>& voters, uint64_t value) {
      const auto below = std::count_if(voters.begin(), voters.end(),
                                       [&](NodeId node) { return values[node] < value; });
      return voters.empty() || 2 * static_cast<size_t>(below) <= voters.size();
    };
    uint64_t expected = 0;
    uint64_t expected_blocking = 0;
    for (uint64_t value = 0; value < 10; ++value) {
      if (holds(membership.voters, value) && holds(membership.outgoing, value)) expected = value;
      if (blocks(membership.voters, value) && blocks(membership.outgoing, value)) {
        expected_blocking = value;
      }
    }
    const auto value = [&](NodeId node) { return values[node]; };
    EXPECT_EQ(QuorumValue(membership, value), expected);
    EXPECT_EQ(BlockingValue(membership, value), expected_blocking);
  }
}

TEST(Quorum, ElectionIsLostAsSoonAsNoMajorityIsLeft) {
  Membership membership;
  membership.voters = Nodes({1, 2, 3, 4});
  std::map<NodeId, bool> votes{{NodeId(1), true}};
  EXPECT_EQ(CountVotes(membership, votes), VoteOutcome::kPending);
  votes[NodeId(2)] = false;
  EXPECT_EQ(CountVotes(membership, votes), VoteOutcome::kPending);
  votes[NodeId(3)] = false;
  EXPECT_EQ(CountVotes(membership, votes), VoteOutcome::kLost);
  votes[NodeId(9)] = true;
  EXPECT_EQ(CountVotes(membership, votes), VoteOutcome::kLost) << "a stranger's vote";
}

TEST(Membership, ComesBackFromItsBytesAndNothingElseDoes) {
  Membership membership;
  membership.voters = Nodes({1, 300, 70000});
  membership.outgoing = Nodes({1, 2});
  membership.learners = Nodes({2});
  const Bytes bytes = EncodeMembership(membership);
  EXPECT_EQ(DecodeMembership(bytes.view()), membership);
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_EQ(DecodeMembership(bytes.view().substr(0, length)), std::nullopt);
  }
  EXPECT_EQ(DecodeMembership(bytes.ToString() + "x"), std::nullopt);
  Random random(1);
  for (int i = 0; i < 2000; ++i) {  // whatever the bytes: an answer, no crash
    std::string damaged = bytes.ToString();
    damaged[random.Below(damaged.size())] = static_cast<char>(random.Next());
    const auto decoded = DecodeMembership(damaged);
    if (decoded) {
      EXPECT_EQ(EncodeMembership(*decoded).ToString(), damaged);
    }
  }
}

TEST(Membership, BytesAreTheDocumentedOnes) {
  Membership membership;
  membership.voters = Nodes({1, 2, 3});
  membership.learners = Nodes({4});
  // Version 1; counts as varints; ids as zigzag varints. On disks and wires: never changes
  // silently.
  EXPECT_EQ(EncodeMembership(membership).ToString(),
            std::string("\x01\x03\x02\x04\x06\x00\x01\x08", 8));
}

TEST(Membership, NodeThatVotesOutgoingAndLearnsIsAVoterUntilTheJointConfigurationIsLeft) {
  Membership current;
  current.voters = Nodes({1, 2, 3});
  const Result<Membership> joint = FirstStep(current, {Nodes({1, 2}), Nodes({3})});
  ASSERT_TRUE(joint.ok());
  EXPECT_TRUE(joint->IsVoter(NodeId(3)));
  EXPECT_FALSE(joint->IsLearner(NodeId(3)));
  EXPECT_EQ(joint->Members(), Nodes({1, 2, 3}));
  const Membership left = LeaveJoint(*joint);
  EXPECT_FALSE(left.IsVoter(NodeId(3)));
  EXPECT_TRUE(left.IsLearner(NodeId(3)));
  EXPECT_EQ(left.ToString(), "voters=1,2 learners=3");
}

TEST(MembershipHistory, RollsBackTrimsAndInstalls) {
  const auto only = [](int id) {
    Membership membership;
    membership.voters = Nodes({id});
    return membership;
  };
  MembershipHistory history({0, only(1)});
  history.Append({5, only(2)});
  history.Append({9, only(3)});
  EXPECT_EQ(history.At(8).membership, only(2));
  history.KeepUpTo(8);
  EXPECT_EQ(history.InForce().membership, only(2));
  history.Append({9, only(4)});
  history.TrimTo(6);
  EXPECT_EQ(history.At(6).membership, only(2)) << "what is in force at the trimmed end stays";
  history.Install({{7, 1}, {7, only(6)}}, true);
  EXPECT_EQ(history.At(7).membership, only(6));
  EXPECT_EQ(history.InForce().membership, only(4));
  history.Install({{20, 1}, {18, only(7)}}, false);
  EXPECT_EQ(history.InForce().membership, only(7));
}

TEST(Progress, RejectionOfAnOlderRoundIsNoNews) {
  Progress probing(/*next=*/10, /*now=*/0);
  EXPECT_TRUE(probing.IsNews(9));
  EXPECT_FALSE(probing.IsNews(5));
  EXPECT_FALSE(probing.IsNews(12));
  Progress replicating(10, 0);
  replicating.Accepted(9, 1);
  ASSERT_EQ(replicating.mode(), Progress::Mode::kReplicate);
  EXPECT_FALSE(replicating.IsNews(9)) << "it holds that";
  EXPECT_TRUE(replicating.IsNews(10));
}

TEST(Progress, WhatMatchedStaysMatchedWhateverComesLate) {
  Progress progress(10, 0);
  EXPECT_TRUE(progress.Accepted(9, 1));
  EXPECT_FALSE(progress.Accepted(7, 2));
  EXPECT_EQ(progress.match(), 9u);
}

}  // namespace
}  // namespace jangada::raft::test
