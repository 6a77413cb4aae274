// Controller: requests from any node, racing, late, lost and refused, over a small in-memory group
// 0.
#include "server/controller/controller.h"

#include "controller_fixture.h"
#include "gtest/gtest.h"

namespace jangada::server {
namespace {

TEST_F(ControllerTest, ATopicCreatedAnywhereIsVisibleThereWhenAnswered) {
  BootThree();
  for (const int at : {1, 2, 3}) {
    const std::string name = "t" + std::to_string(at);
    const Result<Uuid> id = CreateTopic(at, Topic(name, 6, 3));
    ASSERT_TRUE(id.ok()) << id.error();
    ASSERT_TRUE(node(at).image->FindTopic(name));
    EXPECT_EQ(node(at).image->FindTopic(name)->id, *id);
  }
}

TEST_F(ControllerTest, ACreationIsAnsweredOnlyWhenEveryPartitionHasAReadyLeader) {
  BootThree();
  ready_.erase(GroupId(2));
  std::optional<Result<Uuid>> answer;
  node(2).controller->CreateTopic(Topic("t", 2, 3), [&](auto result) { answer = result; });
  RunForSeconds(3);
  EXPECT_FALSE(answer.has_value());
  ready_.insert(GroupId(2));
  RunForSeconds(0.2);
  ASSERT_TRUE(answer.has_value());
  EXPECT_TRUE(answer->ok());
}

TEST_F(ControllerTest, ATailThatWasCutOffIsNoHistoryToWaitFor) {
  log_.last = 100;  // on this disk, but never committed
  Boot(1);
  EXPECT_EQ(node(1).controller->replay_until(), 100u);
  log_.last = 4;  // a leader that never had it cut it off
  ClusterImage image;
  image.version = 4;
  node(1).controller->OnImage(std::make_shared<const ClusterImage>(image));
  EXPECT_EQ(node(1).controller->replay_until(), 4u);
  log_.last = 200;
  image.version = 5;
  node(1).controller->OnImage(std::make_shared<const ClusterImage>(image));
  EXPECT_EQ(node(1).controller->replay_until(), 4u);
}

TEST_F(ControllerTest, AStartedNodeKnowsTheTopicsOnceItHasWhatTheLeaderHadWhenItRegistered) {
  BootThree();
  for (const int id : {1, 2, 3}) EXPECT_TRUE(node(id).controller->is_current()) << id;
  ASSERT_TRUE(CreateTopic(1, Topic("t", 1, 3)).ok());
  // Started anew, and its replica of the log gets nothing yet.
  node(3).TakeDown();
  Boot(3);
  log_.machines.erase(NodeId(3));
  RunForSeconds(2);
  EXPECT_TRUE(node(3).controller->registered());
  EXPECT_FALSE(node(3).controller->is_current());
  ClusterImage old = *node(1).image;
  old.topics.clear();
  --old.version;
  node(3).controller->OnImage(std::make_shared<const ClusterImage>(old));
  EXPECT_FALSE(node(3).controller->is_current());
  node(3).controller->OnImage(node(1).image);
  EXPECT_TRUE(node(3).controller->is_current());
}

TEST_F(ControllerTest, WithoutALeaderNobodyKnowsWhichTopicsThereAre) {
  for (const int id : {1, 2, 3}) Boot(id);
  RunForSeconds(5);
  for (const int id : {1, 2, 3}) EXPECT_FALSE(node(id).controller->is_current()) << id;
}

TEST_F(ControllerTest, ACreationWhoseLeadersNeverComeTimesOut) {
  BootThree();
  ready_.clear();
  server::CreateTopic request = Topic("t", 1, 1);
  request.timeout_us = 2 * kSecond;
  EXPECT_EQ(CodeOfCreation(3, request), ErrorCode::kTimeout);
  EXPECT_TRUE(node(3).image->FindTopic("t"));
}

TEST_F(ControllerTest, BadCreationsAreRefusedAndChangeNothing) {
  BootThree();
  EXPECT_EQ(CodeOfCreation(2, Topic("t", 1, 4)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOfCreation(2, Topic("t", 0, 1)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOfCreation(2, Topic("t", 1, 0)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOfCreation(2, Topic("bad name", 1, 1)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOfCreation(2, Topic("t", 10'001, 1)), ErrorCode::kInvalidArgument);
  server::CreateTopic bad_config = Topic("t", 1, 1);
  bad_config.configs = {{"nonsense", "1"}};
  EXPECT_EQ(CodeOfCreation(2, bad_config), ErrorCode::kInvalidArgument);
  server::CreateTopic uneven = Topic("t", 1, 1);
  uneven.assignment = {Nodes({1, 2}), Nodes({3})};
  EXPECT_EQ(CodeOfCreation(2, uneven), ErrorCode::kInvalidArgument);
  server::CreateTopic stranger = Topic("t", 1, 1);
  stranger.assignment = {Nodes({1, 9})};
  EXPECT_EQ(CodeOfCreation(2, stranger), ErrorCode::kInvalidArgument);
  server::CreateTopic rehearsal = Topic("t", 1, 1);
  rehearsal.validate_only = true;
  EXPECT_TRUE(CreateTopic(2, rehearsal).ok());
  EXPECT_TRUE(node(1).image->topics.empty());
}

TEST_F(ControllerTest, WhatIsBeingMadeCountsInTheBoundOfPartitionsToo) {
  BootThree();
  const auto several = static_cast<int>(kMaxPartitionsPerTopic);
  const size_t most = kMaxPartitionsOfCluster / kMaxPartitionsPerTopic;
  size_t refused = 0;
  for (size_t i = 0; i < most + 3; ++i) {
    node(1).controller->CreateTopic(Topic("t" + std::to_string(i), several, 1), [&](auto made) {
      if (!made.ok() && made.error().code == ErrorCode::kInvalidArgument) ++refused;
    });
  }
  RunForSeconds(20);
  EXPECT_EQ(refused, 3u);
  EXPECT_EQ(node(1).image->groups.size(), kMaxPartitionsOfCluster);
}

TEST_F(ControllerTest, AFullClusterTakesNoPartitionsMoreAndGoesOn) {
  BootThree();
  const auto several = static_cast<int>(kMaxPartitionsPerTopic);
  const auto whole = static_cast<int>(kMaxPartitionsOfCluster);
  ASSERT_TRUE(CreateTopic(1, Topic("t", 1, 1)).ok());
  for (int made = 0; made + several <= whole; made += several) {
    server::CreateTopic wide = Topic("wide-" + std::to_string(made), several, 1);
    if (made + several == whole) --wide.partitions;
    // Nobody leads so many here: it is made, and that is all that is known of it.
    const Result<Uuid> created = CreateTopic(1, wide);
    ASSERT_TRUE(created.ok() || created.error().code == ErrorCode::kTimeout) << created.error();
  }
  ASSERT_EQ(node(1).image->groups.size(), kMaxPartitionsOfCluster);
  const Result<Uuid> late = CreateTopic(2, Topic("late", 1, 1));
  ASSERT_FALSE(late.ok());
  EXPECT_EQ(late.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(late.error().message.find("delete topics"), std::string::npos) << late.error();
  server::CreateTopic placed = Topic("late", 0, 0);
  placed.assignment = {Nodes({1})};
  EXPECT_EQ(CodeOfCreation(2, placed), ErrorCode::kInvalidArgument);
  const Status grown = Wait([&](Callback<Status> done) {
    node(1).controller->CreatePartitions({.topic = "t", .total = 2, .assignment = {}},
                                         std::move(done));
  });
  EXPECT_FALSE(grown.ok());
  const Status deleted =
      Wait([&](Callback<Status> done) { node(1).controller->DeleteTopic("t", std::move(done)); });
  ASSERT_TRUE(deleted.ok()) << deleted.error();
  const Result<Uuid> again = CreateTopic(2, Topic("late", 1, 1));
  EXPECT_TRUE(again.ok() || again.error().code == ErrorCode::kTimeout) << again.error();
  EXPECT_NE(node(1).image->FindTopic("late"), nullptr);
}

TEST_F(ControllerTest, TheTopicOfTheGroupsIsTheClustersOwn) {
  BootThree();
  EXPECT_EQ(CodeOfCreation(2, Topic(kGroupsTopic, 1, 1)), ErrorCode::kInvalidArgument);
  server::CreateTopic own = Topic(kGroupsTopic, 4, 1);
  own.kind = TopicKind::kGroups;
  ASSERT_TRUE(CreateTopic(2, own).ok());
  const auto topic = node(3).image->FindTopic(kGroupsTopic);
  ASSERT_TRUE(topic);
  EXPECT_EQ(topic->kind, TopicKind::kGroups);
  EXPECT_EQ(topic->partitions.size(), 4u);
  EXPECT_EQ(topic->replication_factor, 3);
  EXPECT_EQ(CodeOfCreation(1, own), ErrorCode::kAlreadyExists);
  const Status deleted =
      Wait([&](auto done) { node(1).controller->DeleteTopic(kGroupsTopic, std::move(done)); });
  EXPECT_EQ(deleted.error().code, ErrorCode::kInvalidArgument);
  const Status grown = Wait([&](auto done) {
    node(1).controller->CreatePartitions({kGroupsTopic, 9, {}}, std::move(done));
  });
  EXPECT_EQ(grown.error().code, ErrorCode::kInvalidArgument);
}

TEST_F(ControllerTest, ConfigsAreJudgedWithTheReplicasOfTheirTopic) {
  BootThree();
  const auto factor = [&] {  // what the leader's host was asked with
    return std::max({node(1).validated_factor, node(2).validated_factor, node(3).validated_factor});
  };
  ASSERT_TRUE(CreateTopic(2, Topic("two", 1, 2)).ok());
  EXPECT_EQ(factor(), 2);
  server::CreateTopic by_hand = Topic("three", 1, 1);
  by_hand.assignment = {Nodes({1, 2, 3})};
  ASSERT_TRUE(CreateTopic(2, by_hand).ok());
  EXPECT_EQ(factor(), 3);
  for (const int at : {1, 2, 3}) node(at).validated_factor = 0;
  EXPECT_TRUE(
      Wait([&](auto done) {
        node(3).controller->AlterTopicConfigs("two", {{"retention.ms", "7"}}, std::move(done));
      }).ok());
  EXPECT_EQ(factor(), 2);
}

TEST_F(ControllerTest, ReplicasNeedLiveNodes) {
  BootThree();
  node(3).TakeDown();
  RunForSeconds(5);
  const Result<Uuid> refused = CreateTopic(1, Topic("t", 1, 3));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(refused.error().message.find("only 2"), std::string::npos) << refused.error();
  EXPECT_TRUE(CreateTopic(1, Topic("t", 1, 2)).ok());
  // That of the groups waits for three: it would have fewer replicas for ever.
  server::CreateTopic own = Topic(kGroupsTopic, 4, 1);
  own.kind = TopicKind::kGroups;
  EXPECT_EQ(CodeOfCreation(1, own), ErrorCode::kInvalidArgument);
}

TEST_F(ControllerTest, ALeaderThatWasReplacedWithoutKnowingItRefusesNothing) {
  BootThree();
  auto machine = log_.machines.extract(NodeId(3));  // it hears of nothing new
  ASSERT_TRUE(CreateTopic(1, Topic("t", 1, 1)).ok());
  log_.deposed = NodeId(3);
  std::optional<Status> answer;
  node(3).controller->DeleteTopic("t", [&](const Status& status) { answer = status; });
  RunForSeconds(1);
  EXPECT_FALSE(answer.has_value()) << "it knows of no such topic, but others do";
  log_.deposed.reset();
  log_.machines.insert(std::move(machine));
  RunForSeconds(1);
  ASSERT_TRUE(answer.has_value());
  EXPECT_TRUE(answer->ok()) << answer->error();
  EXPECT_FALSE(node(1).image->FindTopic("t"));
}

TEST_F(ControllerTest, OfCreationsThatRaceFromAllNodesOneWins) {
  BootThree();
  int made = 0;
  int refused = 0;
  for (const int at : {1, 2, 3}) {
    node(at).controller->CreateTopic(Topic("t", 2, 1), [&](Result<Uuid> result) {
      if (result.ok()) {
        ++made;
      } else {
        EXPECT_EQ(result.error().code, ErrorCode::kAlreadyExists);
        ++refused;
      }
    });
  }
  RunForSeconds(2);
  EXPECT_EQ(made, 1);
  EXPECT_EQ(refused, 2);
  EXPECT_EQ(node(1).image->next_group, 3u);
}

TEST_F(ControllerTest, ACreationWhoseAnswerWasLostIsRepeatedAndMadeOnce) {
  BootThree();
  network_.LoseAnswers(1);
  const Result<Uuid> id = CreateTopic(2, Topic("t", 1, 1));
  ASSERT_TRUE(id.ok()) << id.error();
  EXPECT_EQ(node(2).image->topics.size(), 1u);
}

TEST_F(ControllerTest, ACreationThatWasMadeIsNotRefusedWhenItIsRepeated) {
  BootThree();
  network_.LoseAnswers(4);  // each for two seconds
  std::optional<Result<Uuid>> answer;
  node(2).controller->CreateTopic(Topic("t", 1, 3), [&](auto result) { answer = result; });
  RunForSeconds(0.5);
  ASSERT_TRUE(node(1).image->FindTopic("t"));
  node(3).TakeDown();  // now there are too few nodes for it
  RunForSeconds(12);
  ASSERT_TRUE(answer.has_value());
  EXPECT_TRUE(answer->ok()) << answer->error();
}

TEST_F(ControllerTest, ARefusalBehindAnAttemptOfUnknownFateIsOfUnknownFate) {
  BootThree();
  log_.machines.erase(NodeId(1));  // the leader does not see yet what it proposed
  log_.lose_fates = true;
  std::optional<Result<Uuid>> answer;
  node(1).controller->CreateTopic(Topic("t", 1, 3), [&](auto result) { answer = result; });
  node(3).TakeDown();
  RunForSeconds(8);
  ASSERT_TRUE(answer.has_value());
  ASSERT_FALSE(answer->ok());
  EXPECT_EQ(answer->error().code, ErrorCode::kTimeout);
  EXPECT_NE(answer->error().message.find("only"), std::string::npos) << answer->error();
}

TEST_F(ControllerTest, ACreationThatWasMadeAndDeletedSinceIsNeitherRefusedNorMadeAgain) {
  BootThree();
  for (const bool made_anew : {false, true}) {
    network_.LoseAnswers(1);
    std::optional<Result<Uuid>> answer;
    node(2).controller->CreateTopic(Topic("t", 1, 1), [&](auto result) { answer = result; });
    RunForSeconds(0.5);
    const auto deletion =
        Wait([&](auto done) { node(1).controller->DeleteTopic("t", std::move(done)); });
    ASSERT_TRUE(deletion.ok()) << deletion.error();
    if (made_anew) {
      EXPECT_TRUE(CreateTopic(1, Topic("t", 1, 1)).ok());
    }
    ASSERT_FALSE(answer.has_value());
    RunForSeconds(3);  // it is repeated
    ASSERT_TRUE(answer.has_value());
    EXPECT_TRUE(answer->ok()) << answer->error();
    EXPECT_EQ(node(2).image->FindTopic("t") != nullptr, made_anew);
  }
}

TEST_F(ControllerTest, ADeletionWhoseAnswerWasLostIsOfUnknownFate) {
  BootThree();
  ASSERT_TRUE(CreateTopic(1, Topic("t", 1, 1)).ok());
  network_.LoseAnswers(1);
  const Status status =
      Wait([&](auto done) { node(2).controller->DeleteTopic("t", std::move(done)); });
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kTimeout);
}

TEST_F(ControllerTest, WithoutALeaderARequestIsSurelyNotDone) {
  BootThree();
  log_.leader.reset();
  EXPECT_EQ(CodeOfCreation(2, Topic("t", 1, 1)), ErrorCode::kUnavailable);
}

TEST_F(ControllerTest, ARequestWaitsForANewLeaderWhileTimeIsLeft) {
  BootThree();
  log_.leader.reset();
  std::optional<Result<Uuid>> answer;
  node(2).controller->CreateTopic(Topic("t", 1, 1), [&](auto result) { answer = result; });
  RunForSeconds(3);
  EXPECT_FALSE(answer.has_value());
  Lead(3);
  RunForSeconds(1);
  ASSERT_TRUE(answer.has_value());
  EXPECT_TRUE(answer->ok());
}

TEST_F(ControllerTest, ALeaderThatDiesWithTheRequestIsReplaced) {
  BootThree();
  log_.leader = NodeId(1);
  std::optional<Result<Uuid>> answer;
  node(2).controller->CreateTopic(Topic("t", 1, 1), [&](auto result) { answer = result; });
  node(1).TakeDown();
  RunForSeconds(1);
  Lead(3);
  RunForSeconds(2);
  ASSERT_TRUE(answer.has_value());
  EXPECT_TRUE(answer->ok()) << answer->error();
}

TEST_F(ControllerTest, NewPartitionsGoWhereTheyAreTold) {
  BootThree();
  ASSERT_TRUE(CreateTopic(1, Topic("t", 1, 2)).ok());
  const auto grow = [&](int32_t total, std::vector<std::vector<NodeId>> where) {
    return Wait([&](auto done) {
      node(2).controller->CreatePartitions({"t", total, std::move(where)}, std::move(done));
    });
  };
  EXPECT_FALSE(grow(3, {Nodes({1, 2})}).ok()) << "two are new";
  EXPECT_FALSE(grow(2, {Nodes({1, 2, 3})}).ok()) << "of two replicas";
  EXPECT_FALSE(grow(2, {Nodes({1, 9})}).ok()) << "a stranger";
  EXPECT_FALSE(grow(2, {Nodes({1, 1})}).ok());
  ASSERT_TRUE(grow(3, {Nodes({3, 1}), Nodes({2, 3})}).ok());
  const auto& partitions = node(2).image->FindTopic("t")->partitions;
  ASSERT_EQ(partitions.size(), 3u);
  EXPECT_EQ(partitions[1].replicas, Nodes({3, 1}));
  EXPECT_EQ(partitions[2].replicas, Nodes({2, 3}));
}

TEST_F(ControllerTest, TopicsAreDeletedGrownAndConfigured) {
  BootThree();
  ASSERT_TRUE(CreateTopic(1, Topic("t", 2, 3)).ok());
  EXPECT_TRUE(Wait([&](auto done) {
                node(2).controller->CreatePartitions({"t", 5, {}}, std::move(done));
              }).ok());
  EXPECT_EQ(node(2).image->FindTopic("t")->partitions.size(), 5u);
  EXPECT_FALSE(Wait([&](auto done) {
                 node(2).controller->CreatePartitions({"t", 5, {}}, std::move(done));
               }).ok());
  EXPECT_TRUE(
      Wait([&](auto done) {
        node(3).controller->AlterTopicConfigs("t", {{"retention.ms", "7"}}, std::move(done));
      }).ok());
  EXPECT_EQ(node(3).image->FindTopic("t")->configs.at("retention.ms"), "7");
  EXPECT_FALSE(Wait([&](auto done) {
                 node(3).controller->AlterTopicConfigs(
                     "t", {{"retention.ms", std::nullopt}, {"nonsense", "7"}}, std::move(done));
               }).ok());
  EXPECT_EQ(node(3).image->FindTopic("t")->configs.size(), 1u) << "all or nothing";
  EXPECT_TRUE(Wait([&](auto done) { node(2).controller->DeleteTopic("t", std::move(done)); }).ok());
  EXPECT_FALSE(node(2).image->FindTopic("t"));
  const Status again =
      Wait([&](auto done) { node(2).controller->DeleteTopic("t", std::move(done)); });
  EXPECT_EQ(again.error().code, ErrorCode::kUnknownTopic);
}

TEST_F(ControllerTest, ProducerIdsAreUniqueAndMostCostNoRecord) {
  BootThree();
  const raft::Index before = log_.last;
  std::set<int64_t> ids;
  for (int i = 0; i < 2500; ++i) {
    for (const int at : {1, 2, 3}) {
      node(at).controller->InitProducer([&](Result<ProducerIdentity> result) {
        ASSERT_TRUE(result.ok()) << result.error();
        ids.insert(result->producer_id);
      });
    }
    if (i % 500 == 0) RunForSeconds(0.1);
  }
  RunForSeconds(2);
  EXPECT_EQ(ids.size(), 7500u);
  EXPECT_LE(log_.last - before, 9u);
}

TEST_F(ControllerTest, AProducerWithoutALeaderIsToldSo) {
  BootThree();
  log_.leader.reset();
  std::optional<Result<ProducerIdentity>> answer;
  node(2).controller->InitProducer([&](auto result) { answer = result; });
  RunForSeconds(12);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->error().code, ErrorCode::kUnavailable);
}

TEST_F(ControllerTest, StoppingAnswersEveryRequest) {
  BootThree();
  log_.leader.reset();
  int answers = 0;
  node(2).controller->CreateTopic(Topic("t", 1, 1), [&](Result<Uuid> result) {
    EXPECT_EQ(result.error().code, ErrorCode::kShuttingDown);
    ++answers;
  });
  node(2).controller->InitProducer([&](Result<ProducerIdentity> result) {
    EXPECT_EQ(result.error().code, ErrorCode::kShuttingDown);
    ++answers;
  });
  RunForSeconds(1);
  node(2).controller->Stop();
  EXPECT_EQ(answers, 2);
  node(2).controller->DeleteTopic("t", [&](Status status) {
    EXPECT_EQ(status.error().code, ErrorCode::kShuttingDown);
    ++answers;
  });
  RunForSeconds(0.1);
  EXPECT_EQ(answers, 3);
}

TEST_F(ControllerTest, AProposalOfUnknownFateIsNotCalledUndone) {
  BootThree();
  ASSERT_TRUE(CreateTopic(1, Topic("t", 1, 1)).ok());
  log_.lose_fates = true;
  const Status status =
      Wait([&](auto done) { node(1).controller->DeleteTopic("t", std::move(done)); });
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kTimeout);
}

}  // namespace
}  // namespace jangada::server
