#include "server/transport/outbox.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "server/transport/wire.h"
#include "tests/server/transport/test_messages.h"

namespace jangada::server {
namespace {

Outgoing Append(raft::Index index, size_t bytes) {
  return {GroupId(1), MessageTo(2, 1, AppendOf(index, bytes))};
}

raft::Index IndexOf(const Outgoing& item) {
  const auto& message = std::get<raft::Message>(item.content);
  return std::get<raft::AppendRequest>(message.body).entries.front().index;
}

TEST(OutboxTest, GivesInTheOrderOfThePushes) {
  Outbox outbox(1 << 20);
  for (raft::Index i = 1; i <= 10; ++i) {
    ASSERT_EQ(outbox.Push(Append(i, 100)), Outbox::Pushed::kQueued);
  }
  raft::Index expected = 0;
  for (const Outgoing& item : outbox.Take(1 << 20)) EXPECT_EQ(IndexOf(item), ++expected);
  EXPECT_EQ(expected, 10u);
  EXPECT_EQ(outbox.bytes(), 0u);
}

TEST(OutboxTest, TakesAboutAFrameButAtLeastOneMessage) {
  Outbox outbox(1 << 20);
  for (raft::Index i = 1; i <= 10; ++i) outbox.Push(Append(i, 10'000));
  EXPECT_EQ(outbox.Take(1).size(), 1u);
  EXPECT_EQ(outbox.Take(45'000).size(), 4u);
  EXPECT_EQ(outbox.Take(1 << 20).size(), 5u);
  EXPECT_TRUE(outbox.Take(1 << 20).empty());
}

Outgoing Of(uint64_t group, raft::Index index, size_t bytes) {
  return {GroupId(group), MessageTo(2, 1, AppendOf(index, bytes))};
}

/// "group:index" of each.
std::vector<std::string> Names(const std::vector<Outgoing>& items) {
  std::vector<std::string> names;
  for (const Outgoing& item : items) {
    names.push_back(std::to_string(item.group.value()) + ":" + std::to_string(IndexOf(item)));
  }
  return names;
}

using NamesOf = std::vector<std::string>;

TEST(OutboxTest, AGroupOfWhichLittleWaitsGoesBeforeTheMegabytesOfOthers) {
  Outbox outbox(64 << 20);
  for (raft::Index i = 1; i <= 4; ++i) outbox.Push(Of(1, i, 1 << 20));
  outbox.Push(Of(2, 1, 100));
  EXPECT_EQ(Names(outbox.Take(256 << 10)), (NamesOf{"2:1", "1:1"}));
  outbox.Push(Of(3, 1, 100));
  EXPECT_EQ(Names(outbox.Take(256 << 10)), (NamesOf{"3:1", "1:2"}));
}

TEST(OutboxTest, HeavyGroupsTakeTurns) {
  Outbox outbox(64 << 20);
  for (const uint64_t group : {1, 2}) {
    for (raft::Index i = 1; i <= 2; ++i) outbox.Push(Of(group, i, 1 << 20));
  }
  EXPECT_EQ(Names(outbox.Take(8 << 20)), (NamesOf{"1:1", "2:1", "1:2", "2:2"}));
}

TEST(OutboxTest, AGroupThatGrowsHeavyKeepsItsOrder) {
  Outbox outbox(64 << 20);
  outbox.Push(Of(1, 1, 100));
  outbox.Push(Of(2, 1, 100));
  outbox.Push(Of(1, 2, 1 << 20));
  EXPECT_EQ(Names(outbox.Take(8 << 20)), (NamesOf{"2:1", "1:1", "1:2"}));
}

TEST(OutboxTest, LightGroupsKeepNoHeavyOneWaitingForEver) {
  Outbox outbox(64 << 20);
  outbox.Push(Of(1, 1, 1 << 20));
  for (uint64_t group = 2; group <= 20; ++group) outbox.Push(Of(group, 1, 10'000));
  EXPECT_EQ(Names(outbox.Take(50'000)).back(), "1:1");
}

TEST(OutboxTest, HoldsNoMoreThanItsBound) {
  Outbox outbox(100'000);
  int queued = 0;
  while (outbox.Push(Append(1, 10'000)) == Outbox::Pushed::kQueued) ++queued;
  EXPECT_EQ(queued, 9);
  EXPECT_EQ(outbox.Push(Append(1, 10'000)), Outbox::Pushed::kFull);
  EXPECT_LE(outbox.bytes(), 100'000u);
  outbox.Take(1);
  EXPECT_EQ(outbox.Push(Append(1, 10'000)), Outbox::Pushed::kQueued);
}

TEST(OutboxTest, ClosedDropsAllAndTakesNothingUntilOpened) {
  Outbox outbox(1 << 20);
  outbox.Push(Append(1, 10));
  outbox.Push(Append(2, 10));
  EXPECT_EQ(outbox.Close(), 2u);
  EXPECT_EQ(outbox.Push(Append(3, 10)), Outbox::Pushed::kClosed);
  EXPECT_TRUE(outbox.Take(1 << 20).empty());
  outbox.Open();
  EXPECT_EQ(outbox.Push(Append(4, 10)), Outbox::Pushed::kQueued);
  EXPECT_EQ(outbox.Take(1 << 20).size(), 1u);
}

TEST(OutboxTest, EachKindHasItsLane) {
  const auto lane = [](auto body) { return LaneOf(MessageTo(2, 1, std::move(body))); };
  EXPECT_EQ(lane(raft::VoteRequest{}), Lane::kControl);
  EXPECT_EQ(lane(raft::VoteReply{}), Lane::kControl);
  EXPECT_EQ(lane(raft::AppendReply{}), Lane::kControl);
  EXPECT_EQ(lane(raft::Heartbeat{}), Lane::kControl);
  EXPECT_EQ(lane(raft::HeartbeatReply{}), Lane::kControl);
  EXPECT_EQ(lane(raft::TimeoutNow{}), Lane::kControl);
  EXPECT_EQ(lane(AppendOf(1, 1)), Lane::kBulk);
  EXPECT_EQ(lane(raft::InstallSnapshot{}), Lane::kSnapshot);
}

constexpr uint64_t kHuge = ~uint64_t{0};

void ExpectRoom(const Outgoing& item) {
  v1::PeerFrame frame;
  wire::EncodeFrame({item}, &frame);
  EXPECT_GE(WireBytes(item), frame.ByteSizeLong()) << frame.ShortDebugString().substr(0, 60);
}

template <class Body>
void ExpectCounted(Body body) {
  ExpectRoom({GroupId(kHuge), MessageTo(2, kHuge, std::move(body))});
}

TEST(OutboxTest, CountsNoLessThanTheWireTakes) {
  raft::AppendRequest append{.prev = {kHuge - 1, kHuge}, .entries = {}, .commit = kHuge};
  append.entries.push_back({.index = kHuge,
                            .term = kHuge,
                            .type = raft::EntryType::kRecords,
                            .base_offset = INT64_MAX - INT32_MAX,
                            .record_count = INT32_MAX,
                            .payload = Bytes(std::string(1000, 'x'))});
  ExpectCounted(std::move(append));
  raft::AppendReply reply;
  reply.accepted = true;
  reply.loss = {kHuge, true};
  reply.match = reply.rejected = kHuge;
  reply.hint = {kHuge, kHuge};
  ExpectCounted(reply);
  ExpectCounted(raft::VoteRequest{.pre_vote = true, .transfer = true, .last = {kHuge, kHuge}});
  ExpectCounted(raft::Heartbeat{.commit = kHuge, .read_id = kHuge, .whole = kHuge});
  ExpectCounted(raft::HeartbeatReply{.read_id = kHuge, .last = kHuge, .loss = {kHuge, true}});
  raft::InstallSnapshot install;
  install.meta.last = {kHuge, kHuge};
  install.meta.membership.index = kHuge;
  for (int i = 1; i <= 5; ++i) {
    install.meta.membership.membership.voters.push_back(NodeId(INT32_MAX - 5 + i));
  }
  install.data = Bytes(std::string(1000, 'x'));
  ExpectCounted(std::move(install));
  NodeStatus status{.from = NodeId(1), .full = true, .leaders = {}, .condition = {}};
  status.condition = {.disk_free_bytes = -1,
                      .disk_total_bytes = -1,
                      .draining = true,
                      .refilling = std::vector(kMaxRefillingTold, GroupId(kHuge)),
                      .refilled = kHuge,
                      .version = "1000.1000.1000"};
  for (int i = 0; i < 100; ++i)
    status.leaders.push_back({GroupId(kHuge), NodeId(INT32_MAX), kHuge});
  ExpectRoom({GroupId(), std::move(status)});
  Pulse pulse{.shard = 9,
              .shards = 9,
              .round = kHuge,
              .whole = true,
              .heard_round = kHuge,
              .led = {},
              .followed = {}};
  for (int i = 0; i < 100; ++i) {
    pulse.led.push_back({GroupId(kHuge), kHuge});
    pulse.followed.push_back({GroupId(kHuge), kHuge, kHuge});
  }
  ExpectRoom({GroupId(), std::move(pulse)});
}

TEST(OutboxTest, PushesOfManyThreadsAllArriveEachInItsOrder) {
  Outbox outbox(64 << 20);
  constexpr int kThreads = 4;
  constexpr raft::Index kEach = 2'000;
  std::vector<std::thread> threads;
  for (uint64_t t = 1; t <= kThreads; ++t) {
    threads.emplace_back([&outbox, t] {
      for (raft::Index i = 1; i <= kEach; ++i) {
        outbox.Push({GroupId(t), MessageTo(2, 1, AppendOf(i, 10))});
      }
    });
  }
  std::vector<raft::Index> last(kThreads + 1, 0);
  size_t taken = 0;
  while (taken < kThreads * kEach) {
    for (const Outgoing& item : outbox.Take(10'000)) {
      ASSERT_EQ(IndexOf(item), ++last[item.group.value()]);
      ++taken;
    }
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace jangada::server
