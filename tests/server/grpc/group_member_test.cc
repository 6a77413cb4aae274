// GroupMember: what the node does for a member whose client speaks through a stream, against
// scripted groups.
#include "server/grpc/group_member.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <optional>

#include "server/groups/consumer_protocol.h"
#include "tests/server/fake_cluster.h"

namespace jangada::server::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Request = v1::GroupMemberRequest;
using Response = v1::GroupMemberResponse;

class GroupMemberTest : public ::testing::Test {
 protected:
  GroupMemberTest() {
    cluster_.AddTopic("t", 2, NodeId(1));
    member_ = std::make_shared<grpc_door::GroupMember>(
        broker_, "/192.0.2.1",
        grpc_door::MemberVoice{
            .send = [this](Response response) { said_.push_back(std::move(response)); },
            .end = [this](const Status& status) { ended_ = status; }},
        [this](int64_t, Callback<> task) { later_.push_back(std::move(task)); });
  }
  ~GroupMemberTest() override { member_->Abandon(); }

  FakeGroups& groups() { return broker_.fake_groups(); }

  void RunLater() {
    while (!later_.empty()) {
      Callback<> task = std::move(later_.front());
      later_.pop_front();
      task();
    }
  }

  static Request Subscribe() {
    Request request;
    auto* subscribe = request.mutable_subscribe();
    subscribe->set_group("g");
    subscribe->add_topics("t");
    subscribe->set_client_id("me");
    return request;
  }
  void Heartbeat() {
    Request request;
    request.mutable_heartbeat();
    member_->Take(request);
  }
  void Release() {
    Request request;
    request.mutable_released();
    member_->Take(request);
  }
  void Leave() {
    Request request;
    request.mutable_leave();
    member_->Take(request);
  }
  void Commit(int64_t number, int64_t offset) {
    Request request;
    request.mutable_commit()->set_number(number);
    auto* entry = request.mutable_commit()->add_offsets();
    entry->set_topic("t");
    entry->set_offset(offset);
    member_->Take(request);
  }

  static JoinedGroup Joined(int32_t generation, const std::string& leader) {
    return {.generation = generation,
            .protocol_type = groups::kGrpcProtocolType,
            .protocol = "sticky",
            .leader = leader,
            .member_id = "m1",
            .members = {}};
  }
  static JoinedGroup IdNeeded(const std::string& id) {
    return {.error = GroupError::kMemberIdRequired, .member_id = id, .members = {}};
  }

  /// m1 reads both partitions in generation 1, from 10 on in the first of them.
  void BecomeReader() {
    groups().join.answers = {IdNeeded("m1"), Joined(1, "other")};
    groups().sync.answer = {.assignment = groups::EncodeAssignment({{"t", 0}, {"t", 1}})};
    groups().fetch.answer.offsets = {{.where = {"t", 0}, .offset = 10, .metadata = "note"},
                                     {.where = {"t", 1}}};
    groups().heartbeat.answer = GroupError::kNone;
    member_->Take(Subscribe());
  }
  void TakeBack(int32_t generation) {
    Request request = Subscribe();
    request.mutable_subscribe()->set_member_id("m1");
    request.mutable_subscribe()->set_generation(generation);
    member_->Take(request);
  }
  /// What the last join said of itself.
  groups::Subscription LastSaid() {
    return groups::DecodeSubscription(groups().join.asked.back().protocols.at(0).metadata).value();
  }

  FakeCluster cluster_;
  FakeBroker broker_{cluster_, NodeId(1)};
  std::vector<Response> said_;
  std::optional<Status> ended_;
  std::deque<Callback<>> later_;
  std::shared_ptr<grpc_door::GroupMember> member_;
};

