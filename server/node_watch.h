// NodeWatch: what a node shows to whoever watches it, at http.listen: /healthz (is the process
// alive), /readyz (should it be sent work), /metrics. It asks every room for its numbers and waits
// for none longer than a patience; no room knows of it.
//
// Threads: pages are made on a thread of its own. Drain and Look belong to group 0's shard, the
// rest to the thread that starts and stops the node, but for what says otherwise.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "server/config.h"
#include "server/grpc/grpc_server.h"
#include "server/http/http_server.h"
#include "server/kafka/dispatcher.h"
#include "server/metrics/node_stats.h"
#include "server/node_rooms.h"
#include "server/readiness.h"
#include "server/runtime/shard.h"
#include "server/transport/peer_transport.h"
#include "storage/rocks_log_store.h"
#include "storage/thread_executor.h"

namespace jangada::server {

class NodeWatch {
 public:
  struct Context {  // all outlive the watch
    const Config& config;
    storage::RocksLogStore& store;
    Executor& writer;  // the store's
    PeerTransport& transport;
    NodeRooms& rooms;
    const std::vector<std::unique_ptr<Shard>>& shards;  // the rooms'
    GrpcServer& grpc;
    const kafka::Dispatcher& kafka;
  };

  explicit NodeWatch(const Context& context);
  ~NodeWatch();

  /// Listens. kUnavailable: the port is busy.
  Status Start();
  /// Listens no longer. REQUIRES: the shards and the writer still run, or never will again.
  void Stop();

  /// From now on the node is not ready: whoever balances load sends it no more.
  void Drain();
  /// Judges whether the node is ready; about once a second.
  void Look();

 private:
  struct Gathering;
  struct Probe;

  void Observe(const NodeLook& look);
  std::vector<GroupId> ExpectedReplicas() const;

  // On the watch's thread.
  void MakeHealthPage(Callback<HttpAnswer> done);
  void MakeMetricsPage(Callback<HttpAnswer> done);
  HttpAnswer ReadyPage() const;  // any thread
  void AskShards(const std::shared_ptr<Gathering>& gathering);
  void FinishMetrics(const std::shared_ptr<Gathering>& gathering);
  void FillRest(NodeStats& stats) const;

  // Constant after construction.
  const Context context_;

  // Group 0's shard.
  Readiness readiness_;

  std::atomic<bool> draining_ = false;
  /// What the last look found, for all threads.
  mutable std::mutex mutex_;
  bool ready_ = false;
  std::vector<std::string> reasons_;

  storage::ThreadExecutor thread_{"watch"};
  const int64_t began_us_;
  /// Watch's thread: what each shard said last. A counter that went back because a shard is late
  /// would look like a restart.
  std::vector<HostStats> last_hosts_;
  ClusterSample last_controller_;
  RefillSample last_refills_;

  HttpServer http_;
};

}  // namespace jangada::server
