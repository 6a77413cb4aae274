// TestCluster: nodes as processes, in a temporary folder and on free ports, for tests that kill
// them. Prints the end of every log when the test has failed. One thread.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "jangada/client.h"
#include "jangada/consumer.h"
#include "jangada/producer.h"
#include "tests/integration/server_process.h"

namespace jangada::integration {

inline constexpr std::chrono::seconds kPatience{30};
inline constexpr int64_t kCallMs = 15'000;

class TestCluster {
 public:
  /// Starts nothing yet. `settings` as --set takes them, for every node.
  explicit TestCluster(int founders, std::vector<std::string> settings = {});
  ~TestCluster();

  /// A node that is no founder.
  int AddJoiner();

  void Start(int node, const std::vector<std::string>& more_settings = {});
  void StartAll();
  /// Waits until each of these nodes answers clients, knows the controller's leader, and hears the
  /// others.
  [[nodiscard]] bool WaitServing(const std::vector<int>& nodes);
  [[nodiscard]] bool StartAndServe();  // all of them

  void Kill(int node);
  void Signal(int node, int signal);
  void Pause(int node);
  void Resume(int node);
  /// SIGTERM, and waits: the exit code; -1 if it does not end.
  int Terminate(int node);
  /// How the node ended by itself: the exit code; -1 if it still runs after `patience`.
  int WaitForEnd(int node, std::chrono::milliseconds patience = kPatience);
  bool Runs(int node);
  /// REQUIRES: the node does not run.
  void Wipe(int node);

  std::vector<int> nodes() const;
  std::string data_dir(int node) const { return folder_ + "/node-" + std::to_string(node); }
  std::string Log(int node) const { return ReadFile(log_path(node)); }
  std::string grpc_address(int node) const;
  std::string peer_address(int node) const;
  std::string kafka_address(int node) const;
  int kafka_port(int node) const { return ports_.at(node).kafka; }
  int grpc_port(int node) const { return ports_.at(node).grpc; }
  int peer_port(int node) const { return ports_.at(node).peer; }
  int http_port(int node) const { return ports_.at(node).http; }

  /// A client that knows these nodes; all of them if none is named.
  std::unique_ptr<client::Client> MakeClient(std::vector<int> nodes = {}) const;

 private:
  struct Ports {
    int grpc = 0;
    int peer = 0;
    int kafka = 0;
    int http = 0;
  };
  std::string log_path(int node) const { return data_dir(node) + ".log"; }
  std::string Founders() const;
  void TakePorts(int node);

  const int founders_;
  const std::vector<std::string> settings_;
  std::string folder_;
  std::map<int, Ports> ports_;
  std::map<int, std::unique_ptr<ServerProcess>> processes_;
};

/// Asks again until `condition` holds; false when it does not in time.
[[nodiscard]] bool Eventually(const std::function<bool()>& condition,
                              std::chrono::milliseconds patience = kPatience);

}  // namespace jangada::integration
