#include "server/node.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "server/grpc/grpc_server.h"
#include "server/identity_keeper.h"
#include "server/kafka/dispatcher.h"
#include "server/kafka/listener.h"
#include "server/node_rooms.h"
#include "server/node_watch.h"
#include "server/runtime/shard.h"
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

size_t ShardCount(const Config& config) {
  if (config.shards > 0) return static_cast<size_t>(config.shards);
  return std::max(1U, std::thread::hardware_concurrency());
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

struct Node::Impl {
  Impl(Config config_in, std::function<void(const Error&)> on_fatal_in)
      : config(std::move(config_in)), on_fatal(std::move(on_fatal_in)) {}
  ~Impl();

  Status Start();
  Status OpenDisk();
  Status OpenDoors();
  void BuildRooms(std::vector<storage::GroupState> loaded);
  void Stop();

  void StopShards();
  /// Runs `task` on the controller's shard and waits for the callback that it is given.
  void OnControllerShard(const std::function<void(Callback<>)>& task);

  // Constant after Start.
  const Config config;
  const std::function<void(const Error&)> on_fatal;

  // In the order of construction; each outlives what stands below it.
  std::unique_ptr<storage::DataFolder> folder;
  std::unique_ptr<IdentityKeeper> identity;
  std::unique_ptr<storage::RocksLogStore> store;
  std::unique_ptr<storage::ThreadExecutor> writer;  // stops before the store goes
  // Made with the doors; but what partitions still hold of Kafka calls refers to it.
  std::unique_ptr<kafka::Dispatcher> kafka_dispatcher;
  std::vector<std::unique_ptr<Shard>> shards;
  std::unique_ptr<NodeRooms> rooms;
  std::unique_ptr<PeerTransport> transport;
  std::unique_ptr<GrpcServer> grpc;
  std::unique_ptr<kafka::Listener> kafka_listener;  // its connections live on the shards
  std::unique_ptr<NodeWatch> watch;
};

Node::Impl::~Impl() {
  // As if killed: threads first, so that nothing calls into what goes next.
  if (watch) watch->Stop();
  kafka_listener.reset();
  if (grpc) grpc->Shutdown(0);
  if (transport) transport->Shutdown();
  StopShards();
  if (writer) writer->Stop();
}

void Node::Impl::StopShards() {
  for (const auto& shard : shards) shard->Stop();
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
  rooms = std::make_unique<NodeRooms>(config, *identity, EntropySeed(), on_fatal);
  transport = std::make_unique<PeerTransport>(rooms->IdentityForPeers(), rooms->sink());
  NodeRooms::Surroundings surroundings{.store = *store,
                                       .network = *transport,
                                       .shards = {},
                                       .base = {},
                                       .on_status_round = [this] { watch->Look(); },
                                       // Before that a node knows neither topics nor nodes, and a
                                       // client that was told so may believe it for minutes.
                                       .on_in_cluster = [this] { kafka_listener->Open(); }};
  for (size_t i = 0; i < ShardCount(config); ++i) {
    shards.push_back(std::make_unique<Shard>("shard-" + std::to_string(i)));
    shards.back()->SetEndOfTurn([this] { transport->Flush(); });
    surroundings.shards.push_back(shards.back().get());
  }
  rooms->Furnish(surroundings, std::move(loaded));
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
  for (const auto& shard : shards) shard->Start();
  kafka_listener->Start();
  rooms->controller_shard().Post([this] { rooms->Open(); });
  spdlog::info("listening grpc={} kafka={} peer={} http={}", config.grpc.listen.ToString(),
               config.kafka.listen.ToString(), config.peer.listen.ToString(),
               config.http.listen.ToString());
  return {};
}

Status Node::Impl::OpenDoors() {
  GrpcServerOptions grpc_options;
  grpc_options.max_message_bytes = static_cast<size_t>(config.limits.max_request_bytes);
  grpc_options.group_lag_every_us = kGroupLagEveryUs;
  grpc_options.config = OptionsOf(config);
  grpc_options.answer_to_others += "; Kafka clients go to " + config.kafka.listen.ToString() +
                                   ", browsers and probes to http://" +
                                   config.http.listen.ToString();
  grpc = std::make_unique<GrpcServer>(rooms->broker(), grpc_options);
  TRY(grpc->Start(config.grpc.listen.ToString()));

  kafka::DoorOptions door;
  door.auto_create_topics = config.kafka.auto_create_topics;
  door.default_partitions = static_cast<int32_t>(config.kafka.default_partitions);
  if (config.kafka.default_replicas != Config::kAuto) {
    door.default_replicas = static_cast<int32_t>(config.kafka.default_replicas);
  }
  kafka_dispatcher = std::make_unique<kafka::Dispatcher>(rooms->broker(), door);
  kafka::ListenerOptions listener;
  listener.max_request_bytes = static_cast<size_t>(config.limits.max_request_bytes);
  listener.starts_closed = true;
  listener.max_connections = config.kafka.max_connections;
  listener.max_connections_per_address = config.kafka.max_connections_per_address;
  listener.idle_timeout_us = config.kafka.idle_timeout_ms * 1000;
  std::vector<boost::asio::io_context*> ios;
  for (const auto& shard : shards) ios.push_back(&shard->io());
  kafka_listener = std::make_unique<kafka::Listener>(*kafka_dispatcher, listener, std::move(ios));
  TRY(kafka_listener->Listen(config.kafka.listen));

  watch = std::make_unique<NodeWatch>(NodeWatch::Context{.config = config,
                                                         .store = *store,
                                                         .writer = *writer,
                                                         .transport = *transport,
                                                         .rooms = *rooms,
                                                         .shards = shards,
                                                         .grpc = *grpc,
                                                         .kafka = *kafka_dispatcher});
  return watch->Start();
}

void Node::Impl::OnControllerShard(const std::function<void(Callback<>)>& task) {
  std::promise<void> done;
  rooms->controller_shard().Post([&] { task([&done] { done.set_value(); }); });
  done.get_future().wait();
}

void Node::Impl::Stop() {
  spdlog::info("stopping node={}", config.node.id);
  OnControllerShard([this](Callback<> done) {
    watch->Drain();
    rooms->Drain(std::move(done));
  });
  // Calls under way get a moment to be acknowledged; what then remains is answered by the replicas'
  // stop.
  kafka_listener->BeginShutdown();
  grpc->BeginShutdown(kGraceUs);
  std::future<void> grpc_ended = std::async(std::launch::async, [this] { grpc->AwaitShutdown(); });
  kafka_listener->AwaitShutdown(kGraceUs);
  grpc_ended.wait_for(std::chrono::microseconds(kGraceUs));
  OnControllerShard([this](Callback<> done) { rooms->Close(std::move(done)); });
  std::promise<void> stopped;
  rooms->replicas().StopReplicas([&stopped] { stopped.set_value(); });
  stopped.get_future().wait();
  grpc_ended.wait();
  watch->Stop();
  transport->Shutdown();
  StopShards();
  writer->Stop();
  spdlog::info("stopped node={}", config.node.id);
}

Node::Node(Config config, std::function<void(const Error&)> on_fatal)
    : impl_(std::make_unique<Impl>(std::move(config), std::move(on_fatal))) {}

Node::~Node() = default;

Status Node::Start() { return impl_->Start(); }

void Node::Stop() { impl_->Stop(); }

}  // namespace jangada::server
