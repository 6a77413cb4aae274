// Nodes that must not start, or must not be let in, and what they say.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "tests/integration/load.h"
#include "tests/integration/test_cluster.h"

namespace jangada::integration {
namespace {

using testing::HasSubstr;

TEST(RefusalTest, BusyPortIsRefusedWithItsNumber) {
  TestCluster first(1), second(1);
  ASSERT_TRUE(first.StartAndServe());
  second.Start(1, {"peer.listen=" + first.peer_address(1)});
  EXPECT_EQ(second.WaitForEnd(1), 1);
  EXPECT_THAT(second.Log(1), HasSubstr(std::to_string(first.peer_port(1))));
  second.Start(1, {"grpc.listen=" + first.grpc_address(1)});
  EXPECT_EQ(second.WaitForEnd(1), 1);
  EXPECT_THAT(second.Log(1), HasSubstr(std::to_string(first.grpc_port(1))));
  EXPECT_TRUE(first.Runs(1));
}

TEST(RefusalTest, NodeOutlivesTheReaderOfItsStderr) {
  TestCluster cluster(1);
  ASSERT_TRUE(cluster.StartAndServe());
  cluster.Signal(1, SIGPIPE);
  Load load(cluster, "t", 1, 1);
  EXPECT_TRUE(load.Produce(10));
  EXPECT_TRUE(cluster.Runs(1));
}

TEST(RefusalTest, SecondProcessOnTheSameFolderIsRefused) {
  TestCluster first(1), second(1);
  ASSERT_TRUE(first.StartAndServe());
  second.Start(1, {"data_dir=" + first.data_dir(1)});
  EXPECT_EQ(second.WaitForEnd(1), 1);
  EXPECT_THAT(second.Log(1), HasSubstr(first.data_dir(1)));
  EXPECT_TRUE(first.Runs(1));
}

TEST(RefusalTest, NodeOfAnotherClusterIsRefused) {
  TestCluster ours(3), theirs(3);
  ASSERT_TRUE(ours.StartAndServe());
  Load load(ours, "t", 3, 3);
  ASSERT_TRUE(load.Produce(100));
  ASSERT_TRUE(theirs.StartAndServe());
  // Node 3 of the other cluster, with its own disk, comes up in place of our node 3.
  ours.Kill(3);
  theirs.Kill(3);
  theirs.Start(
      3, {"peer.listen=" + ours.peer_address(3), "peer.advertised=" + theirs.peer_address(3)});
  const std::string sentence = "correct cluster.founders, or the data_dir of one of them";
  EXPECT_TRUE(Eventually([&] { return ours.Log(1).find(sentence) != std::string::npos; }));
  EXPECT_TRUE(Eventually([&] { return ours.Log(2).find(sentence) != std::string::npos; }));
  EXPECT_TRUE(Eventually([&] { return theirs.Log(3).find(sentence) != std::string::npos; }));
  EXPECT_TRUE(load.Produce(100)) << "the cluster goes on without it";
  EXPECT_EQ(load.Judge(load.client()), "");
}

TEST(RefusalTest, NodeThatWasNotAddedIsRefusedAndOneThatWasIsLetIn) {
  TestCluster cluster(3);
  ASSERT_TRUE(cluster.StartAndServe());
  Load load(cluster, "t", 3, 3);
  ASSERT_TRUE(load.Produce(100));
  const int joiner = cluster.AddJoiner();
  cluster.Start(joiner);
  EXPECT_GT(cluster.WaitForEnd(joiner), 0);
  EXPECT_THAT(cluster.Log(joiner), HasSubstr("jangada node add " + std::to_string(joiner)));

  ASSERT_TRUE(load.client().AddNode(joiner, kCallMs).ok());
  cluster.Start(joiner);
  ASSERT_TRUE(cluster.WaitServing({joiner}));
  EXPECT_EQ(load.Judge(*cluster.MakeClient({joiner})), "");
}

}  // namespace
}  // namespace jangada::integration
