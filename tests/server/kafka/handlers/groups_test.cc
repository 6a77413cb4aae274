// The requests of consumer groups, as frames: what the broker is asked, and what each version says
// of its answers.
#include "tests/server/kafka/dispatch_fixture.h"

namespace jangada::server::kafka::testing {
namespace {

using server::testing::FakeGroups;
using ::testing::ElementsAre;

class GroupsDoorTest : public DispatchFixture {
 protected:
  FakeGroups& groups() { return broker_.fake_groups(); }
};

// ---- FindCoordinator ----

TEST_F(GroupsDoorTest, TheCoordinatorIsNamedWithItsAddress) {
  groups().find.answer = {.node = NodeId(2)};
  const auto found = Ask(FindCoordinatorRequest{.key = "g"}, 2);
  EXPECT_EQ(found.error_code, Code::kNone);
  EXPECT_EQ(found.node_id, 2);
  EXPECT_EQ(found.port, 9093);
  EXPECT_THAT(groups().find.asked, ElementsAre("g"));
}

TEST_F(GroupsDoorTest, ManyCoordinatorsAreFoundAtOnce) {
  groups().find.answers = {{.node = NodeId(3)}, {.error = GroupError::kNotAvailable}};
  const auto found =
      Ask(FindCoordinatorRequest{.key_type = 0, .coordinator_keys = {"a", "b"}}, 4).coordinators;
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].key, "a");
  EXPECT_EQ(found[0].node_id, 3);
  EXPECT_EQ(found[1].error_code, Code::kCoordinatorNotAvailable);
  EXPECT_EQ(found[1].node_id, -1);
}

TEST_F(GroupsDoorTest, ACoordinatorThatIsNotHeardFromIsNoneAndTransactionsHaveNone) {
  groups().find.answer = {.node = NodeId(2)};
  broker_.SetDead(NodeId(2));
  EXPECT_EQ(Ask(FindCoordinatorRequest{.key = "g"}, 1).error_code, Code::kCoordinatorNotAvailable);
  EXPECT_EQ(Ask(FindCoordinatorRequest{.key = "g", .key_type = 1}, 1).error_code,
            Code::kInvalidRequest);
}

// ---- JoinGroup ----

JoinGroupRequest Joins() {
  return {.group_id = "g",
          .session_timeout_ms = 10'000,
          .rebalance_timeout_ms = 60'000,
          .member_id = "m",
          .group_instance_id = {},
          .protocol_type = "consumer",
          .protocols = {{"range", Bytes::Copy("says")}},
          .reason = {}};
}

TEST_F(GroupsDoorTest, AJoinIsHandedOnWithWhatItsVersionMeans) {
  groups().join.answer = {.generation = 4,
                          .protocol_type = "consumer",
                          .protocol = "range",
                          .leader = "m",
                          .member_id = "m",
                          .skip_assignment = true,
                          .members = {{"m", "instance", "says"}}};
  for (int16_t version = 0; version <= 9; ++version) {
    JoinGroupRequest asks = Joins();
    if (version < 1) asks.rebalance_timeout_ms = -1;
    if (version >= 5) asks.group_instance_id = "instance";
    const auto joined = Ask(asks, version);
    EXPECT_EQ(joined.error_code, Code::kNone);
    EXPECT_EQ(joined.generation_id, 4);
    EXPECT_EQ(joined.protocol_name, "range");
    EXPECT_EQ(joined.leader, "m");
    ASSERT_EQ(joined.members.size(), 1u);
    EXPECT_EQ(joined.members[0].metadata.view(), "says");
    EXPECT_EQ(joined.skip_assignment, version >= 9);
    const JoinGroup& asked = groups().join.asked.back();
    EXPECT_EQ(asked.group, "g");
    EXPECT_EQ(asked.rebalance_timeout_ms, version < 1 ? 10'000 : 60'000);
    EXPECT_EQ(asked.must_know_its_id, version >= 4);
    EXPECT_EQ(asked.understands_skipping, version >= 9);
    EXPECT_EQ(asked.instance_id.has_value(), version >= 5);
    EXPECT_EQ(asked.protocols.at(0).metadata, "says");
  }
}

