// server/leader_table: which news of a leader is believed.
#include "server/leader_table.h"

#include <gtest/gtest.h>

namespace jangada::server {
namespace {

constexpr GroupId kGroup{7};
constexpr NodeId kOne{1};
constexpr NodeId kTwo{2};

TEST(LeaderTable, NewsOfAnOlderTermIsIgnored) {
  LeaderTable table;
  table.Learn(LeaderHint{.group = kGroup, .leader = kTwo, .term = 5});
  table.Learn(LeaderHint{.group = kGroup, .leader = kOne, .term = 4});
  ASSERT_TRUE(table.Find(kGroup));
  EXPECT_EQ(table.Find(kGroup)->leader, kTwo);
  table.Forget(kGroup, 4, kTwo);
  EXPECT_TRUE(table.Find(kGroup));
  table.Forget(kGroup, 6, kOne);
  EXPECT_FALSE(table.Find(kGroup)) << "a newer term deposes whoever led";
}

TEST(LeaderTable, ALeaderOfTheSameTermIsForgottenOnlyUnderItsOwnName) {
  LeaderTable table;
  table.Learn(LeaderHint{.group = kGroup, .leader = kTwo, .term = 5});
  table.Forget(kGroup, 5, kOne);
  EXPECT_TRUE(table.Find(kGroup));
  table.Forget(kGroup, 5, kTwo);
  EXPECT_FALSE(table.Find(kGroup));
}

TEST(LeaderTable, AFullStatusTakesBackWhatItDoesNotList) {
  LeaderTable table;
  table.Learn(LeaderHint{.group = kGroup, .leader = kOne, .term = 5});
  table.Learn(LeaderHint{.group = GroupId{8}, .leader = kTwo, .term = 1});
  NodeStatus status{.from = kOne, .full = false};
  table.Learn(status);
  EXPECT_TRUE(table.Find(kGroup)) << "a change lists only what changed";
  status.full = true;
  table.Learn(status);
  EXPECT_FALSE(table.Find(kGroup));
  EXPECT_TRUE(table.Find(GroupId{8})) << "another node's leadership";
}

TEST(LeaderTable, ADeadNodeLeadsNothingUntilItIsHeardAgain) {
  LeaderTable table;
  table.Learn(LeaderHint{.group = kGroup, .leader = kOne, .term = 5});
  table.ForgetNode(kOne);
  EXPECT_FALSE(table.Find(kGroup));
  EXPECT_TRUE(table.LedBy(kOne).empty());
  table.Learn(LeaderHint{.group = kGroup, .leader = kOne, .term = 5});
  EXPECT_EQ(table.LedBy(kOne).size(), 1U);
}

TEST(LeaderTable, FollowersThatLagAreThoseToldLastAndNoChangeOfLeaders) {
  LeaderTable table;
  table.Learn(LeaderHint{.group = kGroup, .leader = kOne, .term = 5});
  const uint64_t learned = table.changes();
  table.Learn(LeaderHint{.group = kGroup, .leader = kOne, .term = 5, .lagging = {kTwo}});
  EXPECT_EQ(table.Find(kGroup)->lagging, std::vector{kTwo});
  EXPECT_EQ(table.LedBy(kOne).at(0).lagging, std::vector{kTwo}) << "told on, too";
  table.Learn(LeaderHint{.group = kGroup, .leader = kOne, .term = 4});
  EXPECT_EQ(table.Find(kGroup)->lagging, std::vector{kTwo}) << "old news";
  EXPECT_EQ(table.changes(), learned) << "no reason to tell every leadership again";
  table.Learn(LeaderHint{.group = kGroup, .leader = kTwo, .term = 6});
  EXPECT_TRUE(table.Find(kGroup)->lagging.empty());
}

TEST(LeaderTable, CountsTheLinesThatBecomeOthersAndNoRepetitions) {
  LeaderTable table;
  const LeaderHint hint{.group = kGroup, .leader = kOne, .term = 5};
  table.Learn(hint);
  const uint64_t learned = table.changes();
  EXPECT_GT(learned, 0U);
  table.Learn(hint);
  table.Learn(NodeStatus{.from = kOne, .full = true, .leaders = {hint}});
  table.ForgetNode(kTwo);
  table.Forget(kGroup, 4, kOne);
  EXPECT_EQ(table.changes(), learned);
  table.Learn(NodeStatus{.from = kOne, .full = true, .leaders = {}});
  EXPECT_GT(table.changes(), learned);
}

}  // namespace
}  // namespace jangada::server
