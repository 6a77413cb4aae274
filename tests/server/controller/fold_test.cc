// Fold: each record's rules, and that commands which race have one winner on every node.
#include "server/controller/fold.h"

#include "fakes.h"
#include "gtest/gtest.h"

namespace jangada::server {
namespace {

TEST(Fold, FoundingHappensOnce) {
  ClusterImage image;
  MustFold(record::FoundCluster{MakeUuid(1), MakeFounders({1, 2, 3})}, &image);
  EXPECT_EQ(image.cluster_id, MakeUuid(1));
  EXPECT_EQ(image.FindNode(NodeId(2))->disk_id, DiskOf(2));
  EXPECT_EQ(CodeOf(Fold(record::FoundCluster{MakeUuid(2), MakeFounders({9})}, &image)),
            ErrorCode::kAlreadyExists);
  EXPECT_EQ(image.cluster_id, MakeUuid(1));
  EXPECT_EQ(image.founders, MakeFounders({1, 2, 3}));
}

TEST(Fold, NothingIsDecidedBeforeTheFounding) {
  ClusterImage image;
  EXPECT_EQ(CodeOf(Fold(record::RegisterNode{MakeNode(1)}, &image)), ErrorCode::kUnavailable);
  EXPECT_EQ(CodeOf(Fold(record::AllotProducerIds{5}, &image)), ErrorCode::kUnavailable);
}

TEST(Fold, ANodeRegistersOnlyWithTheDiskThatItIsKnownBy) {
  ClusterImage image = MakeCluster({1, 2, 3});
  NodeInfo moved = MakeNode(2, "rack-b");
  moved.first_group = GroupId(1);
  moved.grpc.port = 9999;
  MustFold(record::RegisterNode{moved}, &image);
  EXPECT_EQ(*image.FindNode(NodeId(2)), moved);

  NodeInfo wiped = MakeNode(2);
  wiped.disk_id = MakeUuid(99);
  const Result<int64_t> refused = Fold(record::RegisterNode{wiped}, &image);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kPermissionDenied);
  EXPECT_NE(refused.error().message.find("jangada node remove 2"), std::string::npos);
  EXPECT_NE(refused.error().message.find("jangada node add 2"), std::string::npos);
  EXPECT_EQ(*image.FindNode(NodeId(2)), moved);

