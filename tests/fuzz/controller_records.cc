// What controllers write and ask: the records of group 0 and what they make of the cluster's image,
// the image in checkpoints, and the requests of other nodes with their answers; what nodes ask each
// other before there is a cluster, and about partitions.
#include <google/protobuf/stubs/logging.h>

#include "base/check.h"
#include "base/random.h"
#include "server/controller/fold.h"
#include "server/controller/founding.h"
#include "server/controller/records.h"
#include "server/controller/requests.h"
#include "server/partition_calls.h"
#include "tests/fuzz/target.h"

namespace jangada::fuzz {
namespace {

using server::ClusterImage;
namespace record = server::record;
namespace request = server::request;

/// protobuf writes a line about every text that is not UTF-8.
[[maybe_unused]] const bool kQuiet = [] {
  google::protobuf::SetLogHandler(nullptr);
  return true;
}();

enum Kind : uint8_t { kCommands, kImage, kRequest, kAnswer, kFounding, kPartition, kKinds };

/// Every group of an image has its partition, and the bytes of the image give it back.
void CheckImage(const ClusterImage& image) {
  for (const auto& [group, where] : image.groups) {
    const server::PartitionInfo* partition = image.FindGroup(group);
    CHECK(partition != nullptr);
    CHECK(partition->group == group);
  }
  const Bytes bytes = record::EncodeImage(image);
  const auto back = record::DecodeImage(bytes.view());
  CHECK(back.ok());
  CHECK(back->groups == image.groups && back->nodes == image.nodes);
  CHECK_EQ(back->topics.size(), image.topics.size());
}

std::vector<NodeId> Nodes(std::initializer_list<int> ids) {
  std::vector<NodeId> nodes;
  for (const int id : ids) nodes.emplace_back(id);
  return nodes;
}

Uuid IdOf(uint64_t seed) {
  Random random(seed);
  return Uuid::Make(random);
}

std::vector<record::Body> Story() {
  std::vector<server::FounderDisk> founders;
  for (int id = 1; id <= 3; ++id) {
    founders.push_back({NodeId(id), {"h", 6092}, IdOf(static_cast<uint64_t>(id))});
  }
  record::CreateTopic create{.name = "t", .id = IdOf(9), .replication_factor = 2};
  create.assignment = {Nodes({1, 2}), Nodes({2, 3})};
  create.configs = {{"retention.ms", "1000"}};
  server::NodeInfo node{.id = NodeId(1), .disk_id = IdOf(1), .rack = "r", .peer = {"h", 6092}};
  return {record::FoundCluster{IdOf(7), founders},
          record::RegisterNode{node},
          record::AdmitNode{NodeId(4)},
          create,
          record::AddPartitions{"t", IdOf(9), 2, {Nodes({3, 1})}},
          record::AlterTopicConfigs{"t", IdOf(9), {{"retention.ms", std::nullopt}}},
          record::ChangeReplicas{{{GroupId(1), 1, Nodes({2, 3})}}},
          record::SettleReplicas{GroupId(1), 2},
          record::AllotProducerIds{1000},
          record::RemoveNode{NodeId(4)},
          record::ForgetNode{NodeId(4)},
          record::DeleteTopic{"t", IdOf(9)}};
}

const ClusterImage& SomeImage() {
  static const ClusterImage image = [] {
    ClusterImage made;
    const std::vector<record::Body> story = Story();
    for (size_t i = 0; i + 1 < story.size(); ++i) (void)Fold(story[i], &made);
    return made;
  }();
  return image;
}

/// Commands, each after a byte with its length, folded one after the other.
void FoldCommands(Input input) {
  ClusterImage image = input.Byte() % 2 == 0 ? ClusterImage() : SomeImage();
  while (!input.AtEnd()) {
    const size_t high = input.Byte();
    const size_t size = high << 8 | input.Byte();
    const auto command = record::DecodeCommand(input.Take(size));
    if (!command.ok()) continue;
    const Bytes bytes = record::EncodeCommand(*command);
    CHECK(record::DecodeCommand(bytes.view()).value() == *command);
    (void)Fold(command->body, &image);
    ++image.version;
  }
  CheckImage(image);
}

std::string WithSize(const Bytes& command) {
  std::string out{static_cast<char>(command.size() >> 8), static_cast<char>(command.size())};
  return out + command.ToString();
}

void Found(std::string_view bytes) {
  if (const auto disks = server::DecodeFounding(bytes); disks.ok()) {
    CHECK(server::DecodeFounding(server::EncodeFounding(*disks)).ok());
  }
  if (const auto answer = server::DecodeProbeAnswer(bytes); answer.ok()) {
    CHECK(server::DecodeProbeAnswer(server::EncodeProbeAnswer(*answer).view()).ok());
  }
  const auto question = server::DecodeProbeQuestion(bytes);
  if (!question.ok()) return;
  CHECK(server::DecodeProbeQuestion(server::EncodeProbeQuestion(*question).view()).ok());
  (void)server::AnswerProbe({}, question->founders, &SomeImage(), *question);
}

void AskOfPartition(std::string_view bytes) {
  namespace calls = server::peer_calls;
  const Bytes payload = Bytes::Copy(bytes);
  (void)calls::DecodeQuestion({"partition.ask", payload});
  (void)calls::HandOverAnswer(payload);
  const auto view = calls::InspectAnswer(payload);
  if (view.ok()) CHECK(calls::InspectAnswer(calls::EncodeAnswer(view)).ok());
}

}  // namespace

void Run(std::string_view bytes) {
  Input input(bytes);
  const uint8_t kind = input.Byte() % kKinds;
  if (kind == kCommands) return FoldCommands(input);
  const std::string_view rest = input.Rest();
  if (kind == kFounding) return Found(rest);
  if (kind == kPartition) return AskOfPartition(rest);
  if (kind == kImage) {
    if (const auto image = record::DecodeImage(rest); image.ok()) CheckImage(*image);
  } else if (kind == kRequest) {
    const auto asked = request::DecodeRequest(rest);
    if (!asked.ok()) return;
    (void)request::IsRepeatable(*asked);
    CHECK(request::DecodeRequest(request::EncodeRequest(*asked).view()).ok());
  } else {
    const auto answer = request::DecodeAnswer(rest);
    if (answer.ok()) CHECK(request::DecodeAnswer(request::EncodeAnswer(*answer).view()).ok());
  }
}

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  std::string all;
  for (const record::Body& body : Story()) {
    const std::string command = WithSize(record::EncodeCommand({.request = 5, .body = body}));
    all += command;
    seeds.push_back(Seed(kCommands, Seed(1, command)));
  }
  seeds.push_back(Seed(kCommands, Seed(0, all)));
  seeds.push_back(Seed(kImage, record::EncodeImage(SomeImage()).view()));
  const auto add = [&seeds](const request::Request& asked) {
    seeds.push_back(Seed(kRequest, request::EncodeRequest(asked).view()));
  };
  add(request::CreateTopic{});
  add(request::DeleteTopic{});
  add(request::CreatePartitions{});
  add(request::AlterTopicConfigs{});
  add(request::AllotProducerIds{});
  add(request::MovePartition{});
  add(request::AddNode{});
  add(request::RemoveNode{});
  add(request::RegisterNode{});
  add(request::SettleReplicas{});
  seeds.push_back(Seed(kAnswer, request::EncodeAnswer(request::Refusal({})).view()));
  seeds.push_back(Seed(kAnswer, request::EncodeAnswer({.value = 7, .version = 3}).view()));
  const std::vector<server::FounderDisk> founders = {{NodeId(1), {"h", 6092}, IdOf(1)}};
  seeds.push_back(Seed(kFounding, server::EncodeFounding(founders)));
  const std::vector<server::Founder> named = {{NodeId(1), {"h", 6092}}};
  seeds.push_back(Seed(kFounding, server::EncodeProbeQuestion({NodeId(1), IdOf(1), named}).view()));
  seeds.push_back(Seed(kFounding, server::EncodeProbeAnswer({.node = NodeId(1),
                                                             .disk_id = IdOf(1),
                                                             .founders = named,
                                                             .founding = founders,
                                                             .cluster_id = IdOf(7)})
                                      .view()));
  namespace calls = server::peer_calls;
  const server::TopicPartition where{"t", 1};
  seeds.push_back(Seed(kPartition, calls::Inspect(where).payload.view()));
  seeds.push_back(Seed(kPartition, calls::HandOver(where, NodeId(2)).payload.view()));
  server::PartitionView view{
      .where = where, .desired_replicas = Nodes({1, 2}), .from_leader = true};
  view.replicas = {{.node = NodeId(1), .voter = true}, {.node = NodeId(2)}};
  seeds.push_back(
      Seed(kPartition, calls::EncodeAnswer(Result<server::PartitionView>(view)).view()));
  seeds.push_back(
      Seed(kPartition, calls::EncodeAnswer(Status(Error{ErrorCode::kNotLeader, "no"})).view()));
  return seeds;
}

}  // namespace jangada::fuzz