TEST_F(GroupMemberTest, IsToldItsIdThenItsPartitionsWithTheirCommittedOffsets) {
  BecomeReader();
  ASSERT_THAT(groups().join.asked, SizeIs(2));
  EXPECT_EQ(groups().join.asked[0].member_id, "");
  EXPECT_EQ(groups().join.asked[1].member_id, "m1");
  EXPECT_EQ(groups().join.asked[1].client_host, "/192.0.2.1");
  EXPECT_EQ(groups().join.asked[1].session_timeout_ms, 45'000);
  ASSERT_THAT(said_, SizeIs(2));
  EXPECT_EQ(said_[0].joined().member_id(), "m1");
  const auto& assignment = said_[1].assignment();
  EXPECT_EQ(assignment.generation(), 1);
  ASSERT_EQ(assignment.partitions_size(), 2);
  EXPECT_EQ(assignment.partitions(0).offset(), 10);
  EXPECT_EQ(assignment.partitions(0).metadata(), "note");
  EXPECT_EQ(assignment.partitions(1).partition(), 1);
  EXPECT_EQ(assignment.partitions(1).offset(), -1);
}

TEST_F(GroupMemberTest, OfOneThatDoesNotLeadNothingIsDivided) {
  BecomeReader();
  ASSERT_THAT(groups().sync.asked, SizeIs(1));
  EXPECT_THAT(groups().sync.asked[0].assignments, IsEmpty());
}

TEST_F(GroupMemberTest, LeaderDividesThePartitionsOfAll) {
  JoinedGroup joined = Joined(1, "m1");
  for (const char* id : {"m1", "m2"}) {
    joined.members.push_back(
        {.member_id = id,
         .instance_id = std::nullopt,
         .metadata = groups::EncodeSubscription({.topics = {"t"}, .user_data = {}, .owned = {}})});
  }
  groups().join.answers = {IdNeeded("m1"), joined};
  member_->Take(Subscribe());
  EXPECT_THAT(groups().sync.asked, IsEmpty()) << "not on the thread that answers for a shard";
  RunLater();
  ASSERT_THAT(groups().sync.asked, SizeIs(1));
  const auto& assignments = groups().sync.asked[0].assignments;
  ASSERT_THAT(assignments, SizeIs(2));
  for (const auto& assignment : assignments) {
    EXPECT_THAT(groups::DecodeAssignment(assignment.assignment).value(), SizeIs(1));
  }
}

TEST_F(GroupMemberTest, RebalanceAsksForThePartitionsBackAndJoinsOnlyThen) {
  BecomeReader();
  groups().heartbeat.answer = GroupError::kRebalanceInProgress;
  Heartbeat();
  ASSERT_THAT(said_, SizeIs(4));
  EXPECT_TRUE(said_[2].has_heartbeat_ack());
  ASSERT_TRUE(said_[3].has_revoke());
  EXPECT_FALSE(said_[3].revoke().lost());
  EXPECT_THAT(groups().join.asked, SizeIs(2));
  Commit(1, 12);
  ASSERT_THAT(groups().commit.asked, SizeIs(1)) << "what was read may still be committed";
  groups().join.answer = Joined(2, "other");
  Release();
  ASSERT_THAT(groups().join.asked, SizeIs(3));
  EXPECT_EQ(groups().join.asked[2].member_id, "m1");
  EXPECT_THAT(LastSaid().owned, ElementsAre(TopicPartition{"t", 0}, TopicPartition{"t", 1}));
  EXPECT_EQ(said_.back().assignment().generation(), 2);
}

TEST_F(GroupMemberTest, OneThatTheGroupGaveUpIsToldSoAndBeginsAnew) {
  BecomeReader();
  groups().heartbeat.answer = GroupError::kUnknownMember;
  Heartbeat();
  ASSERT_TRUE(said_.back().has_revoke());
  EXPECT_TRUE(said_.back().revoke().lost());
  Commit(7, 12);
  EXPECT_THAT(groups().commit.asked, IsEmpty()) << "others may be ahead of it";
  EXPECT_EQ(said_.back().commit_ack().number(), 7);
  EXPECT_EQ(said_.back().commit_ack().error().code(), "FAILED_PRECONDITION");
  JoinedGroup anew = Joined(5, "other");
  anew.member_id = "m9";
  groups().join.answers = {{.error = GroupError::kUnknownMember, .member_id = "m1", .members = {}},
                           IdNeeded("m9"),
                           anew};
  Release();
  ASSERT_THAT(groups().join.asked, SizeIs(5));
  EXPECT_EQ(groups().join.asked[2].member_id, "m1");
  EXPECT_EQ(groups().join.asked[3].member_id, "");
  EXPECT_THAT(LastSaid().owned, IsEmpty());
  EXPECT_EQ(said_[said_.size() - 2].joined().member_id(), "m9");
  EXPECT_EQ(said_.back().assignment().generation(), 5);
}

TEST_F(GroupMemberTest, CommitGoesUnderItsGenerationAndSaysWhatFailed) {
  BecomeReader();
  groups().commit.answer = {.each = {GroupError::kUnknownTopic}};
  Commit(3, 42);
  ASSERT_THAT(groups().commit.asked, SizeIs(1));
  EXPECT_EQ(groups().commit.asked[0].member.generation, 1);
  EXPECT_EQ(groups().commit.asked[0].member.member_id, "m1");
  EXPECT_EQ(groups().commit.asked[0].offsets.at(0).offset, 42);
  const auto& ack = said_.back().commit_ack();
  EXPECT_EQ(ack.number(), 3);
  EXPECT_FALSE(ack.has_error());
  ASSERT_EQ(ack.failed_size(), 1);
  EXPECT_EQ(ack.failed(0).error().code(), "UNKNOWN_TOPIC");
}

TEST_F(GroupMemberTest, CommitWhileItHasNoPartitionsIsRefused) {
  groups().join.hold = true;
  member_->Take(Subscribe());
  Commit(1, 1);
  EXPECT_THAT(groups().commit.asked, IsEmpty());
  EXPECT_EQ(said_.back().commit_ack().error().code(), "FAILED_PRECONDITION");
}

TEST_F(GroupMemberTest, CommitWithoutOffsetsOrWithNegativeOnesIsRefused) {
  BecomeReader();
  Commit(1, -5);
  EXPECT_EQ(said_.back().commit_ack().error().code(), "INVALID_ARGUMENT");
  Request empty;
  empty.mutable_commit()->set_number(2);
  member_->Take(empty);
  EXPECT_EQ(said_.back().commit_ack().error().code(), "INVALID_ARGUMENT");
  EXPECT_THAT(groups().commit.asked, IsEmpty());
}

TEST_F(GroupMemberTest, FormerMemberTakesItsPartitionsBackWithoutARebalance) {
  BecomeReader();
  const std::string metadata = groups().join.asked.back().protocols.at(0).metadata;
  member_->Abandon();
  said_.clear();
  GroupMemberTest::member_ = std::make_shared<grpc_door::GroupMember>(
      broker_, "/192.0.2.1",
      grpc_door::MemberVoice{
          .send = [this](Response response) { said_.push_back(std::move(response)); },
          .end = [this](const Status& status) { ended_ = status; }},
      [this](int64_t, Callback<> task) { later_.push_back(std::move(task)); });
  groups().describe.answer.members = {{.member_id = "m1",
                                       .instance_id = std::nullopt,
                                       .client_id = {},
                                       .client_host = {},
                                       .metadata = metadata,
                                       .assignment = {}}};
  TakeBack(1);
  EXPECT_THAT(groups().join.asked, SizeIs(2)) << "it does not join again";
  EXPECT_EQ(groups().sync.asked.back().generation, 1);
  ASSERT_THAT(said_, SizeIs(1));
  EXPECT_EQ(said_[0].assignment().generation(), 1);
  EXPECT_EQ(said_[0].assignment().partitions_size(), 2);
  Heartbeat();
  EXPECT_TRUE(said_.back().has_heartbeat_ack()) << "nothing has changed";
  cluster_.AddTopic("t", 3, NodeId(1));
  Heartbeat();
  EXPECT_TRUE(said_.back().has_revoke());
}

TEST_F(GroupMemberTest, FormerMemberThatIsKnownNoMoreJoinsAnew) {
  groups().sync.answers = {{.error = GroupError::kUnknownMember}};
  groups().join.answers = {{.error = GroupError::kUnknownMember, .member_id = "m1", .members = {}},
                           IdNeeded("m2"),
                           Joined(8, "other")};
  groups().join.answers.back().member_id = "m2";
  TakeBack(3);
  ASSERT_THAT(said_, SizeIs(2));
  EXPECT_EQ(said_[0].joined().member_id(), "m2");
  EXPECT_EQ(said_[1].assignment().generation(), 8);
}

TEST_F(GroupMemberTest, FormerMemberThatComesBackInARebalanceIsAskedForItsPartitions) {
  groups().sync.answers = {{.error = GroupError::kRebalanceInProgress}};
  TakeBack(3);
  ASSERT_THAT(said_, SizeIs(1));
  ASSERT_TRUE(said_[0].has_revoke());
  EXPECT_FALSE(said_[0].revoke().lost());
  Commit(1, 5);
  ASSERT_THAT(groups().commit.asked, SizeIs(1));
  EXPECT_EQ(groups().commit.asked[0].member.generation, 3);
}

TEST_F(GroupMemberTest, NewPartitionsAreDividedAnew) {
  BecomeReader();
  Heartbeat();
  EXPECT_TRUE(said_.back().has_heartbeat_ack());
  cluster_.AddTopic("t", 4, NodeId(1));
  Heartbeat();
  EXPECT_TRUE(said_.back().has_revoke());
}

TEST_F(GroupMemberTest, MembersOfTheOtherDoorKeepItOut) {
  groups().join.answer = {.error = GroupError::kInconsistentProtocol, .members = {}};
  member_->Take(Subscribe());
  ASSERT_TRUE(ended_.has_value());
  EXPECT_EQ(ended_->error().code, ErrorCode::kFailedPrecondition);
  EXPECT_THAT(ended_->error().message, HasSubstr("Kafka's protocol"));
}

TEST_F(GroupMemberTest, ASecondStreamOfTheSameMemberEndsTheFirst) {
  groups().join.answers = {IdNeeded("m1"),
                           {.error = GroupError::kRebalanceInProgress, .members = {}}};
  member_->Take(Subscribe());
  ASSERT_TRUE(ended_.has_value());
  EXPECT_EQ(ended_->error().code, ErrorCode::kFailedPrecondition);
  EXPECT_THAT(groups().join.asked, SizeIs(2)) << "it does not take the place back";
}

TEST_F(GroupMemberTest, CoordinatorThatHasMovedEndsTheStream) {
  BecomeReader();
  groups().heartbeat.answer = GroupError::kNotCoordinator;
  Heartbeat();
  ASSERT_TRUE(ended_.has_value());
  EXPECT_EQ(ended_->error().code, ErrorCode::kNotLeader);
}

TEST_F(GroupMemberTest, CoordinatorThatLoadsIsAskedAgain) {
  groups().join.answers = {
      {.error = GroupError::kLoading, .members = {}}, IdNeeded("m1"), Joined(1, "other")};
  groups().sync.answers = {{.error = GroupError::kNotAvailable}};
  groups().join.answer = Joined(2, "other");
  groups().fetch.answers = {{.error = GroupError::kLoading, .offsets = {}}};
  member_->Take(Subscribe());
  EXPECT_THAT(said_, IsEmpty());
  RunLater();
  EXPECT_FALSE(ended_.has_value());
  EXPECT_EQ(said_.back().assignment().generation(), 2);
}

TEST_F(GroupMemberTest, CoordinatorThatNeverServesEndsTheStream) {
  groups().join.answer = {.error = GroupError::kLoading, .members = {}};
  member_->Take(Subscribe());
  RunLater();
  ASSERT_TRUE(ended_.has_value());
  EXPECT_EQ(ended_->error().code, ErrorCode::kUnavailable);
}

TEST_F(GroupMemberTest, HeartbeatsThatAreUnderWayTogetherHaveOneAck) {
  BecomeReader();
  groups().heartbeat.hold = true;
  for (int i = 0; i < 1000; ++i) Heartbeat();
  EXPECT_THAT(groups().heartbeat.asked, SizeIs(1));
  groups().heartbeat.hold = false;
  groups().heartbeat.Release();
  EXPECT_TRUE(said_.back().has_heartbeat_ack());
  Heartbeat();
  EXPECT_THAT(groups().heartbeat.asked, SizeIs(2));
}

TEST_F(GroupMemberTest, LeavesOnceItsCommitsAreAnswered) {
  BecomeReader();
  groups().commit.hold = true;
  Commit(1, 11);
  Leave();
  EXPECT_THAT(groups().leave.asked, IsEmpty());
  groups().commit.Release();
  ASSERT_THAT(groups().leave.asked, SizeIs(1));
  EXPECT_EQ(groups().leave.asked[0].members.at(0).member_id, "m1");
  ASSERT_TRUE(ended_.has_value());
  EXPECT_TRUE(ended_->ok());
  EXPECT_EQ(said_.back().commit_ack().number(), 1);
}

TEST_F(GroupMemberTest, LeavesAlsoWhileItJoins) {
  groups().join.hold = true;
  groups().join.answer = IdNeeded("m1");
  member_->Take(Subscribe());
  Leave();
  EXPECT_THAT(groups().leave.asked, IsEmpty()) << "its id is on its way";
  groups().join.Release();
  ASSERT_THAT(groups().leave.asked, SizeIs(1));
  EXPECT_TRUE(ended_->ok());
}

TEST_F(GroupMemberTest, OneThatIsAbandonedNeitherSpeaksNorLeaves) {
  BecomeReader();
  said_.clear();
  member_->Abandon();
  Heartbeat();
  Leave();
  EXPECT_THAT(said_, IsEmpty());
  EXPECT_FALSE(ended_.has_value());
  EXPECT_THAT(groups().leave.asked, IsEmpty());
}

TEST_F(GroupMemberTest, MessagesOutOfTurnEndTheStream) {
  Heartbeat();
  ASSERT_TRUE(ended_.has_value());
  EXPECT_EQ(ended_->error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(groups().heartbeat.asked, IsEmpty());
}

TEST_F(GroupMemberTest, ASecondSubscribeOrAnAnswerToNothingEndsTheStream) {
  BecomeReader();
  Release();
  ASSERT_TRUE(ended_.has_value());
  EXPECT_EQ(ended_->error().code, ErrorCode::kInvalidArgument);
}

TEST_F(GroupMemberTest, WrongSubscriptionsAreRefusedWithASentence) {
  Request request = Subscribe();
  request.mutable_subscribe()->set_generation(4);
  member_->Take(request);
  ASSERT_TRUE(ended_.has_value());
  EXPECT_THAT(ended_->error().message, HasSubstr("member_id and generation"));
}

}  // namespace
}  // namespace jangada::server::testing
