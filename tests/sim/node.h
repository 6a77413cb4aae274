// SimNode: one machine and the process on it: real rooms, real store code, real encoding, on
// virtual threads, wires and a disk that forgets. The process starts, is killed, stands still, is
// stopped cleanly; the disk and the machine's clock outlive it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/kafka/dispatcher.h"
#include "server/node_rooms.h"
#include "storage/rocks_log_store.h"
#include "tests/sim/disk.h"
#include "tests/sim/executor.h"
#include "tests/sim/network.h"

namespace jangada::sim {

/// How fast a disk is. Microseconds.
struct DiskPace {
  int64_t min_sync_us = 50;
  int64_t max_sync_us = 400;
  int64_t min_read_us = 20;
  int64_t max_read_us = 200;
};

class SimNode {
 public:
  struct Options {
    NodeId id;
    server::Config config;
    server::PartitionOptions base;
    int shards = 2;
  };
  /// Told of what a checker wants to see. On the world's thread.
  class Observer : public MessageObserver {
   public:
    /// A shard of the node has taken a turn.
    virtual void AfterTurn(SimNode& node) = 0;
    virtual void OnStarted(SimNode& node) = 0;
    /// The process is about to be gone.
    virtual void OnEnding(SimNode& node) = 0;
  };

  SimNode(World& world, SimNetwork& network, Reached& reached, Options options, Observer& observer);
  ~SimNode();

  NodeId id() const { return options_.id; }
  SimDisk& disk() { return disk_; }
  NodeClock& clock() { return clock_; }

  // ---- the process ----
  /// False: it did not come up (its disk refuses to be read), and may be tried again.
  bool Start();
  /// kill -9, or (power) the machine goes down with it.
  void Crash(bool power);
  void Pause();
  void Resume();
  /// A clean stop; it is down when that is done.
  void Stop();
  /// Its disk is lost, and an empty one with an id of its own put in its place. REQUIRES: !IsUp().
  void ReplaceDisk();

  bool IsUp() const { return process_ != nullptr; }
  bool IsPaused() const { return paused_; }
  bool IsStopping() const { return stopping_; }
  /// Grows with each process: what belongs to an earlier one is void.
  uint64_t life() const { return life_; }
  /// Why the last process ended itself; nullopt: it did not.
  const std::optional<Error>& fatal() const { return fatal_; }
  /// How often a process here ended because the cluster would not have it.
  uint64_t refusals() const { return refusals_; }

  /// REQUIRES: IsUp().
  server::NodeRooms& rooms();
  server::Broker& broker() { return rooms().broker(); }
  /// The Kafka door, without its sockets. REQUIRES: IsUp().
  server::kafka::Dispatcher& kafka();
  /// The partition's replica here; nullptr: none. REQUIRES: IsUp().
  server::Partition* FindPartition(GroupId group);
  server::Replica* FindReplica(GroupId group);

  // ---- faults ----
  void SetDiskPace(const DiskPace& pace) { pace_ = pace; }
  /// The writer does nothing for so long.
  void HangDisk(int64_t for_us);
  bool IsDiskHung() const { return world_.now_us() < hung_until_us_; }
  /// The shards are slow: each turn comes up to so much later.
  void SetLag(int64_t max_us) { lag_us_ = max_us; }

 private:
  struct Process;

  int64_t Jitter(int64_t low_us, int64_t high_us);
  void OnFatal(const Error& error);
  void EndProcess(bool power);
  /// Runs what the log writer has before it, as far as the crash lets it.
  void DieWhileWriting();
  void RunShardsWhileSyncing();
  template <class F>
  void ForAllExecutors(F function);

  World& world_;
  SimNetwork& network_;
  Reached& reached_;
  const Options options_;
  Observer& observer_;
  Random random_;
  NodeClock clock_;
  SimDisk disk_;
  DiskPace pace_;
  int64_t lag_us_ = 0;
  int64_t hung_until_us_ = 0;

  std::vector<std::unique_ptr<SimExecutor>> shards_;
  std::unique_ptr<SimExecutor> writer_;
  std::vector<std::unique_ptr<SimExecutor>> readers_;

  std::unique_ptr<Process> process_;
  uint64_t life_ = 0;
  uint64_t refusals_ = 0;
  bool paused_ = false;
  bool stopping_ = false;
  std::optional<Error> fatal_;
};

}  // namespace jangada::sim
