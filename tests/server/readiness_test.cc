// When a node says that it is ready, and what it says when it is not.
#include "server/readiness.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace jangada::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int64_t kSecond = 1'000'000;

NodeLook Good() {
  return {.found_cluster = true,
          .controller_known = true,
          .registered = true,
          .replicas = {.expected = 40}};
}

TEST(ReadinessTest, TheFirstThingInTheWayIsNamed) {
  NodeLook look;
  EXPECT_THAT(ReasonsNotReady(look),
              ElementsAre("The node has not found its cluster yet: is every founder running?"));
  look.found_cluster = true;
  EXPECT_THAT(ReasonsNotReady(look),
              ElementsAre("The node knows no controller: are most of the nodes running?"));
  look.controller_known = true;
  EXPECT_THAT(ReasonsNotReady(look),
              ElementsAre("The node has not registered with the controller yet."));
  look.registered = true;
  EXPECT_THAT(ReasonsNotReady(look), IsEmpty());
  look.draining = true;
  EXPECT_THAT(ReasonsNotReady(look), ElementsAre("The node is being stopped."));
}

TEST(ReadinessTest, EveryKindOfReplicaTroubleIsCounted) {
  NodeLook look = Good();
  look.replicas = {.expected = 40, .missing = 1, .refilling = 2, .leaderless = 3, .behind = 4};
  look.controller_behind = true;
  EXPECT_THAT(ReasonsNotReady(look),
              ElementsAre("The node has not caught up with the controller's log.",
                          "1 of its 40 replicas have not started.",
                          "2 of its 40 replicas were damaged and are being refilled.",
                          "3 of its 40 replicas know no leader.",
                          "4 of its 40 replicas have not caught up with their leaders."));
}

TEST(ReadinessTest, ANewNodeIsNotReadyUntilTwoLooksFindNothingWrong) {
  Readiness readiness;
  EXPECT_FALSE(readiness.ready());
  EXPECT_FALSE(readiness.reasons().empty());
  readiness.Observe(Good(), 0);
  EXPECT_FALSE(readiness.ready());
  EXPECT_FALSE(readiness.reasons().empty());
  NodeLook bad = Good();
  bad.replicas.behind = 1;
  readiness.Observe(bad, kSecond);
  EXPECT_FALSE(readiness.ready());
  readiness.Observe(Good(), 2 * kSecond);
  EXPECT_FALSE(readiness.ready());
  readiness.Observe(Good(), 3 * kSecond);
  EXPECT_TRUE(readiness.ready());
  EXPECT_THAT(readiness.reasons(), IsEmpty());
}

TEST(ReadinessTest, AReadyNodeOutlastsAShortTrouble) {
  Readiness readiness;
  readiness.Observe(Good(), 0);
  readiness.Observe(Good(), kSecond);
  NodeLook bad = Good();
  bad.replicas.leaderless = 1;
  readiness.Observe(bad, 2 * kSecond);
  readiness.Observe(bad, 2 * kSecond + Readiness::kPatienceUs - 1);
  EXPECT_TRUE(readiness.ready());
  readiness.Observe(Good(), 8 * kSecond);  // over: the patience begins anew
  readiness.Observe(bad, 9 * kSecond);
  readiness.Observe(bad, 9 * kSecond + Readiness::kPatienceUs - 1);
  EXPECT_TRUE(readiness.ready());
  readiness.Observe(bad, 9 * kSecond + Readiness::kPatienceUs);
  EXPECT_FALSE(readiness.ready());
  EXPECT_THAT(readiness.reasons(), ElementsAre("1 of its 40 replicas know no leader."));
}

TEST(ReadinessTest, ADrainingNodeIsNotReadyAtOnce) {
  Readiness readiness;
  readiness.Observe(Good(), 0);
  readiness.Observe(Good(), kSecond);
  ASSERT_TRUE(readiness.ready());
  NodeLook draining = Good();
  draining.draining = true;
  readiness.Observe(draining, kSecond + 1);
  EXPECT_FALSE(readiness.ready());
  EXPECT_THAT(readiness.reasons(), ElementsAre("The node is being stopped."));
}

}  // namespace
}  // namespace jangada::server
