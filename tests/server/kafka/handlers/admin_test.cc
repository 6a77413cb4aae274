// The requests of Kafka's admin tools through the dispatcher: configs, partitions, records, epochs,
// elections, reassignments, and the cluster described.
#include "tests/server/kafka/dispatch_fixture.h"

namespace jangada::server::kafka {
namespace {

using testing::BatchOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class KafkaAdmin : public testing::DispatchFixture {
 protected:
  KafkaAdmin() { cluster_.AddTopic("t", 3, NodeId(1)); }

  Code Alter(const std::string& key, std::optional<std::string> value,
             IncrementalAlterConfigsRequest::Operation operation = {}) {
    const IncrementalAlterConfigsRequest request{
        .resources = {{ResourceType::kTopic, "t", {{key, operation, std::move(value)}}}}};
    return Ask(request, 1).resources.at(0).error_code;
  }
};

// ---- configs ----

TEST_F(KafkaAdmin, ATopicsConfigsAreDescribedInEveryVersion) {
  for (int16_t version = 0; version <= 4; ++version) {
    const DescribeConfigsRequest request{.resources = {{ResourceType::kTopic, "t", {}}},
                                         .include_synonyms = true,
                                         .include_documentation = true};
    const auto result = Ask(request, version).results.at(0);
    EXPECT_EQ(result.error_code, Code::kNone);
    const auto& first = result.configs.at(0);
    EXPECT_EQ(first.name, "cleanup.policy");
    EXPECT_EQ(first.value, "delete");
    if (version == 0) {
      EXPECT_TRUE(first.is_default);
      continue;
    }
    EXPECT_EQ(first.source, ConfigSource::kDefault);
    EXPECT_EQ(first.synonyms.size(), 1u);
    EXPECT_EQ(version >= 3, !first.documentation.value_or("").empty());
  }
}

TEST_F(KafkaAdmin, OnlyTheConfigsAskedForAreDescribed) {
  const DescribeConfigsRequest request{
      .resources = {{ResourceType::kTopic, "t", std::vector<std::string>{"retention.ms", "x"}},
                    {ResourceType::kTopic, "none", {}},
                    {ResourceType::kBroker, "1", {}},
                    {ResourceType::kBroker, "77", {}},
                    {ResourceType::kBrokerLogger, "1", {}}}};
  const auto results = Ask(request, 1).results;
  EXPECT_EQ(results.at(0).configs.size(), 1u);
  EXPECT_EQ(results.at(1).error_code, Code::kUnknownTopicOrPartition);
  EXPECT_EQ(results.at(2).error_code, Code::kNone);
  EXPECT_FALSE(results.at(2).configs.empty());
  EXPECT_EQ(results.at(3).error_code, Code::kInvalidRequest);
  EXPECT_EQ(results.at(4).error_code, Code::kInvalidRequest);
}

TEST_F(KafkaAdmin, SingleConfigsAreSetAndDeleted) {
  using Operation = IncrementalAlterConfigsRequest::Operation;
  EXPECT_EQ(Alter("retention.ms", "5"), Code::kNone);
  EXPECT_EQ(Alter("retention.ms", {}, Operation::kDelete), Code::kNone);
  EXPECT_EQ(Alter("cleanup.policy", "compact", Operation::kAppend), Code::kNone);
  EXPECT_THAT(broker_.admin_calls(),
              ElementsAre("AlterTopicConfigs t retention.ms=5",
                          "AlterTopicConfigs t retention.ms=(default)",
                          "AlterTopicConfigs t cleanup.policy=delete,compact"));
}

TEST_F(KafkaAdmin, WrongConfigsChangeNothing) {
  using Operation = IncrementalAlterConfigsRequest::Operation;
  EXPECT_EQ(Alter("no.such", "5"), Code::kInvalidConfig);
  EXPECT_EQ(Alter("retention.ms", "x"), Code::kInvalidConfig);
  EXPECT_EQ(Alter("retention.ms", {}), Code::kInvalidConfig);
  EXPECT_EQ(Alter("retention.ms", "5", Operation::kAppend), Code::kInvalidConfig);
  EXPECT_EQ(Alter("min.insync.replicas", "2"), Code::kInvalidConfig) << "of one replica";
  EXPECT_EQ(Alter("min.insync.replicas", "1"), Code::kNone);
  EXPECT_EQ(broker_.admin_calls().size(), 1u);
}

TEST_F(KafkaAdmin, ValidateOnlyChangesNothing) {
  const IncrementalAlterConfigsRequest request{
      .resources = {{ResourceType::kTopic, "t", {{"retention.ms", {}, "5"}}}},
      .validate_only = true};
  EXPECT_EQ(Ask(request, 0).resources.at(0).error_code, Code::kNone);
  EXPECT_THAT(broker_.admin_calls(), IsEmpty());
}

TEST_F(KafkaAdmin, ThrottlesOfReassignmentsAreTakenAndOtherNodeConfigsAreNot) {
  const auto set = [&](const std::string& key) {
    const IncrementalAlterConfigsRequest request{
        .resources = {{ResourceType::kBroker, "2", {{key, {}, "1000"}}}}};
    return Ask(request, 1).resources.at(0).error_code;
  };
  EXPECT_EQ(set("leader.replication.throttled.rate"), Code::kNone);
  EXPECT_EQ(set("follower.replication.throttled.rate"), Code::kNone);
  EXPECT_EQ(set("replica.alter.log.dirs.io.max.bytes.per.second"), Code::kNone);
  EXPECT_EQ(set("log.retention.ms"), Code::kInvalidConfig);
  EXPECT_EQ(Alter("leader.replication.throttled.replicas", "0:1,1:2"), Code::kNone);
}

TEST_F(KafkaAdmin, AlteringAllConfigsResetsWhatIsNotNamed) {
  const AlterConfigsRequest request{
      .resources = {{ResourceType::kTopic, "t", {{"retention.ms", "7"}}}}};
  EXPECT_EQ(Ask(request, 2).resources.at(0).error_code, Code::kNone);
  EXPECT_THAT(broker_.admin_calls(), ElementsAre("AlterTopicConfigs t retention.ms=7"));
}

// ---- the disk ----

TEST_F(KafkaAdmin, TheDataFolderIsTheOneLogDirectoryInEveryVersion) {
  broker_.SetLogDir({.path = "/data",
                     .total_bytes = 1000,
                     .usable_bytes = 400,
                     .replicas = {{{"s", 0}, 5}, {{"t", 0}, 70}, {{"t", 2}, 90}}});
  for (int16_t version = 0; version <= 4; ++version) {
    const auto response = Ask(DescribeLogDirsRequest{}, version);
    EXPECT_EQ(response.error_code, Code::kNone);
    ASSERT_EQ(response.results.size(), 1u);
    const auto& folder = response.results[0];
    EXPECT_EQ(folder.log_dir, "/data");
    EXPECT_EQ(folder.total_bytes, version >= 4 ? 1000 : -1);
    EXPECT_EQ(folder.usable_bytes, version >= 4 ? 400 : -1);
    ASSERT_EQ(folder.topics.size(), 2u);
    EXPECT_EQ(folder.topics[1].name, "t");
    ASSERT_EQ(folder.topics[1].partitions.size(), 2u);
    EXPECT_EQ(folder.topics[1].partitions[1].index, 2);
    EXPECT_EQ(folder.topics[1].partitions[1].size, 90);
  }
}

TEST_F(KafkaAdmin, OnlyThePartitionsAskedForAreMeasured) {
  broker_.SetLogDir({.path = "/data", .replicas = {{{"s", 0}, 5}, {{"t", 0}, 70}, {{"t", 2}, 90}}});
  const DescribeLogDirsRequest request{
      .topics = std::vector<DescribeLogDirsRequest::Topic>{{"t", {2, 7}}, {"none", {0}}}};
  const auto topics = Ask(request, 1).results.at(0).topics;
  ASSERT_EQ(topics.size(), 1u);
  ASSERT_EQ(topics[0].partitions.size(), 1u);
  EXPECT_EQ(topics[0].partitions[0].size, 90);
  const DescribeLogDirsRequest none{.topics = std::vector<DescribeLogDirsRequest::Topic>{}};
  EXPECT_THAT(Ask(none, 1).results.at(0).topics, IsEmpty());
}

// ---- partitions and records ----

TEST_F(KafkaAdmin, PartitionsAreAdded) {
  const auto create = [&](const std::string& name, int32_t count, bool validate_only = false) {
    const CreatePartitionsRequest request{.topics = {{name, count, {}}},
                                          .validate_only = validate_only};
    return Ask(request, 3).results.at(0).error_code;
  };
  EXPECT_EQ(create("t", 5), Code::kNone);
  EXPECT_EQ(create("t", 5, true), Code::kNone);
  EXPECT_EQ(create("t", 3), Code::kInvalidPartitions);
  EXPECT_EQ(create("t", 100'000), Code::kInvalidPartitions);
  EXPECT_EQ(create("none", 5), Code::kUnknownTopicOrPartition);
  EXPECT_THAT(broker_.admin_calls(), ElementsAre("CreatePartitions t 5"));
}

TEST_F(KafkaAdmin, NewPartitionsGoWhereTheyAreTold) {
  const auto create = [&](std::vector<CreatePartitionsRequest::Assignment> where) {
    const CreatePartitionsRequest request{.topics = {{"t", 5, std::move(where)}}};
    return Ask(request, 3).results.at(0).error_code;
  };
  EXPECT_EQ(create({{{2, 1}}, {{3, 2}}}), Code::kNone);
  EXPECT_EQ(create({{{2, 1}}}), Code::kInvalidReplicaAssignment) << "two are new";
  EXPECT_THAT(broker_.admin_calls(), ElementsAre("CreatePartitions t 5 at 2 1 at 3 2"));
  broker_.FailAdmin(Error{ErrorCode::kInvalidArgument, "twice"});
  EXPECT_EQ(create({{{2, 2}}, {{3, 2}}}), Code::kInvalidReplicaAssignment);
}

TEST_F(KafkaAdmin, RecordsBelowAnOffsetAreDeleted) {
  Produce(ProduceOf("t", BatchOf({"a", "b", "c"})));
  const DeleteRecordsRequest request{
      .topics = {{"t", {{.index = 0, .offset = 2}, {.index = 1, .offset = 9}}}}};
  const auto topic = Ask(request, 2).topics.at(0);
  EXPECT_EQ(topic.partitions.at(0).low_watermark, 2);
  EXPECT_EQ(topic.partitions.at(1).error_code, Code::kOffsetOutOfRange);
}

TEST_F(KafkaAdmin, TheEndOfATermIsFound) {
  Produce(ProduceOf("t", BatchOf({"a", "b"})));
  const auto ask = [&](int32_t epoch, int32_t current) {
    const OffsetForLeaderEpochRequest request{
        .topics = {{"t", {{.index = 0, .current_leader_epoch = current, .leader_epoch = epoch}}}}};
    return Ask(request, 4).topics.at(0).partitions.at(0);
  };
  EXPECT_EQ(ask(3, -1).end_offset, 2);
  EXPECT_EQ(ask(3, -1).leader_epoch, 3);
  EXPECT_EQ(ask(4, -1).leader_epoch, -1);
  EXPECT_EQ(ask(3, 2).error_code, Code::kFencedLeaderEpoch);
}

// ---- leaders and moves ----

TEST_F(KafkaAdmin, PreferredLeadersAreElectedAndOthersAreNot) {
  cluster_.SetLeader({"t", 1}, NodeId(2));  // node 1 is the first replica
  const auto elect = [&](std::optional<std::vector<ElectLeadersRequest::Topic>> topics) {
    return Ask(ElectLeadersRequest{.topics = std::move(topics)}, 2);
  };
  const auto named = elect({{{"t", {0, 1, 9}}}}).topics.at(0).partitions;
  EXPECT_EQ(named.at(0).error_code, Code::kElectionNotNeeded);
  EXPECT_EQ(named.at(1).error_code, Code::kNone);
  EXPECT_EQ(named.at(2).error_code, Code::kUnknownTopicOrPartition);
  EXPECT_THAT(broker_.admin_calls(), ElementsAre("HandOver t/1 1"));
  const auto all = elect({});
  ASSERT_EQ(all.topics.size(), 1u);
  EXPECT_EQ(all.topics[0].partitions.size(), 1u) << "only what had something to elect";
}

TEST_F(KafkaAdmin, AnUncleanElectionIsNeverHeld) {
  cluster_.SetLeader({"t", 1}, std::nullopt);
  const ElectLeadersRequest request{
      .election_type = 1, .topics = std::vector<ElectLeadersRequest::Topic>{{"t", {0, 1}}}};
  const auto partitions = Ask(request, 2).topics.at(0).partitions;
  EXPECT_EQ(partitions.at(0).error_code, Code::kElectionNotNeeded);
  EXPECT_EQ(partitions.at(1).error_code, Code::kEligibleLeadersNotAvailable);
  EXPECT_THAT(broker_.admin_calls(), IsEmpty());
}

TEST_F(KafkaAdmin, PartitionsAreMoved) {
  const AlterPartitionReassignmentsRequest request{
      .topics = {{"t", {{.index = 0, .replicas = std::vector<int32_t>{2, 3}}, {.index = 1}}}}};
  const auto partitions = Ask(request, 0).topics.at(0).partitions;
  EXPECT_EQ(partitions.at(0).error_code, Code::kNone);
  EXPECT_EQ(partitions.at(1).error_code, Code::kNoReassignmentInProgress);
  EXPECT_THAT(broker_.admin_calls(), ElementsAre("MovePartition t/0 2 3"));
  broker_.FailAdmin(Error{ErrorCode::kInvalidArgument, "twice"});
  EXPECT_EQ(Ask(request, 0).topics.at(0).partitions.at(0).error_code,
            Code::kInvalidReplicaAssignment);
}

TEST_F(KafkaAdmin, OnlyPartitionsOnTheMoveAreListed) {
  EXPECT_THAT(Ask(ListPartitionReassignmentsRequest{}, 0).topics, IsEmpty());
  cluster_.Move({"t", 2}, {NodeId(1), NodeId(3)});
  EXPECT_THAT(Ask(ListPartitionReassignmentsRequest{}, 0).topics, IsEmpty()) << "arrived";
  PartitionView view{.where = {"t", 2}, .from_leader = true, .reassigning = true};
  view.replicas = {{.node = NodeId(1), .voter = true}, {.node = NodeId(2), .voter = true}};
  broker_.SetInspected(view);
  const auto topics = Ask(ListPartitionReassignmentsRequest{}, 0).topics;
  ASSERT_EQ(topics.size(), 1u);
  const auto& partition = topics[0].partitions.at(0);
  EXPECT_EQ(partition.index, 2);
  EXPECT_THAT(partition.replicas, ElementsAre(1, 3, 2));
  EXPECT_THAT(partition.adding_replicas, ElementsAre(3));
  EXPECT_THAT(partition.removing_replicas, ElementsAre(2));
  const ListPartitionReassignmentsRequest another{
      .topics = std::vector<ListPartitionReassignmentsRequest::Topic>{{"t", {0}}}};
  EXPECT_THAT(Ask(another, 0).topics, IsEmpty());
}

// ---- the cluster described ----

TEST_F(KafkaAdmin, TheClusterIsDescribed) {
  const auto response = Ask(DescribeClusterRequest{}, 1);
  EXPECT_EQ(response.brokers.size(), 3u);
  EXPECT_EQ(response.controller_id, 1);
  EXPECT_EQ(response.cluster_id, cluster_.image()->cluster_id.ToString());
  EXPECT_EQ(Ask(DescribeClusterRequest{.endpoint_type = 2}, 1).error_code,
            Code::kUnsupportedEndpointType);
}

TEST_F(KafkaAdmin, TopicsAreDescribedPageByPage) {
  cluster_.AddTopic("u", 2, NodeId(1));
  std::vector<std::string> seen;
  DescribeTopicPartitionsRequest request{.response_partition_limit = 2};
  for (int page = 0; page < 10; ++page) {
    const auto response = Ask(request, 0);
    size_t partitions = 0;
    for (const auto& topic : response.topics) {
      partitions += topic.partitions.size();
      for (const auto& partition : topic.partitions) {
        seen.push_back(*topic.name + std::to_string(partition.index));
        // Java's AdminClient takes no null for these.
        EXPECT_TRUE(partition.eligible_leader_replicas.has_value());
        EXPECT_TRUE(partition.last_known_elr.has_value());
      }
    }
    EXPECT_LE(partitions, 2u);
    request.cursor = response.next_cursor;
    if (!request.cursor) break;
  }
  EXPECT_THAT(seen, ElementsAre("t0", "t1", "t2", "u0", "u1"));
  request = {.topics = {{"none"}, {"a b"}}};
  const auto missing = Ask(request, 0).topics;
  EXPECT_EQ(missing.at(0).error_code, Code::kInvalidTopic);
  EXPECT_EQ(missing.at(1).error_code, Code::kUnknownTopicOrPartition);
}

}  // namespace
}  // namespace jangada::server::kafka
