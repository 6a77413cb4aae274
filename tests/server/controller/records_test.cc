// Records: every kind survives its bytes, and what a later version writes is refused, not guessed
// at.
#include "server/controller/records.h"

#include "base/coding.h"
#include "fakes.h"
#include "gtest/gtest.h"

namespace jangada::server {
namespace {

/// One of each kind, with every field set.
std::vector<record::Body> EveryKind() {
  record::CreateTopic create = MakeTopic("orders", {Nodes({1, 2}), Nodes({2, 3})});
  create.configs = {{"retention.ms", "1000"}, {"retention.bytes", ""}};
  create.kind = TopicKind::kGroups;
  NodeInfo node = MakeNode(3, "rack-a");
  node.removing = true;
  node.kafka = {"h", 65535};
  node.http = {"::1", 1};
  return {record::FoundCluster{MakeUuid(1), MakeFounders({1, 2, 3})},
          record::RegisterNode{node},
          record::AdmitNode{NodeId(4)},
          record::RemoveNode{NodeId(5)},
          record::ForgetNode{NodeId(6)},
          create,
          record::DeleteTopic{"orders", MakeUuid(2)},
          record::AddPartitions{"orders", MakeUuid(3), 2, {Nodes({3, 1})}},
          record::AlterTopicConfigs{"orders", MakeUuid(4), {{"a", "b"}, {"c", std::nullopt}}},
          record::ChangeReplicas{{{GroupId(9), 3, Nodes({2, 1})}, {GroupId(1), 1, Nodes({3})}}},
          record::SettleReplicas{GroupId(1ULL << 40), 12},
          record::AllotProducerIds{1000}};
}

TEST(Records, EveryKindOfCommandSurvivesItsBytes) {
  const std::vector<record::Body> kinds = EveryKind();
  ASSERT_EQ(kinds.size(), std::variant_size_v<record::Body>);
  for (size_t i = 0; i < kinds.size(); ++i) {
    ASSERT_EQ(kinds[i].index(), i) << "a kind is missing from the list";
    const record::Command command{0xfedcba9876543210, kinds[i]};
    const Result<record::Command> back =
        record::DecodeCommand(record::EncodeCommand(command).view());
    ASSERT_TRUE(back.ok()) << back.error();
    EXPECT_EQ(*back, command) << "kind " << i;
  }
}

ClusterImage FullImage() {
  ClusterImage image = MakeCluster({1, 2, 3});
  image.cluster_configs["x"] = "y";
  MustFold(record::AdmitNode{NodeId(4)}, &image);
  MustFold(MakeTopic("a", {Nodes({1, 2, 3}), Nodes({2, 3, 1})}), &image);
  MustFold(MakeTopic("b", {Nodes({3})}), &image);
  record::CreateTopic groups = MakeTopic("g", {Nodes({1})});
  groups.kind = TopicKind::kGroups;
  MustFold(groups, &image);
  MustFold(MakeTopic("gone", {Nodes({1})}), &image);
  MustFold(record::DeleteTopic{"gone", image.FindTopic("gone")->id}, &image);
  MustFold(record::ChangeReplicas{{{GroupId(1), 1, Nodes({2, 3})}}}, &image);
  MustFold(record::AllotProducerIds{10}, &image);
  MustFold(record::RemoveNode{NodeId(3)}, &image);
  return image;
}

void ExpectEqualImages(const ClusterImage& a, const ClusterImage& b) {
  EXPECT_EQ(a.cluster_id, b.cluster_id);
  EXPECT_EQ(a.version, b.version);
  EXPECT_EQ(a.founders, b.founders);
  EXPECT_EQ(a.nodes, b.nodes);
  EXPECT_EQ(a.groups, b.groups);
  EXPECT_EQ(a.deleted_topics, b.deleted_topics);
  EXPECT_EQ(a.next_group, b.next_group);
  EXPECT_EQ(a.next_producer_id, b.next_producer_id);
  EXPECT_EQ(a.cluster_configs, b.cluster_configs);
  ASSERT_EQ(a.topics.size(), b.topics.size());
  for (const auto& [name, topic] : a.topics) {
    ASSERT_TRUE(b.FindTopic(name));
    EXPECT_EQ(*topic, *b.FindTopic(name));
  }
}

TEST(Records, AnImageSurvivesItsBytes) {
  const ClusterImage image = FullImage();
  const Bytes bytes = record::EncodeImage(image);
  const Result<ClusterImage> back = record::DecodeImage(bytes.view());
  ASSERT_TRUE(back.ok()) << back.error();
  ExpectEqualImages(image, *back);
  EXPECT_EQ(record::EncodeImage(*back), bytes);
}

/// A field of protobuf's wire format: `number`, a varint.
std::string VarintField(int number, int value) {
  std::string bytes;
  AppendUnsignedVarint(&bytes, static_cast<uint64_t>(number) << 3);
  AppendUnsignedVarint(&bytes, static_cast<uint64_t>(value));
  return bytes;
}

TEST(Records, AVersionAboveOursIsRefusedWithASentence) {
  std::string bytes = record::EncodeCommand({1, record::AdmitNode{NodeId(4)}}).ToString();
  bytes += VarintField(1, 2);  // the last value of a field counts: version 2
  const Result<record::Command> command = record::DecodeCommand(bytes);
  ASSERT_FALSE(command.ok());
  EXPECT_EQ(command.error().code, ErrorCode::kUnsupportedVersion);
  EXPECT_NE(command.error().message.find("version 2"), std::string::npos) << command.error();

  const std::string image = record::EncodeImage(FullImage()).ToString() + VarintField(1, 2);
  ASSERT_FALSE(record::DecodeImage(image).ok());
  EXPECT_EQ(record::DecodeImage(image).error().code, ErrorCode::kUnsupportedVersion);
}

TEST(Records, AKindThatWeDoNotKnowIsRefused) {
  std::string unknown_kind = VarintField(1, 1);
  unknown_kind += "\xfa\x01";  // field 31, length-delimited
  unknown_kind.push_back('\0');
  const Result<record::Command> command = record::DecodeCommand(unknown_kind);
  ASSERT_FALSE(command.ok());
  EXPECT_EQ(command.error().code, ErrorCode::kUnsupportedVersion);
}

TEST(Records, AKindOfTopicThatWeDoNotKnowIsRefused) {
  record::CreateTopic create = MakeTopic("t", {Nodes({1})});
  create.kind = static_cast<TopicKind>(2);
  const auto command = record::DecodeCommand(record::EncodeCommand({1, create}).view());
  ASSERT_FALSE(command.ok());
  EXPECT_EQ(command.error().code, ErrorCode::kUnsupportedVersion);
  ClusterImage image = MakeCluster({1, 2, 3});
  MustFold(create, &image);
  const auto decoded = record::DecodeImage(record::EncodeImage(image).view());
  ASSERT_FALSE(decoded.ok());
  EXPECT_EQ(decoded.error().code, ErrorCode::kUnsupportedVersion);
}

TEST(Records, RecordsTopicsAreWrittenAsBeforeThereWereKinds) {
  record::CreateTopic create = MakeTopic("t", {Nodes({1})});
  const std::string records = record::EncodeCommand({1, create}).ToString();
  create.kind = TopicKind::kGroups;
  EXPECT_EQ(record::EncodeCommand({1, create}).size(), records.size() + 2);  // one field more
}

TEST(Records, AFieldThatWeDoNotKnowIsRefusedAtAnyDepth) {
  std::string admit_with_more = VarintField(1, 4) + VarintField(9, 1);  // node, and a stranger
  std::string bytes = VarintField(1, 1);
  AppendUnsignedVarint(&bytes, (12 << 3) | 2);  // admit_node
  AppendSized(&bytes, admit_with_more);
  const Result<record::Command> command = record::DecodeCommand(bytes);
  ASSERT_FALSE(command.ok());
  EXPECT_EQ(command.error().code, ErrorCode::kUnsupportedVersion);
}

TEST(Records, BytesThatNoVersionWroteAreCorrupt) {
  const std::string good =
      record::EncodeCommand({1, record::DeleteTopic{"orders", MakeUuid(2)}}).ToString();
  for (const std::string& bad : {std::string(), std::string("\xff\xff\xff"), good.substr(0, 20)}) {
    const Result<record::Command> command = record::DecodeCommand(bad);
    ASSERT_FALSE(command.ok());
    EXPECT_EQ(command.error().code, ErrorCode::kDataCorrupt);
  }
}

}  // namespace
}  // namespace jangada::server
