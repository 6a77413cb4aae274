// Reconciler: what it commands of a host, image by image, and what it must never command.
#include "server/controller/reconciler.h"

#include <set>

#include "fakes.h"
#include "gtest/gtest.h"

namespace jangada::server {
namespace {

/// Records commands; statuses are set by the test. A membership proposal takes effect at once.
class FakeHost final : public ReplicaHost {
 public:
  FakeHost(int self, Executor& executor) : self_(self), executor_(executor) {}

  void StartPartition(const PartitionInfo& partition, std::shared_ptr<const TopicInfo> topic,
                      bool bootstrap) override {
    log.push_back((bootstrap ? "bootstrap " : "start ") + topic->name + "/" +
                  std::to_string(partition.partition));
    statuses.try_emplace(partition.group);
  }
  void ErasePartition(GroupId group) override {
    log.push_back("erase " + std::to_string(group.value()));
    statuses.erase(group);
  }
  void UpdateConfig(GroupId group, std::shared_ptr<const TopicInfo>) override {
    log.push_back("config " + std::to_string(group.value()));
  }
  void QueryStatus(GroupId group, Callback<std::optional<raft::RaftStatus>> done) override {
    ++queries;
    executor_.Post([this, group, done = std::move(done)]() mutable {
      auto it = statuses.find(group);
      if (it == statuses.end()) return done(std::nullopt);
      done(it->second);
    });
  }
  void ProposeMembership(GroupId group, raft::MembershipTarget target,
                         Callback<Status> done) override {
    log.push_back("members " + std::to_string(group.value()) + " voters=" + Text(target.voters) +
                  " learners=" + Text(target.learners));
    SetMembers(group, target.voters, target.learners);
    executor_.Post([done = std::move(done)]() mutable { done(Status()); });
  }
  void TransferLeadership(GroupId group, NodeId to, Callback<Status> done) override {
    log.push_back("transfer " + std::to_string(group.value()) + " to " +
                  std::to_string(to.value()));
    executor_.Post([done = std::move(done)]() mutable { done(Status()); });
  }

  void Lead(GroupId group, const std::vector<NodeId>& voters,
            const std::vector<NodeId>& learners = {}) {
    statuses[group].role = raft::Role::kLeader;
    statuses[group].leader = NodeId(self_);
    statuses[group].term = 5;
    SetMembers(group, voters, learners);
  }
  void SetMembers(GroupId group, const std::vector<NodeId>& voters,
                  const std::vector<NodeId>& learners) {
    raft::RaftStatus& status = statuses[group];
    status.membership.index += 1;
    status.membership.membership = {voters, {}, learners};
    status.peers.clear();
    for (const auto* list : {&voters, &learners}) {
      for (const NodeId node : *list) status.peers.push_back({node, 100, true, true, false});
    }
    status.last.index = 100;
  }

  std::vector<std::string> TakeLog() { return std::exchange(log, {}); }
  static std::string Text(const std::vector<NodeId>& nodes) {
    std::string text;
    for (const NodeId node : nodes)
      text += (text.empty() ? "" : ",") + std::to_string(node.value());
    return text;
  }

  std::vector<std::string> log;
  std::map<GroupId, raft::RaftStatus> statuses;
  int queries = 0;

 private:
  int self_;
  Executor& executor_;
};

class FakeSettle final : public ReconcilerFront {
 public:
  explicit FakeSettle(int self) : self_(self) {}
  Uuid disk_id() const override { return DiskOf(self_); }
  uint64_t replay_until() const override { return replayed; }
  void ReportSettled(GroupId group, uint64_t revision, Callback<Status> done) override {
    reports.emplace_back(group, revision);
    done(Status());
  }
  std::vector<std::pair<GroupId, uint64_t>> reports;
  uint64_t replayed = 0;

 private:
  int self_;
};

using Log = std::vector<std::string>;
constexpr int64_t kSecond = 1'000'000;

class ReconcilerTest : public testing::Test {
 protected:
  void Make(std::vector<GroupId> on_disk = {}, uint64_t replay_until = 0) {
    Reconciler::Options options;
    options.self = NodeId(1);
    settle_.replayed = replay_until;
    reconciler_ = std::make_unique<Reconciler>(
        options, Reconciler::Context{executor_, transport_, liveness_, host_, settle_},
        std::move(on_disk));
  }

