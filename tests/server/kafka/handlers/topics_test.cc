// Metadata, ListOffsets, CreateTopics, DeleteTopics and InitProducerId through the dispatcher.
#include "tests/server/kafka/dispatch_fixture.h"

namespace jangada::server::kafka {
namespace {

using testing::BatchOf;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class KafkaTopics : public testing::DispatchFixture {
 protected:
  KafkaTopics() { cluster_.AddTopic("t", 2, NodeId(1)); }
  static MetadataRequest Named(const std::string& name) {
    return {.topics = std::vector<MetadataRequest::Topic>{{.name = name}}};
  }
};

// ---- Metadata ----

TEST_F(KafkaTopics, MetadataNamesNodesLeadersAndEpochsInEveryVersion) {
  for (int16_t version = 0; version <= 12; ++version) {
    const auto response = Ask(Named("t"), version);
    ASSERT_EQ(response.brokers.size(), 3u);
    EXPECT_EQ(response.brokers[1].port, 9093);
    const auto& topic = response.topics.at(0);
    EXPECT_EQ(topic.error_code, Code::kNone);
    EXPECT_EQ(topic.name, "t");
    ASSERT_EQ(topic.partitions.size(), 2u);
    EXPECT_EQ(topic.partitions[1].leader_id, 1);
    if (version >= 1) {
      EXPECT_EQ(response.brokers[1].rack, "rack-2");
    }
    if (version >= 1) {
      EXPECT_EQ(response.controller_id, 1);
    }
    if (version >= 7) {
      EXPECT_EQ(topic.partitions[1].leader_epoch, testing::FakeCluster::kEpoch);
    }
    if (version >= 10) {
      EXPECT_EQ(topic.id, cluster_.image()->FindTopic("t")->id);
    }
  }
}

TEST_F(KafkaTopics, NoListAsksForAllTopicsAndAnEmptyOneForNone) {
  cluster_.AddTopic("u", 1, NodeId(2));
  EXPECT_EQ(Ask(MetadataRequest{}, 1).topics.size(), 2u);
  const MetadataRequest none{.topics = std::vector<MetadataRequest::Topic>{}};
  EXPECT_EQ(Ask(none, 1).topics.size(), 0u);
  EXPECT_EQ(Ask(none, 0).topics.size(), 2u) << "v0 had no null";
}

TEST_F(KafkaTopics, APartitionWithoutALiveLeaderIsAskedForAgain) {
  cluster_.SetLeader({"t", 0}, std::nullopt);
  cluster_.SetLeader({"t", 1}, NodeId(2));
  broker_.SetDead(NodeId(2));
  const auto response = Ask(Named("t"), 9);
  EXPECT_EQ(response.brokers.size(), 2u);
  for (const auto& partition : response.topics[0].partitions) {
    EXPECT_EQ(partition.error_code, Code::kLeaderNotAvailable);
    EXPECT_EQ(partition.leader_id, -1);
  }
}

TEST_F(KafkaTopics, InSyncAreTheReplicasThatLiveAndDoNotLag) {
  cluster_.Move({"t", 0}, {NodeId(1), NodeId(2), NodeId(3)});
  const auto partition = [&] { return Ask(Named("t"), 9).topics.at(0).partitions.at(0); };
  EXPECT_THAT(partition().isr_nodes, ElementsAre(1, 2, 3));
  cluster_.SetLagging({"t", 0}, {NodeId(2)});
  EXPECT_THAT(partition().isr_nodes, ElementsAre(1, 3));
  EXPECT_THAT(partition().offline_replicas, IsEmpty()) << "it lives";
  broker_.SetDead(NodeId(3));
  EXPECT_THAT(partition().isr_nodes, ElementsAre(1));
  EXPECT_THAT(partition().offline_replicas, ElementsAre(3));
  EXPECT_THAT(partition().replica_nodes, ElementsAre(1, 2, 3));
}

TEST_F(KafkaTopics, ATopicThatIsNotThereIsMadeIfTheClientAllowsIt) {
  MetadataRequest request = Named("new");
  request.allow_auto_topic_creation = false;
  EXPECT_EQ(Ask(request, 4).topics[0].error_code, Code::kUnknownTopicOrPartition);
  request.allow_auto_topic_creation = true;
  const auto response = Ask(request, 4);
  EXPECT_EQ(response.topics[0].error_code, Code::kNone);
  EXPECT_EQ(response.topics[0].partitions.size(), 1u);
  EXPECT_THAT(broker_.admin_calls(), ElementsAre("CreateTopic new 1x3"));
}

TEST_F(KafkaTopics, ATopicIsMadeOnlyOnceEnoughNodesLive) {
  broker_.SetDead(NodeId(3));
  EXPECT_EQ(Ask(Named("new"), 4).topics[0].error_code, Code::kLeaderNotAvailable);
  EXPECT_THAT(broker_.admin_calls(), IsEmpty());
}

TEST_F(KafkaTopics, ATopicThatCouldNotBeMadeYetIsAskedForAgain) {
  broker_.FailAdmin(Error{ErrorCode::kTimeout, "later"});
  EXPECT_EQ(Ask(Named("new"), 4).topics[0].error_code, Code::kLeaderNotAvailable);
}

TEST_F(KafkaTopics, ABadNameIsAnInvalidTopic) {
  for (const std::string& name :
       {std::string(), std::string("a b"), std::string(".."), std::string(250, 'x')}) {
    EXPECT_EQ(Ask(Named(name), 9).topics[0].error_code, Code::kInvalidTopic) << name;
  }
  EXPECT_THAT(broker_.admin_calls(), IsEmpty());
}

TEST_F(KafkaTopics, TopicsAreFoundByIdFromVersion12On) {
  const Uuid id = cluster_.image()->FindTopic("t")->id;
  MetadataRequest request{.topics = std::vector<MetadataRequest::Topic>{{.id = id}, {}}};
  const auto response = Ask(request, 12);
  EXPECT_EQ(response.topics[0].name, "t");
  EXPECT_EQ(response.topics[1].error_code, Code::kUnknownTopicId);
  EXPECT_EQ(Ask(request, 11).topics[0].error_code, Code::kInvalidRequest);
}

class KafkaTopicsByHand : public testing::DispatchFixture {
 protected:
  KafkaTopicsByHand()
      : DispatchFixture(
            {.auto_create_topics = false, .default_partitions = 5, .default_replicas = 2}) {}
};

TEST_F(KafkaTopicsByHand, TheOperatorDecidesWhetherAndHowTopicsAreMade) {
  EXPECT_EQ(Ask(MetadataRequest{.topics = std::vector<MetadataRequest::Topic>{{.name = "n"}}}, 4)
                .topics[0]
                .error_code,
            Code::kUnknownTopicOrPartition);
  const CreateTopicsRequest create{
      .topics = {{.name = "n", .num_partitions = -1, .replication_factor = -1}}};
  EXPECT_EQ(Ask(create, 5).topics[0].num_partitions, 5);
  EXPECT_THAT(broker_.admin_calls(), ElementsAre("CreateTopic n 5x2"));
}

// ---- ListOffsets ----

TEST_F(KafkaTopics, OffsetsAreListedAtTheEndsAndByTime) {
  Produce(ProduceOf("t", BatchOf({"a", "b"})));
  const std::pair<int64_t, int64_t> cases[] = {{-1, 2}, {-2, 0}, {500, 0}, {2000, -1}};
  for (int16_t version = 1; version <= 7; ++version) {
    for (const auto& [timestamp, offset] : cases) {
      const ListOffsetsRequest request{
          .topics = {{.name = "t", .partitions = {{.index = 0, .timestamp = timestamp}}}}};
      const auto listed = Ask(request, version).topics.at(0).partitions.at(0);
      EXPECT_EQ(listed.error_code, Code::kNone);
      EXPECT_EQ(listed.offset, offset) << timestamp;
    }
  }
}

TEST_F(KafkaTopics, ListingRefusesWhatItDoesNotKnow) {
  const auto list = [&](const std::string& topic, int64_t timestamp, int16_t version) {
    const ListOffsetsRequest request{
        .topics = {{.name = topic, .partitions = {{.index = 0, .timestamp = timestamp}}}}};
    return Ask(request, version).topics.at(0).partitions.at(0).error_code;
  };
  EXPECT_EQ(list("none", -1, 5), Code::kUnknownTopicOrPartition);
  EXPECT_EQ(list("t", -3, 6), Code::kUnsupportedVersion);
  EXPECT_EQ(list("t", -3, 7), Code::kNone);
  EXPECT_EQ(list("t", -9, 7), Code::kInvalidRequest);
  cluster_.SetLeader({"t", 0}, NodeId(2));
  EXPECT_EQ(list("t", -1, 5), Code::kNotLeaderOrFollower);
}

// ---- CreateTopics, DeleteTopics ----

TEST_F(KafkaTopics, TopicsAreCreatedInEveryVersion) {
  for (int16_t version = 0; version <= 7; ++version) {
    const std::string name = "new" + std::to_string(version);
    const CreateTopicsRequest request{
        .topics = {{.name = name,
                    .num_partitions = 4,
                    .replication_factor = 3,
                    .configs = {{.name = "retention.ms", .value = "1000"}}}}};
    const auto topic = Ask(request, version).topics.at(0);
    EXPECT_EQ(topic.error_code, Code::kNone);
    EXPECT_EQ(broker_.admin_calls().back(), "CreateTopic " + name + " 4x3 retention.ms=1000");
    if (version >= 5) {
      EXPECT_EQ(topic.num_partitions, 4);
    }
    if (version >= 5) {
      EXPECT_FALSE(topic.configs->empty());
    }
    if (version >= 7) {
      EXPECT_FALSE(topic.id.IsZero());
    }
  }
}

TEST_F(KafkaTopics, EachWrongThingAboutANewTopicHasItsCode) {
  using Topic = CreateTopicsRequest::Topic;
  const std::pair<Topic, Code> cases[] = {
      {{.name = "a b", .num_partitions = 1, .replication_factor = 1}, Code::kInvalidTopic},
      {{.name = "n", .num_partitions = 0, .replication_factor = 1}, Code::kInvalidPartitions},
      {{.name = "n", .num_partitions = 10'001, .replication_factor = 1}, Code::kInvalidPartitions},
      {{.name = "n", .num_partitions = 1, .replication_factor = 4},
       Code::kInvalidReplicationFactor},
      {{.name = "n", .num_partitions = 1, .replication_factor = 1, .configs = {{"no.such", "1"}}},
       Code::kInvalidConfig},
      {{.name = "n", .num_partitions = 1, .replication_factor = 1, .assignments = {{0, {1}}}},
       Code::kInvalidRequest},
      {{.name = "n", .num_partitions = -1, .replication_factor = -1, .assignments = {{1, {1}}}},
       Code::kInvalidReplicaAssignment},
  };
  for (const auto& [topic, code] : cases) {
    const auto answer = Ask(CreateTopicsRequest{.topics = {topic}}, 5).topics[0];
    EXPECT_EQ(answer.error_code, code);
    EXPECT_FALSE(answer.error_message.value_or("").empty());
  }
  EXPECT_THAT(broker_.admin_calls(), IsEmpty());
  broker_.FailAdmin(Error{ErrorCode::kAlreadyExists, "there"});
  EXPECT_EQ(Ask(CreateTopicsRequest{.topics = {{"t", 1, 1}}}, 5).topics[0].error_code,
            Code::kTopicAlreadyExists);
}

TEST_F(KafkaTopics, WhatIsWrongWithOneTopicOfARequestDoesNotTouchTheOthers) {
  const auto answer = Ask(CreateTopicsRequest{.topics = {{"a b", 1, 1},
                                                         {std::string(250, 'n'), 1, 1},
                                                         {"wide", 10'001, 1},
                                                         {"good", 1, 1}}},
                          5);
  EXPECT_EQ(answer.topics[0].error_code, Code::kInvalidTopic);
  EXPECT_EQ(answer.topics[1].error_code, Code::kInvalidTopic);
  EXPECT_EQ(answer.topics[2].error_code, Code::kInvalidPartitions);
  EXPECT_EQ(answer.topics[3].error_code, Code::kNone);
  EXPECT_THAT(broker_.admin_calls(), ElementsAre(::testing::HasSubstr("CreateTopic good 1x1")));
}

TEST_F(KafkaTopics, ATopicNamedTwiceInOneRequestIsRefusedTwice) {
  const auto response = Ask(CreateTopicsRequest{.topics = {{"n", 1, 1}, {"n", 1, 1}}}, 5);
  EXPECT_EQ(response.topics[0].error_code, Code::kInvalidRequest);
  EXPECT_EQ(response.topics[1].error_code, Code::kInvalidRequest);
}

TEST_F(KafkaTopics, TopicsAreDeletedByNameAndById) {
  EXPECT_EQ(Ask(DeleteTopicsRequest{.topic_names = {"t"}}, 5).topics[0].error_code, Code::kNone);
  const Uuid id = cluster_.image()->FindTopic("t")->id;
  const auto response = Ask(DeleteTopicsRequest{.topics = {{.id = id}, {.id = Uuid()}}}, 6);
  EXPECT_EQ(response.topics[0].name, "t");
  EXPECT_EQ(response.topics[1].error_code, Code::kUnknownTopicId);
  EXPECT_THAT(broker_.admin_calls(), ElementsAre("DeleteTopic t", "DeleteTopic t"));
  broker_.FailAdmin(Error{ErrorCode::kUnknownTopic, "none"});
  EXPECT_EQ(Ask(DeleteTopicsRequest{.topic_names = {"x"}}, 1).topics[0].error_code,
            Code::kUnknownTopicOrPartition);
}

// ---- InitProducerId ----

TEST_F(KafkaTopics, EveryIdempotentProducerGetsAnIdOfItsOwn) {
  for (int16_t version = 0; version <= 4; ++version) {
    const auto response = Ask(InitProducerIdRequest{}, version);
    EXPECT_EQ(response.error_code, Code::kNone);
    EXPECT_EQ(response.producer_id, 100 + version);
    EXPECT_EQ(response.producer_epoch, 0);
  }
  EXPECT_EQ(Ask(InitProducerIdRequest{.transactional_id = "x"}, 4).error_code,
            Code::kInvalidRequest);
}

}  // namespace
}  // namespace jangada::server::kafka
