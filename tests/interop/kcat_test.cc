// kcat (librdkafka) as Debian ships it, against three nodes as processes: listing, producing and
// consuming as with Kafka, across the death of a leader, and what both doors see of each other.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <set>
#include <sstream>
#include <thread>

#include "tests/integration/test_cluster.h"

namespace jangada::integration {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Output {
  int exit_code = -1;
  std::string text;  // stdout and stderr
  std::vector<std::string> lines() const {
    std::vector<std::string> lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  }
};

/// A command line of the shell, ended after a minute.
Output Shell(const std::string& command) {
  Output output;
  FILE* pipe = popen(("exec 2>&1; " + command).c_str(), "r");
  if (pipe == nullptr) return output;
  char buffer[4096];
  for (size_t n = 0; (n = fread(buffer, 1, sizeof buffer, pipe)) > 0;)
    output.text.append(buffer, n);
  const int status = pclose(pipe);
  output.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return output;
}

class KcatTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(cluster_.StartAndServe()); }

  std::string brokers() const {
    std::string list;
    for (const int node : cluster_.nodes()) {
      list += (list.empty() ? "" : ",") + cluster_.kafka_address(node);
    }
    return list;
  }
  std::string kcat(const std::string& arguments) const {
    return "timeout 60 kcat -b " + brokers() + " " + arguments;
  }
  /// What partition 0 of a topic holds, by librdkafka, one record a line.
  std::vector<std::string> Consume(const std::string& topic, const std::string& format) {
    const Output output = Shell(
        kcat("-X log_level=2 -C -q -e -o beginning -p 0 -t " + topic + " -f '" + format + "\\n'"));
    EXPECT_EQ(output.exit_code, 0) << output.text;
    return output.lines();
  }
  Output Produce(const std::string& topic, const std::string& lines, const std::string& options) {
    return Shell("printf '" + lines + "' | " + kcat("-P -p 0 -t " + topic + " " + options));
  }

  TestCluster cluster_{3};
};

TEST_F(KcatTest, ListsNodesTopicsAndLeaders) {
  const auto client = cluster_.MakeClient();
  ASSERT_TRUE(
      client->CreateTopic({.name = "events", .partitions = 4, .replication_factor = 3}, kCallMs)
          .ok());
  const Output output = Shell(kcat("-L"));
  EXPECT_EQ(output.exit_code, 0);
  EXPECT_THAT(output.text, HasSubstr(" 3 brokers:"));
  for (const int node : cluster_.nodes()) {
    EXPECT_THAT(output.text, HasSubstr("broker " + std::to_string(node) + " at " +
                                       cluster_.kafka_address(node)));
  }
  EXPECT_THAT(output.text, HasSubstr("topic \"events\" with 4 partitions:"));
  EXPECT_THAT(output.text, HasSubstr("partition 3, leader "));
}

TEST(KcatAtTheStart, WhoComesBeforeTheClusterIsFoundedIsServedOnceItIs) {
  TestCluster cluster(3);
  cluster.Start(1);
  Output listed;
  std::thread early([&] {
    listed = Shell("timeout 60 kcat -b " + cluster.kafka_address(1) +
                   " -X socket.timeout.ms=60000 -m 60 -L");
  });
  // It has connected, and is not told of a cluster without nodes.
  std::this_thread::sleep_for(std::chrono::seconds(1));
  cluster.Start(2);
  cluster.Start(3);
  early.join();
  EXPECT_EQ(listed.exit_code, 0) << listed.text;
  EXPECT_THAT(listed.text, HasSubstr("broker 1 at " + cluster.kafka_address(1)));
}

TEST_F(KcatTest, ProducesAndConsumesWithEveryCompressionAndEveryKindOfAck) {
  const std::string lines = "one\\ntwo\\nthree\\n";
  std::vector<std::string> expected;
  for (const std::string codec : {"none", "gzip", "snappy", "lz4", "zstd"}) {
    const Output output = Produce("made-by-producing", lines, "-z " + codec);
    EXPECT_EQ(output.exit_code, 0) << output.text;
    for (const char* value : {"one", "two", "three"}) {
      expected.push_back(std::to_string(expected.size()) + "=" + value);
    }
  }
  for (const std::string options :
       {"-X acks=0", "-X acks=1", "-X acks=all", "-X enable.idempotence=true"}) {
    const Output output = Produce("made-by-producing", "x\\n", options);
    EXPECT_EQ(output.exit_code, 0) << output.text;
    expected.push_back(std::to_string(expected.size()) + "=x");
  }
  EXPECT_EQ(Consume("made-by-producing", "%o=%s"), expected);
}

TEST_F(KcatTest, RecordsAreFoundByTheirTime) {
  ASSERT_EQ(Produce("t", "a\\nb\\n", "").exit_code, 0);
  EXPECT_THAT(Shell(kcat("-Q -t t:0:-1")).text, HasSubstr("t [0] offset 2"));
  EXPECT_THAT(Shell(kcat("-Q -t t:0:-2")).text, HasSubstr("t [0] offset 0"));
  EXPECT_THAT(Shell(kcat("-Q -t t:0:1000")).text, HasSubstr("t [0] offset 0"));
  EXPECT_THAT(Consume("t", "%o"), ElementsAre("0", "1"));
}

