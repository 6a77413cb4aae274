// One test for each rule of the Raft paper and thesis (numbers in brackets) about elections and
// logs. Taking the rule out of the code makes its test fail.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/raft/cluster.h"
#include "tests/raft/solo.h"

namespace jangada::raft::test {
namespace {

// ---- terms (3.3) ----

TEST(RaftPaper, StartsAsFollower) {
  Solo solo(Founder(3));
  EXPECT_EQ(solo.raft.status().role, Role::kFollower);
  EXPECT_EQ(solo.raft.term(), 0u);
}

TEST(RaftPaper, LeaderStepsDownForAHigherTerm) {
  Solo solo(Founder(3));
  solo.Lead(3);
  ASSERT_TRUE(solo.raft.IsLeader());
  solo.Step(2, 9, Heartbeat{});
  EXPECT_FALSE(solo.raft.IsLeader());
  EXPECT_EQ(solo.raft.term(), 9u);
  EXPECT_EQ(solo.raft.leader(), NodeId(2));
}

TEST(RaftPaper, LeaderLearnsANewerTermFromAFollowersRefusal) {
  Solo solo(Founder(3));
  solo.Lead(3);
  solo.Step(2, 9, AppendReply{});
  EXPECT_FALSE(solo.raft.IsLeader());
  EXPECT_EQ(solo.raft.term(), 9u);
}

TEST(RaftPaper, LeaderLearnsANewerTermFromAnAnswerToAHeartbeat) {
  Solo solo(Founder(3));
  solo.Lead(3);
  solo.Step(2, 9, HeartbeatReply{});
  EXPECT_FALSE(solo.raft.IsLeader());
  EXPECT_EQ(solo.raft.term(), 9u);
}

TEST(RaftPaper, CandidateStepsDownForTheLeaderOfItsTerm) {
  for (const decltype(Message::body)& sign :
       {decltype(Message::body)(Heartbeat{}), decltype(Message::body)(AppendRequest{})}) {
    Solo solo(Founder(3));
    solo.raft.Campaign();
    solo.Step(2, 1, VoteReply{.pre_vote = true, .granted = true});
    solo.Settle();
    ASSERT_EQ(solo.raft.status().role, Role::kCandidate);
    solo.Step(3, 1, sign);
    EXPECT_EQ(solo.raft.status().role, Role::kFollower);
    EXPECT_EQ(solo.raft.leader(), NodeId(3));
  }
}

TEST(RaftPaper, ElectionThatIsUnderWayAsksAgainAndKeepsWhatWasGranted) {
  Solo solo(Founder(5));
  solo.raft.Campaign();
  solo.Settle();
  solo.sent.clear();  // nobody was there yet
  solo.Step(2, 1, VoteReply{.pre_vote = true, .granted = true});
  solo.raft.Campaign();
  solo.Settle();
  ASSERT_EQ(solo.sent.size(), 4u);
  for (const Message& message : solo.sent) {
    EXPECT_TRUE(std::get<VoteRequest>(message.body).pre_vote);
    EXPECT_EQ(message.term, 1u);
  }
  solo.Step(3, 1, VoteReply{.pre_vote = true, .granted = true});
  solo.Settle();
  EXPECT_EQ(solo.raft.status().role, Role::kCandidate);
}

TEST(RaftPaper, RequestOfAnOldTermChangesNothingAndIsAnsweredWithTheNewTerm) {
  Solo solo(Founder(3, {1, 2}, {5, {}}));
  solo.Step(2, 4, AppendRequest{.prev = {2, 2}, .entries = {MakeEntry(3, 4)}, .commit = 3});
  solo.Settle();
  EXPECT_EQ(solo.raft.status().last, (Position{2, 2}));
  EXPECT_EQ(solo.raft.commit(), 0u);
  ASSERT_EQ(solo.sent.size(), 1u);
  EXPECT_EQ(solo.sent[0].term, 5u);
  EXPECT_FALSE(std::get<AppendReply>(solo.sent[0].body).accepted);
  EXPECT_EQ(solo.raft.dropped_messages(), 1u);
}

TEST(RaftPaper, EveryRequestOfAnOldTermIsAnsweredWithTheNewTerm) {
  using Body = decltype(Message::body);
  for (const Body& request :
       {Body(VoteRequest{.last = {2, 4}}), Body(AppendRequest{.prev = {2, 2}}), Body(Heartbeat{}),
        Body(InstallSnapshot{.meta = {.last = {9, 4}}})}) {
    SCOPED_TRACE(request.index());
    Solo solo(Founder(3, {1, 2}, {5, {}}));
    solo.Step(2, 4, request);
    solo.Settle();
    ASSERT_EQ(solo.sent.size(), 1u);
    EXPECT_EQ(solo.sent[0].to, NodeId(2));
    EXPECT_EQ(solo.sent[0].term, 5u);
    EXPECT_EQ(solo.raft.status().last, (Position{2, 2}));
  }
}

// ---- elections (3.4) ----

TEST(RaftPaper, FollowerThatHearsNobodyCampaignsWithinOneAndTwoTimeouts) {
  std::set<Ticks> deadlines;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    Options options = SoloOptions(1);
    options.seed = seed;
    Solo solo(Founder(3), options);
    const Ticks due = solo.raft.NextDue();
    EXPECT_GE(due, options.election_ticks);
    EXPECT_LE(due, 2 * options.election_ticks);
    deadlines.insert(due);
    solo.Pass(due - 1);
    EXPECT_EQ(solo.raft.status().role, Role::kFollower);
    solo.Pass(1);
    EXPECT_EQ(solo.raft.status().role, Role::kPreCandidate);
  }
  EXPECT_GT(deadlines.size(), 20u) << "timeouts must be spread, or votes split";
}

TEST(RaftPaper, FollowerThatHearsItsLeaderStaysFollower) {
  Solo solo(Founder(3));
  for (int i = 0; i < 50; ++i) {
    solo.Step(2, 1, Heartbeat{});
    solo.Pass(10);
  }
  EXPECT_EQ(solo.raft.status().role, Role::kFollower);
}

TEST(RaftPaper, CandidateWinsWithAMajorityOnly) {
  struct Case {
    int voters;
    int grants;
    bool wins;
  };
  for (const Case& c : {Case{3, 0, false}, Case{3, 1, true}, Case{4, 1, false}, Case{4, 2, true},
                        Case{5, 1, false}, Case{5, 2, true}, Case{5, 4, true}}) {
    Solo solo(Founder(c.voters));
    solo.raft.Campaign();
    solo.Settle();
    for (int id = 2; id <= c.voters; ++id) {
      solo.Step(id, 1, VoteReply{.pre_vote = true, .granted = true});
    }
    solo.Settle();
    for (int id = 2; id < 2 + c.grants; ++id) solo.Step(id, 1, VoteReply{.granted = true});
    EXPECT_EQ(solo.raft.IsLeader(), c.wins) << c.grants << " of " << c.voters;
  }
}

TEST(RaftPaper, OneVotersGrantCountsOnce) {
  Solo solo(Founder(5));
  solo.raft.Campaign();
  solo.Settle();
  for (int id = 2; id <= 3; ++id) {
    solo.Step(id, 1, VoteReply{.pre_vote = true, .granted = true});
  }
  solo.Settle();
  for (int i = 0; i < 4; ++i) solo.Step(2, 1, VoteReply{.granted = true});
  EXPECT_FALSE(solo.raft.IsLeader());
}

TEST(RaftPaper, GrantsOfAnotherTermDoNotCount) {
  Solo solo(Founder(3, {}, {4, {}}));
  solo.raft.Campaign();
  solo.Step(2, 5, VoteReply{.pre_vote = true, .granted = true});
  solo.Settle();
  ASSERT_EQ(solo.raft.term(), 5u);
  solo.Step(2, 4, VoteReply{.granted = true});
  EXPECT_FALSE(solo.raft.IsLeader());
}

TEST(RaftPaper, VotesOncePerTermFirstComeFirstServed) {
  Solo solo(Founder(3));
  solo.Step(2, 1, VoteRequest{});
  solo.Settle();
  EXPECT_TRUE(solo.LastTo<VoteReply>(2)->granted);
  solo.Step(3, 1, VoteRequest{});
  solo.Settle();
  EXPECT_FALSE(solo.LastTo<VoteReply>(3)->granted);
  solo.Step(2, 1, VoteRequest{});
  solo.Settle();
  EXPECT_TRUE(solo.LastTo<VoteReply>(2)->granted) << "the same answer to a repeated question";
}

TEST(RaftPaper, NoVoteInATermWhoseLeaderIsKnown) {
  Solo solo(Founder(3));
  solo.Step(2, 1, Heartbeat{});  // it did not vote in term 1, but somebody won it
  solo.Step(3, 1, VoteRequest{.transfer = true});
  solo.Settle();
  EXPECT_FALSE(solo.LastTo<VoteReply>(3)->granted);
}

TEST(RaftPaper, GrantedVotePostponesTheOwnElection) {
  Solo solo(Founder(3));
  solo.Pass(solo.raft.NextDue() - 1);
  solo.Step(2, 1, VoteRequest{});
  solo.Settle();
  ASSERT_TRUE(solo.LastTo<VoteReply>(2)->granted);
  EXPECT_GE(solo.raft.NextDue(), solo.now + SoloOptions(1).election_ticks);
}

TEST(RaftPaper, RefusesACandidateWhoseLogIsOlder) {
  struct Case {
    Position candidate;
    bool granted;
  };
  // The voter's last entry is 3@2 (thesis 3.6.1).
  for (const Case& c : {Case{{3, 2}, true}, Case{{4, 2}, true}, Case{{1, 3}, true},
                        Case{{2, 2}, false}, Case{{9, 1}, false}, Case{{0, 0}, false}}) {
    for (const bool pre_vote : {true, false}) {
      Solo solo(Founder(3, {1, 2, 2}, {2, {}}));
      solo.Step(2, 3, VoteRequest{.pre_vote = pre_vote, .last = c.candidate});
      solo.Settle();
      EXPECT_EQ(solo.LastTo<VoteReply>(2)->granted, c.granted) << c.candidate << " " << pre_vote;
    }
  }
}

TEST(RaftPaper, VoteFreshnessFallsBackToTheSnapshotOfATrimmedLog) {
  Restored restored = Founder(3);
  restored.hard_state = {4, {}};
  restored.snapshot.last = {7, 4};
  restored.first_index = 8;
  restored.last = {7, 4};
  Solo solo(std::move(restored));
  solo.Step(2, 5, VoteRequest{.last = {6, 4}});
  solo.Settle();
  EXPECT_FALSE(solo.LastTo<VoteReply>(2)->granted) << "an empty log is not an empty history";
}

TEST(RaftPaper, CandidateTriesAgainInALaterTermAfterATimeout) {
  Solo solo(Founder(3));
  solo.raft.Campaign();
  solo.Step(2, 1, VoteReply{.pre_vote = true, .granted = true});
  solo.Settle();
  EXPECT_EQ(solo.raft.term(), 1u);
  solo.Pass(101);
  EXPECT_EQ(solo.raft.status().role, Role::kPreCandidate);
  solo.Step(2, 2, VoteReply{.pre_vote = true, .granted = true});
  solo.Settle();
  EXPECT_EQ(solo.raft.term(), 2u);
}

TEST(RaftPaper, CandidateThatIsRefusedWithALaterTermFollowsInThatTerm) {
  Solo solo(Founder(3));
  solo.raft.Campaign();
  solo.Step(2, 1, VoteReply{.pre_vote = true, .granted = true});
  solo.Settle();
  ASSERT_EQ(solo.raft.status().role, Role::kCandidate);
  solo.Step(2, 7, VoteReply{});
  EXPECT_EQ(solo.raft.status().role, Role::kFollower);
  EXPECT_EQ(solo.raft.term(), 7u);
}

TEST(RaftPaper, EveryAttemptDrawsItsTimeoutAnew) {
  Solo solo(Founder(3));
  std::set<Ticks> timeouts;
  for (int i = 0; i < 30; ++i) {
    solo.Pass(solo.raft.NextDue() - solo.now);
    ASSERT_EQ(solo.raft.status().role, Role::kPreCandidate);
    timeouts.insert(solo.raft.NextDue() - solo.now);
  }
  EXPECT_GT(timeouts.size(), 10u) << "two that split a vote would split the next one too";
}

// ---- durability (3.8) ----

TEST(RaftPaper, VoteLeavesOnlyAfterTermAndVoteAreSyncedTogether) {
  Solo solo(Founder(3));
  solo.Step(2, 3, VoteRequest{});
  solo.Take();
  EXPECT_TRUE(solo.SentTo<VoteReply>(2).empty());
  ASSERT_EQ(solo.hard_states.size(), 1u) << "one record, not two";
  EXPECT_EQ(solo.hard_states[0], (HardState{3, NodeId(2)}));
  solo.Sync();
  EXPECT_TRUE(solo.LastTo<VoteReply>(2)->granted);
}

TEST(RaftPaper, RepeatedVoteWaitsForTheSyncThatIsStillUnderWay) {
  Solo solo(Founder(3));
  solo.Step(2, 1, VoteRequest{});
  solo.Take();
  solo.Step(2, 1, VoteRequest{});
  solo.Take();
  EXPECT_TRUE(solo.SentTo<VoteReply>(2).empty());
}

TEST(RaftPaper, CandidatesOwnVoteIsSyncedBeforeItAsksOrCounts) {
  Solo solo(Founder(3));
  solo.raft.Campaign();
  solo.Take();
  solo.Step(2, 1, VoteReply{.pre_vote = true, .granted = true});
  solo.Take();
  EXPECT_TRUE(solo.SentTo<VoteRequest>(3).size() == 1 && solo.LastTo<VoteRequest>(3)->pre_vote)
      << "only the pre-vote may be out";
  solo.Step(2, 1, VoteReply{.granted = true});
  EXPECT_FALSE(solo.raft.IsLeader()) << "its own vote does not count before it is synced";
  solo.Sync();
  EXPECT_TRUE(solo.raft.IsLeader());
}

TEST(RaftPaper, SyncOfAnEarlierWriteDoesNotMakeTheOwnVoteCount) {
  Solo solo(Founder(3));
  solo.Step(2, 1, AppendRequest{.entries = {MakeEntry(1, 1)}});
  solo.Take();
  const uint64_t earlier = solo.unsynced;
  solo.Step(2, 1, TimeoutNow{});
  solo.Take();
  solo.Step(3, 2, VoteReply{.granted = true});
  solo.raft.OnPersisted(earlier);
  EXPECT_FALSE(solo.raft.IsLeader());
  solo.Sync();
  EXPECT_TRUE(solo.raft.IsLeader());
}

TEST(RaftPaper, VoteSurvivesARestart) {
  Solo solo(Founder(3, {}, {4, NodeId(2)}));
  solo.Step(3, 4, VoteRequest{.last = {9, 4}});
  solo.Settle();
  EXPECT_FALSE(solo.LastTo<VoteReply>(3)->granted);
  solo.Step(2, 4, VoteRequest{});
  solo.Settle();
  EXPECT_TRUE(solo.LastTo<VoteReply>(2)->granted);
}

TEST(RaftPaper, SteppingDownWithinATermKeepsTheVote) {
  Solo solo(Founder(3));
  solo.raft.Campaign();
  solo.Step(2, 1, VoteReply{.pre_vote = true, .granted = true});
  solo.Settle();
  solo.Step(2, 1, VoteReply{});
  solo.Step(3, 1, VoteReply{});  // lost: a follower of the same term again
  ASSERT_EQ(solo.raft.status().role, Role::kFollower);
  solo.Step(3, 1, VoteRequest{.last = {9, 9}});
  solo.Settle();
  EXPECT_FALSE(solo.LastTo<VoteReply>(3)->granted) << "it voted for itself in this term";
}

TEST(RaftPaper, AppendIsAcknowledgedOnlyAfterItsSync) {
  Solo solo(Founder(3));
  solo.Step(2, 1, AppendRequest{.prev = {}, .entries = {MakeEntry(1, 1), MakeEntry(2, 1)}});
  solo.Take();
  EXPECT_TRUE(solo.SentTo<AppendReply>(2).empty());
  solo.Step(2, 1, AppendRequest{.prev = {}, .entries = {MakeEntry(1, 1)}});
  solo.Take();
  EXPECT_TRUE(solo.SentTo<AppendReply>(2).empty()) << "a copy promises no more than the original";
  solo.Sync();
  EXPECT_EQ(solo.LastTo<AppendReply>(2)->match, 2u);
}

TEST(RaftPaper, LeaderCountsItselfOnlyWhenItsDiskDoes) {
  Solo solo(Founder(3));
  solo.Lead(3);
  solo.Acknowledge(2, 1);
  ASSERT_EQ(solo.raft.commit(), 1u);
  ASSERT_TRUE(solo.raft.Propose(MakeEntry(0, 0)).ok());
  solo.Take();
  solo.Acknowledge(2, 2);
  EXPECT_EQ(solo.raft.commit(), 1u);
  solo.Sync();
  EXPECT_EQ(solo.raft.commit(), 2u);
}

// ---- replication (3.5) ----

TEST(RaftPaper, NewLeaderAppendsANoopEvenWhenItsWindowIsFull) {
  Options options = SoloOptions(1);
  options.max_uncommitted_bytes = 0;
  Solo solo(Founder(3, {1, 1, 1}, {1, {}}), options);
  solo.Lead(3);
  ASSERT_EQ(solo.log.size(), 1u);
  EXPECT_EQ(solo.log[0].type, EntryType::kNoop);
  EXPECT_EQ(solo.log[0].position(), (Position{4, 2}));
}

TEST(RaftPaper, LeaderCommitsOnceAMajorityHasSynced) {
  Solo solo(Founder(5));
  solo.Lead(5);
  ASSERT_TRUE(solo.raft.Propose(MakeEntry(0, 0)).ok());
  solo.Settle();
  solo.Acknowledge(2, 2);
  EXPECT_EQ(solo.raft.commit(), 0u);
  solo.Acknowledge(3, 1);
  EXPECT_EQ(solo.raft.commit(), 1u);
  solo.Acknowledge(3, 2);
  EXPECT_EQ(solo.raft.commit(), 2u);
}

TEST(RaftPaper, EntriesOfEarlierTermsCommitOnlyWithOneOfThisTerm) {
  Solo solo(Founder(3, {1, 1, 2}, {2, {}}));
  solo.Lead(3);  // its no-op is 4@3
  solo.Acknowledge(2, 3);
  solo.Acknowledge(3, 3);
  EXPECT_EQ(solo.raft.commit(), 0u) << "figure 8: a majority holds it, and it may yet be lost";
  solo.Acknowledge(2, 4);
  EXPECT_EQ(solo.raft.commit(), 4u);
}

TEST(RaftPaper, FollowerRefusesWhatDoesNotFollowAnEntryItHas) {
  for (const Position prev : {Position{4, 2}, Position{3, 3}, Position{2, 2}}) {
    Solo solo(Founder(3, {1, 1, 2}, {3, {}}));
    solo.Step(2, 3, AppendRequest{.prev = prev, .entries = {MakeEntry(prev.index + 1, 3)}});
    solo.Settle();
    const auto reply = solo.LastTo<AppendReply>(2);
    ASSERT_TRUE(reply.has_value());
    EXPECT_FALSE(reply->accepted) << prev;
    EXPECT_EQ(reply->rejected, prev.index);
    EXPECT_EQ(solo.raft.status().last, (Position{3, 2}));
  }
}

TEST(RaftPaper, OnlyAConflictTruncates) {
  Solo solo(Founder(3, {1, 1, 2, 2}, {2, {}}));
  solo.Step(2, 3, AppendRequest{.prev = {1, 1}, .entries = {MakeEntry(2, 1)}});
  solo.Settle();
  EXPECT_EQ(solo.raft.status().last, (Position{4, 2})) << "an old copy must not shorten the log";
  solo.Step(2, 3, AppendRequest{.prev = {2, 1}, .entries = {MakeEntry(3, 3)}});
  solo.Settle();
  EXPECT_EQ(solo.raft.status().last, (Position{3, 3}));
}

TEST(RaftPaper, EntriesThatWereNotYetHandedOutAreTruncatedToo) {
  Solo solo(Founder(3));
  solo.Step(2, 1, AppendRequest{.entries = {MakeEntry(1, 1), MakeEntry(2, 1), MakeEntry(3, 1)}});
  solo.Step(3, 2, AppendRequest{.prev = {1, 1}, .entries = {MakeEntry(2, 2)}});
  const Ready ready = solo.raft.TakeReady();
  ASSERT_EQ(ready.entries.size(), 2u);
  EXPECT_EQ(ready.entries[0].position(), (Position{1, 1}));
  EXPECT_EQ(ready.entries[1].position(), (Position{2, 2}));
}

TEST(RaftPaper, FollowerCommitsNoFurtherThanWhatWasVerified) {
  Solo solo(Founder(3, {1, 1, 1, 1}, {1, {}}));  // 3 and 4 may differ from the leader's
  solo.Step(2, 2, AppendRequest{.prev = {2, 1}, .entries = {}, .commit = 4});
  solo.Settle();
  EXPECT_EQ(solo.raft.commit(), 2u) << "min(leader's commit, last entry verified)";
}

TEST(RaftPaper, AcknowledgementCoversNoMoreThanWasVerified) {
  Solo solo(Founder(3, {1, 1, 1, 1}, {1, {}}));
  solo.Step(2, 2, AppendRequest{.prev = {1, 1}, .entries = {MakeEntry(2, 1)}});
  solo.Settle();
  EXPECT_EQ(solo.LastTo<AppendReply>(2)->match, 2u);
}

TEST(RaftPaper, HeartbeatTellsNoCommitBeyondWhatTheFollowerHolds) {
  Solo solo(Founder(3));
  solo.Lead(3);
  solo.Acknowledge(2, 1);
  ASSERT_EQ(solo.raft.commit(), 1u);
  solo.Pass(10);
  EXPECT_EQ(solo.LastTo<Heartbeat>(2)->commit, 1u);
  EXPECT_EQ(solo.LastTo<Heartbeat>(3)->commit, 0u);
}

TEST(RaftPaper, LeaderFindsTheLastCommonEntryInOneRoundATerm) {
  Solo solo(Founder(3, {1, 1, 1, 1, 5, 5, 5, 5}, {5, {}}));
  solo.Lead(3);
  ASSERT_TRUE(solo.orders.empty());
  // The follower has 1@1 2@1 3..7@3: its last entry of a term at most 5, up to 8, is 7@3.
  solo.Step(2, 6, AppendReply{.rejected = 8, .hint = {7, 3}});
  solo.Take();
  ASSERT_EQ(solo.orders.size(), 1u);
  EXPECT_EQ(solo.orders[0].prev, (Position{4, 1})) << "all of term 5 is skipped at once";
}

TEST(RaftPaper, RefusalNamesTheLastEntryThatTheTwoLogsMayShare) {
  Solo solo(Founder(3, {1, 1, 3, 3}, {4, {}}));
  solo.Step(2, 4, AppendRequest{.prev = {4, 2}});
  solo.Settle();
  EXPECT_EQ(solo.LastTo<AppendReply>(2)->hint, (Position{2, 1})) << "nothing of term 3 is there";
}

TEST(RaftPaper, LeaderNeverOverwritesOrRemovesItsOwnEntries) {
  Solo solo(Founder(3));
  solo.Lead(3);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(solo.raft.Propose(MakeEntry(0, 0)).ok());
  solo.Settle();
  const std::vector<Entry> before = solo.log;
  solo.Step(2, 1, AppendReply{.rejected = 1, .hint = {0, 0}});
  solo.Step(3, 1, AppendReply{.rejected = 1, .hint = {0, 0}, .loss = {7, false}});
  solo.Settle();
  ASSERT_GE(solo.log.size(), before.size());
  EXPECT_TRUE(std::equal(before.begin(), before.end(), solo.log.begin())) << "it only appends";
}

}  // namespace
}  // namespace jangada::raft::test
