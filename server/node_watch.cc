#include "server/node_watch.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "server/metrics/exposition.h"
#include "server/metrics/families.h"

namespace jangada::server {
namespace {

/// A thread that has not answered in this time is said to hang. A sync of a slow disk takes less.
constexpr int64_t kHealthPatienceUs = 5'000'000;
/// A scrape goes without the shards that have not answered in this time.
constexpr int64_t kScrapePatienceUs = 2'000'000;

std::string Lines(const std::vector<std::string>& sentences) {
  std::string text;
  for (const std::string& sentence : sentences) text += sentence + "\n";
  return text;
}

}  // namespace

/// One scrape. On the watch's thread.
struct NodeWatch::Gathering {
  NodeStats stats;
  Callback<HttpAnswer> done;  // empty: answered
  int64_t asked_us = 0;
  size_t missing = 0;
  Executor::TimerId timer = 0;
};

/// One question whether every thread that matters still runs. On the watch's thread.
struct NodeWatch::Probe {
  std::vector<std::string> silent;  // threads that have not answered
  Callback<HttpAnswer> done;        // empty: answered
  Executor::TimerId timer = 0;
};

NodeWatch::NodeWatch(const Context& context)
    : context_(context),
      began_us_(thread_.NowUs()),
      http_({{"/healthz",
              [this](Callback<HttpAnswer> done) {
                thread_.Post(
                    [this, done = std::move(done)]() mutable { MakeHealthPage(std::move(done)); });
              }},
             {"/metrics",
              [this](Callback<HttpAnswer> done) {
                thread_.Post(
                    [this, done = std::move(done)]() mutable { MakeMetricsPage(std::move(done)); });
              }},
             {"/readyz", [this](Callback<HttpAnswer> done) { done(ReadyPage()); }}}) {
  reasons_ = readiness_.reasons();
}

NodeWatch::~NodeWatch() { Stop(); }

Status NodeWatch::Start() {
  const Endpoint& listen = context_.config.http.listen;
  return http_.Start(listen.host, listen.port);
}

void NodeWatch::Stop() {
  http_.Stop();
  thread_.Stop();
}

// ---- ready? ----

void NodeWatch::Drain() {
  draining_ = true;
  context_.grpc.SetServing(false);
}

std::vector<GroupId> NodeWatch::ExpectedReplicas() const {
  std::vector<GroupId> expected;
  const NodeId self = context_.config.self();
  const ClusterImagePtr image = context_.rooms.broker().image();
  for (const auto& [name, topic] : image->topics) {
    for (const PartitionInfo& partition : topic->partitions) {
      const std::vector<NodeId>& nodes = partition.replicas;
      if (std::find(nodes.begin(), nodes.end(), self) != nodes.end()) {
        expected.push_back(partition.group);
      }
    }
  }
  return expected;
}

void NodeWatch::Look() {
  ControllerRoom* const room = context_.rooms.room();
  NodeLook look{.draining = draining_, .found_cluster = room != nullptr};
  if (room == nullptr) return Observe(look);
  const ReplicaVitals vitals = room->vitals();
  look.controller_known = vitals.has_leader;
  look.controller_behind = vitals.refilling || vitals.lag_entries > kCaughtUpEntries;
  look.registered = room->controller().registered();
  context_.rooms.replicas().Tally(
      ExpectedReplicas(), [this, look](const ReplicaTally& tally) mutable {
        look.replicas = tally;
        context_.rooms.replicas().controller_host().shard().Post([this, look] { Observe(look); });
      });
}

void NodeWatch::Observe(const NodeLook& look) {
  const bool was_ready = readiness_.ready();
  readiness_.Observe(look, context_.rooms.replicas().controller_host().shard().NowUs());
  {
    const std::lock_guard lock(mutex_);
    ready_ = readiness_.ready();
    reasons_ = readiness_.reasons();
  }
  if (was_ready == readiness_.ready()) return;
  if (!draining_) context_.grpc.SetServing(readiness_.ready());
  if (readiness_.ready()) {
    spdlog::info("node is ready node={}", context_.config.node.id);
  } else if (!look.draining) {
    spdlog::warn("node is not ready node={} reason=\"{}\"", context_.config.node.id,
                 readiness_.reasons().front());
  }
}

HttpAnswer NodeWatch::ReadyPage() const {
  if (draining_) return PlainAnswer(503, "The node is being stopped.\n");
  const std::lock_guard lock(mutex_);
  return ready_ ? PlainAnswer(200, "ready\n") : PlainAnswer(503, Lines(reasons_));
}

// ---- alive? ----

void NodeWatch::MakeHealthPage(Callback<HttpAnswer> done) {
  auto probe = std::make_shared<Probe>();
  probe->done = std::move(done);
  const auto ask = [this, probe](Executor& executor, const std::string& name) {
    probe->silent.push_back(name);
    executor.Post([this, probe, name] {
      thread_.Post([this, probe, name] {
        std::erase(probe->silent, name);
        if (!probe->silent.empty() || !probe->done) return;
        thread_.Cancel(probe->timer);
        std::exchange(probe->done, nullptr)(PlainAnswer(200, "alive\n"));
      });
    });
  };
  const auto& hosts = context_.rooms.replicas().hosts();
  for (size_t i = 0; i < hosts.size(); ++i) ask(hosts[i]->shard(), "shard-" + std::to_string(i));
  ask(context_.writer, "log-writer");
  probe->timer = thread_.After(kHealthPatienceUs, [probe] {
    std::vector<std::string> sentences;
    for (const std::string& name : probe->silent) {
      sentences.push_back("The thread " + name + " has not answered for 5 s.");
    }
    if (probe->done) std::exchange(probe->done, nullptr)(PlainAnswer(503, Lines(sentences)));
  });
}

// ---- metrics ----

void NodeWatch::MakeMetricsPage(Callback<HttpAnswer> done) {
  auto gathering = std::make_shared<Gathering>();
  gathering->done = std::move(done);
  gathering->asked_us = thread_.NowUs();
  gathering->stats.per_partition = context_.config.metrics.per_partition;
  AskShards(gathering);
  gathering->timer =
      thread_.After(kScrapePatienceUs, [this, gathering] { FinishMetrics(gathering); });
}

void NodeWatch::AskShards(const std::shared_ptr<Gathering>& gathering) {
  const auto& hosts = context_.rooms.replicas().hosts();
  gathering->missing = hosts.size();
  gathering->stats.shards.resize(hosts.size());
  last_hosts_.resize(hosts.size());
  for (size_t i = 0; i < hosts.size(); ++i) {
    hosts[i]->shard().Post([this, gathering, i, &host = *hosts[i],
                            per_partition = gathering->stats.per_partition] {
      HostStats stats = host.stats(per_partition);
      ClusterSample controller;
      RefillSample refills;
      if (i == 0) {  // group 0's shard
        if (ControllerRoom* const room = context_.rooms.room()) {
          stats.counters.Add(room->counters());
          controller.controller_leads = room->IsReadyLeader();
          controller.controller_known = room->vitals().has_leader;
        }
        const StatusTeller::Refills told = context_.rooms.teller().refills();
        refills = {.now = told.now, .started = told.begun, .ended = told.ended};
      }
      thread_.Post([this, gathering, i, controller, refills, stats = std::move(stats)] {
        ShardSample& shard = gathering->stats.shards[i];
        shard.responding = true;
        shard.response_seconds = static_cast<double>(thread_.NowUs() - gathering->asked_us) / 1e6;
        last_hosts_[i] = stats;
        if (i == 0) {
          last_controller_ = controller;
          last_refills_ = refills;
        }
        if (--gathering->missing == 0) FinishMetrics(gathering);
      });
    });
  }
}

void NodeWatch::FinishMetrics(const std::shared_ptr<Gathering>& gathering) {
  if (!gathering->done) return;
  thread_.Cancel(gathering->timer);
  NodeStats& stats = gathering->stats;
  for (const HostStats& host : last_hosts_) stats.replicas.Add(host);
  stats.cluster = last_controller_;
  stats.refills = last_refills_;
  FillRest(stats);
  for (ShardSample& shard : stats.shards) {
    if (shard.responding) continue;
    shard.response_seconds = static_cast<double>(thread_.NowUs() - gathering->asked_us) / 1e6;
  }
  std::exchange(gathering->done, nullptr)(
      {.status = 200, .content_type = kExpositionType, .body = Expose(FamiliesOf(stats))});
}

/// What needs no shard.
void NodeWatch::FillRest(NodeStats& stats) const {
  const Config& config = context_.config;
  stats.node = config.self();
  {
    const std::lock_guard lock(mutex_);
    stats.ready = ready_ && !draining_;
  }
  stats.uptime_seconds = static_cast<double>(thread_.NowUs() - began_us_) / 1e6;
  stats.process = ReadProcessStats();
  stats.http = http_.stats();
  stats.connections = {{"grpc", CountConnections(config.grpc.listen.port)},
                       {"kafka", CountConnections(config.kafka.listen.port)},
                       {"peer", CountConnections(config.peer.listen.port)},
                       {"http", stats.http.connections}};
  const storage::LogStore::Usage usage = context_.store.usage();
  stats.condition = {.disk_free_bytes = usage.disk_free_bytes,
                     .disk_total_bytes = usage.disk_total_bytes,
                     .accepts_produce = usage.accepts_produce,
                     .draining = draining_};
  for (size_t i = 0; i < context_.shards.size(); ++i) {
    stats.shards[i].stats = context_.shards[i]->stats();
  }
  stats.store = context_.store.stats();
  stats.transport = context_.transport.stats();
  stats.grpc = context_.grpc.stats();
  stats.kafka = context_.kafka.stats();
  const ClusterImagePtr image = context_.rooms.broker().image();
  stats.cluster.nodes = image->nodes.size();
  stats.cluster.topics = image->topics.size();
  stats.cluster.partitions = image->groups.size();
  for (const NodeId node : context_.rooms.broker().LiveNodes()) {
    if (image->nodes.contains(node)) ++stats.cluster.live_nodes;
  }
}

}  // namespace jangada::server
