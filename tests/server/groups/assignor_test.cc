// Who reads what: everything once, evenly, by those who want it, and moved as little as can be.
#include "server/groups/assignor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/random.h"

namespace jangada::server::groups {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using Partitions = std::map<std::string, int32_t>;

size_t Moved(const Assignments& before, const Assignments& after) {
  size_t moved = 0;
  for (const auto& [id, partitions] : before) {
    const auto now = after.find(id);
    for (const TopicPartition& where : partitions) {
      const bool kept = now != after.end() && std::find(now->second.begin(), now->second.end(),
                                                        where) != now->second.end();
      moved += kept ? 0 : 1;
    }
  }
  return moved;
}

TEST(Assignor, OneMemberReadsAll) {
  const Assignments all = Assign({{"a", {"t", "u"}, {}}}, Partitions{{"t", 2}, {"u", 1}});
  EXPECT_THAT(all.at("a"),
              ElementsAre(TopicPartition{"t", 0}, TopicPartition{"t", 1}, TopicPartition{"u", 0}));
}

TEST(Assignor, NobodyReadsWhatIsNotThere) {
  EXPECT_THAT(Assign({{"a", {"gone"}, {{"gone", 0}}}}, Partitions{}).at("a"), IsEmpty());
  EXPECT_THAT(Assign({{"a", {"t"}, {{"t", 5}}}}, Partitions{{"t", 1}}).at("a"), SizeIs(1));
}

TEST(Assignor, MoreMembersThanPartitionsLeavesSomeWithout) {
  const Assignments given =
      Assign({{"a", {"t"}, {}}, {"b", {"t"}, {}}, {"c", {"t"}, {}}}, Partitions{{"t", 2}});
  EXPECT_THAT(given, SizeIs(3));
  EXPECT_EQ(given.at("a").size() + given.at("b").size() + given.at("c").size(), 2u);
}

TEST(Assignor, ANewMemberTakesItsShareAndNothingElseMoves) {
  const Partitions six{{"t", 6}};
  const Assignments two = Assign({{"a", {"t"}, {}}, {"b", {"t"}, {}}}, six);
  const Assignments three =
      Assign({{"a", {"t"}, two.at("a")}, {"b", {"t"}, two.at("b")}, {"c", {"t"}, {}}}, six);
  EXPECT_THAT(three.at("c"), SizeIs(2));
  EXPECT_EQ(Moved(two, three), 2u);
}

TEST(Assignor, WhatAMemberLeftIsSharedAndNothingElseMoves) {
  const Partitions nine{{"t", 9}};
  const Assignments three = Assign({{"a", {"t"}, {}}, {"b", {"t"}, {}}, {"c", {"t"}, {}}}, nine);
  const Assignments two = Assign({{"a", {"t"}, three.at("a")}, {"c", {"t"}, three.at("c")}}, nine);
  EXPECT_EQ(Moved(three, two), 3u) << "those of b";
  EXPECT_EQ(two.at("a").size() + two.at("c").size(), 9u);
}

TEST(Assignor, WhatTwoClaimGoesToOne) {
  const Assignments given =
      Assign({{"a", {"t"}, {{"t", 0}}}, {"b", {"t"}, {{"t", 0}}}}, Partitions{{"t", 1}});
  EXPECT_EQ(given.at("a").size() + given.at("b").size(), 1u);
}

TEST(Assignor, AnyGroupIsServedWhollyAndEvenly) {
  Random random(20);
  for (int round = 0; round < 500; ++round) {
    Partitions partitions;
    for (const char* topic : {"s", "t", "u"}) {
      partitions[topic] = static_cast<int32_t>(random.Below(8));
    }
    std::vector<AssignedMember> members;
    for (uint64_t i = 0, count = 1 + random.Below(5); i < count; ++i) {
      AssignedMember member{.member_id = std::to_string(i), .topics = {}, .reading = {}};
      for (const auto& [topic, number] : partitions) {
        if (random.Below(3) > 0) member.topics.push_back(topic);
        if (random.Below(2) > 0) {
          member.reading.push_back({topic, static_cast<int32_t>(random.Below(9))});
        }
      }
      members.push_back(std::move(member));
    }
    const Assignments given = Assign(members, partitions);
    ASSERT_THAT(given, SizeIs(members.size()));
    std::set<std::string> wanted;
    std::map<TopicPartition, std::string> owners;
    for (const AssignedMember& member : members) {
      wanted.insert(member.topics.begin(), member.topics.end());
      for (const TopicPartition& where : given.at(member.member_id)) {
        ASSERT_TRUE(owners.emplace(where, member.member_id).second) << "given twice";
        ASSERT_THAT(member.topics, ::testing::Contains(where.topic));
      }
    }
    size_t expected = 0;
    for (const std::string& topic : wanted) expected += static_cast<size_t>(partitions[topic]);
    ASSERT_THAT(owners, SizeIs(expected));
    for (const auto& [where, owner] : owners) {
      for (const AssignedMember& other : members) {
        const bool could =
            std::find(other.topics.begin(), other.topics.end(), where.topic) != other.topics.end();
        if (!could) continue;
        ASSERT_LE(given.at(owner).size(), given.at(other.member_id).size() + 1);
      }
    }
  }
}

}  // namespace
}  // namespace jangada::server::groups