TEST_F(GroupsDoorTest, ARefusedJoinNamesNoProtocol) {
  groups().join.answer = {
      .error = GroupError::kMemberIdRequired, .member_id = "new", .members = {}};
  for (const int16_t version : {0, 4, 6, 7, 9}) {
    const auto joined = Ask(Joins(), version);
    EXPECT_EQ(joined.error_code, Code::kMemberIdRequired);
    EXPECT_EQ(joined.member_id, "new");
    EXPECT_EQ(joined.protocol_name.has_value(), version < 7);
    EXPECT_EQ(joined.generation_id, -1);
  }
}

TEST_F(GroupsDoorTest, AParkedJoinKeepsNobodyElseWaiting) {
  groups().join.hold = true;
  auto parked = Send(EncodeRequest(Joins(), 5));
  EXPECT_EQ(Ask(HeartbeatRequest{.group_id = "h", .member_id = "x", .group_instance_id = {}}, 3)
                .error_code,
            Code::kNone);
  groups().join.answer.error = GroupError::kNotCoordinator;
  groups().join.Release();
  const Reply reply = Get(std::move(parked));
  EXPECT_FALSE(reply.close.has_value());
}

// ---- SyncGroup, Heartbeat, LeaveGroup ----

TEST_F(GroupsDoorTest, ASyncBringsAssignmentsAndTakesItsPart) {
  groups().sync.answer = {.protocol_type = "consumer", .protocol = "range", .assignment = "part"};
  const SyncGroupRequest asks{.group_id = "g",
                              .generation_id = 3,
                              .member_id = "m",
                              .group_instance_id = {},
                              .protocol_type = {},
                              .protocol_name = {},
                              .assignments = {{"m", Bytes::Copy("part")}}};
  for (int16_t version = 0; version <= 5; ++version) {
    const auto synced = Ask(asks, version);
    EXPECT_EQ(synced.error_code, Code::kNone);
    EXPECT_EQ(synced.assignment.view(), "part");
    EXPECT_EQ(synced.protocol_name.has_value(), version >= 5);
    EXPECT_EQ(groups().sync.asked.back().generation, 3);
    EXPECT_EQ(groups().sync.asked.back().assignments.at(0).assignment, "part");
  }
  groups().sync.answer = {.error = GroupError::kRebalanceInProgress};
  EXPECT_EQ(Ask(asks, 3).error_code, Code::kRebalanceInProgress);
  groups().sync.answer = {.error = GroupError::kTooLarge};
  EXPECT_EQ(Ask(asks, 3).error_code, Code::kUnknownServerError);
}

TEST_F(GroupsDoorTest, AHeartbeatIsAnsweredWithItsCode) {
  groups().heartbeat.answer = GroupError::kIllegalGeneration;
  const auto beat = Ask(
      HeartbeatRequest{
          .group_id = "g", .generation_id = 9, .member_id = "m", .group_instance_id = "i"},
      4);
  EXPECT_EQ(beat.error_code, Code::kIllegalGeneration);
  const GroupMembership& asked = groups().heartbeat.asked.at(0);
  EXPECT_EQ(asked.generation, 9);
  EXPECT_EQ(asked.instance_id, "i");
}

TEST_F(GroupsDoorTest, OneMemberLeavesOrSeveralAtOnce) {
  groups().leave.answer = {.members = {GroupError::kUnknownMember}};
  EXPECT_EQ(Ask(LeaveGroupRequest{.group_id = "g", .member_id = "m", .members = {}}, 1).error_code,
            Code::kUnknownMemberId);
  EXPECT_EQ(groups().leave.asked.at(0).members.at(0).member_id, "m");
  groups().leave.answer = {.members = {GroupError::kNone, GroupError::kFencedInstance}};
  const auto left = Ask(
      LeaveGroupRequest{
          .group_id = "g", .member_id = {}, .members = {{"a", {}, {}}, {"", "i", {}}}},
      5);
  EXPECT_EQ(left.error_code, Code::kNone);
  ASSERT_EQ(left.members.size(), 2u);
  EXPECT_EQ(left.members[1].error_code, Code::kFencedInstanceId);
  EXPECT_EQ(left.members[1].group_instance_id, "i");
  groups().leave.answer = {.error = GroupError::kNotCoordinator, .members = {}};
  EXPECT_EQ(Ask(LeaveGroupRequest{.group_id = "g", .member_id = {}, .members = {{"a", {}, {}}}}, 3)
                .error_code,
            Code::kNotCoordinator);
}

