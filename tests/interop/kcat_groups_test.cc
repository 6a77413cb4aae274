// Consumer groups as kcat (librdkafka) speaks them, against three nodes as processes: members share
// a topic, one is killed, coordinators are killed, everything is; what was committed stays.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "tests/integration/test_cluster.h"

namespace jangada::integration {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr const char* kGroup = "readers";
constexpr int kShardOfGroup = 0;  // of 16, by Java's hash of the name

/// One kcat, until it ends or is ended. Its output is kept in files.
class Kcat {
 public:
  Kcat(const std::string& folder, const std::string& name, const std::string& arguments)
      : out_(folder + "/" + name + ".out"), err_(folder + "/" + name + ".err") {
    pid_ = fork();
    if (pid_ != 0) return;
    const std::string command = "exec kcat " + arguments + " >>" + out_ + " 2>>" + err_;
    execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
    _exit(127);
  }
  ~Kcat() { End(SIGKILL); }
  Kcat(const Kcat&) = delete;
  Kcat& operator=(const Kcat&) = delete;

  void End(int signal) {
    if (pid_ <= 0) return;
    kill(pid_, signal);
    Wait();
  }
  int Wait() {
    int status = 0;
    waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  std::vector<std::string> lines() const {
    std::vector<std::string> lines;
    std::ifstream in(out_);
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  }
  std::string errors() const { return ReadFile(err_); }
  /// The partitions that it was assigned last, and how often it was assigned some.
  std::set<std::string> assigned() const {
    std::set<std::string> partitions;
    std::istringstream in(errors());
    for (std::string line; std::getline(in, line);) {
      const size_t at = line.find("assigned: ");
      if (line.find("rebalanced") == std::string::npos || at == std::string::npos) continue;
      partitions.clear();
      std::istringstream list(line.substr(at + 10));
      for (std::string one; std::getline(list, one, ',');) {
        partitions.insert(one.substr(one.find('[')));
      }
    }
    return partitions;
  }
  size_t assignments() const {
    size_t count = 0;
    const std::string text = errors();
    for (size_t at = 0; (at = text.find("assigned: ", at)) != std::string::npos; ++at) ++count;
    return count;
  }

 private:
  const std::string out_;
  const std::string err_;
  pid_t pid_ = -1;
};

class KcatGroupsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "kcat-groups-XXXXXX";
    ASSERT_NE(mkdtemp(folder_.data()), nullptr);
    ASSERT_TRUE(cluster_.StartAndServe());
    client_ = cluster_.MakeClient();
    ASSERT_TRUE(
        client_->CreateTopic({.name = "t", .partitions = 4, .replication_factor = 3}, kCallMs)
            .ok());
  }
  void TearDown() override {
    if (!HasFailure()) return;
    (void)system(("cat " + folder_ + "/*.err >&2").c_str());
  }

  std::string brokers() const {
    std::string list;
    for (const int node : cluster_.nodes()) {
      list += (list.empty() ? "" : ",") + cluster_.kafka_address(node);
    }
    return list;
  }
  std::unique_ptr<Kcat> Member(const std::string& name, const std::string& more = "") {
    return std::make_unique<Kcat>(folder_, name,
                                  "-b " + brokers() + " -G " + kGroup +
                                      " -X session.timeout.ms=6000 -X heartbeat.interval.ms=1000 "
                                      "-X auto.offset.reset=earliest"
                                      " -X auto.commit.interval.ms=200 -u -f '%s\\n' " +
                                      more + " t");
  }
  /// The values first..last, spread over the partitions.
  void Produce(int first, int last) {
    const std::string command = "seq " + std::to_string(first) + " " + std::to_string(last) +
                                " | sed 's/.*/&:&/' | timeout 60 kcat -b " + brokers() +
                                " -P -K: -X enable.idempotence=true -t t";
    ASSERT_EQ(system(command.c_str()), 0);
  }
  static std::multiset<int> Values(const std::vector<const Kcat*>& members) {
    std::multiset<int> values;
    for (const Kcat* member : members) {
      for (const std::string& line : member->lines()) values.insert(std::atoi(line.c_str()));
    }
    return values;
  }
  static bool HasAll(const std::multiset<int>& values, int first, int last) {
    for (int value = first; value <= last; ++value) {
      if (!values.contains(value)) return false;
    }
    return true;
  }
  int Coordinator() {
    const auto states = client_->DescribePartitions({"__consumer_offsets"}, kCallMs);
    if (!states.ok()) return 0;
    for (const auto& state : *states) {
      if (state.where.partition == kShardOfGroup && state.from_leader) return state.leader;
    }
    return 0;
  }

  std::string folder_;
  TestCluster cluster_{3, {"groups.initial_rebalance_delay_ms=100"}};
  std::unique_ptr<client::Client> client_;
};

