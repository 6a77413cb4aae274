// What may happen to the disk of a node: lost, damaged, full.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <future>
#include <map>
#include <thread>

#include "tests/integration/load.h"
#include "tests/integration/test_cluster.h"
#include "tests/own_file_system.h"
#include "tests/server/http/raw_client.h"
#include "tests/server/metrics/strict_parser.h"

namespace jangada::integration {
namespace {

using testing::AllOf;
using testing::HasSubstr;

bool FullyReplicated(client::Client& client, const std::string& topic, size_t replicas) {
  const auto states = client.DescribePartitions({topic}, kCallMs);
  return states.ok() && !states->empty() &&
         std::all_of(states->begin(), states->end(), [replicas](const auto& state) {
           const auto good = [](const auto& r) { return r.voter && r.caught_up; };
           return state.from_leader &&
                  static_cast<size_t>(std::count_if(state.replicas.begin(), state.replicas.end(),
                                                    good)) == replicas;
         });
}

/// Flips one bit in each stored copy of `text` below `folder`. How many copies there were.
int FlipBitIn(const std::string& folder, const std::string& text) {
  int flipped = 0;
  for (const auto& file : std::filesystem::recursive_directory_iterator(folder)) {
    if (!file.is_regular_file()) continue;
    std::string bytes = ReadFile(file.path().string());
    size_t at = bytes.find(text);
    if (at == std::string::npos) continue;
    for (; at != std::string::npos; at = bytes.find(text, at + 1), ++flipped) {
      bytes[at + text.size() / 2] ^= 0x10;
    }
    std::ofstream(file.path(), std::ios::binary | std::ios::trunc) << bytes;
  }
  return flipped;
}

/// A cluster whose partition holds 500 records on all three nodes.
struct Filled {
  Filled() {
    started = cluster.StartAndServe();
    if (!started) return;
    load = std::make_unique<Load>(cluster, "t", 1, 3);
    started = load->Produce(500) &&
              Eventually([this] { return FullyReplicated(load->client(), "t", 3); });
    const auto states = load->client().DescribePartitions({"t"}, kCallMs);
    leader = states.ok() && !states->empty() ? states->front().leader : 0;
    started = started && leader != 0;
  }
  TestCluster cluster{3};
  std::unique_ptr<Load> load;
  int leader = 0;
  bool started = false;
};

/// The metrics of the node, and what any node tells of it, count the refill and its end.
void ExpectMetricsSaySo(const TestCluster& cluster, int node) {
  const auto port = static_cast<uint16_t>(cluster.http_port(node));
  EXPECT_TRUE(Eventually([&] {
    const auto scrape = server::testing::ParseStrictly(
        server::testing::Body(server::testing::Get(port, "/metrics")));
    return scrape.Sum("jangada_damage_found_total") >= 1 &&
           scrape.Sum("jangada_refills_started_total") >= 1 &&
           scrape.Sum("jangada_refills_ended_total") ==
               scrape.Sum("jangada_refills_started_total") &&
           scrape.Sum("jangada_replicas_refilling") == 0;
  }));
  const auto client = cluster.MakeClient();
  EXPECT_TRUE(Eventually([&] {
    const auto view = client->DescribeCluster(kCallMs);
    if (!view.ok()) return false;
    const auto self = std::find_if(view->nodes.begin(), view->nodes.end(),
                                   [node](const auto& one) { return one.id == node; });
    return self != view->nodes.end() && self->refilled_replicas >= 1 &&
           self->refilling_replicas == 0;
  }));
}

/// Damages record 250 on `node`, which does not run, and expects that it heals without a person.
void ExpectHeals(Filled& filled, int node) {
  ASSERT_GT(FlipBitIn(filled.cluster.data_dir(node), ValueOf(250)), 0)
      << "the record was not found on the disk of node " << node;
  filled.cluster.Start(node);
  ASSERT_TRUE(filled.cluster.WaitServing({node}));
  EXPECT_TRUE(Eventually([&] { return FullyReplicated(filled.load->client(), "t", 3); }));
  EXPECT_THAT(filled.cluster.Log(node), HasSubstr("damaged")) << "the log says so";
  ExpectMetricsSaySo(filled.cluster, node);
  EXPECT_TRUE(filled.load->Produce(100));
  EXPECT_EQ(filled.load->Judge(filled.load->client()), "");
  // The healed copy is good by itself: it leads, and serves everything.
  EXPECT_TRUE(Eventually([&] {
    return filled.load->client().TransferLeadership({"t", 0}, node, kCallMs).ok();
  }));
  EXPECT_EQ(filled.load->Judge(*filled.cluster.MakeClient({node})), "");
}

TEST(DiskTest, FlippedBitInAStoppedFollowersLogHeals) {
  Filled filled;
  ASSERT_TRUE(filled.started);
  const int follower = filled.leader % 3 + 1;
  filled.cluster.Kill(follower);
  ExpectHeals(filled, follower);
}

TEST(DiskTest, FlippedBitInAStoppedLeadersLogHeals) {
  Filled filled;
  ASSERT_TRUE(filled.started);
  filled.cluster.Kill(filled.leader);
  ExpectHeals(filled, filled.leader);
}

TEST(DiskTest, WipedNodeIsRefusedUntilItIsRemovedAndAddedAgain) {
  Filled filled;
  ASSERT_TRUE(filled.started);
  TestCluster& cluster = filled.cluster;
  const int wiped = filled.leader % 3 + 1;
  const std::string number = std::to_string(wiped);
  cluster.Kill(wiped);
  cluster.Wipe(wiped);
  cluster.Start(wiped);
  const int code = cluster.WaitForEnd(wiped);
  EXPECT_GT(code, 0) << "it ends by itself, and not with success";
  EXPECT_THAT(cluster.Log(wiped), AllOf(HasSubstr("jangada node remove " + number),
                                        HasSubstr("jangada node add " + number)));

  client::Client& client = filled.load->client();
  ASSERT_TRUE(client.RemoveNode(wiped, kCallMs).ok());
  ASSERT_TRUE(Eventually([&] { return client.AddNode(wiped, kCallMs).ok(); }));
  cluster.Start(wiped);
  ASSERT_TRUE(cluster.WaitServing({wiped}));
  EXPECT_TRUE(Eventually([&] { return FullyReplicated(client, "t", 3); }))
      << "it has a copy of everything again";
  EXPECT_TRUE(filled.load->Produce(100));
  EXPECT_EQ(filled.load->Judge(*cluster.MakeClient({wiped})), "");
}

TEST(DiskTest, TwoWipedNodesFoundNothing) {
  Filled filled;
  ASSERT_TRUE(filled.started);
  TestCluster& cluster = filled.cluster;
  for (int node : cluster.nodes()) cluster.Kill(node);
  std::map<int, size_t> log_before;  // what it said in its former life
  for (int node : {1, 2}) {
    log_before[node] = cluster.Log(node).size();
    cluster.Wipe(node);
    cluster.Start(node);
  }
  // Alone they must wait for the third, for ever: it may hold the cluster, and it does. When it is
  // back, it is one of three that know anything, and no majority.
  const auto expect_nothing_is_founded = [&cluster, &log_before] {
    std::this_thread::sleep_for(std::chrono::seconds(3));
    for (int node : {1, 2}) {
      const auto view = cluster.MakeClient({node})->DescribeCluster(1'000);
      EXPECT_TRUE(!view.ok() || view->controller == 0) << "through node " << node;
      EXPECT_THAT(cluster.Log(node).substr(log_before[node]),
                  testing::Not(HasSubstr("founding a cluster")));
    }
  };
  expect_nothing_is_founded();
  cluster.Start(3);
  expect_nothing_is_founded();
  EXPECT_TRUE(cluster.Runs(3));
}

/// Takes space of the file system without writing it.
class Ballast {
 public:
  Ballast(const std::string& path, int64_t bytes) : path_(path) {
    const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    taken_ = fd >= 0 && fallocate(fd, 0, 0, bytes) == 0;
    close(fd);
  }
  ~Ballast() { Free(); }
  bool taken() const { return taken_; }
  void Free() { unlink(path_.c_str()); }

 private:
  const std::string path_;
  bool taken_ = false;
};

/// What a record that nobody waits long for gets: "" when it is acknowledged.
std::string ProduceOne(Load& load) {
  client::ProducerOptions options;
  options.delivery_timeout_ms = 1'000;
  client::Producer producer(load.client(), options);
  std::promise<std::string> outcome;
  Record record;
  record.key = "other";
  record.value = "probe-0";
  producer.Send(load.topic(), std::move(record), [&outcome](Result<client::Delivery> delivery) {
    outcome.set_value(delivery.ok() ? "" : delivery.error().message);
  });
  return outcome.get_future().get();
}

TEST(DiskTest, FullDiskRefusesProduceServesReadsAndRecovers) {
  constexpr int64_t kGiB = 1 << 30;
  const auto space = std::filesystem::space(std::filesystem::temp_directory_path());
  const int64_t free = static_cast<int64_t>(space.available);
  ASSERT_GT(free, 6 * kGiB) << "the test needs room to take";
  // "Full" is 3 GiB less than there is now; others may use some of the disk meanwhile.
  TestCluster cluster(1, {"storage.min_free_bytes=" + std::to_string(free - 3 * kGiB)});
  ASSERT_TRUE(cluster.StartAndServe());
  Load load(cluster, "t", 1, 1);
  ASSERT_TRUE(load.Produce(100));

  Ballast ballast(cluster.data_dir(1) + ".ballast", 5 * kGiB);
  ASSERT_TRUE(ballast.taken());
  std::string said;
  const auto refused = [&] { return !(said = ProduceOne(load)).empty(); };
  EXPECT_TRUE(Eventually(refused));
  EXPECT_THAT(said, HasSubstr("space")) << "the error says what is wrong";
  EXPECT_TRUE(Eventually([&] {
    return cluster.Log(1).find("produce is refused") != std::string::npos;
  })) << "and so does the log";
  const int64_t before = load.acknowledged();
  EXPECT_EQ(load.Judge(load.client()), "") << "every record is served meanwhile";

  ballast.Free();
  ASSERT_TRUE(Eventually([&] { return !refused(); }));
  EXPECT_TRUE(load.Produce(100));
  EXPECT_EQ(load.acknowledged(), before + 100);
  EXPECT_TRUE(
      Eventually([&] { return cluster.Log(1).find("produce is accepted") != std::string::npos; }));
}

TEST(DiskTest, DisksThatAreFilledToTheLastBlockLoseNothingAndRecover) {
  std::array<OwnFileSystem, 3> disks{OwnFileSystem(384), OwnFileSystem(384), OwnFileSystem(384)};
  for (const OwnFileSystem& disk : disks) {
    SKIP_WITHOUT_OWN_FILE_SYSTEM(disk);
  }
  TestCluster cluster(3);
  const auto start = [&](int node) {
    cluster.Start(node, {"data_dir=" + (disks[node - 1].path() / "data").string()});
  };
  for (const int node : cluster.nodes()) start(node);
  ASSERT_TRUE(cluster.WaitServing(cluster.nodes()));
  Load load(cluster, "t", 3, 3);
  ASSERT_TRUE(load.Produce(300));

  load.Run();
  for (OwnFileSystem& disk : disks) disk.FillTo(0);
  EXPECT_TRUE(Eventually([&] { return !ProduceOne(load).empty(); })) << "records are refused";
  for (OwnFileSystem& disk : disks) disk.FreeAgain();

  // A node that met the full disk in the middle of a write has stopped with a word about it.
  for (const int node : cluster.nodes()) {
    if (cluster.Runs(node)) continue;
    EXPECT_THAT(cluster.Log(node), HasSubstr("No space left on device"));
    start(node);
  }
  ASSERT_TRUE(cluster.WaitServing(cluster.nodes()));
  EXPECT_TRUE(Eventually([&] { return ProduceOne(load).empty(); })) << "and taken again";
  EXPECT_TRUE(load.Stop());
  EXPECT_TRUE(load.Produce(100));
  EXPECT_TRUE(Eventually([&] { return FullyReplicated(load.client(), "t", 3); }));
  EXPECT_EQ(load.Judge(load.client()), "");
}

TEST(DiskTest, NodeWhoseDiskFailsEndsWithASentenceAndLosesNothing) {
  OwnFileSystem disk(384);
  SKIP_WITHOUT_OWN_FILE_SYSTEM(disk);
  TestCluster cluster(3);
  const std::vector<std::string> on_it{"data_dir=" + (disk.path() / "data").string()};
  cluster.Start(1, on_it);
  cluster.Start(2);
  cluster.Start(3);
  ASSERT_TRUE(cluster.WaitServing(cluster.nodes()));
  Load load(cluster, "t", 3, 3);
  ASSERT_TRUE(load.Produce(100));
  load.Run();
  disk.Shutdown();
  EXPECT_GT(cluster.WaitForEnd(1), 0) << "an exit code that tells the truth";
  EXPECT_THAT(cluster.Log(1), HasSubstr("Input/output error"));
  ASSERT_TRUE(load.WaitForMore(100)) << "the others go on";

  ASSERT_TRUE(disk.Unmount());
  ASSERT_TRUE(disk.Mount());
  cluster.Start(1, on_it);
  ASSERT_TRUE(cluster.WaitServing(cluster.nodes()));
  EXPECT_TRUE(load.Stop());
  EXPECT_TRUE(Eventually([&] { return FullyReplicated(load.client(), "t", 3); }));
  EXPECT_EQ(load.Judge(load.client()), "");
}

}  // namespace
}  // namespace jangada::integration