  /// Folds and shows the new image.
  void Fold(const record::Body& body) {
    MustFold(body, &image_);
    Show();
  }
  void Show() {
    reconciler_->OnImage(std::make_shared<const ClusterImage>(image_));
    executor_.Run();
  }
  void RunForSeconds(int64_t seconds, std::initializer_list<int> live = {2, 3}) {
    for (int64_t i = 0; i < seconds; ++i) {
      for (const int id : live) {
        NodeStatus status;
        status.from = NodeId(id);
        liveness_.OnStatus(status, executor_.NowUs());
      }
      executor_.RunFor(kSecond);
    }
  }

  FakeExecutor executor_;
  FakeNetwork network_{executor_};
  FakeTransport transport_{NodeId(1), network_};
  Liveness liveness_{NodeId(1)};
  FakeHost host_{1, executor_};
  FakeSettle settle_{1};
  ClusterImage image_ = MakeCluster({1, 2, 3});
  std::unique_ptr<Reconciler> reconciler_;
};

TEST_F(ReconcilerTest, BootstrapsNewPartitionsOnTheirFoundersOnly) {
  Make();
  Fold(MakeTopic("t", {Nodes({1, 2, 3}), Nodes({2, 3}), Nodes({3, 1})}));
  EXPECT_EQ(host_.TakeLog(), (Log{"bootstrap t/0", "bootstrap t/2"}));
  Show();
  EXPECT_EQ(host_.TakeLog(), Log{}) << "nothing changed";
}

TEST_F(ReconcilerTest, StartsWhatIsOnDiskWithoutBootstrap) {
  Make({GroupId(1)});
  Fold(MakeTopic("t", {Nodes({1, 2, 3}), Nodes({1, 2, 3})}));
  EXPECT_EQ(host_.TakeLog(), (Log{"start t/0", "bootstrap t/1"}));
}

TEST_F(ReconcilerTest, AReplicaAddedLaterStartsEmpty) {
  Make();
  Fold(MakeTopic("t", {Nodes({2, 3})}));
  Fold(record::ChangeReplicas{{{GroupId(1), 1, Nodes({2, 1})}}});
  EXPECT_EQ(host_.TakeLog(), Log{"start t/0"});
}

TEST_F(ReconcilerTest, APartitionThatWasMovedAwayAndBackIsNeverBootstrappedAgain) {
  Make();
  Fold(MakeTopic("t", {Nodes({1, 2})}));
  Fold(record::ChangeReplicas{{{GroupId(1), 1, Nodes({3, 2})}}});
  host_.SetMembers(GroupId(1), Nodes({2, 3}), {});  // its own log tells that it is out
  RunForSeconds(3);
  EXPECT_EQ(host_.TakeLog(), (Log{"bootstrap t/0", "erase 1"}));
  Fold(record::SettleReplicas{GroupId(1), 2});
  Fold(record::ChangeReplicas{{{GroupId(1), 2, Nodes({1, 2})}}});
  EXPECT_EQ(host_.TakeLog(), Log{"start t/0"});
}

TEST_F(ReconcilerTest, AFounderThatHearsOfItsPartitionLateFoundsItStill) {
  MustFold(MakeTopic("t", {Nodes({1, 2}), Nodes({1, 2})}), &image_);
  MustFold(record::ChangeReplicas{{{GroupId(1), 1, Nodes({1, 3})}, {GroupId(2), 1, Nodes({3, 2})}}},
           &image_);
  Make();
  Show();
  EXPECT_EQ(host_.TakeLog(), (Log{"bootstrap t/0", "bootstrap t/1"}))
      << "the others may need its vote, also where it is to go";
}

TEST_F(ReconcilerTest, AFounderThatIsOutBeforeItHearsOfItsPartitionFoundsNothing) {
  MustFold(MakeTopic("t", {Nodes({1, 2})}), &image_);
  MustFold(record::ChangeReplicas{{{GroupId(1), 1, Nodes({3, 2})}}}, &image_);
  MustFold(record::SettleReplicas{GroupId(1), 2}, &image_);
  Make();
  Show();
  EXPECT_EQ(host_.TakeLog(), Log{});
}

TEST_F(ReconcilerTest, ANewDiskFoundsNoPartitionThatIsOlder) {
  MustFold(MakeTopic("t", {Nodes({1, 2})}), &image_);
  MustFold(record::RemoveNode{NodeId(1)}, &image_);
  MustFold(record::ChangeReplicas{{{GroupId(1), 1, Nodes({2})}}}, &image_);
  MustFold(record::SettleReplicas{GroupId(1), 2}, &image_);
  MustFold(record::ForgetNode{NodeId(1)}, &image_);
  MustFold(record::AdmitNode{NodeId(1)}, &image_);
  MustFold(record::RegisterNode{MakeNode(1)}, &image_);  // it has voted with its former disk
  MustFold(record::ChangeReplicas{{{GroupId(1), 2, Nodes({1, 2})}}}, &image_);
  Make();
  Fold(MakeTopic("u", {Nodes({1, 2})}));
  EXPECT_EQ(host_.TakeLog(), (Log{"start t/0", "bootstrap u/0"}));
}

TEST_F(ReconcilerTest, WhatWasErasedIsNotFoundedWhileTheChangeIsBeingReported) {
  Make();
  Fold(MakeTopic("t", {Nodes({1, 2})}));
  Fold(record::ChangeReplicas{{{GroupId(1), 1, Nodes({3, 2})}}});
  host_.SetMembers(GroupId(1), Nodes({2, 3}), {});
  RunForSeconds(3);
  ASSERT_EQ(host_.TakeLog(), (Log{"bootstrap t/0", "erase 1"}));
  Fold(record::ChangeReplicas{{{GroupId(1), 2, Nodes({2})}}});  // it is listed as leaving
  EXPECT_EQ(host_.TakeLog(), Log{});
}

TEST_F(ReconcilerTest, ReplayedHistoryIsNotActedUpon) {
  // Before the restart this node erased group 1. The old image, replayed, must not bring it back to
  // life.
  ClusterImage before = image_;
  MustFold(MakeTopic("t", {Nodes({1, 2})}), &before);
  ClusterImage after = before;
  MustFold(record::ChangeReplicas{{{GroupId(1), 1, Nodes({3, 2})}}}, &after);
  MustFold(record::SettleReplicas{GroupId(1), 2}, &after);
  Make({}, after.version);
  image_ = before;
  Show();
  EXPECT_EQ(host_.TakeLog(), Log{});
  image_ = after;
  Show();
  EXPECT_EQ(host_.TakeLog(), Log{});
}

TEST_F(ReconcilerTest, ImagesOfTheTimeOfAnotherDiskAreNotActedUpon) {
  image_ = ClusterImage();
  auto founders = MakeFounders({1, 2, 3});
  founders[0].disk_id = MakeUuid(5);  // the disk that was lost
  MustFold(record::FoundCluster{MakeUuid(7), founders}, &image_);
  Make();
  for (const int id : {2, 3}) MustFold(record::RegisterNode{MakeNode(id)}, &image_);
  Fold(MakeTopic("t", {Nodes({1, 2, 3})}));
  EXPECT_EQ(host_.TakeLog(), Log{}) << "this disk has no part in that";
}

TEST_F(ReconcilerTest, ADeletedTopicIsErased) {
  Make();
  Fold(MakeTopic("t", {Nodes({1, 2, 3}), Nodes({2, 3})}));
  Fold(record::DeleteTopic{"t", image_.FindTopic("t")->id});
  EXPECT_EQ(host_.TakeLog(), (Log{"bootstrap t/0", "erase 1"}));
}

TEST_F(ReconcilerTest, ATopicDeletedAndMadeAnewWhileThisNodeWasDownIsErasedAndBootstrapped) {
  MustFold(MakeTopic("t", {Nodes({1, 2, 3})}), &image_);
  MustFold(record::DeleteTopic{"t", image_.FindTopic("t")->id}, &image_);
  Make({GroupId(1)});
  record::CreateTopic again = MakeTopic("t", {Nodes({1, 2, 3})});
  again.id = MakeUuid(4);
  Fold(again);
  EXPECT_EQ(host_.TakeLog(), (Log{"bootstrap t/0", "erase 1"}));
}

TEST_F(ReconcilerTest, DataOfAGroupThatTheImageDoesNotKnowYetIsKept) {
  Make({GroupId(5)});
  Show();
  EXPECT_EQ(host_.TakeLog(), Log{}) << "the image is older than the group";
}

TEST_F(ReconcilerTest, NewConfigsAreToldToRunningReplicas) {
  Make();
  Fold(MakeTopic("t", {Nodes({1}), Nodes({2})}));
  host_.TakeLog();
  Fold(record::AlterTopicConfigs{"t", image_.FindTopic("t")->id, {{"retention.ms", "5"}}});
  EXPECT_EQ(host_.TakeLog(), Log{"config 1"});
}

TEST_F(ReconcilerTest, TheLeaderMovesMembersAndReportsWhenDone) {
  Make();
  Fold(MakeTopic("t", {Nodes({1, 2})}));
  host_.Lead(GroupId(1), Nodes({1, 2}));
  reconciler_->OnLeadership(GroupId(1), true);
  RunForSeconds(2);
  host_.TakeLog();
  EXPECT_TRUE(settle_.reports.empty()) << "nobody is leaving";

  Fold(record::ChangeReplicas{{{GroupId(1), 1, Nodes({1, 3})}}});
  RunForSeconds(2);
  EXPECT_EQ(host_.TakeLog(),
            (Log{"members 1 voters=1,2 learners=3", "members 1 voters=1,3 learners="}));
  ASSERT_FALSE(settle_.reports.empty());
  EXPECT_EQ(settle_.reports[0], std::pair(GroupId(1), uint64_t{2}));
}

TEST_F(ReconcilerTest, SettledGroupsAreLeftInPeace) {
  Make();
  Fold(MakeTopic("t", {Nodes({1, 2}), Nodes({1, 2}), Nodes({1, 2})}));
  for (const uint64_t group : {1, 2, 3}) {
    host_.Lead(GroupId(group), Nodes({1, 2}));
    reconciler_->OnLeadership(GroupId(group), true);
  }
  RunForSeconds(2);
  const int before = host_.queries;
  RunForSeconds(60);
  EXPECT_EQ(host_.queries, before) << "an idle cluster asks nothing";
}

TEST_F(ReconcilerTest, AFollowerMovesNothing) {
  Make();
  Fold(MakeTopic("t", {Nodes({1, 2})}));
  Fold(record::ChangeReplicas{{{GroupId(1), 1, Nodes({1, 3})}}});
  host_.TakeLog();
  RunForSeconds(5);
  EXPECT_EQ(host_.TakeLog(), Log{});
}

TEST_F(ReconcilerTest, LeadershipGoesBackToThePreferredLeaderAfterItWasBackForAWhile) {
  Make();
  Fold(MakeTopic("t", {Nodes({2, 1, 3})}));
  host_.Lead(GroupId(1), Nodes({1, 2, 3}));
  reconciler_->OnLeadership(GroupId(1), true);
  host_.TakeLog();
  RunForSeconds(5, {3});
  EXPECT_EQ(host_.TakeLog(), Log{}) << "it is down";
  RunForSeconds(2, {2, 3});
  EXPECT_EQ(host_.TakeLog(), Log{}) << "it is only just back";
  host_.statuses[GroupId(1)].last.index = 10'000;  // far ahead of everybody
  RunForSeconds(10);
  EXPECT_EQ(host_.TakeLog(), Log{}) << "it lags";
  host_.statuses[GroupId(1)].last.index = 100;
  executor_.RunFor(kSecond / 2);
  const Log log = host_.TakeLog();
  ASSERT_FALSE(log.empty());
  EXPECT_EQ(log[0], "transfer 1 to 2");
  reconciler_->OnLeadership(GroupId(1), false);
  RunForSeconds(5);
  EXPECT_EQ(host_.TakeLog(), Log{});
}

TEST_F(ReconcilerTest, LeadershipsGoBackAFewAtATime) {
  Make();
  Fold(MakeTopic("t", std::vector<std::vector<NodeId>>(40, Nodes({2, 1, 3}))));
  for (uint64_t group = 1; group <= 40; ++group) {
    host_.Lead(GroupId(group), Nodes({1, 2, 3}));
    reconciler_->OnLeadership(GroupId(group), true);
  }
  RunForSeconds(2, {3});  // every group has been looked at
  host_.TakeLog();
  RunForSeconds(3);
  executor_.RunFor(kSecond / 4);
  EXPECT_GT(host_.log.size(), 0u);
  EXPECT_LE(host_.log.size(), 2 * Reconciler::Options().transfers_per_round);
}

// ---- replicas that are not wanted here: the erasure must be certain ----

class RetiredReplicaTest : public ReconcilerTest {
 protected:
  /// Group 1 was moved from here to node 3; this replica's own log still says that it is a member.
  void SetUp() override {
    Make();
    Fold(MakeTopic("t", {Nodes({1, 2})}));
    Fold(record::ChangeReplicas{{{GroupId(1), 1, Nodes({3, 2})}}});
    host_.SetMembers(GroupId(1), Nodes({1, 2}), {});
    host_.statuses[GroupId(1)].term = 5;
    host_.TakeLog();
    Reconciler::Options options;
    options.self = NodeId(2);
    leader_ = std::make_unique<Reconciler>(
        options,
        Reconciler::Context{executor_, leader_transport_, liveness_, leader_host_, leader_settle_},
        std::vector<GroupId>());
    for (const int id : {2, 3}) {
      network_.SetHandler(NodeId(id), [this](NodeId from, const PeerCall& call, auto reply) {
        leader_->OnPeerCall(from, call, std::move(reply));
      });
    }
    leader_host_.Lead(GroupId(1), Nodes({2, 3}));
    leader_host_.statuses[GroupId(1)].membership.index = 50;
  }

