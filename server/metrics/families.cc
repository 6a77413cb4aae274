#include "server/metrics/families.h"

#include <algorithm>
#include <string>

#include "base/version.h"

namespace jangada::server {
namespace {

using Families = std::vector<Family>;

constexpr double kMicrosPerSecond = 1e6;

Family& Counter(Families& out, const char* name, const char* help) {
  return out.emplace_back(name, MetricType::kCounter, help);
}
Family& Gauge(Families& out, const char* name, const char* help) {
  return out.emplace_back(name, MetricType::kGauge, help);
}
Family& Histogram(Families& out, const char* name, const char* help) {
  return out.emplace_back(name, MetricType::kHistogram, help);
}

double Number(uint64_t value) { return static_cast<double>(value); }
double Number(int64_t value) { return static_cast<double>(value); }
double Number(bool value) { return value ? 1 : 0; }

Labels PeerLabel(NodeId peer) { return {{"peer", std::to_string(peer.value())}}; }

// ---- the node and its process ----

void AddNode(const NodeStats& stats, Families& out) {
  Gauge(out, "jangada_build_info", "Always 1; the labels say which node and which version this is.")
      .Add({{"version", std::string(Version())}, {"node", std::to_string(stats.node.value())}}, 1);
  Gauge(out, "jangada_ready", "1 if the node is ready for work, as /readyz says.")
      .Add(Number(stats.ready));
  Gauge(out, "jangada_draining", "1 while the node is being stopped.")
      .Add(Number(stats.condition.draining));
  Gauge(out, "jangada_uptime_seconds", "Time since the node's process began.")
      .Add(stats.uptime_seconds);
  Family& connections =
      Gauge(out, "jangada_connections", "Established connections to each of the node's doors.");
  for (const auto& [door, count] : stats.connections) {
    connections.Add({{"door", door}}, Number(count));
  }
}

void AddProcess(const ProcessStats& process, Families& out) {
  Counter(out, "process_cpu_seconds_total", "User and system CPU time of the process.")
      .Add(process.cpu_seconds);
  Gauge(out, "process_start_time_seconds", "When the process began, in seconds since 1970 UTC.")
      .Add(process.start_time_seconds);
  Gauge(out, "process_resident_memory_bytes", "Memory of the process that is in RAM.")
      .Add(Number(process.resident_bytes));
  Gauge(out, "process_virtual_memory_bytes", "Address space of the process.")
      .Add(Number(process.virtual_bytes));
  Gauge(out, "process_open_fds", "Open file descriptors.").Add(Number(process.open_fds));
  Gauge(out, "process_max_fds", "The limit of open file descriptors.").Add(Number(process.max_fds));
  Gauge(out, "process_threads", "Threads of the process.").Add(Number(process.threads));
}

void AddCluster(const ClusterSample& cluster, Families& out) {
  Gauge(out, "jangada_nodes", "Nodes of the cluster, as this one hears them: live or dead.")
      .Add({{"state", "live"}}, Number(cluster.live_nodes))
      .Add({{"state", "dead"}}, Number(cluster.nodes - cluster.live_nodes));
  Gauge(out, "jangada_controller_known", "1 if this node knows who leads the controller group.")
      .Add(Number(cluster.controller_known));
  Gauge(out, "jangada_controller_leads", "1 if this node leads the controller group.")
      .Add(Number(cluster.controller_leads));
  Gauge(out, "jangada_topics", "Topics of the cluster.").Add(Number(cluster.topics));
  Gauge(out, "jangada_partitions", "Partitions of the cluster.").Add(Number(cluster.partitions));
}

// ---- replicas ----

void AddReplicas(const HostStats& replicas, Families& out) {
  Gauge(out, "jangada_replicas", "Replicas on this node.").Add(Number(replicas.replicas));
  Gauge(out, "jangada_leaders", "Partitions that this node leads and is ready to serve.")
      .Add(Number(replicas.leaders));
  Gauge(out, "jangada_replicas_without_leader", "Replicas on this node that know no leader.")
      .Add(Number(replicas.leaderless));
  Gauge(out, "jangada_replicas_behind",
        "Replicas on this node that have not applied what they know to be committed.")
      .Add(Number(replicas.behind));
  Gauge(out, "jangada_unfolded_bytes", "Log that a restart of this node would replay.")
      .Add(Number(replicas.unfolded_bytes));
  Gauge(out, "jangada_waiting_fetches", "Fetches at the end of a partition that wait for records.")
      .Add(Number(replicas.waiting_fetches));
  const ReplicaCounters& counters = replicas.counters;
  Counter(out, "jangada_elections_started_total",
          "Elections in which a replica of this node stood.")
      .Add(Number(counters.elections_started));
  Counter(out, "jangada_elections_won_total", "Elections that a replica of this node won.")
      .Add(Number(counters.elections_won));
  Counter(out, "jangada_checkpoints_written_total",
          "Checkpoints that replicas wrote of themselves.")
      .Add(Number(counters.checkpoints_written));
  Counter(out, "jangada_checkpoints_sent_total", "Checkpoints sent to followers that fell behind.")
      .Add(Number(counters.checkpoints_sent));
  Counter(out, "jangada_checkpoints_installed_total", "Checkpoints taken over from a leader.")
      .Add(Number(counters.checkpoints_installed));
}

void AddTraffic(const ReplicaCounters& counters, Families& out) {
  Counter(out, "jangada_appended_batches_total", "Batches that leaders here took from producers.")
      .Add(Number(counters.appended_batches));
  Counter(out, "jangada_appended_records_total", "Records in those batches.")
      .Add(Number(counters.appended_records));
  Counter(out, "jangada_appended_bytes_total", "Bytes of those batches: what producers brought in.")
      .Add(Number(counters.appended_bytes));
  Counter(out, "jangada_committed_batches_total",
          "Batches that were committed and applied while their leader here still led.")
      .Add(Number(counters.committed_batches));
  Counter(
      out, "jangada_applied_entries_total",
      "Committed entries that replicas here applied, those that a start applies again included.")
      .Add(Number(counters.applied_entries));
  Counter(out, "jangada_applied_bytes_total", "Bytes of those entries.")
      .Add(Number(counters.applied_bytes));
  Counter(out, "jangada_fetches_total", "Fetches that leaders here answered.")
      .Add(Number(counters.fetches));
  Counter(out, "jangada_fetched_batches_total", "Batches in those answers.")
      .Add(Number(counters.fetched_batches));
  Counter(out, "jangada_fetched_bytes_total", "Bytes of those batches: what consumers took out.")
      .Add(Number(counters.fetched_bytes));
}

void AddDamage(const NodeStats& stats, Families& out) {
  Counter(out, "jangada_damage_found_total",
          "Times that a replica of this node was found damaged, at its start or later.")
      .Add(Number(stats.replicas.counters.damage_found));
  Counter(out, "jangada_refills_started_total",
          "Damaged replicas of this node whose refill from their peers began.")
      .Add(Number(stats.refills.started));
  Counter(out, "jangada_refills_ended_total", "Damaged replicas of this node that are whole again.")
      .Add(Number(stats.refills.ended));
  Gauge(out, "jangada_replicas_refilling", "Replicas of this node that are being refilled now.")
      .Add(Number(stats.refills.now));
  Counter(out, "jangada_store_damaged_entries_total",
          "Entries that failed their checks when the store read them.")
      .Add(Number(stats.store.writer.damage_found));
  Gauge(out, "jangada_store_lost_groups", "1 while whole replicas may be missing from the disk.")
      .Add(Number(stats.store.writer.lost_groups));
}

void AddPeerLag(const std::map<NodeId, PeerLag>& peers, Families& out) {
  const auto each = [&peers](Family& family, auto field) {
    for (const auto& [peer, lag] : peers) family.Add(PeerLabel(peer), Number(uint64_t{lag.*field}));
  };
  each(Gauge(out, "jangada_peer_replicas",
             "Followers on the peer of partitions that this node leads."),
       &PeerLag::replicas);
  each(Gauge(out, "jangada_peer_replicas_behind",
             "Of those: live, and more than 100 entries behind the high watermark."),
       &PeerLag::behind);
  each(Gauge(out, "jangada_peer_replicas_unheard",
             "Of those: not heard from for an election timeout."),
       &PeerLag::unheard);
  each(Gauge(out, "jangada_peer_lag_entries",
             "Committed entries not known to be on the peer's disk, over all partitions led here."),
       &PeerLag::lag_entries);
  each(Gauge(out, "jangada_peer_max_lag_entries",
             "The same, of the partition whose follower on the peer is furthest behind."),
       &PeerLag::max_lag_entries);
}

void AddPartitions(const std::vector<PartitionGauges>& partitions, Families& out) {
  const auto each = [&partitions](Family& family, auto value) {
    for (const PartitionGauges& one : partitions) {
      family.Add({{"topic", one.topic}, {"partition", std::to_string(one.partition)}}, value(one));
    }
  };
  each(Gauge(out, "jangada_partition_leads", "1 if this node leads the partition."),
       [](const auto& one) { return Number(one.leads); });
  each(Gauge(out, "jangada_partition_log_start_offset", "The lowest offset that may be read."),
       [](const auto& one) { return Number(one.log_start_offset); });
  each(Gauge(out, "jangada_partition_high_watermark_offset",
             "The offset after the last record that this node knows to be committed."),
       [](const auto& one) { return Number(one.high_watermark); });
  each(Gauge(
           out, "jangada_partition_lag_entries",
           "Where this node leads: entries that the follower furthest behind lacks; else its own."),
       [](const auto& one) { return Number(one.lag_entries); });
}

// ---- disk ----

void AddStore(const NodeStats& stats, Families& out) {
  const storage::WriterStats& writer = stats.store.writer;
  Histogram(out, "jangada_sync_duration_seconds",
            "Synced writes of the store, each for all replicas that had something to write.")
      .Add(writer.sync);
  Counter(out, "jangada_store_writes_total", "Writes of single replicas in those synced writes.")
      .Add(Number(writer.group_writes));
  Counter(out, "jangada_store_written_bytes_total", "Bytes of those writes.")
      .Add(Number(writer.written_bytes));
  Counter(out, "jangada_store_refused_writes_total", "Writes refused for want of room on the disk.")
      .Add(Number(writer.refused_writes));
  Counter(out, "jangada_store_dropped_bytes_total", "Bytes of entries that were trimmed or erased.")
      .Add(Number(writer.dropped_bytes));
  Gauge(out, "jangada_store_queue_writes", "Writes that wait for the store's writer.")
      .Add(Number(writer.queue));
  Histogram(out, "jangada_cold_read_duration_seconds", "Reads that went to the disk.")
      .Add(stats.store.cold_read);
  Gauge(out, "jangada_disk_free_bytes", "Free space on the disk of the data folder.")
      .Add(Number(stats.condition.disk_free_bytes));
  Gauge(out, "jangada_disk_total_bytes", "Size of the disk of the data folder.")
      .Add(Number(stats.condition.disk_total_bytes));
  Gauge(out, "jangada_disk_accepts_records",
        "0 while less is free than storage.min_free_bytes: the node refuses records.")
      .Add(Number(stats.condition.accepts_produce));
}

void AddCache(const storage::CacheStats& cache, Families& out) {
  const Labels log{{"use", "log"}}, fetch{{"use", "fetch"}};
  Counter(out, "jangada_cache_hits_total",
          "Look-ups that found entries in memory: for followers and to apply (log), for consumers "
          "(fetch).")
      .Add(log, Number(cache.log_hits))
      .Add(fetch, Number(cache.fetch_hits));
  Counter(out, "jangada_cache_misses_total", "Look-ups that did not.")
      .Add(log, Number(cache.log_misses))
      .Add(fetch, Number(cache.fetch_misses));
  Gauge(out, "jangada_cache_bytes", "Entries held in memory.").Add(Number(cache.bytes));
  Gauge(out, "jangada_cache_capacity_bytes", "The most that may be held: storage.cache_bytes.")
      .Add(Number(cache.capacity_bytes));
}

// ---- shards, peers, doors ----

void AddShards(const std::vector<ShardSample>& shards, Families& out) {
  const auto each = [&shards](Family& family, auto value) {
    for (size_t i = 0; i < shards.size(); ++i) {
      family.Add({{"shard", std::to_string(i)}}, value(shards[i]));
    }
  };
  each(Gauge(out, "jangada_shard_responding", "1 if the shard answered this scrape in time."),
       [](const auto& shard) { return Number(shard.responding); });
  each(Gauge(out, "jangada_shard_response_seconds",
             "How long the shard took to answer this scrape."),
       [](const auto& shard) { return shard.response_seconds; });
  each(Gauge(out, "jangada_shard_queue_tasks", "Tasks that wait for the shard."),
       [](const auto& shard) { return Number(shard.stats.queue); });
  each(Counter(out, "jangada_shard_tasks_total", "Tasks that the shard has run."),
       [](const auto& shard) { return Number(shard.stats.tasks); });
  each(Counter(out, "jangada_shard_cpu_seconds_total", "CPU time of the shard's thread."),
       [](const auto& shard) { return Number(shard.stats.cpu_us) / kMicrosPerSecond; });
}

void AddTransport(const TransportStats& transport, Families& out) {
  const auto each = [&transport](Family& family, auto field) {
    for (const auto& [peer, traffic] : transport.peers) {
      family.Add(PeerLabel(peer), Number(uint64_t{traffic.*field}));
    }
  };
  each(Gauge(out, "jangada_peer_lanes", "Of three connections to the peer: those that stand."),
       &PeerTraffic::lanes);
  each(Counter(out, "jangada_peer_connects_total", "Connections to the peer that came up."),
       &PeerTraffic::connections);
  each(Counter(out, "jangada_peer_sent_bytes_total", "Bytes sent to the peer."),
       &PeerTraffic::sent_bytes);
  each(Counter(out, "jangada_peer_received_bytes_total", "Bytes received from the peer."),
       &PeerTraffic::received_bytes);
  each(Gauge(out, "jangada_peer_queue_bytes", "Bytes that wait to leave for the peer."),
       &PeerTraffic::queued_bytes);
  Counter(out, "jangada_peer_frames_sent_total",
          "Messages on the wire, each of many for the peers.")
      .Add(Number(transport.frames_sent));
  Counter(out, "jangada_peer_messages_sent_total", "Messages for peers in those.")
      .Add(Number(transport.messages_sent));
  Counter(out, "jangada_peer_messages_received_total", "Messages received from peers.")
      .Add(Number(transport.messages_received));
  Counter(out, "jangada_peer_messages_dropped_total",
          "Messages for peers that were out of reach, or whose queue was full.")
      .Add(Number(transport.messages_dropped));
  Counter(out, "jangada_peer_messages_malformed_total", "Messages of peers that made no sense.")
      .Add(Number(transport.messages_malformed));
}

void AddGrpc(const DoorStats& door, Families& out) {
  Family& requests =
      Counter(out, "jangada_grpc_requests_total", "gRPC calls that ended, by status.");
  for (const MethodStats& method : door.methods) {
    for (size_t code = 0; code < kGrpcCodes; ++code) {
      if (method.by_code[code] == 0 && code != 0) continue;
      requests.Add(
          {{"service", method.service}, {"method", method.method}, {"code", kGrpcCodeNames[code]}},
          Number(method.by_code[code]));
    }
  }
  Family& latency =
      Histogram(out, "jangada_grpc_request_duration_seconds",
                "From a gRPC request to its answer; of a ProduceStream, each of its requests.");
  Family open("jangada_grpc_open_calls", MetricType::kGauge, "gRPC calls under way.");
  for (const MethodStats& method : door.methods) {
    const Labels labels{{"service", method.service}, {"method", method.method}};
    latency.Add(labels, method.latency);
    open.Add(labels, Number(method.open));
  }
  out.push_back(std::move(open));
  Counter(out, "jangada_grpc_forwarded_total", "gRPC calls passed on to the node that leads.")
      .Add(Number(door.forwarded));
  Counter(out, "jangada_grpc_throttled_total",
          "Produce requests refused because too much was unanswered.")
      .Add(Number(door.throttled));
  Gauge(out, "jangada_produce_in_flight_bytes", "Produce requests received and not answered.")
      .Add(Number(door.produce_bytes));
  Gauge(out, "jangada_produce_in_flight_limit_bytes",
        "The most of them; beyond it they are refused.")
      .Add(Number(door.produce_limit_bytes));
}

void AddGroups(const NodeStats& stats, Families& out) {
  int64_t records = 0, ms = 0;
  for (const GroupLagStats& group : stats.grpc.groups) {
    records += std::max<int64_t>(group.records, 0);
    ms = std::max(ms, group.ms);
  }
  Gauge(out, "jangada_groups", "Consumer groups with committed offsets that this node coordinates.")
      .Add(Number(stats.grpc.groups.size()));
  Gauge(out, "jangada_groups_lag_records", "Records that those groups have not read, all together.")
      .Add(Number(records));
  Gauge(out, "jangada_groups_lag_seconds",
        "Age of the oldest record that one of those groups has not read.")
      .Add(static_cast<double>(ms) / 1000);
  if (!stats.per_partition) return;
  Family& each = Gauge(out, "jangada_group_lag_records", "Records that the group has not read.");
  for (const GroupLagStats& group : stats.grpc.groups) {
    if (group.records >= 0) each.Add({{"group", group.group}}, Number(group.records));
  }
  Family& ages = Gauge(out, "jangada_group_lag_seconds",
                       "Age of the oldest record that the group has not read.");
  for (const GroupLagStats& group : stats.grpc.groups) {
    if (group.ms >= 0) ages.Add({{"group", group.group}}, static_cast<double>(group.ms) / 1000);
  }
}

void AddKafka(const KafkaDoorStats& door, Families& out) {
  Family& requests =
      Counter(out, "jangada_kafka_requests_total", "Requests of Kafka's clients that ended.");
  Family errors("jangada_kafka_request_errors_total", MetricType::kCounter,
                "Of those: the answer named an error, or the connection was closed.");
  Family latency("jangada_kafka_request_duration_seconds", MetricType::kHistogram,
                 "From a request of a Kafka client to its answer.");
  for (const KafkaRequestStats& request : door.requests) {
    const Labels labels{{"request", request.request}};
    requests.Add(labels, Number(request.latency.count()));
    errors.Add(labels, Number(request.errors));
    latency.Add(labels, request.latency);
  }
  out.push_back(std::move(errors));
  out.push_back(std::move(latency));
  Counter(out, "jangada_kafka_unserved_requests_total",
          "Requests of Kafka's clients of a key or version that is not served here, and what was "
          "no request.")
      .Add(Number(door.unserved));
}

void AddHttp(const HttpServer::Stats& http, Families& out) {
  Counter(out, "jangada_http_requests_total", "HTTP requests that were answered.")
      .Add(Number(http.requests));
  Counter(out, "jangada_http_refused_connections_total",
          "HTTP connections that were closed because there were too many.")
      .Add(Number(http.refused));
}

}  // namespace

std::vector<Family> FamiliesOf(const NodeStats& stats) {
  Families out;
  AddNode(stats, out);
  AddProcess(stats.process, out);
  AddCluster(stats.cluster, out);
  AddReplicas(stats.replicas, out);
  AddTraffic(stats.replicas.counters, out);
  AddDamage(stats, out);
  AddPeerLag(stats.replicas.peers, out);
  AddStore(stats, out);
  AddCache(stats.replicas.cache, out);
  AddShards(stats.shards, out);
  AddTransport(stats.transport, out);
  AddGrpc(stats.grpc, out);
  AddGroups(stats, out);
  AddKafka(stats.kafka, out);
  AddHttp(stats.http, out);
  if (stats.per_partition) AddPartitions(stats.replicas.partitions, out);
  return out;
}

}  // namespace jangada::server
