#include "tests/sim/node.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "base/check.h"

namespace jangada::sim {
namespace {

constexpr int kReaders = 2;
constexpr int64_t kTurnUs = 20;  // from a post to the turn, at most, on a quiet machine

}  // namespace

struct SimNode::Process {
  std::unique_ptr<server::IdentityKeeper> identity;
  std::unique_ptr<storage::RocksLogStore> store;
  std::unique_ptr<server::kafka::Dispatcher> kafka;  // outlives the broker's calls
  std::unique_ptr<server::NodeRooms> rooms;
  std::unique_ptr<NodeNetwork> network;
};

SimNode::SimNode(World& world, SimNetwork& network, Reached& reached, Options options,
                 Observer& observer)
    : world_(world),
      network_(network),
      reached_(reached),
      options_(std::move(options)),
      observer_(observer),
      random_(world.Stream(0x6e6f6465'00 + static_cast<uint64_t>(options_.id.value()))),
      clock_(world),
      disk_(world.Stream(0x6469736b'00 + static_cast<uint64_t>(options_.id.value())), reached) {
  ReplaceDisk();
  disk_.SetMeanwhile([this] { RunShardsWhileSyncing(); });
  const std::string name = "n" + std::to_string(options_.id.value()) + "/";
  for (int i = 0; i < options_.shards; ++i) {
    shards_.push_back(
        std::make_unique<SimExecutor>(world_, clock_, name + "shard-" + std::to_string(i),
                                      [this] { return Jitter(1, kTurnUs + lag_us_); }));
  }
  writer_ = std::make_unique<SimExecutor>(world_, clock_, name + "writer", [this] {
    return Jitter(pace_.min_sync_us, pace_.max_sync_us);
  });
  for (int i = 0; i < kReaders; ++i) {
    readers_.push_back(std::make_unique<SimExecutor>(
        world_, clock_, name + "read-" + std::to_string(i),
        [this] { return Jitter(pace_.min_read_us, pace_.max_read_us); }));
  }
  ForAllExecutors([](SimExecutor& executor) { executor.Kill(); });
}

SimNode::~SimNode() {
  if (process_ == nullptr) return;
  ForAllExecutors([](SimExecutor& executor) { executor.Kill(); });
  network_.Detach(id(), true);
  EndProcess(false);
}

template <class F>
void SimNode::ForAllExecutors(F function) {
  for (const auto& shard : shards_) function(*shard);
  function(*writer_);
  for (const auto& reader : readers_) function(*reader);
}

int64_t SimNode::Jitter(int64_t low_us, int64_t high_us) {
  return static_cast<int64_t>(
      random_.Between(static_cast<uint64_t>(low_us), static_cast<uint64_t>(high_us)));
}

server::NodeRooms& SimNode::rooms() {
  CHECK(IsUp());
  return *process_->rooms;
}

server::kafka::Dispatcher& SimNode::kafka() {
  CHECK(IsUp());
  return *process_->kafka;
}

server::Partition* SimNode::FindPartition(GroupId group) {
  return rooms().replicas().HostOf(group).FindPartition(group);
}

server::Replica* SimNode::FindReplica(GroupId group) {
  if (group == kControllerGroup) {
    server::ControllerRoom* const room = rooms().room();
    return room == nullptr ? nullptr : &room->replica();
  }
  server::Hosted* const hosted = rooms().replicas().HostOf(group).Find(group);
  return hosted == nullptr ? nullptr : &hosted->replica();
}

// ---- life ----

bool SimNode::Start() {
  CHECK(!IsUp());
  fatal_.reset();
  stopping_ = false;
  ++life_;
  clock_.Restart(static_cast<int64_t>(random_.Below(1'000'000'000)));
  std::vector<Executor*> readers;
  for (const auto& reader : readers_) readers.push_back(reader.get());
  Result<storage::StoreParts> parts = disk_.Open(std::move(readers));
  if (!parts.ok()) return false;
  auto store = storage::RocksLogStore::OpenOn(std::move(*parts), *writer_);
  if (!store.ok()) {
    spdlog::error("node {} does not come up: {}", id().value(), store.error().message);
    return false;
  }
  Result<std::vector<storage::GroupState>> loaded = (*store)->Load();
  if (!loaded.ok()) return false;

  disk_.NoteStarted();
  process_ = std::make_unique<Process>();
  Process& process = *process_;
  process.store = std::move(*store);
  process.identity = std::make_unique<server::IdentityKeeper>(
      disk_.identity(), [this](const storage::DataFolderMeta& meta) {
        disk_.identity() = meta;
        return Status();
      });
  process.rooms =
      std::make_unique<server::NodeRooms>(options_.config, *process.identity, random_.Next(),
                                          [this](const Error& error) { OnFatal(error); });
  process.network = std::make_unique<NodeNetwork>(network_, process.rooms->IdentityForPeers(),
                                                  process.rooms->sink(), observer_);
  ForAllExecutors([](SimExecutor& executor) { executor.Revive(); });
  server::NodeRooms::Surroundings surroundings{
      .store = *process.store, .network = *process.network, .shards = {}, .base = options_.base};
  for (const auto& shard : shards_) {
    shard->SetEndOfTurn([network = process.network.get()] { network->Flush(); });
    shard->SetAfterTurn([this] {
      if (IsUp()) observer_.AfterTurn(*this);
    });
    surroundings.shards.push_back(shard.get());
  }
  process.rooms->Furnish(surroundings, std::move(*loaded));
  process.kafka = std::make_unique<server::kafka::Dispatcher>(
      process.rooms->broker(),
      server::kafka::DoorOptions{.now_us = [this] { return clock_.NowUs(); },
                                 .auto_create_topics = false});
  observer_.OnStarted(*this);
  shards_.front()->Post([rooms = process.rooms.get()] { rooms->Open(); });
  return true;
}

void SimNode::Crash(bool power) {
  CHECK(IsUp());
  spdlog::warn("==== node {} {}", id().value(), power ? "loses its power" : "is killed");
  for (const auto& shard : shards_) shard->Kill();
  for (const auto& reader : readers_) reader->Kill();
  if (writer_->HasTasks()) DieWhileWriting();
  network_.Detach(id(), power);
  EndProcess(power);
}

void SimNode::ReplaceDisk() {
  CHECK(!IsUp());
  storage::DataFolderMeta identity;
  identity.node = options_.id;
  identity.disk_id = Uuid::Make(random_);
  disk_.Replace(identity);
}

void SimNode::DieWhileWriting() {
  const uint64_t fate = random_.Below(3);
  if (fate == 0) {
    reached_.Count(Rare::kWriteLostByCrash);
    return;
  }
  const bool torn = fate == 2;
  reached_.Count(torn ? Rare::kCrashBetweenWrites : Rare::kWriteKeptByCrash);
  disk_.BeginDying(torn ? 1 : 1'000'000);
  writer_->RunTurnNow();
}

void SimNode::EndProcess(bool power) {
  observer_.OnEnding(*this);
  ForAllExecutors([](SimExecutor& executor) { executor.Kill(); });
  disk_.EndOfProcess(power);
  paused_ = false;
  stopping_ = false;
  ++life_;  // first: nobody is told anything by what dies now
  const std::unique_ptr<Process> process = std::move(process_);
  process->rooms.reset();
  process->network.reset();
}

void SimNode::OnFatal(const Error& error) {
  spdlog::error("==== node {} ends itself: {}", id().value(), error.message);
  fatal_ = error;
  if (error.code == ErrorCode::kPermissionDenied) ++refusals_;
  // Not from within itself.
  world_.After(0, [this, life = life_] {
    if (IsUp() && life == life_) Crash(false);
  });
}

void SimNode::Pause() {
  if (!IsUp() || paused_) return;
  spdlog::warn("==== node {} stands still", id().value());
  paused_ = true;
  network_.SetPaused(id(), true);
  ForAllExecutors([](SimExecutor& executor) { executor.Pause(true); });
}

void SimNode::Resume() {
  if (!IsUp() || !paused_) return;
  spdlog::warn("==== node {} goes on", id().value());
  paused_ = false;
  ForAllExecutors([](SimExecutor& executor) { executor.Pause(false); });
  network_.SetPaused(id(), false);
}

/// As Node::Stop, but for the clients' door: they are cut off when it is done.
void SimNode::Stop() {
  if (!IsUp() || stopping_ || paused_) return;
  spdlog::warn("==== node {} is stopped", id().value());
  stopping_ = true;
  const auto in_this_life = [this, life = life_](auto task) {
    return [this, life, task = std::move(task)] {
      if (life == life_ && IsUp()) task();
    };
  };
  const auto end = in_this_life([this] {
    reached_.Count(Rare::kCleanStop);
    network_.Detach(id(), false);
    EndProcess(false);
  });
  const auto stop_replicas = in_this_life(
      [this, end] { rooms().replicas().StopReplicas([this, end] { world_.After(0, end); }); });
  const auto close = in_this_life([this, stop_replicas] {
    rooms().Close([this, stop_replicas] { world_.After(0, stop_replicas); });
  });
  shards_.front()->Post(in_this_life(
      [this, close] { rooms().Drain([this, close] { shards_.front()->Post(close); }); }));
}

/// A write takes its time before the writer's turn; what others do during it comes here, now and
/// then, before its rows are on the disk.
void SimNode::RunShardsWhileSyncing() {
  if (!IsUp() || !random_.Chance(1, 8)) return;
  for (const auto& shard : shards_) {
    if (shard->HasTasks()) shard->RunTurnNow();
  }
}

void SimNode::HangDisk(int64_t for_us) {
  reached_.Count(Rare::kDiskHung);
  hung_until_us_ = std::max(hung_until_us_, world_.now_us() + for_us);
  writer_->HoldUntil(hung_until_us_);
}

}  // namespace jangada::sim
