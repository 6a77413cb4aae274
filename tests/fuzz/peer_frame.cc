// What another node says: frames with Raft messages, statuses and pulses, questions and answers.
// What the checks behind the decoder let through is what the core and the log get to see.
#include <google/protobuf/stubs/logging.h>

#include "base/check.h"
#include "base/executor.h"
#include "server/partition/message_check.h"
#include "server/partition/pulses.h"
#include "server/transport/wire.h"
#include "tests/fuzz/target.h"

namespace jangada::fuzz {
namespace {

using server::Outgoing;
using server::Pulse;
namespace wire = server::wire;
namespace v1 = jangada::v1;

constexpr NodeId kPeer{2};
constexpr NodeId kSelf{1};

/// protobuf writes a line about every text that is not UTF-8.
[[maybe_unused]] const bool kQuiet = [] {
  google::protobuf::SetLogHandler(nullptr);
  return true;
}();

enum Kind : uint8_t { kFrame, kQuestion, kAnswer, kKinds };

struct NoTime final : Executor {
  void Post(Callback<>) override {}
  void Defer(Callback<>) override {}
  TimerId After(int64_t, Callback<>) override { return 1; }
  void Cancel(TimerId) override {}
  int64_t NowUs() const override { return 1'000'000; }
  int64_t WallNowMs() const override { return 0; }
  bool IsCurrent() const override { return true; }
};

struct NoNetwork final : server::Transport {
  void Send(GroupId, raft::Message) override {}
  void SendStatus(NodeId, const server::NodeStatus&) override {}
  void Call(NodeId, server::PeerCall, int64_t, Callback<Result<Bytes>>) override {}
};

struct Member final : server::PulseMember {
  server::Stance CurrentStance() const override { return stance; }
  void HearPulses() override {}
  void OnPulseChange() override {}
  server::Stance stance;
};

/// A shard that leads group 1 and follows in group 2 hears the pulses.
void HearPulses(const std::vector<Pulse>& pulses) {
  NoTime executor;
  NoNetwork network;
  Member leader, follower;
  leader.stance = {server::Stance::Kind::kLeads, 3, {kPeer}, 0};
  follower.stance = {server::Stance::Kind::kFollows, 3, {kPeer}, 20};
  server::Pulses shard({.self = kSelf, .shard = 0, .shards = 1}, executor, network);
  shard.Join(GroupId(1), leader);
  shard.Join(GroupId(2), follower);
  for (const Pulse& pulse : pulses) {
    shard.OnPulse(kPeer, pulse);
    (void)shard.FromFollower(GroupId(1), kPeer, 3, 20);
    (void)shard.FromLeader(GroupId(2), kPeer, 3);
  }
}

template <class Content>
void Add(std::vector<Outgoing>* batch, GroupId group, Content content) {
  Outgoing& next = batch->emplace_back();
  next.group = group;
  next.content.emplace<Content>(std::move(content));
}

void CheckFrame(std::string_view bytes) {
  v1::PeerFrame frame;
  if (!frame.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return;
  if (frame.has_hello()) {
    (void)wire::DecodeIdentity(frame.hello().from());
    (void)wire::DecodeLane(frame.hello().lane());
  }
  wire::Incoming in = wire::DecodeFrame(kPeer, kSelf, &frame);
  HearPulses(in.pulses);
  std::vector<Outgoing> batch;
  for (auto& [group, message] : in.messages) {
    (void)server::CheckMessage(message);
    (void)server::BringsRecords(message);
    Add(&batch, group, std::move(message));
  }
  for (Pulse& pulse : in.pulses) Add(&batch, GroupId(), std::move(pulse));
  for (server::NodeStatus& status : in.statuses) Add(&batch, GroupId(), std::move(status));
  // What came through is well-formed: said again, nothing of it is lost.
  v1::PeerFrame again;
  wire::EncodeFrame(batch, &again);
  const wire::Incoming back = wire::DecodeFrame(kPeer, kSelf, &again);
  CHECK_EQ(back.malformed, 0U);
  CHECK_EQ(back.messages.size(), in.messages.size());
  CHECK_EQ(back.pulses.size(), in.pulses.size());
  CHECK_EQ(back.statuses.size(), in.statuses.size());
}

std::string FrameOf(const std::vector<Outgoing>& batch) {
  v1::PeerFrame frame;
  wire::EncodeFrame(batch, &frame);
  return frame.SerializeAsString();
}

template <class Body>
void Say(std::vector<Outgoing>* batch, uint64_t group, Body body) {
  Add(batch, GroupId(group),
      raft::Message{.from = kPeer, .to = kSelf, .term = 4, .body = std::move(body)});
}

raft::Entry EntryOf(raft::EntryType type, int64_t offset, int32_t count, Bytes payload) {
  return {.term = 3,
          .type = type,
          .base_offset = offset,
          .record_count = count,
          .payload = std::move(payload)};
}

std::string Messages() {
  raft::Membership members{{NodeId(1), NodeId(2)}, {NodeId(1)}, {NodeId(3)}};
  const raft::AppendRequest append{
      .prev = {9, 2},
      .entries = {EntryOf(raft::EntryType::kRecords, 4, 2, Bytes::Copy("batch")),
                  EntryOf(raft::EntryType::kMembership, 6, 0, raft::EncodeMembership(members)),
                  EntryOf(raft::EntryType::kNoop, 6, 0, {})},
      .commit = 8};
  const raft::InstallSnapshot install{.meta = {{9, 2}, {3, members}}, .data = Bytes::Copy("data")};
  std::vector<Outgoing> said;
  Say(&said, 1, raft::VoteRequest{.pre_vote = true, .last = {9, 2}});
  Say(&said, 2, raft::Heartbeat{.commit = 1, .read_id = 2, .whole = 7});
  Say(&said, 1, raft::VoteReply{.granted = true});
  Say(&said, 2, append);
  Say(&said, 1, raft::HeartbeatReply{.read_id = 8, .last = 9, .loss = {7, true}});
  Say(&said, 2, raft::AppendReply{.rejected = 5, .hint = {4, 1}, .loss = {1, false}});
  Say(&said, 2, install);
  Say(&said, 1, raft::TimeoutNow{});
  return FrameOf(said);
}

std::string StatusAndPulses() {
  server::NodeStatus status{.from = kPeer, .full = true};
  status.leaders = {{.group = GroupId(1), .leader = kSelf, .term = 3}};
  status.condition.refilling = {GroupId(5)};
  status.condition.version = "1.0";
  const Pulse whole{
      .round = 1, .whole = true, .led = {{GroupId(2), 3}}, .followed = {{GroupId(1), 3, 20}}};
  Pulse next{.round = 2, .heard_round = 1, .led = {{GroupId(2), 0}}};
  std::vector<Outgoing> said;
  Add(&said, GroupId(), status);
  Add(&said, GroupId(), whole);
  Add(&said, GroupId(), next);
  return FrameOf(said);
}

}  // namespace

void Run(std::string_view bytes) {
  Input input(bytes);
  const uint8_t kind = input.Byte() % kKinds;
  const std::string_view rest = input.Rest();
  const auto size = static_cast<int>(rest.size());
  if (kind == kFrame) return CheckFrame(rest);
  if (kind == kQuestion) {
    v1::PeerQuestion question;
    if (question.ParseFromArray(rest.data(), size)) (void)wire::DecodeIdentity(question.from());
    return;
  }
  v1::PeerAnswer answer;
  if (!answer.ParseFromArray(rest.data(), size)) return;
  (void)wire::DecodeIdentity(answer.identity());
  if (!answer.error_code().empty()) (void)wire::DecodeError(answer);
}

std::vector<std::string> Seeds() {
  server::PeerIdentity identity;
  identity.node = kPeer;
  v1::PeerFrame hello;
  wire::EncodeIdentity(identity, hello.mutable_hello()->mutable_from());
  hello.mutable_hello()->set_to(1);
  hello.mutable_hello()->set_lane(v1::PEER_LANE_BULK);
  v1::PeerQuestion question;
  wire::EncodeIdentity(identity, question.mutable_from());
  question.set_method("controller.request");
  v1::PeerAnswer answer;
  wire::EncodeIdentity(identity, answer.mutable_identity());
  wire::EncodeError(Error{ErrorCode::kTimeout, "too late"}, &answer);
  return {Seed(kFrame, Messages()), Seed(kFrame, StatusAndPulses()),
          Seed(kFrame, hello.SerializeAsString()), Seed(kQuestion, question.SerializeAsString()),
          Seed(kAnswer, answer.SerializeAsString())};
}

}  // namespace jangada::fuzz
