// The metrics of a node by name: whatever the numbers are, a scraper can read them, their number is
// bounded, and docs/operating.md explains each of them and no other.
#include "server/metrics/families.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/server/metrics/operating_doc.h"
#include "tests/server/metrics/strict_parser.h"

namespace jangada::server {
namespace {

using ::testing::IsEmpty;
using testing::ParsedScrape;
using testing::ParseStrictly;

/// A node of a cluster of three, with `partitions` replicas, and something in every place.
NodeStats Sample(int partitions) {
  NodeStats stats;
  stats.node = NodeId(1);
  stats.connections = {{"grpc", 3}, {"http", 1}, {"peer", 6}};
  stats.cluster.nodes = 3;
  stats.cluster.live_nodes = 2;
  stats.shards.resize(2);
  stats.replicas.peers = {{NodeId(2), {.replicas = 5, .max_lag_entries = 7}}, {NodeId(3), {}}};
  stats.transport.peers = {{NodeId(2), {.lanes = 3, .sent_bytes = 9}}, {NodeId(3), {}}};
  MethodStats method{.service = "Log", .method = "Produce"};
  method.by_code[0] = 5;
  method.by_code[5] = 1;
  method.latency.buckets[3] = 6;
  stats.grpc.methods = {method};
  stats.kafka.requests = {{.request = "Fetch", .latency = method.latency, .errors = 2}};
  stats.grpc.groups = {{.group = "readers", .records = 5, .ms = 1'500},
                       {.group = "unknown", .records = -1, .ms = -1}};
  for (int i = 0; i < partitions; ++i) {
    stats.replicas.partitions.push_back({.topic = "t", .partition = i});
  }
  return stats;
}

size_t SeriesOf(const ParsedScrape& scrape) {
  size_t count = 0;
  for (const auto& [name, family] : scrape.families) count += family.series.size();
  return count;
}

TEST(FamiliesTest, AScraperCanReadThem) {
  const ParsedScrape scrape = ParseStrictly(Expose(FamiliesOf(Sample(3))));
  EXPECT_THAT(scrape.problems, IsEmpty());
  EXPECT_EQ(scrape.Value("jangada_nodes{state=\"dead\"}"), 1);
  EXPECT_EQ(scrape.Value("jangada_peer_max_lag_entries{peer=\"2\"}"), 7);
  EXPECT_EQ(scrape.Value("jangada_peer_sent_bytes_total{peer=\"2\"}"), 9);
  EXPECT_EQ(scrape.Value("jangada_grpc_requests_total{code=\"NOT_FOUND\",method=\"Produce\","
                         "service=\"Log\"}"),
            1);
  EXPECT_EQ(scrape.Value("jangada_groups"), 2);
  EXPECT_EQ(scrape.Value("jangada_groups_lag_records"), 5);
  EXPECT_EQ(scrape.Value("jangada_groups_lag_seconds"), 1.5);
  EXPECT_EQ(scrape.Value("jangada_kafka_requests_total{request=\"Fetch\"}"), 6);
  EXPECT_EQ(scrape.Value("jangada_kafka_request_errors_total{request=\"Fetch\"}"), 2);
}

TEST(FamiliesTest, WithoutPerPartitionTheirNumberDoesNotGrowWithPartitions) {
  const size_t few = SeriesOf(ParseStrictly(Expose(FamiliesOf(Sample(1)))));
  EXPECT_EQ(SeriesOf(ParseStrictly(Expose(FamiliesOf(Sample(500))))), few);
  NodeStats asked = Sample(500);
  asked.per_partition = true;
  EXPECT_EQ(SeriesOf(ParseStrictly(Expose(FamiliesOf(asked)))), few + 4 * 500 + 2);
}

TEST(FamiliesTest, TheSameFamiliesAreThereWhenThereIsNothingToCount) {
  std::set<std::string> full, empty;
  for (const Family& family : FamiliesOf(Sample(0))) full.insert(family.name());
  for (const Family& family : FamiliesOf(NodeStats())) empty.insert(family.name());
  EXPECT_EQ(full, empty);
}

TEST(FamiliesTest, TheManualExplainsEachAndNoOther) {
  NodeStats stats = Sample(1);
  stats.per_partition = true;
  const auto explained = testing::ReadOperatingDoc(JANGADA_SOURCE_DIR "/docs/operating.md");
  EXPECT_GT(explained.size(), 50u);
  EXPECT_THAT(testing::Disagreements(explained, ParseStrictly(Expose(FamiliesOf(stats)))),
              IsEmpty());
}

TEST(FamiliesTest, OursBearOurNameAndTheProcessesTheUsualOnes) {
  for (const Family& family : FamiliesOf(Sample(0))) {
    EXPECT_TRUE(family.name().starts_with("jangada_") || family.name().starts_with("process_"))
        << family.name();
    EXPECT_TRUE(family.help().ends_with(".")) << family.name();
  }
}

}  // namespace
}  // namespace jangada::server
