// The fold of a shard of consumer groups: what each command does, its bytes, and that a replay of
// the log, from its beginning or from any checkpoint, is the live state.
#include "server/groups/shard_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "server/groups/consumer_protocol.h"
#include "server/groups/shard_of.h"

namespace jangada::server::groups {
namespace {

using ::testing::ElementsAre;

Uuid IdOf(uint64_t topic) {
  Random random(topic);
  return Uuid::Make(random);
}

CommitCommand Commits(const std::string& group, const std::string& topic, int32_t partition,
                      int64_t offset, int64_t at_ms = 1000, uint64_t topic_id = 1) {
  CommitCommand command{.group = group, .at_ms = at_ms, .image_version = 5, .topics = {}};
  command.topics[topic] = {
      .topic_id = IdOf(topic_id),
      .partitions = {
          {partition, {.offset = offset, .leader_epoch = 3, .metadata = "m", .commit_ms = at_ms}}}};
  return command;
}

GroupRecord RecordOf(int32_t generation, const std::vector<std::string>& members) {
  GroupRecord record{.generation = generation,
                     .protocol_type = "consumer",
                     .protocol = "range",
                     .leader = {},
                     .members = {}};
  for (const std::string& id : members) {
    record.members.push_back({.member_id = id,
                              .instance_id = id.size() % 2 == 0 ? std::optional(id) : std::nullopt,
                              .client_id = "c",
                              .client_host = "/h",
                              .session_timeout_ms = 10'000,
                              .rebalance_timeout_ms = 60'000,
                              .protocols = {{"range", "wants"}},
                              .assignment = "gets"});
    record.leader = id;
  }
  return record;
}

int64_t OffsetOf(const ShardState& state, const std::string& group, const std::string& topic,
                 int32_t partition, uint64_t topic_id = 1) {
  const OffsetRecord* offset = state.FindOffset(group, {topic, partition}, IdOf(topic_id));
  return offset == nullptr ? -1 : offset->offset;
}

// ---- what each command does ----

TEST(ShardState, KeepsTheLastCommitOfEachPartition) {
  ShardState state;
  state.Apply(Commits("g", "t", 0, 10));
  state.Apply(Commits("g", "t", 1, 20));
  state.Apply(Commits("g", "t", 0, 7));  // a client may go back
  state.Apply(Commits("h", "t", 0, 99));
  EXPECT_EQ(OffsetOf(state, "g", "t", 0), 7);
  EXPECT_EQ(OffsetOf(state, "g", "t", 1), 20);
  EXPECT_EQ(OffsetOf(state, "h", "t", 0), 99);
  EXPECT_EQ(OffsetOf(state, "g", "t", 2), -1);
  EXPECT_EQ(OffsetOf(state, "g", "u", 0), -1);
  EXPECT_EQ(state.image_version(), 5u);
}

TEST(ShardState, OffsetsOfAnotherTopicOfTheSameNameAreNotConfused) {
  ShardState state;
  state.Apply(Commits("g", "t", 0, 10, 1, 1));
  EXPECT_EQ(OffsetOf(state, "g", "t", 0, 2), -1);
  state.Apply(Commits("g", "t", 1, 20, 1, 2));
  EXPECT_EQ(OffsetOf(state, "g", "t", 0, 1), -1);
  EXPECT_EQ(OffsetOf(state, "g", "t", 0, 2), -1);
  EXPECT_EQ(OffsetOf(state, "g", "t", 1, 2), 20);
}

TEST(ShardState, DeletesOffsetsGroupsAndTopics) {
  ShardState state;
  for (const char* group : {"g", "h"}) {
    state.Apply(Commits(group, "t", 0, 1, 1, 1));
    state.Apply(Commits(group, "t", 1, 2, 1, 1));
    state.Apply(Commits(group, "u", 0, 3, 1, 2));
  }
  state.Apply(DeleteOffsetsCommand{.group = "g", .topics = {{"t", {0, 9}}, {"x", {1}}}});
  EXPECT_EQ(OffsetOf(state, "g", "t", 0), -1);
  EXPECT_EQ(OffsetOf(state, "g", "t", 1), 2);
  state.Apply(DropTopics{{IdOf(1)}});
  EXPECT_EQ(OffsetOf(state, "g", "t", 1), -1);
  EXPECT_EQ(OffsetOf(state, "h", "t", 1), -1);
  EXPECT_EQ(OffsetOf(state, "h", "u", 0, 2), 3);
  state.Apply(DeleteGroupCommand{"h"});
  EXPECT_EQ(state.Find("h"), nullptr);
  EXPECT_NE(state.Find("g"), nullptr);
  state.Apply(DeleteGroupCommand{"g"});
  EXPECT_EQ(state.bytes(), 0u);
}

TEST(ShardState, ExpiresOnlyGroupsThatWereNotUsedSince) {
  ShardState state;
  state.Apply(Commits("simple", "t", 0, 1, 500));
  state.Apply(SetGroup{"left", 700, RecordOf(4, {})});
  state.Apply(SetGroup{"lives", 100, RecordOf(4, {"m"})});
  const auto expire = [&state](const std::string& group, int64_t since_ms) {
    state.Apply(ExpireGroups{{{group, since_ms}}});
    return state.Find(group) == nullptr;
  };
  EXPECT_FALSE(expire("simple", 499));
  EXPECT_FALSE(expire("lives", 100));
  EXPECT_TRUE(expire("simple", 500));
  state.Apply(Commits("left", "t", 0, 1, 900));
  EXPECT_FALSE(expire("left", 700));  // it was committed to meanwhile
  EXPECT_TRUE(expire("left", 900));
  EXPECT_TRUE(expire("never", 1));
}

// ---- bytes ----

std::vector<Command> OneOfEach() {
  return {SetGroup{"g", 12, RecordOf(3, {"a", "bb"})},
          Commits("g", "t", 7, 1234567890123),
          DeleteOffsetsCommand{.group = "g", .topics = {{"t", {1, 2}}}},
          DeleteGroupCommand{"g"},
          ExpireGroups{{{"g", 5}, {"h", 6}}},
          DropTopics{{IdOf(1), IdOf(2)}}};
}

TEST(Records, ReadBackAsTheyWereWritten) {
  for (const Command& command : OneOfEach()) {
    const auto read = DecodeCommand(EncodeCommand(command).view());
    ASSERT_TRUE(read.ok()) << read.error();
    EXPECT_EQ(*read, command);
  }
}

TEST(Records, AnythingCutShortOrLengthenedIsRefused) {
  for (const Command& command : OneOfEach()) {
    const std::string bytes = EncodeCommand(command).ToString();
    for (size_t length = 0; length < bytes.size(); ++length) {
      EXPECT_FALSE(DecodeCommand(std::string_view(bytes).substr(0, length)).ok()) << length;
    }
    EXPECT_FALSE(DecodeCommand(bytes + "x").ok());
  }
}

TEST(Records, AVersionOrKindFromTheFutureIsRefusedAsSuch) {
  std::string bytes = EncodeCommand(DeleteGroupCommand{"g"}).ToString();
  std::string version = bytes;
  version[0] = 4;  // zigzag of 2
  EXPECT_EQ(DecodeCommand(version).error().code, ErrorCode::kUnsupportedVersion);
  std::string kind = bytes;
  kind[1] = 40;
  EXPECT_EQ(DecodeCommand(kind).error().code, ErrorCode::kUnsupportedVersion);
}

TEST(Records, TheBytesOnDiskNeverChange) {
  // Version 1, kind 3, the group's name: a log that was written once must be read for ever.
  EXPECT_EQ(EncodeCommand(DeleteGroupCommand{"g"}).view(), std::string_view("\x02\x06\x01g"));
  EXPECT_EQ(EncodeCommand(ExpireGroups{{{"g", 5}}}).view(),
            std::string_view("\x02\x08\x02\x01g\x0a"));
  CommitCommand commit = Commits("g", "t", 2, 3, 4);
  commit.topics["t"].topic_id = Uuid();
  EXPECT_EQ(EncodeCommand(commit).view(), std::string("\x02\x02\x01g\x08\x0a\x02\x01t") +
                                              std::string(16, '\0') +
                                              std::string("\x02\x04\x06\x06\x01m\x08"));
}

TEST(ShardState, ACheckpointThatIsDamagedOrFromTheFutureIsRefused) {
  ShardState state;
  state.Apply(Commits("g", "t", 0, 10));
  const std::string bytes = state.Encode().ToString();
  for (size_t length = 1; length < bytes.size(); ++length) {
    ShardState other;
    EXPECT_FALSE(other.Restore(std::string_view(bytes).substr(0, length)).ok()) << length;
    EXPECT_EQ(other, ShardState());
  }
  std::string future = bytes;
  future[0] = 4;
  EXPECT_EQ(ShardState().Restore(future).error().code, ErrorCode::kUnsupportedVersion);
  EXPECT_TRUE(state.Restore({}).ok());
  EXPECT_EQ(state, ShardState());
}

// ---- replay ----

Command AnyCommand(Random& random) {
  const auto name = [&random](const char* kind, uint64_t count) {
    return kind + std::to_string(random.Below(count));
  };
  const std::string group = name("group-", 6);
  const auto at_ms = static_cast<int64_t>(random.Below(20));
  switch (random.Below(8)) {
    case 0: {
      std::vector<std::string> members;
      for (uint64_t left = random.Below(4); left > 0; --left)
        members.push_back(name("member-", 9) + std::string(left, 'x'));
      return SetGroup{group, at_ms, RecordOf(static_cast<int32_t>(random.Below(100)), members)};
    }
    case 1: return DeleteGroupCommand{group};
    case 2: return DropTopics{{IdOf(random.Below(4))}};
    case 3: return ExpireGroups{{{group, at_ms}, {name("group-", 6), at_ms}}};
    case 4:
      return DeleteOffsetsCommand{
          .group = group, .topics = {{name("topic-", 3), {static_cast<int32_t>(random.Below(4))}}}};
    default: {
      CommitCommand commit{
          .group = group, .at_ms = at_ms, .image_version = random.Below(50), .topics = {}};
      for (uint64_t left = 1 + random.Below(3); left > 0; --left) {
        TopicOffsets& topic = commit.topics[name("topic-", 3)];
        topic.topic_id = IdOf(random.Below(4));
        topic.partitions[static_cast<int32_t>(random.Below(4))] = {
            .offset = static_cast<int64_t>(random.Below(1000)),
            .leader_epoch = 1,
            .metadata = std::string(random.Below(20), 'm'),
            .commit_ms = at_ms};
      }
      return commit;
    }
  }
}

class ShardStateReplay : public ::testing::TestWithParam<uint64_t> {};

TEST_P(ShardStateReplay, OfTheLogIsTheLiveStateAfterEveryCommand) {
  Random random(GetParam());
  ShardState live;
  std::vector<Bytes> log;
  Bytes checkpoint;
  size_t folded = 0;
  for (int step = 0; step < 120; ++step) {
    log.push_back(EncodeCommand(AnyCommand(random)));
    live.Apply(DecodeCommand(log.back().view()).value());
    ShardState replayed;
    for (const Bytes& entry : log) replayed.Apply(DecodeCommand(entry.view()).value());
    ASSERT_EQ(replayed, live);
    ASSERT_EQ(replayed.Encode(), live.Encode());
    ShardState resumed;
    ASSERT_TRUE(resumed.Restore(checkpoint.view()).ok());
    for (size_t i = folded; i < log.size(); ++i) {
      resumed.Apply(DecodeCommand(log[i].view()).value());
    }
    ASSERT_EQ(resumed, live);  // its count of bytes too
    if (!random.Chance(1, 10)) continue;
    checkpoint = live.Encode();
    folded = log.size();
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, ShardStateReplay, ::testing::Range<uint64_t>(1, 60));

// ---- where a group is kept, and what consumers say ----

TEST(ShardOf, IsWhatJavaComputes) {
  EXPECT_EQ(JavaHash(""), 0);
  EXPECT_EQ(JavaHash("group"), 98629247);
  EXPECT_EQ(JavaHash("my-consumer-group"), 1513705513);
  EXPECT_EQ(JavaHash("polygenelubricants"), std::numeric_limits<int32_t>::min());
  EXPECT_EQ(JavaHash("\xc3\xa9"), 0xe9);                          // e acute
  EXPECT_EQ(JavaHash("\xf0\x9f\x98\x80"), 0xd83d * 31 + 0xde00);  // two units of UTF-16
  EXPECT_EQ(ShardOf("polygenelubricants", 50), 0);                // as Kafka's Utils.abs has it
  EXPECT_EQ(ShardOf("group", 50), 98629247 % 50);
  EXPECT_EQ(ShardOf("my-consumer-group", 16), 1513705513 % 16);
}

TEST(ConsumerProtocol, SubscriptionsAreReadAndNonsenseIsNot) {
  const std::string two("\0\1\0\0\0\2\0\1a\0\2bb\0\0\0\0", 17);
  EXPECT_THAT(SubscribedTopics(two).value(), ElementsAre("a", "bb"));
  for (size_t length = 0; length < 13; ++length) {
    EXPECT_FALSE(SubscribedTopics(std::string_view(two).substr(0, length)).has_value()) << length;
  }
  EXPECT_FALSE(SubscribedTopics(std::string("\0\1\x7f\xff\xff\xff\0\1a", 9)).has_value());
  EXPECT_FALSE(SubscribedTopics(std::string("\0\1\0\0\0\1\xff\xff", 8)).has_value());
}

}  // namespace
}  // namespace jangada::server::groups
