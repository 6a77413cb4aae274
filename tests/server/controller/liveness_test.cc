// Liveness: who was heard from lately, and since when.
#include "server/controller/liveness.h"

#include "fakes.h"
#include "gtest/gtest.h"

namespace jangada::server {
namespace {

NodeStatus StatusOf(int node, bool draining = false) {
  NodeStatus status;
  status.from = NodeId(node);
  status.condition.draining = draining;
  return status;
}

constexpr int64_t kSecond = 1'000'000;

TEST(Liveness, ANodeLivesForAWindowAfterItsLastSign) {
  Liveness liveness(NodeId(1));
  EXPECT_FALSE(liveness.IsLive(NodeId(2), 0));
  liveness.OnStatus(StatusOf(2), 10 * kSecond);
  EXPECT_TRUE(liveness.IsLive(NodeId(2), 10 * kSecond + Liveness::kWindowUs));
  EXPECT_FALSE(liveness.IsLive(NodeId(2), 10 * kSecond + Liveness::kWindowUs + 1));
}

TEST(Liveness, ThisNodeIsAlwaysLive) {
  Liveness liveness(NodeId(1));
  EXPECT_EQ(liveness.LiveNodes(99 * kSecond), Nodes({1}));
  liveness.OnStatus(StatusOf(1, /*draining=*/true), 0);
  EXPECT_EQ(liveness.LiveNodes(99 * kSecond), Nodes({1}));
  EXPECT_FALSE(liveness.IsFit(NodeId(1), 99 * kSecond));
}

TEST(Liveness, AGapStartsTheCountAnew) {
  Liveness liveness(NodeId(1));
  for (int64_t at = 0; at <= 10; ++at) liveness.OnStatus(StatusOf(2), at * kSecond);
  EXPECT_EQ(liveness.LiveForUs(NodeId(2), 10 * kSecond), 10 * kSecond);
  liveness.OnStatus(StatusOf(2), 20 * kSecond);
  EXPECT_EQ(liveness.LiveForUs(NodeId(2), 21 * kSecond), kSecond);
  EXPECT_EQ(liveness.LiveForUs(NodeId(2), 40 * kSecond), 0);
}

TEST(Liveness, ARefusedConnectionMeansDeadAtOnce) {
  Liveness liveness(NodeId(1));
  liveness.OnStatus(StatusOf(2), kSecond);
  liveness.OnRefused(NodeId(2));
  EXPECT_FALSE(liveness.IsLive(NodeId(2), kSecond));
}

TEST(Liveness, ANodeBeingStoppedIsLiveButNotFit) {
  Liveness liveness(NodeId(1));
  liveness.OnStatus(StatusOf(2, /*draining=*/true), kSecond);
  EXPECT_TRUE(liveness.IsLive(NodeId(2), kSecond));
  EXPECT_FALSE(liveness.IsFit(NodeId(2), kSecond));
}

}  // namespace
}  // namespace jangada::server
