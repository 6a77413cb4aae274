// What an operator sees of real nodes: pages over HTTP, metrics that say what happened, readiness
// that follows it, the log's level, and the reason why a partition is not whole.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <cmath>
#include <thread>

#include "tests/integration/load.h"
#include "tests/integration/test_cluster.h"
#include "tests/server/http/raw_client.h"
#include "tests/server/metrics/operating_doc.h"
#include "tests/server/metrics/strict_parser.h"

namespace jangada::integration {
namespace {

using server::testing::Body;
using server::testing::Get;
using server::testing::ParsedScrape;
using server::testing::StatusLine;
using testing::HasSubstr;
using testing::IsEmpty;

uint16_t HttpPort(const TestCluster& cluster, int node) {
  return static_cast<uint16_t>(cluster.http_port(node));
}

ParsedScrape Scrape(const TestCluster& cluster, int node) {
  return server::testing::ParseStrictly(Body(Get(HttpPort(cluster, node), "/metrics")));
}

bool IsReady(const TestCluster& cluster, int node) {
  return StatusLine(Get(HttpPort(cluster, node), "/readyz")) == "HTTP/1.1 200 OK";
}

TEST(WatchTest, EveryMetricThatANodePrintsIsExplainedAndNoOther) {
  TestCluster cluster(3, {"metrics.per_partition=true"});
  ASSERT_TRUE(cluster.StartAndServe());
  Load load(cluster, "t", 2, 3);
  ASSERT_TRUE(load.Produce(100));
  const ParsedScrape scrape = Scrape(cluster, 1);
  EXPECT_THAT(scrape.problems, IsEmpty());
  const auto explained = server::testing::ReadOperatingDoc(JANGADA_SOURCE_DIR "/docs/operating.md");
  EXPECT_THAT(server::testing::Disagreements(explained, scrape), IsEmpty());
  EXPECT_EQ(scrape.Sum("jangada_replicas"), 2);
  EXPECT_FALSE(std::isnan(
      scrape.Value("jangada_partition_high_watermark_offset{partition=\"1\",topic=\"t\"}")));
}

TEST(WatchTest, MetricsAddUpToWhatWasProducedAndRead) {
  TestCluster cluster(3);
  ASSERT_TRUE(cluster.StartAndServe());
  Load load(cluster, "t", 4, 3);
  ASSERT_TRUE(load.Produce(1000));
  ASSERT_EQ(load.Judge(load.client()), "");
  double appended = 0, leaders = 0, fetched = 0;
  for (const int node : cluster.nodes()) {
    const ParsedScrape scrape = Scrape(cluster, node);
    EXPECT_THAT(scrape.problems, IsEmpty());
    appended += scrape.Sum("jangada_appended_records_total");
    leaders += scrape.Sum("jangada_leaders");
    fetched += scrape.Sum("jangada_fetched_bytes_total");
    EXPECT_EQ(scrape.Value("jangada_nodes{state=\"live\"}"), 3);
    EXPECT_EQ(scrape.Value("jangada_sync_duration_seconds_count") > 0, true);
    EXPECT_EQ(scrape.Sum("jangada_peer_lanes"), 6);
    EXPECT_GT(scrape.Sum("jangada_peer_sent_bytes_total"), 0);
    EXPECT_GT(scrape.Sum("jangada_peer_received_bytes_total"), 0);
    EXPECT_EQ(scrape.families.count("jangada_partition_leads"), 0u) << "none per partition";
  }
  EXPECT_EQ(appended, 1000);
  EXPECT_EQ(leaders, 4);
  EXPECT_GT(fetched, 0);
}

TEST(WatchTest, KilledNodesShowInMetricsReadinessAndReasons) {
  TestCluster cluster(3);
  ASSERT_TRUE(cluster.StartAndServe());
  Load load(cluster, "t", 3, 3);
  ASSERT_TRUE(load.Produce(10));
  for (const int node : cluster.nodes()) {
    ASSERT_TRUE(Eventually([&] { return IsReady(cluster, node); })) << node;
    EXPECT_EQ(Body(Get(HttpPort(cluster, node), "/healthz")), "alive\n");
  }
  // Longer idle than any election timeout: who says nothing new is heard all the same.
  std::this_thread::sleep_for(std::chrono::milliseconds(2'500));
  for (const int node : cluster.nodes()) {
    EXPECT_EQ(Scrape(cluster, node).Sum("jangada_peer_replicas_unheard"), 0) << node;
  }
  const double won = Scrape(cluster, 1).Sum("jangada_elections_won_total") +
                     Scrape(cluster, 2).Sum("jangada_elections_won_total");
  cluster.Kill(3);
  ASSERT_TRUE(Eventually([&] {
    const ParsedScrape scrape = Scrape(cluster, 1);
    return scrape.Value("jangada_nodes{state=\"dead\"}") == 1 &&
           scrape.Sum("jangada_replicas_without_leader") == 0;
  }));
  EXPECT_GT(Scrape(cluster, 1).Sum("jangada_elections_won_total") +
                Scrape(cluster, 2).Sum("jangada_elections_won_total"),
            won)
      << "what node 3 led is led by others";
  EXPECT_TRUE(Eventually([&] {
    const ParsedScrape scrape = Scrape(cluster, 1);
    return scrape.Sum("jangada_leaders") > 0 &&
           scrape.Value("jangada_peer_replicas_unheard{peer=\"3\"}") ==
               scrape.Sum("jangada_leaders");
  })) << "and its followers are not heard any more";
  EXPECT_TRUE(IsReady(cluster, 1)) << "two of three serve on";
  const auto client = cluster.MakeClient({1});
  ASSERT_TRUE(Eventually([&] {
    const auto states = client->DescribePartitions({"t"}, kCallMs);
    return states.ok() && states->front().why == "Short of replicas: node 3 is dead.";
  }));

  cluster.Kill(2);
  ASSERT_TRUE(Eventually([&] { return !IsReady(cluster, 1); }));
  EXPECT_THAT(Body(Get(HttpPort(cluster, 1), "/readyz")), HasSubstr("knows no controller"));
  EXPECT_EQ(Scrape(cluster, 1).Sum("jangada_ready"), 0);
  EXPECT_EQ(Body(Get(HttpPort(cluster, 1), "/healthz")), "alive\n") << "no reason to restart it";
  ASSERT_TRUE(Eventually([&] {
    const auto states = client->DescribePartitions({"t"}, 2'000);
    return states.ok() && states->front().health == client::PartitionHealth::kWithoutLeader &&
           states->front().why ==
               "No leader: 2 of its 3 replicas are needed to elect one, but node 2 is dead, node 3 "
               "is dead.";
  })) << "the order of the names is that of the replicas";

  cluster.Start(2);
  cluster.Start(3);
  for (const int node : cluster.nodes()) {
    EXPECT_TRUE(Eventually([&] { return IsReady(cluster, node); })) << node;
  }
}

TEST(WatchTest, ANodeThatIsBeingStoppedIsNotReadyWhileItDrains) {
  TestCluster cluster(3);
  ASSERT_TRUE(cluster.StartAndServe());
  Load load(cluster, "t", 3, 3);
  ASSERT_TRUE(load.Produce(10));
  ASSERT_TRUE(Eventually([&] { return IsReady(cluster, 1); }));
  // Peers that stand still take nothing over, so the drain lasts.
  cluster.Pause(2);
  cluster.Pause(3);
  cluster.Signal(1, SIGTERM);
  EXPECT_TRUE(Eventually([&] {
    return Body(Get(HttpPort(cluster, 1), "/readyz")) == "The node is being stopped.\n";
  }));
  cluster.Resume(2);
  cluster.Resume(3);
  EXPECT_EQ(cluster.WaitForEnd(1), 0);
}

TEST(WatchTest, TheLogsLevelIsChangedOnOneNodeWhileItRuns) {
  TestCluster cluster(3);
  ASSERT_TRUE(cluster.StartAndServe());
  const auto client = cluster.MakeClient();
  EXPECT_EQ(client->GetLogLevel(2, kCallMs)->level, "info");
  ASSERT_TRUE(client->SetLogLevel(2, "debug", kCallMs).ok());
  EXPECT_EQ(client->GetLogLevel(2, kCallMs)->level, "debug");
  EXPECT_EQ(client->GetLogLevel(1, kCallMs)->level, "info");
  EXPECT_THAT(cluster.Log(2), HasSubstr("log level changed to=debug"));
  const auto config = client->DescribeConfig(2, kCallMs);
  ASSERT_TRUE(config.ok()) << config.error();
  EXPECT_EQ(config->node, 2);
  EXPECT_EQ(config->options.front().key, "data_dir");
  EXPECT_EQ(config->options.front().value, cluster.data_dir(2));
}

TEST(WatchTest, ABusyHttpPortIsRefusedWithItsNumber) {
  TestCluster cluster(1);
  ASSERT_TRUE(cluster.StartAndServe());
  TestCluster other(1, {"http.listen=127.0.0.1:" + std::to_string(cluster.http_port(1))});
  other.StartAll();
  EXPECT_EQ(other.WaitForEnd(1), 1);
  EXPECT_THAT(other.Log(1), HasSubstr("port " + std::to_string(cluster.http_port(1)) +
                                      " is in use by another process"));
  EXPECT_EQ(Body(Get(HttpPort(cluster, 1), "/healthz")), "alive\n");
}

}  // namespace
}  // namespace jangada::integration