// ---- offsets ----

OffsetCommitRequest Commits() {
  return {.group_id = "g",
          .generation_id = 2,
          .member_id = "m",
          .group_instance_id = {},
          .topics = {{"t",
                      {{.index = 0, .committed_offset = 10, .committed_metadata = "meta"},
                       {.index = 3, .committed_offset = 20, .committed_metadata = {}}}},
                     {"u", {{.index = 1, .committed_offset = 30, .committed_metadata = {}}}}}};
}

TEST_F(GroupsDoorTest, EachCommittedOffsetHasItsOwnAnswer) {
  groups().commit.answer = {
      .each = {GroupError::kNone, GroupError::kMetadataTooLarge, GroupError::kUnknownTopic}};
  for (int16_t version = 1; version <= 9; ++version) {
    const auto response = Ask(Commits(), version);
    ASSERT_EQ(response.topics.size(), 2u);
    EXPECT_EQ(response.topics[0].partitions[0].error_code, Code::kNone);
    EXPECT_EQ(response.topics[0].partitions[1].error_code, Code::kOffsetMetadataTooLarge);
    EXPECT_EQ(response.topics[1].partitions[0].error_code, Code::kUnknownTopicOrPartition);
    const CommitOffsets& asked = groups().commit.asked.back();
    EXPECT_EQ(asked.member.generation, 2);
    EXPECT_EQ(asked.offsets[0].metadata, "meta");
    EXPECT_EQ(asked.offsets[2].where, (TopicPartition{"u", 1}));
    EXPECT_EQ(asked.offsets[2].offset, 30);
  }
}

TEST_F(GroupsDoorTest, ACommitWhoseFateIsUnknownIsATimeOutEverywhere) {
  groups().commit.answer = {.error = GroupError::kTimeout, .each = {}};
  const auto response = Ask(Commits(), 7);
  for (const auto& topic : response.topics) {
    for (const auto& partition : topic.partitions) {
      EXPECT_EQ(partition.error_code, Code::kRequestTimedOut);
    }
  }
}

TEST_F(GroupsDoorTest, OffsetsAreFetchedByTheFormOfEachVersion) {
  groups().fetch.answer = {.offsets = {{.where = {"t", 0}, .offset = 5, .metadata = "m"},
                                       {.where = {"t", 1}},
                                       {.where = {"u", 0}, .offset = 6, .metadata = {}}}};
  const std::vector<OffsetFetchRequest::Topic> topics = {{"t", {0, 1}}, {"u", {0}}};
  for (int16_t version = 1; version <= 9; ++version) {
    OffsetFetchRequest asks{.group_id = "g", .topics = topics, .groups = {}};
    if (version >= 8) asks.groups = {{.group_id = "g", .member_id = {}, .topics = topics}};
    const auto response = Ask(asks, version);
    const auto& answered = version >= 8 ? response.groups.at(0).topics : response.topics;
    ASSERT_EQ(answered.size(), 2u);
    EXPECT_EQ(answered[0].partitions[0].committed_offset, 5);
    EXPECT_EQ(answered[0].partitions[0].metadata, "m");
    EXPECT_EQ(answered[0].partitions[1].committed_offset, -1);
    EXPECT_EQ(answered[1].partitions[0].committed_offset, 6);
    EXPECT_EQ(groups().fetch.asked.back().where->size(), 3u);
  }
  Ask(OffsetFetchRequest{.group_id = "g", .topics = std::nullopt, .groups = {}}, 5);
  EXPECT_FALSE(groups().fetch.asked.back().where.has_value());  // all
}

