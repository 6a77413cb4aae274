// Requests: every kind survives its bytes, and bytes that nobody wrote are refused.
#include "server/controller/requests.h"

#include "fakes.h"
#include "gtest/gtest.h"

namespace jangada::server {
namespace {

TEST(Requests, EveryKindSurvivesItsBytesAndMutilatedOnesAreRefused) {
  request::CreateTopic create;
  create.name = "t";
  create.id = MakeUuid(1);
  create.assignment = {Nodes({1, 2}), {}};
  create.configs = {{"a", "b"}};
  request::AlterTopicConfigs alter;
  alter.topic = "t";
  alter.changes = {{"a", std::nullopt}, {"b", "c"}};
  const std::vector<request::Request> requests = {
      create,
      request::DeleteTopic{{}, "t"},
      request::CreatePartitions{{}, "t", 5, {Nodes({2, 1})}},
      alter,
      request::AllotProducerIds{{}, -1},
      request::MovePartition{{}, "t", 1, Nodes({3})},
      request::AddNode{{}, NodeId(4)},
      request::RemoveNode{{}, NodeId(5)},
      request::RegisterNode{{}, MakeNode(6, "rack")},
      request::SettleReplicas{{}, GroupId(7), 8},
      request::CreateGroupsTopic{{}, MakeUuid(9), 16}};
  ASSERT_EQ(requests.size(), std::variant_size_v<request::Request>);
  for (size_t i = 0; i < requests.size(); ++i) {
    ASSERT_EQ(requests[i].index(), i);
    const Bytes bytes = request::EncodeRequest(requests[i]);
    const auto back = request::DecodeRequest(bytes.view());
    ASSERT_TRUE(back.ok()) << back.error();
    EXPECT_EQ(back->index(), i);
    EXPECT_EQ(request::EncodeRequest(*back), bytes);
    for (size_t cut = 0; cut < bytes.size(); ++cut) {
      EXPECT_FALSE(request::DecodeRequest(bytes.view().substr(0, cut)).ok()) << i << " " << cut;
    }
    EXPECT_FALSE(request::DecodeRequest(bytes.ToString() + "x").ok());
  }
  std::string unknown_kind;
  unknown_kind.push_back(1);   // the version
  unknown_kind.push_back(98);  // kind 49
  EXPECT_FALSE(request::DecodeRequest(unknown_kind).ok());
}

}  // namespace
}  // namespace jangada::server