TEST_F(KcatGroupsTest, MembersShareATopicAndOneTakesOverFromAnotherThatIsKilled) {
  auto first = Member("first");
  ASSERT_TRUE(Eventually([&] { return first->assigned().size() == 4; }));
  auto second = Member("second");
  ASSERT_TRUE(
      Eventually([&] { return first->assigned().size() == 2 && second->assigned().size() == 2; }));
  Produce(1, 400);
  EXPECT_TRUE(Eventually([&] { return HasAll(Values({first.get(), second.get()}), 1, 400); }));
  EXPECT_FALSE(first->lines().empty());
  EXPECT_FALSE(second->lines().empty());
  EXPECT_EQ(Values({first.get(), second.get()}).size(), 400u);  // each of them once
  second->End(SIGKILL);
  ASSERT_TRUE(Eventually([&] { return first->assigned().size() == 4; }));
  Produce(401, 800);
  EXPECT_TRUE(Eventually([&] { return HasAll(Values({first.get()}), 401, 800); }));
}

TEST_F(KcatGroupsTest, AMemberThatLeavesHandsOverAtOnce) {
  auto first = Member("first");
  ASSERT_TRUE(Eventually([&] { return first->assigned().size() == 4; }));
  auto second = Member("second");
  ASSERT_TRUE(Eventually([&] { return second->assigned().size() == 2; }));
  second->End(SIGTERM);
  const auto began = std::chrono::steady_clock::now();
  ASSERT_TRUE(Eventually([&] { return first->assigned().size() == 4; }));
  // Its session would last 6 s more.
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(5));
}

TEST_F(KcatGroupsTest, CommittedOffsetsOutliveTheirCoordinatorAndThePowerLossOfAllNodes) {
  Produce(1, 300);
  {
    auto member = Member("first", "-c 300");  // it commits as it closes
    EXPECT_EQ(member->Wait(), 0);
    EXPECT_TRUE(HasAll(Values({member.get()}), 1, 300));
  }
  const int coordinator = Coordinator();
  ASSERT_NE(coordinator, 0);
  cluster_.Kill(coordinator);
  Produce(301, 400);
  {
    auto member = Member("second", "-c 100");
    EXPECT_EQ(member->Wait(), 0);
    const auto values = Values({member.get()});
    EXPECT_TRUE(HasAll(values, 301, 400));
    EXPECT_EQ(values.size(), 100u);  // nothing that was committed comes again
  }
  for (const int node : cluster_.nodes()) {
    if (cluster_.Runs(node)) cluster_.Kill(node);
  }
  cluster_.StartAll();
  ASSERT_TRUE(cluster_.WaitServing(cluster_.nodes()));
  Produce(401, 500);
  auto member = Member("third", "-c 100");
  EXPECT_EQ(member->Wait(), 0);
  const auto values = Values({member.get()});
  EXPECT_TRUE(HasAll(values, 401, 500));
  EXPECT_EQ(values.size(), 100u);
}

TEST_F(KcatGroupsTest, MembersGoOnWithoutARebalanceWhenTheirCoordinatorIsKilled) {
  auto first = Member("first");
  ASSERT_TRUE(Eventually([&] { return first->assigned().size() == 4; }));
  auto second = Member("second");
  ASSERT_TRUE(
      Eventually([&] { return first->assigned().size() == 2 && second->assigned().size() == 2; }));
  const size_t before = first->assignments() + second->assignments();
  const int coordinator = Coordinator();
  ASSERT_NE(coordinator, 0);
  cluster_.Kill(coordinator);
  ASSERT_TRUE(Eventually([&] { return Coordinator() != 0 && Coordinator() != coordinator; }));
  Produce(1, 400);
  EXPECT_TRUE(Eventually([&] { return HasAll(Values({first.get(), second.get()}), 1, 400); }));
  EXPECT_EQ(first->assignments() + second->assignments(), before);
  EXPECT_FALSE(first->lines().empty());
  EXPECT_FALSE(second->lines().empty());
}

TEST_F(KcatGroupsTest, TheTopicOfTheGroupsIsTheClustersOwn) {
  Member("first", "-e")->Wait();
  ASSERT_NE(Coordinator(), 0);
  const std::string kcat = "timeout 30 kcat -b " + brokers();
  EXPECT_NE(system(("echo x | " + kcat +
                    " -P -t __consumer_offsets -p 0 -X message.timeout.ms=5000"
                    " 2>/dev/null")
                       .c_str()),
            0);
  const auto deleted = client_->DeleteTopic("__consumer_offsets", kCallMs);
  EXPECT_FALSE(deleted.ok());
  EXPECT_FALSE(client_->CreatePartitions("__consumer_offsets", 32, kCallMs).ok());
}

}  // namespace
}  // namespace jangada::integration