TEST_F(GroupsDoorTest, AFailedFetchSaysSoWhereItsVersionCan) {
  groups().fetch.answer = {.error = GroupError::kLoading, .offsets = {}};
  const std::vector<OffsetFetchRequest::Topic> topics = {{"t", {0}}};
  EXPECT_EQ(Ask(OffsetFetchRequest{.group_id = "g", .topics = topics, .groups = {}}, 1)
                .topics.at(0)
                .partitions.at(0)
                .error_code,
            Code::kCoordinatorLoadInProgress);
  EXPECT_EQ(Ask(OffsetFetchRequest{.group_id = "g", .topics = topics, .groups = {}}, 6).error_code,
            Code::kCoordinatorLoadInProgress);
  const OffsetFetchRequest many{.group_id = {},
                                .topics = {},
                                .groups = {{.group_id = "a", .member_id = {}, .topics = topics},
                                           {.group_id = "b", .member_id = {}, .topics = topics}}};
  const auto response = Ask(many, 8);
  ASSERT_EQ(response.groups.size(), 2u);
  EXPECT_EQ(response.groups[1].group_id, "b");
  EXPECT_EQ(response.groups[1].error_code, Code::kCoordinatorLoadInProgress);
}

TEST_F(GroupsDoorTest, OffsetsAreDeletedEachWithItsAnswer) {
  groups().delete_offsets.answer = {.each = {GroupError::kNone, GroupError::kSubscribed}};
  const OffsetDeleteRequest asks{.group_id = "g",
                                 .topics = {{"t", {{.index = 0}}}, {"u", {{.index = 1}}}}};
  auto response = Ask(asks, 0);
  EXPECT_EQ(response.topics.at(1).partitions.at(0).error_code, Code::kGroupSubscribedToTopic);
  groups().delete_offsets.answer = {.error = GroupError::kGroupNotFound, .each = {}};
  response = Ask(asks, 0);
  EXPECT_EQ(response.error_code, Code::kGroupIdNotFound);
  EXPECT_TRUE(response.topics.empty());
}

// ---- groups ----

TEST_F(GroupsDoorTest, GroupsAreDescribed) {
  groups().describe.answers = {
      {.state = GroupState::kStable,
       .protocol_type = "consumer",
       .protocol = "range",
       .members = {{.member_id = "m",
                    .instance_id = "i",
                    .client_id = "c",
                    .client_host = "/h",
                    .metadata = "says",
                    .assignment = "part"}}},
      {.state = GroupState::kDead, .protocol_type = {}, .protocol = {}, .members = {}},
      {.error = GroupError::kNotCoordinator, .protocol_type = {}, .protocol = {}, .members = {}}};
  const auto described = Ask(DescribeGroupsRequest{.groups = {"a", "b", "c"}}, 5).groups;
  ASSERT_EQ(described.size(), 3u);
  EXPECT_EQ(described[0].group_state, "Stable");
  EXPECT_EQ(described[0].members.at(0).member_assignment.view(), "part");
  EXPECT_EQ(described[0].members.at(0).group_instance_id, "i");
  EXPECT_EQ(described[1].group_state, "Dead");
  EXPECT_EQ(described[1].error_code, Code::kNone);
  EXPECT_EQ(described[2].error_code, Code::kNotCoordinator);
}

TEST_F(GroupsDoorTest, GroupsAreListedAsTheFiltersSay) {
  groups().list.answer.groups = {{"a", "consumer", GroupState::kStable},
                                 {"b", "", GroupState::kEmpty}};
  const auto ids = [&](const ListGroupsRequest& asks, int16_t version) {
    std::vector<std::string> found;
    for (const auto& group : Ask(asks, version).groups) found.push_back(group.group_id);
    return found;
  };
  EXPECT_THAT(ids({.states_filter = {}, .types_filter = {}}, 0), ElementsAre("a", "b"));
  EXPECT_THAT(ids({.states_filter = {"stable"}, .types_filter = {}}, 4), ElementsAre("a"));
  EXPECT_THAT(ids({.states_filter = {}, .types_filter = {"Classic"}}, 5), ElementsAre("a", "b"));
  EXPECT_TRUE(ids({.states_filter = {}, .types_filter = {"consumer"}}, 5).empty());
}

TEST_F(GroupsDoorTest, GroupsAreDeletedEachWithItsAnswer) {
  groups().delete_group.answers = {GroupError::kNone, GroupError::kNonEmptyGroup};
  const auto results = Ask(DeleteGroupsRequest{.groups_names = {"a", "b"}}, 2).results;
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[0].error_code, Code::kNone);
  EXPECT_EQ(results[1].error_code, Code::kNonEmptyGroup);
}

}  // namespace
}  // namespace jangada::server::kafka::testing
