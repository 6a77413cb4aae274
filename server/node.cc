#include "server/node.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <random>
#include <utility>

#include "server/controller_room.h"
#include "server/drain.h"
#include "server/grpc/grpc_server.h"
#include "server/identity_keeper.h"
#include "server/image_holder.h"
#include "server/kafka/dispatcher.h"
#include "server/kafka/listener.h"
#include "server/leader_table.h"
#include "server/local_broker.h"
#include "server/peer_router.h"
#include "server/replica_router.h"
#include "server/status_teller.h"
#include "server/transport/peer_transport.h"
#include "storage/data_folder.h"
#include "storage/rocks_log_store.h"
#include "storage/thread_executor.h"

namespace jangada::server {
namespace {

constexpr int64_t kGraceUs = 2'000'000;

uint64_t EntropySeed() {
  std::random_device device;
  return (static_cast<uint64_t>(device()) << 32) | device();
}

Endpoint Advertised(const Config::Listener& listener) {
  return listener.advertised.value_or(listener.listen);
}

std::vector<NodeOption> OptionsOf(const Config& config) {
  std::vector<NodeOption> options;
  for (ConfigOption& option : DescribeConfig(config)) {
    options.push_back({.key = std::move(option.key),
                       .value = std::move(option.value),
                       .default_value = std::move(option.default_value),
                       .unit = std::move(option.unit),
                       .help = std::move(option.help)});
  }
  return options;
}

}  // namespace

struct Node::Impl final : HostObserver, ControllerRoomObserver {
  Impl(Config config_in, std::function<void(const Error&)> on_fatal_in)
      : config(std::move(config_in)), on_fatal(std::move(on_fatal_in)) {}
  ~Impl() override;

  Status Start();
  Status OpenDisk();
  Status OpenDoors();
  void BuildRooms(std::vector<storage::GroupState> loaded);
  void FindCluster();
  void StartController(const NodeIdentity& identity);
  /// After the disk lost whole groups: once all that the cluster knows of here are refilled, a new
  /// group is only new again.
  void CheckIfWholeAgain();
  void Stop();

  void Fatal(const Error& error);
  NodeInfo Self() const;
  PeerIdentity IdentityForPeers() const;
  std::map<NodeId, Endpoint> FounderPeers() const;
  Shard& controller_shard() { return replicas->controller_host().shard(); }
  /// Runs `task` on group 0's shard and waits for the callback that it is given.
  void OnControllerShard(const std::function<void(Callback<>)>& task);

  // HostObserver (any shard)
  void OnLeadership(GroupId group, const raft::RoleChange& change, bool ready) override;
  void OnRefill(GroupId group, RefillEvent event) override {
    controller_shard().Post([this, group, event] { teller->OnRefill(group, event); });
  }
  void OnStoreFailed(const Error& error) override { Fatal(error); }

  // ControllerRoomObserver (group 0's shard)
  void OnNewImage(const ClusterImage& image) override;
  void OnControllerLeadership(const raft::RoleChange& change, bool ready) override;
  void OnControllerRefill(RefillEvent event) override { OnRefill(kControllerGroup, event); }
  void OnMustStop(const Error& error) override { Fatal(error); }

  // Constant after Start.
  const Config config;
  const std::function<void(const Error&)> on_fatal;
  std::atomic<bool> fatal_said{false};

