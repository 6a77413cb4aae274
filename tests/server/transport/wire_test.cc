#include "server/transport/wire.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "base/random.h"
#include "tests/server/transport/test_messages.h"

namespace jangada::server {
namespace {

constexpr NodeId kFrom{1};
constexpr NodeId kTo{2};

raft::InstallSnapshot SomeSnapshot() {
  raft::InstallSnapshot install;
  install.meta.last = {100, 7};
  install.meta.membership.index = 90;
  install.meta.membership.membership.voters = {NodeId(1), NodeId(2), NodeId(4)};
  install.meta.membership.membership.outgoing = {NodeId(1), NodeId(2), NodeId(3)};
  install.meta.membership.membership.learners = {NodeId(3)};
  install.data = Bytes(std::string("checkpoint\0bytes", 16));
  return install;
}

raft::AppendRequest SomeAppend() {
  raft::AppendRequest append;
  append.prev = {41, 3};
  append.commit = 40;
  append.entries.push_back({.index = 42,
                            .term = 4,
                            .type = raft::EntryType::kNoop,
                            .base_offset = 1000,
                            .record_count = 0,
                            .payload = {}});
  append.entries.push_back(Record(43, 4, std::string(300, '\0')));
  append.entries.push_back({.index = 44,
                            .term = 5,
                            .type = raft::EntryType::kCommand,
                            .base_offset = raft::kUnassignedOffset,
                            .record_count = 0,
                            .payload = Bytes(std::string("trim"))});
  return append;
}

raft::AppendReply SomeReply() {
  raft::AppendReply reply;
  reply.accepted = false;
  reply.match = 5;
  reply.rejected = 17;
  reply.hint = {12, 3};
  reply.loss = {99, true};
  return reply;
}

/// One message of every kind, heartbeats between the others.
std::vector<Outgoing> EveryKind() {
  std::vector<Outgoing> all;
  using Body = decltype(raft::Message::body);
  const auto add = [&all](uint64_t group, raft::Term term, Body body) {
    Outgoing& next = all.emplace_back();
    next.group = GroupId(group);
    next.content.emplace<raft::Message>(MessageTo(2, term, std::move(body)));
  };
  add(1, 3, raft::VoteRequest{.pre_vote = true, .transfer = false, .last = {9, 2}});
  add(2, 4, raft::Heartbeat{.commit = 1, .read_id = 2});
  add(3, 5, raft::VoteReply{.pre_vote = true, .granted = true});
  add(4, 5, SomeAppend());
  add(5, 6, raft::HeartbeatReply{.read_id = 8, .last = 9});
  add(6, 6, SomeReply());
  add(2, 7, raft::Heartbeat{.commit = 5, .read_id = 0, .whole = 1ull << 63});
  add(3, 7, raft::Heartbeat{.commit = 6, .read_id = 0});
  add(7, 7, SomeSnapshot());
  add(1ull << 63, std::numeric_limits<uint64_t>::max(), raft::TimeoutNow{});
  add(5, 8, raft::HeartbeatReply{.read_id = 0, .last = 10, .loss = {7, true}});
  add(6, 8, raft::HeartbeatReply{.read_id = 0, .last = 11, .loss = {8, false}});
  add(7, 8, raft::HeartbeatReply{.read_id = 0, .last = 12});
  return all;
}

wire::Incoming ThroughTheWire(const std::vector<Outgoing>& batch) {
  v1::PeerFrame sent;
  wire::EncodeFrame(batch, &sent);
  v1::PeerFrame received;
  EXPECT_TRUE(received.ParseFromString(sent.SerializeAsString()));
  return wire::DecodeFrame(kFrom, kTo, &received);
}

/// All that a message holds, as text: bodies have no operator==.
std::string Show(const raft::Message& m) {
  std::ostringstream out;
  out << m.from << ">" << m.to << " t" << m.term << " ";
  if (const auto* b = std::get_if<raft::VoteRequest>(&m.body)) {
    out << "vote? " << b->pre_vote << b->transfer << b->last;
  } else if (const auto* b = std::get_if<raft::VoteReply>(&m.body)) {
    out << "vote " << b->pre_vote << b->granted;
  } else if (const auto* b = std::get_if<raft::AppendRequest>(&m.body)) {
    out << "append " << b->prev << " c" << b->commit;
    for (const raft::Entry& e : b->entries) {
      out << " [" << e.position() << " " << int(e.type) << " " << e.base_offset << "+"
          << e.record_count << " " << e.payload.view() << "]";
    }
  } else if (const auto* b = std::get_if<raft::AppendReply>(&m.body)) {
    out << "appended " << b->accepted << " " << b->match << " " << b->rejected << " " << b->hint
        << " " << b->loss.id << b->loss.forgot_votes;
  } else if (const auto* b = std::get_if<raft::Heartbeat>(&m.body)) {
    out << "heartbeat " << b->commit << " " << b->read_id << " " << b->whole;
  } else if (const auto* b = std::get_if<raft::HeartbeatReply>(&m.body)) {
    out << "heartbeat reply " << b->read_id << " " << b->last << " " << b->loss.id
        << b->loss.forgot_votes;
  } else if (const auto* b = std::get_if<raft::InstallSnapshot>(&m.body)) {
    out << "install " << b->meta.last << " " << b->meta.membership.index << " " << b->data.view();
    for (NodeId n : b->meta.membership.membership.voters) out << " v" << n;
    for (NodeId n : b->meta.membership.membership.outgoing) out << " o" << n;
    for (NodeId n : b->meta.membership.membership.learners) out << " l" << n;
  } else {
    out << "timeout now";
  }
  return out.str();
}

bool Malformed(raft::Message message) {
  const wire::Incoming in = ThroughTheWire({{GroupId(1), std::move(message)}});
  EXPECT_EQ(in.malformed + in.messages.size(), 1u);
  return in.malformed == 1;
}

TEST(WireTest, EveryKindOfMessageComesThroughWholeAndInOrder) {
  const std::vector<Outgoing> sent = EveryKind();
  const wire::Incoming in = ThroughTheWire(sent);
  EXPECT_EQ(in.malformed, 0u);
  ASSERT_EQ(in.messages.size(), sent.size());
  for (size_t i = 0; i < sent.size(); ++i) {
    EXPECT_EQ(in.messages[i].first, sent[i].group);
    EXPECT_EQ(Show(in.messages[i].second), Show(std::get<raft::Message>(sent[i].content)));
  }
}

TEST(WireTest, SenderAndReceiverAreThoseOfTheStream) {
  v1::PeerFrame frame;
  wire::EncodeFrame({{GroupId(1), MessageTo(77, 1, raft::TimeoutNow{}, /*from=*/66)}}, &frame);
  const wire::Incoming in = wire::DecodeFrame(kFrom, kTo, &frame);
  ASSERT_EQ(in.messages.size(), 1u);
  EXPECT_EQ(in.messages[0].second.from, kFrom);
  EXPECT_EQ(in.messages[0].second.to, kTo);
}

TEST(WireTest, EntriesThatARaftLogCannotHoldAreMalformed) {
  EXPECT_FALSE(Malformed(MessageTo(2, 5, SomeAppend())));
  EXPECT_TRUE(Malformed(MessageTo(2, 4, SomeAppend()))) << "an entry of a term above the leader's";
  const auto changed = [](auto&& change) {
    raft::AppendRequest append = SomeAppend();
    change(append);
    return MessageTo(2, 5, std::move(append));
  };
  EXPECT_TRUE(Malformed(changed([](auto& a) { a.entries[2].term = 3; })))
      << "a term that goes back";
  EXPECT_TRUE(Malformed(changed([](auto& a) { a.prev.term = 5; }))) << "a term below prev's";
  EXPECT_TRUE(Malformed(changed([](auto& a) { a.entries[1].type = raft::EntryType(9); })));
  EXPECT_TRUE(Malformed(changed([](auto& a) { a.entries[1].record_count = -1; })));
  EXPECT_TRUE(Malformed(changed([](auto& a) { a.entries[0].record_count = 1; })));
  EXPECT_TRUE(Malformed(changed([](auto& a) { a.entries[1].base_offset = -2; })));
  EXPECT_TRUE(Malformed(
      changed([](auto& a) { a.entries[1].base_offset = std::numeric_limits<int64_t>::max(); })));
  EXPECT_TRUE(Malformed(changed([](auto& a) { a.prev.index = ~uint64_t{0} - 1; })));
}

TEST(WireTest, SnapshotWithAnImpossibleMembershipIsMalformed) {
  EXPECT_FALSE(Malformed(MessageTo(2, 7, SomeSnapshot())));
  const auto changed = [](auto&& change) {
    raft::InstallSnapshot install = SomeSnapshot();
    change(install.meta);
    return MessageTo(2, 7, std::move(install));
  };
  EXPECT_TRUE(Malformed(changed([](auto& m) { m.membership.membership.voters.clear(); })));
  EXPECT_TRUE(Malformed(changed([](auto& m) {
    m.membership.membership.voters = {NodeId(2), NodeId(1)};
  })));
  EXPECT_TRUE(Malformed(changed([](auto& m) {
    m.membership.membership.learners = {NodeId(3), NodeId(3)};
  })));
  EXPECT_TRUE(Malformed(changed([](auto& m) { m.membership.membership.outgoing = {NodeId(0)}; })));
  EXPECT_TRUE(Malformed(changed([](auto& m) { m.membership.index = 101; })));
  EXPECT_TRUE(Malformed(changed([](auto& m) { m.last.index = 0; })));
}

TEST(WireTest, SnapshotOfALeaderThatNeverMetTheFirstVotersComesThrough) {
  raft::InstallSnapshot install = SomeSnapshot();
  install.meta.membership = {};
  EXPECT_FALSE(Malformed(MessageTo(2, 7, install)));
  install.meta.membership.index = 3;  // an entry named them
  EXPECT_TRUE(Malformed(MessageTo(2, 7, install)));
  install.meta.membership = {.index = 0, .membership = {.learners = {NodeId(3)}}};
  EXPECT_TRUE(Malformed(MessageTo(2, 7, install)));
}

TEST(WireTest, HeartbeatListsOfUnequalLengthAreDroppedAndTheRestKept) {
  v1::PeerFrame frame;
  wire::EncodeFrame(EveryKind(), &frame);
  frame.mutable_heartbeats()->add_group(9);
  frame.mutable_heartbeat_replies()->mutable_last()->Truncate(1);
  const wire::Incoming in = wire::DecodeFrame(kFrom, kTo, &frame);
  EXPECT_EQ(in.malformed, 2u);
  EXPECT_EQ(in.messages.size(), EveryKind().size() - 7);
}

TEST(WireTest, PulseComesThroughAndOneOfUnequalListsDoesNot) {
  const Pulse sent{.shard = 1,
                   .shards = 2,
                   .round = 7,
                   .whole = true,
                   .heard_round = 6,
                   .led = {{GroupId(3), 4}, {GroupId(5), 0}},
                   .followed = {{GroupId(9), 8, 1ull << 60}}};
  v1::PeerFrame frame;
  wire::EncodeFrame({{GroupId(), sent}}, &frame);
  const wire::Incoming in = wire::DecodeFrame(kFrom, kTo, &frame);
  ASSERT_EQ(in.pulses.size(), 1u);
  EXPECT_EQ(in.pulses[0], sent);
  frame.mutable_pulses(0)->add_led_term(1);
  EXPECT_EQ(wire::DecodeFrame(kFrom, kTo, &frame).malformed, 1u);
  frame.mutable_pulses(0)->add_led_group(1);
  frame.mutable_pulses(0)->add_followed_commit(1);
  EXPECT_EQ(wire::DecodeFrame(kFrom, kTo, &frame).malformed, 1u);
}

TEST(WireTest, LaggingFollowersComeThroughWithTheirGroupsAndNoOthersDo) {
  const NodeStatus sent{.from = kFrom,
                        .full = true,
                        .leaders = {{GroupId(1), kFrom, 3},
                                    {GroupId(2), kFrom, 3, {NodeId(4), NodeId(5)}},
                                    {GroupId(3), kFrom, 9, {NodeId(4)}}},
                        .condition = {}};
  v1::PeerFrame frame;
  wire::EncodeFrame({{GroupId(), sent}}, &frame);
  const wire::Incoming in = wire::DecodeFrame(kFrom, kTo, &frame);
  ASSERT_EQ(in.statuses.size(), 1u);
  const std::vector<LeaderHint>& leaders = in.statuses[0].leaders;
  ASSERT_EQ(leaders.size(), 3u);
  EXPECT_TRUE(leaders[0].lagging.empty());
  EXPECT_EQ(leaders[1].lagging, (std::vector{NodeId(4), NodeId(5)}));
  EXPECT_EQ(leaders[2].lagging, std::vector{NodeId(4)});

  frame.mutable_statuses(0)->set_lagging_place(2, 3);  // of a group that is not there
  EXPECT_EQ(wire::DecodeFrame(kFrom, kTo, &frame).malformed, 1u);
  frame.mutable_statuses(0)->set_lagging_place(2, 2);
  frame.mutable_statuses(0)->add_lagging_node(6);
  EXPECT_EQ(wire::DecodeFrame(kFrom, kTo, &frame).malformed, 1u);
}

TEST(WireTest, IdentityComesThroughAndAWrongOneDoesNot) {
  Random random(1);
  const PeerIdentity identity{
      .cluster_id = Uuid::Make(random), .node = NodeId(3), .disk_id = Uuid::Make(random)};
  v1::PeerIdentity encoded;
  wire::EncodeIdentity(identity, &encoded);
  const auto decoded = wire::DecodeIdentity(encoded);
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(decoded->cluster_id, identity.cluster_id);
  EXPECT_EQ(decoded->disk_id, identity.disk_id);
  EXPECT_EQ(decoded->node, identity.node);
  EXPECT_EQ(decoded->protocol_version, identity.protocol_version);
  v1::PeerIdentity broken = encoded;
  broken.set_node_id(0);
  EXPECT_FALSE(wire::DecodeIdentity(broken).has_value());
  broken = encoded;
  broken.set_disk_id("short");
  EXPECT_FALSE(wire::DecodeIdentity(broken).has_value());
}

TEST(WireTest, EveryErrorCodeComesThrough) {
  for (int code = 0; code <= static_cast<int>(ErrorCode::kInternal); ++code) {
    const Error error{static_cast<ErrorCode>(code), "what is wrong"};
    v1::PeerAnswer answer;
    wire::EncodeError(error, &answer);
    EXPECT_EQ(wire::DecodeError(answer), error);
  }
  v1::PeerAnswer later;
  later.set_error_code("OF_A_LATER_VERSION");
  EXPECT_EQ(wire::DecodeError(later).code, ErrorCode::kInternal);
}

/// What the core relies on, of whatever got through.
void ExpectSound(const raft::Message& message) {
  EXPECT_EQ(message.from, kFrom);
  EXPECT_EQ(message.to, kTo);
  if (const auto* append = std::get_if<raft::AppendRequest>(&message.body)) {
    raft::Position last = append->prev;
    for (const raft::Entry& entry : append->entries) {
      ASSERT_EQ(entry.index, last.index + 1);
      ASSERT_GT(entry.index, last.index);
      ASSERT_GE(entry.term, last.term);
      ASSERT_LE(entry.term, message.term);
      ASSERT_LE(entry.type, raft::EntryType::kCommand);
      last = entry.position();
    }
  }
}

TEST(WireTest, MutatedBytesNeverCrashAndNeverGetUnsoundThingsThrough) {
  v1::PeerFrame original;
  wire::EncodeFrame(EveryKind(), &original);
  wire::EncodeFrame({{GroupId(), NodeStatus{.from = kFrom,
                                            .full = true,
                                            .leaders = {{GroupId(1), NodeId(2), 3, {kTo}}},
                                            .condition = {.disk_free_bytes = 5,
                                                          .refilling = {GroupId(1)},
                                                          .version = "1"}}}},
                    &original);
  const std::string bytes = original.SerializeAsString();
  Random random(20260102);
  int parsed = 0, malformed = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string mutated = bytes;
    for (uint64_t edits = random.Between(1, 4); edits > 0; --edits) {
      const size_t at = random.Below(mutated.size());
      switch (random.Below(4)) {
        case 0: mutated[at] = static_cast<char>(random.Next()); break;
        case 1: mutated[at] = static_cast<char>(mutated[at] ^ (1 << random.Below(8))); break;
        case 2: mutated.erase(at, random.Between(1, 8)); break;
        case 3: mutated.insert(at, mutated.substr(random.Below(mutated.size()), 8)); break;
      }
      if (mutated.empty()) mutated = bytes;
    }
    v1::PeerFrame frame;
    if (!frame.ParseFromString(mutated)) continue;
    ++parsed;
    const wire::Incoming in = wire::DecodeFrame(kFrom, kTo, &frame);
    malformed += in.malformed > 0;
    for (const auto& [group, message] : in.messages) ExpectSound(message);
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(parsed, 1'000) << "the mutations are too wild to test anything";
  EXPECT_GT(malformed, 100) << "the mutations are too tame to test anything";
}

}  // namespace
}  // namespace jangada::server
