#include "tests/integration/test_cluster.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <thread>

#include "base/check.h"

namespace jangada::integration {
namespace {

constexpr std::chrono::milliseconds kAskEvery{20};
constexpr size_t kLogTail = 6'000;

std::string MakeFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "jangada-test-XXXXXX").string();
  CHECK(mkdtemp(name.data()) != nullptr);
  return name;
}

/// What a sanitizer said in `log`, if one did: in its builds a node must not end by it unnoticed.
std::string SanitizerReport(const std::string& log) {
  const size_t at = std::min(log.find("Sanitizer: "), log.find(": runtime error: "));
  if (at == std::string::npos) return "";
  const size_t line = log.rfind('\n', at);
  return log.substr(line == std::string::npos ? 0 : line + 1, kLogTail);
}

}  // namespace

TestCluster::TestCluster(int founders, std::vector<std::string> settings)
    : founders_(founders), settings_(std::move(settings)), folder_(MakeFolder()) {
  for (int node = 1; node <= founders_; ++node) TakePorts(node);
}

TestCluster::~TestCluster() {
  processes_.clear();
  for (int node : nodes()) {
    const std::string report = SanitizerReport(Log(node));
    EXPECT_EQ(report, "") << "node " << node << " ended by a sanitizer";
  }
  if (testing::Test::HasFailure()) {
    for (int node : nodes()) {
      const std::string log = Log(node);
      std::cerr << "---- the log of node " << node << " ends with:\n"
                << log.substr(log.size() - std::min(log.size(), kLogTail)) << "\n";
    }
  }
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

int TestCluster::AddJoiner() {
  const int node = ports_.rbegin()->first + 1;
  TakePorts(node);
  return node;
}

void TestCluster::TakePorts(int node) {
  const std::vector<int> free = FreePorts(4);
  ports_[node] = {free[0], free[1], free[2], free[3]};
}

std::string TestCluster::Founders() const {
  std::string list;
  for (int node = 1; node <= founders_; ++node) {
    list += (node > 1 ? "," : "") + std::to_string(node) + "@" + peer_address(node);
  }
  return list;
}

void TestCluster::Start(int node, const std::vector<std::string>& more_settings) {
  const Ports& ports = ports_.at(node);
  const auto local = [](int port) { return "127.0.0.1:" + std::to_string(port); };
  std::vector<std::string> settings{
      "data_dir=" + data_dir(node),       "node.id=" + std::to_string(node),
      "cluster.founders=" + Founders(),   "grpc.listen=" + local(ports.grpc),
      "peer.listen=" + local(ports.peer), "kafka.listen=" + local(ports.kafka),
      "http.listen=" + local(ports.http),
  };
  if (node > founders_) settings.push_back("cluster.join=true");
  settings.insert(settings.end(), settings_.begin(), settings_.end());
  settings.insert(settings.end(), more_settings.begin(), more_settings.end());
  std::vector<std::string> arguments;
  for (const std::string& setting : settings) {
    arguments.push_back("--set");
    arguments.push_back(setting);
  }
  processes_[node] = std::make_unique<ServerProcess>(arguments, log_path(node));
}

void TestCluster::StartAll() {
  for (int node : nodes()) Start(node);
}

bool TestCluster::WaitServing(const std::vector<int>& nodes) {
  for (int node : nodes) {
    const auto client = MakeClient({node});
    const bool serves = Eventually([&] {
      const auto cluster = client->DescribeCluster(1'000);
      if (!cluster.ok() || cluster->controller == 0) return false;
      return std::all_of(nodes.begin(), nodes.end(), [&cluster](int wanted) {
        return std::any_of(cluster->nodes.begin(), cluster->nodes.end(),
                           [wanted](const auto& one) { return one.id == wanted && one.live; });
      });
    });
    if (!serves) return false;
  }
  return true;
}

bool TestCluster::StartAndServe() {
  StartAll();
  return WaitServing(nodes());
}

void TestCluster::Kill(int node) { processes_.at(node)->Kill(); }

void TestCluster::Signal(int node, int signal) { processes_.at(node)->Signal(signal); }

void TestCluster::Pause(int node) { processes_.at(node)->Signal(SIGSTOP); }

void TestCluster::Resume(int node) { processes_.at(node)->Signal(SIGCONT); }

int TestCluster::Terminate(int node) {
  processes_.at(node)->Signal(SIGTERM);
  return WaitForEnd(node);
}

int TestCluster::WaitForEnd(int node, std::chrono::milliseconds patience) {
  return processes_.at(node)->Wait(patience).value_or(-1);
}

bool TestCluster::Runs(int node) {
  const auto found = processes_.find(node);
  return found != processes_.end() && found->second->Runs();
}

void TestCluster::Wipe(int node) {
  CHECK(!Runs(node));
  std::filesystem::remove_all(data_dir(node));
}

std::vector<int> TestCluster::nodes() const {
  std::vector<int> all;
  for (const auto& [node, ports] : ports_) all.push_back(node);
  return all;
}

std::string TestCluster::grpc_address(int node) const {
  return "127.0.0.1:" + std::to_string(ports_.at(node).grpc);
}

std::string TestCluster::peer_address(int node) const {
  return "127.0.0.1:" + std::to_string(ports_.at(node).peer);
}

std::string TestCluster::kafka_address(int node) const {
  return "127.0.0.1:" + std::to_string(ports_.at(node).kafka);
}

std::unique_ptr<client::Client> TestCluster::MakeClient(std::vector<int> nodes) const {
  client::ClientOptions options;
  options.bootstrap.clear();
  for (int node : nodes.empty() ? this->nodes() : nodes) {
    options.bootstrap.push_back(grpc_address(node));
  }
  auto client = client::Client::Make(options);
  CHECK(client.ok());
  return *std::move(client);
}

bool Eventually(const std::function<bool()>& condition, std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(kAskEvery);
  }
  return true;
}

}  // namespace jangada::integration