  FakeTransport leader_transport_{NodeId(2), network_};
  FakeHost leader_host_{2, executor_};
  FakeSettle leader_settle_{2};
  std::unique_ptr<Reconciler> leader_;
};

TEST_F(RetiredReplicaTest, IsErasedWhenTheLeaderSaysThatItIsOut) {
  RunForSeconds(5);
  EXPECT_EQ(host_.TakeLog(), Log{"erase 1"});
}

TEST_F(RetiredReplicaTest, StaysWhileTheLeaderCountsIt) {
  for (const auto& [voters, learners] :
       {std::pair(Nodes({1, 2, 3}), Nodes({})), std::pair(Nodes({2, 3}), Nodes({1}))}) {
    leader_host_.SetMembers(GroupId(1), voters, learners);
    RunForSeconds(10);
    EXPECT_EQ(host_.TakeLog(), Log{});
  }
}

TEST_F(RetiredReplicaTest, StaysWhileTheChangeIsNotCommittedOrHalfWay) {
  leader_host_.statuses[GroupId(1)].membership_committed = false;
  RunForSeconds(10);
  EXPECT_EQ(host_.TakeLog(), Log{});
  leader_host_.statuses[GroupId(1)].membership_committed = true;
  leader_host_.statuses[GroupId(1)].membership.membership.outgoing = Nodes({1, 2});
  RunForSeconds(10);
  EXPECT_EQ(host_.TakeLog(), Log{});
}

TEST_F(RetiredReplicaTest, StaysWhenItKnowsALaterLeaderOrMembershipThanTheOneThatAnswers) {
  host_.statuses[GroupId(1)].term = 6;
  RunForSeconds(10);
  EXPECT_EQ(host_.TakeLog(), Log{});
  host_.statuses[GroupId(1)].term = 5;
  host_.statuses[GroupId(1)].membership.index = 51;
  RunForSeconds(10);
  EXPECT_EQ(host_.TakeLog(), Log{});
}

TEST_F(RetiredReplicaTest, StaysWhileNobodyLeads) {
  leader_host_.statuses[GroupId(1)].role = raft::Role::kFollower;
  RunForSeconds(10);
  EXPECT_EQ(host_.TakeLog(), Log{});
}

TEST_F(RetiredReplicaTest, StaysWhenItIsWantedAgain) {
  MustFold(record::SettleReplicas{GroupId(1), 2}, &image_);
  Fold(record::ChangeReplicas{{{GroupId(1), 2, Nodes({3, 1})}}});
  RunForSeconds(10);
  EXPECT_EQ(host_.TakeLog(), Log{});
}

}  // namespace
}  // namespace jangada::server