  const Result<int64_t> stranger = Fold(record::RegisterNode{MakeNode(4)}, &image);
  EXPECT_EQ(CodeOf(stranger), ErrorCode::kPermissionDenied);
  EXPECT_NE(stranger.error().message.find("jangada node add 4"), std::string::npos);
}

TEST(Fold, AnAdmittedNodeBringsItsFirstDisk) {
  ClusterImage image = MakeCluster({1});
  MustFold(record::AdmitNode{NodeId(2)}, &image);
  EXPECT_TRUE(image.FindNode(NodeId(2))->disk_id.IsZero());
  MustFold(record::AdmitNode{NodeId(2)}, &image);  // once more: the same wish
  MustFold(record::RegisterNode{MakeNode(2)}, &image);
  EXPECT_EQ(image.FindNode(NodeId(2))->disk_id, DiskOf(2));
  EXPECT_EQ(CodeOf(Fold(record::AdmitNode{NodeId(2)}, &image)), ErrorCode::kAlreadyExists);
  EXPECT_EQ(CodeOf(Fold(record::AdmitNode{NodeId(0)}, &image)), ErrorCode::kInvalidArgument);
}

TEST(Fold, ARemovedNodeReturnsOnlyWhenNoPartitionRemembersIt) {
  ClusterImage image = MakeCluster({1, 2, 3});
  MustFold(MakeTopic("t", {Nodes({1, 2, 3})}), &image);
  MustFold(record::RemoveNode{NodeId(3)}, &image);
  EXPECT_EQ(CodeOf(Fold(record::AdmitNode{NodeId(3)}, &image)), ErrorCode::kFailedPrecondition);
  EXPECT_EQ(CodeOf(Fold(record::ForgetNode{NodeId(3)}, &image)), ErrorCode::kFailedPrecondition);

  MustFold(record::ChangeReplicas{{{GroupId(1), 1, Nodes({1, 2})}}}, &image);
  EXPECT_EQ(image.FindGroup(GroupId(1))->leaving, Nodes({3}));
  EXPECT_EQ(CodeOf(Fold(record::ForgetNode{NodeId(3)}, &image)), ErrorCode::kFailedPrecondition);

  MustFold(record::SettleReplicas{GroupId(1), 2}, &image);
  MustFold(record::ForgetNode{NodeId(3)}, &image);
  EXPECT_EQ(image.FindNode(NodeId(3)), nullptr);
  MustFold(record::AdmitNode{NodeId(3)}, &image);
}

TEST(Fold, ANodeIsFounderOnlyOfGroupsThatAreYoungerThanItsDisk) {
  ClusterImage image = MakeCluster({1, 2});
  EXPECT_EQ(image.FindNode(NodeId(1))->first_group, GroupId(1));
  MustFold(MakeTopic("t", {Nodes({1})}), &image);
  MustFold(record::AdmitNode{NodeId(3)}, &image);
  MustFold(record::RegisterNode{MakeNode(3)}, &image);
  EXPECT_EQ(image.FindNode(NodeId(3))->first_group, GroupId(2));
  MustFold(MakeTopic("u", {Nodes({3})}), &image);
  MustFold(record::RegisterNode{MakeNode(3)}, &image);  // the same disk, started again
  EXPECT_EQ(image.FindNode(NodeId(3))->first_group, GroupId(2));
}

TEST(Fold, TheLastNodeStays) {
  ClusterImage image = MakeCluster({1, 2});
  MustFold(record::RemoveNode{NodeId(1)}, &image);
  EXPECT_EQ(CodeOf(Fold(record::RemoveNode{NodeId(2)}, &image)), ErrorCode::kFailedPrecondition);
  EXPECT_EQ(CodeOf(Fold(record::RemoveNode{NodeId(7)}, &image)), ErrorCode::kNotFound);
}

TEST(Fold, OfTwoCreationsThatRaceTheFirstInTheLogWins) {
  ClusterImage image = MakeCluster({1, 2, 3});
  record::CreateTopic first = MakeTopic("t", {Nodes({1}), Nodes({2})});
  record::CreateTopic second = MakeTopic("t", {Nodes({3})});
  second.id = MakeUuid(77);
  MustFold(first, &image);
  EXPECT_EQ(CodeOf(Fold(second, &image)), ErrorCode::kAlreadyExists);
  EXPECT_EQ(image.FindTopic("t")->id, first.id);
  EXPECT_EQ(image.next_group, 3u);
  MustFold(first, &image);  // the same request again is no other creation
  EXPECT_EQ(image.next_group, 3u);
}

TEST(Fold, ACreationThatIsRepeatedBringsNoDeletedTopicBack) {
  ClusterImage image = MakeCluster({1, 2, 3});
  const record::CreateTopic creation = MakeTopic("t", {Nodes({1})});
  MustFold(creation, &image);
  MustFold(record::DeleteTopic{"t", creation.id}, &image);
  MustFold(creation, &image);  // answered as made: it was
  EXPECT_FALSE(image.FindTopic("t"));
  EXPECT_EQ(image.next_group, 2u);
}

TEST(Fold, OfDeletedTopicsTheLastAreKnown) {
  ClusterImage image = MakeCluster({1});
  for (size_t i = 0; i <= kMaxDeletedTopics; ++i) {
    record::CreateTopic creation = MakeTopic("t", {Nodes({1})});
    creation.id = MakeUuid(1'000 + i);
    MustFold(creation, &image);
    MustFold(record::DeleteTopic{"t", creation.id}, &image);
  }
  EXPECT_EQ(image.deleted_topics.size(), kMaxDeletedTopics);
  EXPECT_FALSE(image.WasDeleted(MakeUuid(1'000)));
  EXPECT_TRUE(image.WasDeleted(MakeUuid(1'001)));
  EXPECT_TRUE(image.WasDeleted(MakeUuid(1'000 + kMaxDeletedTopics)));
}

TEST(Fold, GroupsAreNumberedOnceAndNeverAgain) {
  ClusterImage image = MakeCluster({1, 2, 3});
  MustFold(MakeTopic("a", {Nodes({1}), Nodes({2})}), &image);
  MustFold(record::DeleteTopic{"a", image.FindTopic("a")->id}, &image);
  EXPECT_TRUE(image.groups.empty());
  record::CreateTopic anew = MakeTopic("a", {Nodes({1})});
  anew.id = MakeUuid(77);
  MustFold(anew, &image);
  EXPECT_EQ(image.FindTopic("a")->partitions[0].group, GroupId(3));
  EXPECT_EQ(image.FindGroup(GroupId(3))->partition, 0);
  EXPECT_EQ(image.FindGroup(GroupId(1)), nullptr);
}

TEST(Fold, ADeletionOfATopicThatWasMadeAnewIsRefused) {
  ClusterImage image = MakeCluster({1});
  MustFold(MakeTopic("a", {Nodes({1})}), &image);
  EXPECT_EQ(CodeOf(Fold(record::DeleteTopic{"a", MakeUuid(5)}, &image)),
            ErrorCode::kFailedPrecondition);
  EXPECT_EQ(CodeOf(Fold(record::DeleteTopic{"b", MakeUuid(5)}, &image)), ErrorCode::kUnknownTopic);
  EXPECT_TRUE(image.FindTopic("a"));
}

TEST(Fold, TwoPartitionIncreasesThatRaceAddOnce) {
  ClusterImage image = MakeCluster({1, 2});
  MustFold(MakeTopic("a", {Nodes({1})}), &image);
  const Uuid id = image.FindTopic("a")->id;
  const record::AddPartitions to_three{"a", id, 1, {Nodes({2}), Nodes({1})}};
  MustFold(to_three, &image);
  EXPECT_EQ(CodeOf(Fold(to_three, &image)), ErrorCode::kFailedPrecondition);
  ASSERT_EQ(image.FindTopic("a")->partitions.size(), 3u);
  EXPECT_EQ(image.FindTopic("a")->partitions[2].partition, 2);
  EXPECT_EQ(image.FindTopic("a")->partitions[2].founders, Nodes({1}));
}

TEST(Fold, ConfigsAreSetAndTakenBack) {
  ClusterImage image = MakeCluster({1});
  MustFold(MakeTopic("a", {Nodes({1})}), &image);
  const Uuid id = image.FindTopic("a")->id;
  MustFold(record::AlterTopicConfigs{"a", id, {{"x", "1"}, {"y", "2"}}}, &image);
  MustFold(record::AlterTopicConfigs{"a", id, {{"x", std::nullopt}, {"y", "3"}}}, &image);
  const std::map<std::string, std::string> expected = {{"y", "3"}};
  EXPECT_EQ(image.FindTopic("a")->configs, expected);
}

TEST(Fold, AReplicaChangeFromAnOldRevisionIsRefused) {
  ClusterImage image = MakeCluster({1, 2, 3});
  MustFold(MakeTopic("a", {Nodes({1, 2})}), &image);
  MustFold(record::ChangeReplicas{{{GroupId(1), 1, Nodes({3, 2})}}}, &image);
  EXPECT_EQ(CodeOf(Fold(record::ChangeReplicas{{{GroupId(1), 1, Nodes({1, 3})}}}, &image)),
            ErrorCode::kFailedPrecondition);
  EXPECT_EQ(image.FindGroup(GroupId(1))->replicas, Nodes({3, 2}));
  EXPECT_EQ(image.FindGroup(GroupId(1))->founders, Nodes({1, 2}));
  EXPECT_EQ(image.FindGroup(GroupId(1))->revision, 2u);
}

TEST(Fold, ANodeThatIsLeavingAPartitionDoesNotComeBackBeforeItHasLeft) {
  ClusterImage image = MakeCluster({1, 2, 3});
  MustFold(MakeTopic("a", {Nodes({1, 2})}), &image);
  MustFold(record::ChangeReplicas{{{GroupId(1), 1, Nodes({3, 2})}}}, &image);
  const record::ChangeReplicas back{{{GroupId(1), 2, Nodes({1, 2})}}};
  EXPECT_EQ(CodeOf(Fold(back, &image)), ErrorCode::kFailedPrecondition);
  EXPECT_EQ(CodeOf(Fold(record::SettleReplicas{GroupId(1), 1}, &image)),
            ErrorCode::kFailedPrecondition);  // settled at a revision that is past
  MustFold(record::SettleReplicas{GroupId(1), 2}, &image);
  MustFold(back, &image);
}

TEST(Fold, OneChangeOfManyThatIsStaleIsSkippedAlone) {
  ClusterImage image = MakeCluster({1, 2, 3});
  MustFold(MakeTopic("a", {Nodes({1}), Nodes({1}), Nodes({1})}), &image);
  const int64_t made = MustFold(record::ChangeReplicas{{{GroupId(1), 1, Nodes({2})},
                                                        {GroupId(2), 7, Nodes({2})},
                                                        {GroupId(8), 1, Nodes({2})},
                                                        {GroupId(3), 1, Nodes({3})}}},
                                &image);
  EXPECT_EQ(made, 2);
  EXPECT_EQ(image.FindGroup(GroupId(2))->replicas, Nodes({1}));
  EXPECT_EQ(image.FindGroup(GroupId(3))->replicas, Nodes({3}));
}

TEST(Fold, ANodeBeingRemovedGetsNothingNewButKeepsWhatItHas) {
  ClusterImage image = MakeCluster({1, 2, 3});
  MustFold(MakeTopic("a", {Nodes({1, 3})}), &image);
  MustFold(record::RemoveNode{NodeId(3)}, &image);
  EXPECT_EQ(CodeOf(Fold(MakeTopic("b", {Nodes({3})}), &image)), ErrorCode::kFailedPrecondition);
  MustFold(record::ChangeReplicas{{{GroupId(1), 1, Nodes({2, 3})}}}, &image);
}

TEST(Fold, ProducerIdsAreNeverAllottedTwice) {
  ClusterImage image = MakeCluster({1});
  const int64_t first = MustFold(record::AllotProducerIds{1000}, &image);
  const int64_t second = MustFold(record::AllotProducerIds{1}, &image);
  const int64_t third = MustFold(record::AllotProducerIds{1000}, &image);
  EXPECT_EQ(second, first + 1000);
  EXPECT_EQ(third, second + 1);
  EXPECT_EQ(CodeOf(Fold(record::AllotProducerIds{0}, &image)), ErrorCode::kInvalidArgument);
}

TEST(Fold, BadReplicaListsAreRefused) {
  ClusterImage image = MakeCluster({1, 2});
  MustFold(record::AdmitNode{NodeId(3)}, &image);
  EXPECT_FALSE(CheckReplicas(image, {}).ok());
  EXPECT_FALSE(CheckReplicas(image, Nodes({1, 1})).ok());
  EXPECT_FALSE(CheckReplicas(image, Nodes({1, 9})).ok());
  EXPECT_FALSE(CheckReplicas(image, Nodes({3})).ok()) << "it has no disk yet";
  EXPECT_TRUE(CheckReplicas(image, Nodes({2, 1})).ok());
}

TEST(Fold, TopicNamesFollowKafkasRule) {
  for (const char* good : {"a", "A.b_c-9", "..."}) EXPECT_TRUE(CheckTopicName(good).ok()) << good;
  for (const char* bad : {"", ".", "..", "a b", "a/b", "caf\xc3\xa9"}) {
    EXPECT_FALSE(CheckTopicName(bad).ok()) << bad;
  }
  EXPECT_TRUE(CheckTopicName(std::string(249, 'x')).ok());
  EXPECT_FALSE(CheckTopicName(std::string(250, 'x')).ok());
}

}  // namespace
}  // namespace jangada::server
