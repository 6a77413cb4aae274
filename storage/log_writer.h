// LogWriter: the one place where the store is written. It takes what all groups and shards have
// queued, merges it into one synced WriteBatch, notes how far it got, shows the result to the
// readers and only then answers.
//
// Threads: Submit and Run from any; all else on the writer's executor. The queue is one of the two
// places of the store where threads meet under a mutex. After a failed write or sync nothing more
// is written, ever.
#pragma once

#include <rocksdb/write_batch.h>

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "base/latency_histogram.h"
#include "storage/disk_space.h"
#include "storage/group_log.h"
#include "storage/group_writer.h"
#include "storage/log_store.h"
#include "storage/rocks_db.h"
#include "storage/store_stats.h"
#include "storage/synced_mark.h"

namespace jangada::storage {

class LogWriter {
 public:
  using Groups = std::unordered_map<GroupId, GroupLog>;

  /// What the writer works on; all outlive it.
  struct Context {
    const RocksDb& db;
    const DiskSpace& space;
    ViewTable& views;
    SyncedMark& mark;
    Executor& executor;
  };

  /// `erased`: groups that the store held once; some of them may be among `groups` again.
  LogWriter(const Context& context, Groups groups, const std::vector<GroupId>& erased,
            bool lost_groups);

  void Submit(GroupWrite write, Executor& reply_to, Callback<Status> done);
  /// Runs `task` on the writer's executor after everything submitted before it is durable.
  void Run(Callback<> task);

  // ---- on the writer's executor, from a task given to Run ----
  const GroupLog* Find(GroupId group) const;  // also before the first write, from any thread
  std::vector<GroupId> GroupIds() const;      // likewise; sorted
  /// The replica starts again: writes of a group that was found damaged are taken again.
  void AllowWrites(GroupId group);
  /// A reader suspects `index`. True if it is held and bad: the group is then durably marked and
  /// cut.
  Result<bool> ConfirmDamage(GroupId group, raft::Index index);
  Status ForgetLostGroups();

  /// REQUIRES: on the writer's executor, or after it stopped.
  bool met_io_error() const { return met_io_error_; }

  bool lost_groups() const { return lost_groups_; }
  /// Bytes of entries that were trimmed or erased so far: their space returns when tables are
  /// compacted.
  int64_t bytes_dropped() const { return bytes_dropped_; }
  /// Any thread.
  WriterStats stats() const;

 private:
  struct Write {
    GroupWrite write;
    Executor* reply_to;
    Callback<Status> done;
    size_t bytes;         // of its records
    size_t rank = 0;      // at least its bytes and those of its group's writes before it
    int passed_over = 0;  // by so many rounds
    bool taken = false;   // by this one
  };
  using Item = std::variant<Write, Callback<>>;
  struct Waiting {
    Executor* reply_to;
    Callback<Status> done;
    Status answer;  // if the batch that it waits for is synced
  };

  void Enqueue(Item item);
  /// One round: the tasks that are next, then one sync. Looks again after each, so that what came
  /// while the disk was busy need not wait for megabytes that came before it.
  void Drain();
  void RunTasks();
  /// Up to the next task the smaller writes go first, as many as one sync carries. Writes of one
  /// group keep their order, and one that was passed over too often goes before all others.
  void TakeRound();
  std::vector<Write*> InOrderOfTaking();
  void Take(Write item);
  Status AddToBatch(const GroupWrite& write);
  /// Writes and syncs the batch, then answers everything that waits.
  void Commit();
  Status CommitBatch();
  void Answer();

  // Constant after construction.
  const Context context_;

  // Shared, under mutex_.
  mutable std::mutex mutex_;
  std::deque<Item> queue_;
  bool drain_posted_ = false;
  size_t left_over_ = 0;  // of pending_, by the last round

  // Owned by the writer's executor.
  std::deque<Item> pending_;  // as they came
  Groups groups_;
  rocksdb::WriteBatch batch_;
  std::vector<GroupId> touched_;  // by the batch
  std::vector<Waiting> waiting_;
  std::optional<Error> failed_;
  bool met_io_error_ = false;

  // Written by the writer's executor, read by any.
  std::atomic<bool> lost_groups_;
  std::atomic<int64_t> bytes_dropped_ = 0;
  LatencyHistogram sync_latency_;
  std::atomic<uint64_t> group_writes_ = 0;
  std::atomic<uint64_t> written_bytes_ = 0;
  std::atomic<uint64_t> refused_writes_ = 0;
  std::atomic<uint64_t> damage_found_ = 0;
};

}  // namespace jangada::storage
