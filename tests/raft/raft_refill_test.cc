// A replica that lost what it had acknowledged, and its leader: one test for each rule by which it
// comes back (raft/refill.cc, docs/decisions.md 4 and 33). Taking the rule out makes its test fail.
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "tests/raft/cluster.h"
#include "tests/raft/solo.h"

namespace jangada::raft::test {
namespace {

/// Of a group {1, 2, 3} and term 1; `log` is what is left.
Restored DamagedDisk(const std::vector<Term>& log, bool forgot_votes = false) {
  Restored restored = Founder(3, log, {1, {}});
  restored.refill = true;
  restored.forgot_votes = forgot_votes;
  return restored;
}

constexpr Loss kLoss{7, false};
constexpr Loss kLossOfVotes{9, true};

/// The leader 1 of {1..voters}; its no-op is committed, and everybody has it.
class Leader : public Solo {
 public:
  explicit Leader(int voters) : Solo(Founder(voters)) {
    Lead(voters);
    for (int id = 2; id <= voters; ++id) Acknowledge(id, 1);
    Forget();
  }
  void Append() {
    EXPECT_TRUE(raft.Propose(MakeEntry(0, 0)).ok());
    Settle();
  }
  void HearHeartbeat(int from, Index last, const Loss& loss) {
    Step(from, raft.term(), HeartbeatReply{.last = last, .loss = loss});
    Settle();
  }
  void HearAppend(int from, Index match, const Loss& loss) {
    Step(from, raft.term(), AppendReply{.accepted = true, .match = match, .loss = loss});
    Settle();
  }
  Position LastOrderTo(int to) const {
    const auto order = std::find_if(orders.rbegin(), orders.rend(),
                                    [to](const Replicate& o) { return o.to == NodeId(to); });
    return order == orders.rend() ? Position{~Index{0}, 0} : order->prev;
  }
  /// What the next heartbeat says to `to`.
  uint64_t ToldWhole(int to) {
    Pass(10);
    return LastTo<Heartbeat>(to)->whole;
  }
};

// ---- the replica ----

TEST(RaftRefill, DamagedReplicaGrantsNothingAndNeverCampaigns) {
  Solo solo(DamagedDisk({1, 1}));
  EXPECT_EQ(solo.raft.NextDue(), kNever);
  solo.raft.Campaign();
  EXPECT_EQ(solo.raft.status().role, Role::kFollower);
  solo.Step(2, 5, TimeoutNow{});
  EXPECT_EQ(solo.raft.status().role, Role::kFollower);
  solo.Step(2, 5, VoteRequest{.pre_vote = true, .last = {9, 4}});
  solo.Step(2, 5, VoteRequest{.last = {9, 4}});
  solo.Settle();
  for (const VoteReply& reply : solo.SentTo<VoteReply>(2)) EXPECT_FALSE(reply.granted);
}

TEST(RaftRefill, EveryAnswerOfADamagedReplicaNamesItsLoss) {
  Solo solo(DamagedDisk({1, 1}, /*forgot_votes=*/true));
  solo.Step(2, 2, Heartbeat{});
  solo.Settle();
  const Loss loss = solo.LastTo<HeartbeatReply>(2)->loss;
  EXPECT_NE(loss.id, 0u);
  EXPECT_TRUE(loss.forgot_votes);
  solo.Step(2, 2, AppendRequest{.prev = {4, 1}});
  solo.Settle();
  EXPECT_FALSE(solo.LastTo<AppendReply>(2)->accepted);
  EXPECT_EQ(solo.LastTo<AppendReply>(2)->loss, loss);
  solo.Step(2, 2, AppendRequest{.prev = {2, 1}, .entries = {MakeEntry(3, 2)}});
  solo.Settle();
  EXPECT_TRUE(solo.LastTo<AppendReply>(2)->accepted);
  EXPECT_EQ(solo.LastTo<AppendReply>(2)->loss, loss);
}

TEST(RaftRefill, TwoLossesOfOneReplicaHaveTwoNames) {
  const auto name = [](Ticks started) {
    Raft raft(SoloOptions(1), DamagedDisk({1}), started);
    raft.Step({.from = NodeId(2), .to = NodeId(1), .term = 2, .body = Heartbeat{}});
    return std::get<HeartbeatReply>(raft.TakeReady().messages.at(0).body).loss.id;
  };
  EXPECT_EQ(name(1000), name(1000));
  EXPECT_NE(name(1000), name(1001));
}

TEST(RaftRefill, EndsOnlyWhenTheLeaderNamesThisVeryLoss) {
  Solo solo(DamagedDisk({1, 1}));
  solo.Step(2, 2, AppendRequest{.prev = {2, 1}, .entries = {MakeEntry(3, 2)}, .commit = 3});
  solo.Settle();
  EXPECT_TRUE(solo.raft.status().refilling) << "this commit may lie before what was lost";
  const uint64_t id = solo.LastTo<AppendReply>(2)->loss.id;
  solo.Step(2, 2, Heartbeat{.commit = 3});
  solo.Step(2, 2, Heartbeat{.commit = 3, .whole = id + 1});
  solo.Settle();
  EXPECT_TRUE(solo.raft.status().refilling);
  solo.Step(2, 2, Heartbeat{.commit = 3, .whole = id});
  solo.Settle();
  EXPECT_FALSE(solo.raft.status().refilling);
  solo.Step(2, 2, Heartbeat{.commit = 3});
  solo.Settle();
  EXPECT_EQ(solo.LastTo<HeartbeatReply>(2)->loss, Loss{});
}

/// The Ready with which the refill of a replica ends, whose hard state is `before`.
Ready EndOfRefill(const HardState& before) {
  Restored restored = DamagedDisk({1});
  restored.hard_state = before;
  Raft raft(SoloOptions(1), std::move(restored), 0);
  const auto step = [&](decltype(Message::body) body) {
    raft.Step({.from = NodeId(2), .to = NodeId(1), .term = before.term, .body = std::move(body)});
    return raft.TakeReady();
  };
  const Ready first = step(Heartbeat{});
  const uint64_t id = std::get<HeartbeatReply>(first.messages.at(0).body).loss.id;
  return step(Heartbeat{.whole = id});
}

TEST(RaftRefill, TheVoteOfItsTermIsUsedUpInTheWriteThatEndsTheRefill) {
  const Ready end = EndOfRefill({4, std::nullopt});
  EXPECT_TRUE(end.whole);
  ASSERT_TRUE(end.hard_state.has_value());
  EXPECT_EQ(*end.hard_state, (HardState{4, NodeId(2)}));
  // A crash right after that write: whom it may have voted for before the damage does not matter.
  Solo restarted(Founder(3, {1}, *end.hard_state));
  restarted.Step(3, 4, VoteRequest{.last = {9, 4}});
  restarted.Settle();
  EXPECT_FALSE(restarted.LastTo<VoteReply>(3)->granted);
  restarted.Step(3, 5, VoteRequest{.last = {9, 4}});
  restarted.Settle();
  EXPECT_TRUE(restarted.LastTo<VoteReply>(3)->granted);
}

TEST(RaftRefill, AVoteThatIsKnownStays) {
  EXPECT_EQ(*EndOfRefill({4, NodeId(3)}).hard_state, (HardState{4, NodeId(3)}));
}

TEST(RaftRefill, ReplicaThatForgotItsVotesConfirmsNoRead) {
  for (const bool forgot_votes : {false, true}) {
    Solo solo(DamagedDisk({1, 1}, forgot_votes));
    solo.Step(2, 2, Heartbeat{.read_id = 5});
    solo.Settle();
    EXPECT_EQ(solo.LastTo<HeartbeatReply>(2)->read_id, forgot_votes ? 0u : 5u);
  }
}

TEST(RaftRefill, CommitsNoFurtherThanWhatWasVerifiedSince) {
  Solo solo(DamagedDisk({1, 1}));
  solo.Step(2, 2, Heartbeat{.commit = 2});
  solo.Settle();
  EXPECT_EQ(solo.committed, 0u) << "what is left may be a suffix that this leader has replaced";
}

// ---- its leader ----

TEST(RaftRefill, LeaderForgetsWhatADamagedFollowerHadMatchedAndKeepsItsCommit) {
  Leader leader(3);
  ASSERT_EQ(leader.raft.commit(), 1u);
  leader.Step(2, 1, AppendReply{.rejected = 1, .hint = {0, 0}, .loss = kLoss});
  leader.Settle();
  EXPECT_EQ(leader.raft.status().peers[0].match, 0u);
  EXPECT_EQ(leader.raft.commit(), 1u);
  EXPECT_EQ(leader.LastOrderTo(2), (Position{0, 0})) << "sent from what is left";
}

TEST(RaftRefill, LeaderLearnsOfALossFromAHeartbeatsAnswer) {
  Leader leader(3);
  leader.HearHeartbeat(2, 0, kLoss);
  EXPECT_EQ(leader.raft.status().peers[0].match, 0u);
  EXPECT_EQ(leader.LastOrderTo(2), (Position{0, 0}));
}

TEST(RaftRefill, AnswersFromBeforeTheLossCountNoMore) {
  Leader leader(3);
  leader.Append();
  leader.HearHeartbeat(2, 0, kLoss);
  leader.HearAppend(2, 2, {});
  EXPECT_EQ(leader.raft.status().peers[0].match, 0u);
  EXPECT_EQ(leader.raft.commit(), 1u);
  leader.HearAppend(2, 2, kLoss);
  EXPECT_EQ(leader.raft.commit(), 2u);
}

TEST(RaftRefill, PeerIsWholeOnceItHoldsACommittedEntryThatIsYoungerThanTheNewsOfItsLoss) {
  Leader leader(3);
  leader.HearHeartbeat(2, 1, kLoss);
  ASSERT_EQ(leader.log.size(), 2u) << "appended for this";
  leader.HearAppend(2, 1, kLoss);
  leader.Acknowledge(3, 2);
  ASSERT_EQ(leader.raft.commit(), 2u);
  EXPECT_EQ(leader.ToldWhole(2), 0u) << "it does not hold that entry";
  leader.HearAppend(2, 2, kLoss);
  EXPECT_EQ(leader.ToldWhole(2), kLoss.id);
  EXPECT_EQ(leader.LastTo<Heartbeat>(3)->whole, 0u);
  EXPECT_FALSE(leader.raft.status().peers[0].whole) << "it may not have heard that";
  leader.HearHeartbeat(2, 2, {});
  EXPECT_TRUE(leader.raft.status().peers[0].whole);
  leader.Append();
  leader.Acknowledge(2, 3);
  EXPECT_EQ(leader.raft.commit(), 3u) << "it counts like everybody";
}

TEST(RaftRefill, WhoSaysByNoMessageThatItLacksNothingIsWholeToo) {
  Leader leader(3);
  leader.HearHeartbeat(2, 1, kLoss);
  leader.HearAppend(2, 2, kLoss);
  ASSERT_EQ(leader.ToldWhole(2), kLoss.id);
  EXPECT_FALSE(leader.raft.status().peers[0].whole);
  leader.raft.HeardFollower(NodeId(2), leader.now);
  EXPECT_TRUE(leader.raft.status().peers[0].whole) << "an idle group sends nothing it could answer";
}

TEST(RaftRefill, WhoBeginsEmptyLearnsOfTheVotersThatTheGroupBeganWith) {
  Leader leader(3);
  leader.HearHeartbeat(2, 0, kLoss);
  Restored nothing;
  nothing.refill = true;
  Solo solo(nothing, SoloOptions(2));
  solo.Step(1, 1, AppendRequest{.prev = {0, 0}, .entries = leader.log, .commit = 1});
  solo.Settle();
  EXPECT_EQ(solo.raft.status().membership.membership, leader.raft.status().membership.membership);
  leader.Acknowledge(3, 2);
  leader.HearHeartbeat(2, 0, kLossOfVotes);
  EXPECT_EQ(leader.log.back().type, EntryType::kNoop) << "they stand in an entry now";
}

TEST(RaftRefill, PeerIsNotWholeBeforeThatEntryIsCommitted) {
  Leader leader(5);
  leader.HearHeartbeat(2, 1, kLoss);
  leader.HearAppend(2, 2, kLoss);
  EXPECT_EQ(leader.ToldWhole(2), 0u);
  leader.Acknowledge(3, 2);
  EXPECT_EQ(leader.ToldWhole(2), kLoss.id);
}

TEST(RaftRefill, ALateEchoOfALossIsNoNewLoss) {
  Leader leader(3);
  leader.HearHeartbeat(2, 1, kLoss);
  leader.HearAppend(2, 2, kLoss);
  ASSERT_EQ(leader.ToldWhole(2), kLoss.id);
  leader.HearHeartbeat(2, 2, {});
  leader.HearHeartbeat(2, 2, kLoss);
  EXPECT_EQ(leader.log.size(), 2u);
  EXPECT_EQ(leader.raft.status().peers[0].match, 2u);
  // A second loss is one.
  leader.HearHeartbeat(2, 2, {kLoss.id + 2, false});
  EXPECT_EQ(leader.log.size(), 3u);
  EXPECT_EQ(leader.ToldWhole(2), 0u);
}

TEST(RaftRefill, CopyOfAReplicaThatKnowsItsVotesCountsAtOnce) {
  Leader leader(3);
  leader.HearHeartbeat(2, 1, kLoss);
  leader.HearAppend(2, 2, kLoss);
  EXPECT_EQ(leader.raft.commit(), 2u);
}

TEST(RaftRefill, ReplicaThatForgotItsVotesDoesNotCountTowardsTheEntryThatMakesItWhole) {
  Leader leader(3);
  leader.HearHeartbeat(2, 1, kLossOfVotes);
  leader.HearAppend(2, 2, kLossOfVotes);
  EXPECT_EQ(leader.raft.commit(), 1u) << "3 may follow a later leader that 2 helped to elect";
  EXPECT_EQ(leader.ToldWhole(2), 0u);
  leader.Acknowledge(3, 2);
  EXPECT_EQ(leader.raft.commit(), 2u);
  EXPECT_EQ(leader.ToldWhole(2), kLossOfVotes.id);
  leader.Append();
  leader.HearAppend(2, 3, kLossOfVotes);
  EXPECT_EQ(leader.raft.commit(), 3u) << "from then on it does";
}

TEST(RaftRefill, OfTwoVotersTheOneThatForgotItsVotesIsMadeWholeByTheOther) {
  Leader leader(2);
  leader.HearHeartbeat(2, 1, kLossOfVotes);
  EXPECT_EQ(leader.raft.commit(), 1u) << "one copy is none";
  leader.HearAppend(2, 2, kLossOfVotes);
  EXPECT_EQ(leader.raft.commit(), 2u);
  EXPECT_EQ(leader.ToldWhole(2), kLossOfVotes.id);
}

}  // namespace
}  // namespace jangada::raft::test