TEST_F(KcatTest, LargeRecordsAndTombstonesTravel) {
  ASSERT_EQ(Shell("head -c 900000 /dev/zero | tr '\\\\0' v | " + kcat("-P -p 0 -t t")).exit_code,
            0);
  ASSERT_EQ(Produce("t", "key:\\n", "-K: -Z").exit_code, 0);
  EXPECT_THAT(Consume("t", "%K %S"), ElementsAre("-1 900000", "3 -1"));
}

// ---- both doors ----

std::vector<Record> ReadByGrpc(client::Client& client, const std::string& topic, size_t count) {
  client::Consumer consumer(client, {});
  consumer.Assign({topic, 0}, 0);
  std::vector<Record> records;
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (records.size() < count && std::chrono::steady_clock::now() < deadline) {
    auto polled = consumer.Poll(1'000);
    EXPECT_TRUE(polled.ok()) << polled.error();
    if (!polled.ok()) break;
    std::move(polled->records.begin(), polled->records.end(), std::back_inserter(records));
  }
  return records;
}

TEST_F(KcatTest, WhatKafkaClientsProduceGrpcClientsSee) {
  ASSERT_EQ(Produce("t", "k1:v1\\nk2:v2\\n", "-K: -H h=x -H h=y -z zstd").exit_code, 0);
  const auto client = cluster_.MakeClient();
  const std::vector<Record> records = ReadByGrpc(*client, "t", 2);
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[1].offset, 1);
  EXPECT_EQ(records[1].key, "k2");
  EXPECT_EQ(records[1].value, "v2");
  EXPECT_THAT(records[1].headers, ElementsAre(RecordHeader{"h", "x"}, RecordHeader{"h", "y"}));
  EXPECT_THAT(Consume("t", "%o %T"), ElementsAre("0 " + std::to_string(records[0].timestamp_ms),
                                                 "1 " + std::to_string(records[1].timestamp_ms)));
}

TEST_F(KcatTest, WhatGrpcClientsProduceKafkaClientsSee) {
  const auto client = cluster_.MakeClient();
  ASSERT_TRUE(
      client->CreateTopic({.name = "t", .partitions = 1, .replication_factor = 3}, kCallMs).ok());
  client::Producer producer(*client, {});
  for (int i = 0; i < 3; ++i) {
    Record record{.timestamp_ms = 1'700'000'000'000 + i,
                  .key = "k" + std::to_string(i),
                  .value = "v" + std::to_string(i),
                  .headers = {{"h", "x" + std::to_string(i)}, {"h", "y"}}};
    producer.Send("t", std::move(record), [](const Result<client::Delivery>& sent) {
      EXPECT_TRUE(sent.ok()) << sent.error();
    });
  }
  ASSERT_TRUE(producer.Flush(kCallMs));
  EXPECT_THAT(Consume("t", "%o %T %k %s %h"),
              ElementsAre("0 1700000000000 k0 v0 h=x0,h=y", "1 1700000000001 k1 v1 h=x1,h=y",
                          "2 1700000000002 k2 v2 h=x2,h=y"));
}

// ---- trouble ----

int LeaderOf(client::Client& client, const std::string& topic) {
  const auto states = client.DescribePartitions({topic}, kCallMs);
  if (!states.ok() || states->empty() || !states->front().from_leader) return 0;
  return states->front().leader;
}

TEST_F(KcatTest, AnIdempotentProducerLosesAndRepeatsNothingWhenALeaderDies) {
  const auto client = cluster_.MakeClient();
  ASSERT_TRUE(
      client->CreateTopic({.name = "t", .partitions = 1, .replication_factor = 3}, kCallMs).ok());
  int leader = 0;
  ASSERT_TRUE(Eventually([&] { return (leader = LeaderOf(*client, "t")) != 0; }));
  Output produced;
  std::thread producer([&] {
    // About four seconds of records.
    produced =
        Shell("for i in $(seq 1 200); do seq $((i * 10)) $((i * 10 + 9)); sleep 0.02; done | " +
              kcat("-P -p 0 -t t -X enable.idempotence=true -X linger.ms=5"));
  });
  const auto end_of = [&] {
    const auto ends =
        client->ListOffsets({{.where = {"t", 0}, .at = client::OffsetQuery::At::kLatest}}, kCallMs);
    return ends.ok() ? ends->front().offset : 0;
  };
  EXPECT_TRUE(Eventually([&] { return end_of() > 200; }));
  cluster_.Kill(leader);
  producer.join();
  EXPECT_EQ(produced.exit_code, 0) << produced.text;
  std::vector<std::string> expected;
  for (int i = 10; i < 2010; ++i) expected.push_back(std::to_string(i));
  EXPECT_EQ(Consume("t", "%s"), expected);
}

TEST_F(KcatTest, GarbageOnThePortDisturbsNobody) {
  ASSERT_EQ(Produce("t", "before\\n", "").exit_code, 0);
  const std::string port = std::to_string(cluster_.kafka_port(1));
  for (const std::string garbage :
       {"head -c 100000 /dev/urandom", "printf 'GET / HTTP/1.1\\r\\n\\r\\n'"}) {
    Shell("timeout 10 bash -c '" + garbage + " > /dev/tcp/127.0.0.1/" + port + "'");
  }
  ASSERT_EQ(Produce("t", "after\\n", "").exit_code, 0);
  EXPECT_THAT(Consume("t", "%s"), ElementsAre("before", "after"));
  EXPECT_EQ(cluster_.Terminate(1), 0);
}

}  // namespace
}  // namespace jangada::integration