  // In the order of construction; each outlives what stands below it.
  std::unique_ptr<storage::DataFolder> folder;
  std::unique_ptr<IdentityKeeper> identity;
  ImageHolder image;
  LeaderTable leaders;
  std::unique_ptr<storage::RocksLogStore> store;
  std::unique_ptr<storage::ThreadExecutor> writer;  // stops before the store goes
  std::unique_ptr<PeerRouter> router;
  std::unique_ptr<PeerTransport> transport;
  // Made with the doors; but what partitions still hold of Kafka calls refers to it.
  std::unique_ptr<kafka::Dispatcher> kafka_dispatcher;
  std::unique_ptr<ReplicaRouter> replicas;
  std::unique_ptr<StatusTeller> teller;
  std::unique_ptr<LocalBroker> broker;
  std::unique_ptr<FoundingDriver> founding;  // owned by group 0's shard
  std::unique_ptr<ControllerRoom> room;      // owned by group 0's shard
  std::unique_ptr<GrpcServer> grpc;
  std::unique_ptr<kafka::Listener> kafka_listener;  // its connections live on the shards
};

Node::Impl::~Impl() {
  // As if killed: threads first, so that nothing calls into what goes next.
  kafka_listener.reset();
  if (grpc) grpc->Shutdown(0);
  if (transport) transport->Shutdown();
  if (replicas) replicas->StopShards();
  if (writer) writer->Stop();
}

Status Node::Impl::OpenDisk() {
  Random random(EntropySeed());
  TRY_ASSIGN(folder, storage::DataFolder::Open(config.data_dir, config.self(), Uuid::Make(random)));
  identity = std::make_unique<IdentityKeeper>(*folder);
  writer = std::make_unique<storage::ThreadExecutor>("log-writer");
  storage::RocksOptions options;
  options.path = folder->log_path();
  // The store takes 0 for "auto"; an operator who says 0 means "to the last byte".
  options.min_free_bytes = config.storage.min_free_bytes == Config::kAuto
                               ? 0
                               : std::max<int64_t>(1, config.storage.min_free_bytes);
  TRY_ASSIGN(store, storage::RocksLogStore::Open(options, *writer));
  return {};
}

void Node::Impl::BuildRooms(std::vector<storage::GroupState> loaded) {
  router = std::make_unique<PeerRouter>(config, *identity, image, leaders);
  transport = std::make_unique<PeerTransport>(IdentityForPeers(), *router);
  replicas = std::make_unique<ReplicaRouter>(config, *store, *transport, *this, std::move(loaded));
  broker = std::make_unique<LocalBroker>(config.self(), *replicas, leaders, image, *transport);
  teller = std::make_unique<StatusTeller>(
      StatusTeller::Context{.self = config.self(),
                            .executor = controller_shard(),
                            .transport = *transport,
                            .leaders = leaders,
                            .image = image,
                            .store = *store},
      [this] {
        if (!room) return;
        std::map<NodeId, NodeView> nodes = room->liveness().Nodes(controller_shard().NowUs());
        nodes[config.self()] = {.live = true, .condition = teller->Condition()};
        broker->SetNodes(std::move(nodes));
        if (store->may_have_lost_groups()) CheckIfWholeAgain();
      });
  router->Attach(*replicas, *teller, *broker);
}

Status Node::Impl::Start() {
  TRY(OpenDisk());
  TRY_ASSIGN(std::vector<storage::GroupState> loaded, store->Load());
  for (const storage::GroupState& state : loaded) {
    if (!state.damaged) continue;
    spdlog::warn("replica is damaged and will be refilled from its peers group={} last={}",
                 state.group.value(), state.last.index);
  }
  spdlog::info("opened data folder path={} node={} disk={} groups={}", config.data_dir,
               config.node.id, identity->Get().disk_id.ToString(), loaded.size());
  BuildRooms(std::move(loaded));
  TRY(transport->Start(config.peer.listen));
  TRY(OpenDoors());
  transport->SetPeers(FounderPeers());
  replicas->StartShards();
  kafka_listener->Start();
  controller_shard().Post([this] {
    teller->Start();
    FindCluster();
  });
  spdlog::info("listening grpc={} kafka={} peer={}", config.grpc.listen.ToString(),
               config.kafka.listen.ToString(), config.peer.listen.ToString());
  return {};
}

Status Node::Impl::OpenDoors() {
  GrpcServerOptions grpc_options;
  grpc_options.max_message_bytes = static_cast<size_t>(config.limits.max_request_bytes);
  grpc_options.config = OptionsOf(config);
  grpc = std::make_unique<GrpcServer>(*broker, grpc_options);
  TRY(grpc->Start(config.grpc.listen.ToString()));

  kafka::DoorOptions door;
  door.auto_create_topics = config.kafka.auto_create_topics;
  door.default_partitions = static_cast<int32_t>(config.kafka.default_partitions);
  if (config.kafka.default_replicas != Config::kAuto) {
    door.default_replicas = static_cast<int32_t>(config.kafka.default_replicas);
  }
  kafka_dispatcher = std::make_unique<kafka::Dispatcher>(*broker, door);
  kafka::ListenerOptions listener;
  listener.max_request_bytes = static_cast<size_t>(config.limits.max_request_bytes);
  listener.max_connections = config.kafka.max_connections;
  listener.max_connections_per_address = config.kafka.max_connections_per_address;
  listener.idle_timeout_us = config.kafka.idle_timeout_ms * 1000;
  std::vector<boost::asio::io_context*> ios;
  for (Shard* shard : replicas->shards()) ios.push_back(&shard->io());
  kafka_listener = std::make_unique<kafka::Listener>(*kafka_dispatcher, listener, std::move(ios));
  return kafka_listener->Listen(config.kafka.listen);
}

void Node::Impl::FindCluster() {
  const NodeIdentity known = identity->Get();
  if (!known.IsEmpty()) {
    StartController(known);
    return;
  }
  founding = std::make_unique<FoundingDriver>(controller_shard(), *transport, *identity, known,
                                              config.cluster.founders);
  founding->Start([this](const Result<NodeIdentity>& decided) {
    if (!decided.ok()) {
      Fatal(decided.error());
      return;
    }
    StartController(*decided);
  });
}

void Node::Impl::StartController(const NodeIdentity& known) {
  transport->SetIdentity(IdentityForPeers());
  room = std::make_unique<ControllerRoom>(ControllerRoom::Context{.config = config,
                                                                  .transport = *transport,
                                                                  .replicas = *replicas,
                                                                  .leaders = leaders,
                                                                  .image = image,
                                                                  .observer = *this},
                                          Self(), known, config.cluster.founders, EntropySeed());
  router->SetRoom(room.get());
  // What is on the disk takes part in its groups at once, so that after a start of all nodes the
  // partitions' elections need not wait for that of group 0.
  replicas->StartLoaded();
  room->Start(replicas->TakeLoaded(kControllerGroup));
  broker->SetController(&room->controller());
}

void Node::Impl::CheckIfWholeAgain() {
  if (room->status().refilling || !room->controller().registered()) return;
  const ClusterImagePtr now = image.Get();
  const auto here = static_cast<size_t>(
      std::count_if(now->groups.begin(), now->groups.end(), [&](const auto& group) {
        const std::vector<NodeId>& replicas = now->FindGroup(group.first)->replicas;
        return std::find(replicas.begin(), replicas.end(), config.self()) != replicas.end();
      }));
  replicas->AreWhole(here, [this](bool whole) {
    if (!whole) return;
    store->ForgetLostGroups(controller_shard(), [this](const Status& status) {
      if (!status.ok()) return Fatal(status.error());
      spdlog::info("every replica of this node is whole again node={}", config.node.id);
    });
  });
}

void Node::Impl::OnControllerShard(const std::function<void(Callback<>)>& task) {
  std::promise<void> done;
  controller_shard().Post([&] { task([&done] { done.set_value(); }); });
  done.get_future().wait();
}

void Node::Impl::Stop() {
  spdlog::info("stopping node={}", config.node.id);
  OnControllerShard([this](Callback<> done) {
    teller->Drain();
    if (!room) {
      done();
      return;
    }
    Drain::Start({.executor = controller_shard(), .replicas = *replicas, .room = *room},
                 std::move(done));
  });
  // Calls under way get a moment to be acknowledged; what then remains is answered by the replicas'
  // stop.
  kafka_listener->BeginShutdown();
  grpc->BeginShutdown(kGraceUs);
  std::future<void> grpc_ended = std::async(std::launch::async, [this] { grpc->AwaitShutdown(); });
  kafka_listener->AwaitShutdown(kGraceUs);
  grpc_ended.wait_for(std::chrono::microseconds(kGraceUs));
  OnControllerShard([this](Callback<> done) {
    teller->Stop();
    router->SetRoom(nullptr);
    broker->SetController(nullptr);
    founding.reset();
    if (room) {
      room->Stop(std::move(done));
    } else {
      done();
    }
  });
  std::promise<void> stopped;
  replicas->StopReplicas([&stopped] { stopped.set_value(); });
  stopped.get_future().wait();
  grpc_ended.wait();
  transport->Shutdown();
  replicas->StopShards();
  writer->Stop();
  spdlog::info("stopped node={}", config.node.id);
}

void Node::Impl::Fatal(const Error& error) {
  if (fatal_said.exchange(true)) return;
  on_fatal(error);
}

NodeInfo Node::Impl::Self() const {
  NodeInfo self;
  self.id = config.self();
  self.disk_id = identity->Get().disk_id;
  self.rack = config.node.rack;
  self.peer = Advertised(config.peer);
  self.grpc = Advertised(config.grpc);
  self.kafka = Advertised(config.kafka);
  self.http = Advertised(config.http);
  return self;
}

PeerIdentity Node::Impl::IdentityForPeers() const {
  const NodeIdentity known = identity->Get();
  return {.protocol_version = kPeerProtocolVersion,
          .cluster_id = known.cluster_id,
          .node = known.node,
          .disk_id = known.disk_id};
}

std::map<NodeId, Endpoint> Node::Impl::FounderPeers() const {
  std::map<NodeId, Endpoint> peers;
  for (const Founder& founder : config.cluster.founders) peers[founder.node] = founder.peer;
  peers.erase(config.self());
  return peers;
}

void Node::Impl::OnLeadership(GroupId group, const raft::RoleChange& change, bool ready) {
  const LeaderHint self_leads{.group = group, .leader = config.self(), .term = change.term};
  if (ready) {
    leaders.Learn(self_leads);
  } else {
    leaders.Forget(group, change.term, config.self());
  }
  controller_shard().Post([this, group, ready, self_leads] {
    if (room) room->OnLeadership(group, ready);
    if (ready) teller->OnReadyToLead(self_leads);
  });
}

void Node::Impl::OnControllerLeadership(const raft::RoleChange& change, bool ready) {
  const LeaderHint self_leads{
      .group = kControllerGroup, .leader = config.self(), .term = change.term};
  if (ready) {
    leaders.Learn(self_leads);
    teller->OnReadyToLead(self_leads);
  } else if (change.leader && *change.leader != config.self()) {
    leaders.Learn(LeaderHint{kControllerGroup, *change.leader, change.term});
  } else if (const auto known = leaders.Find(kControllerGroup)) {
    leaders.Forget(kControllerGroup, change.term, known->leader);
  }
}

void Node::Impl::OnNewImage(const ClusterImage& next) {
  if (identity->Get().cluster_id.IsZero() && !next.cluster_id.IsZero()) {
    if (const Status saved = identity->SaveCluster(next.cluster_id); !saved.ok()) {
      Fatal(saved.error());
      return;
    }
    transport->SetIdentity(IdentityForPeers());
    spdlog::info("belongs to cluster cluster={}", next.cluster_id.ToString());
  }
  std::map<NodeId, Endpoint> peers = FounderPeers();
  for (const auto& [id, node] : next.nodes) {
    if (node.peer.port != 0) peers[id] = node.peer;
  }
  peers.erase(config.self());
  transport->SetPeers(peers);
  leaders.EraseIf([&next](GroupId group) {
    return group.value() < next.next_group && group != kControllerGroup &&
           !next.groups.contains(group);
  });
}

Node::Node(Config config, std::function<void(const Error&)> on_fatal)
    : impl_(std::make_unique<Impl>(std::move(config), std::move(on_fatal))) {}

Node::~Node() = default;

Status Node::Start() { return impl_->Start(); }

void Node::Stop() { impl_->Stop(); }

}  // namespace jangada::server
