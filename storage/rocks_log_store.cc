#include "storage/rocks_log_store.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <utility>

#include "storage/crash_points.h"
#include "storage/disk_space.h"
#include "storage/log_writer.h"
#include "storage/rocks_load.h"
#include "storage/rocks_parts.h"
#include "storage/rocks_reader.h"
#include "storage/space_reclaimer.h"
#include "storage/synced_mark.h"
#include "storage/thread_executor.h"
#include "storage/timestamps.h"

namespace jangada::storage {
namespace {

namespace fs = std::filesystem;
using Entries = Result<std::vector<raft::Entry>>;

template <class T>
void Reply(Executor& reply_to, Callback<T> done, T answer) {
  reply_to.Post(
      [done = std::move(done), answer = std::move(answer)]() mutable { done(std::move(answer)); });
}

Error NotHeld(GroupId group, raft::Index index) {
  return {ErrorCode::kNotFound, "entry " + std::to_string(index) + " of group " +
                                    std::to_string(group.value()) +
                                    " was trimmed or is not yet on the disk"};
}

Error IsDamaged(GroupId group, raft::Index index) {
  return {ErrorCode::kDataCorrupt, "entry " + std::to_string(index) + " of group " +
                                       std::to_string(group.value()) +
                                       " is damaged; its replica must be refilled"};
}

Error WasTrimmed(int64_t offset) {
  return {ErrorCode::kOffsetOutOfRange,
          "offset " + std::to_string(offset) + " was trimmed; read from the log's start"};
}

/// A name in a folder is durable only once the folder is.
Status SyncFolder(const std::string& path) {
  const int folder = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = folder >= 0 && ::fsync(folder) == 0;
  if (folder >= 0) ::close(folder);
  if (!synced) return Error{ErrorCode::kIoError, "cannot sync the folder " + path};
  return {};
}

/// Reads what the database holds and makes durable what of it is damaged or gone, before anything
/// else is written. kDataCorrupt: the rows by which the others are understood cannot be read.
Result<LoadedLogs> LoadAndSettle(const RocksOpened& opened, SyncedMark* mark) {
  TRY_ASSIGN(LoadedLogs loaded, LoadLogs(opened.db, opened.suspect));
  if (opened.found == Found::kNothing) {
    // Noted at once: its first write says that groups were lost, and may be lost itself.
    TRY(mark->Reset());
    TRY(mark->Note(opened.db.db->GetLatestSequenceNumber(), opened.db.Manifest()));
    return loaded;
  }
  const bool lost_writes = opened.db.db->GetLatestSequenceNumber() < mark->noted();
  TRY(RecordDamage(opened.db, &loaded, lost_writes));
  TRY(mark->Note(opened.db.db->GetLatestSequenceNumber(), opened.db.Manifest()));
  if (opened.suspect) ClearSuspect(opened.db.path);
  return loaded;
}

}  // namespace

struct RocksLogStore::Impl {
  Impl(StoreParts parts, LoadedLogs loaded, Executor& writer_executor)
      : db(std::move(parts.opened.db)),
        space(std::move(parts.space)),
        mark(std::move(parts.mark)),
        reader(db),
        writer({db, *space, views, mark, writer_executor}, std::move(loaded.groups), loaded.erased,
               loaded.lost_groups),
        readers(std::move(parts.readers)) {}

  ~Impl() { db.abandoned = writer.met_io_error(); }

  /// Readers take turns: a cold read of one group waits for few others, and their number is
  /// bounded.
  Executor& NextReader() { return *readers[next_reader++ % readers.size()]; }

  Entries ReadNow(GroupId group, const ReadLimits& limits, std::optional<raft::Index>* suspect);
  Entries ReadOffsetNow(GroupId group, int64_t offset, ReadLimits limits,
                        std::optional<raft::Index>* suspect);
  Result<OffsetAndTime> FindTimestampNow(GroupId group, int64_t timestamp_ms, raft::Index last,
                                         std::optional<raft::Index>* suspect);
  /// Runs `read` on a reader; what it suspects is judged by the writer before anyone is told.
  template <class T, class ReadFunction>
  void ReadAndJudge(GroupId group, Executor& reply_to, Callback<T> done, ReadFunction read);

  RocksDb db;
  std::unique_ptr<DiskSpace> space;
  ViewTable views;
  SyncedMark mark;
  RocksReader reader;
  LogWriter writer;
  const std::vector<Executor*> readers;
  std::atomic<size_t> next_reader = 0;
  LatencyHistogram cold_read_latency;
  // Of a store that opened them itself. First to go: they use all of the above.
  std::vector<std::unique_ptr<ThreadExecutor>> reader_threads;
  std::unique_ptr<SpaceReclaimer> reclaimer;
};

Result<std::unique_ptr<RocksLogStore>> RocksLogStore::Open(const RocksOptions& options,
                                                           Executor& writer) {
  std::error_code error;
  fs::create_directories(options.path, error);
  if (error) {
    return Error{ErrorCode::kIoError,
                 "cannot make the folder " + options.path + ": " + error.message()};
  }
  const std::string mark_path = options.path + "/synced";
  const bool is_new = !fs::exists(mark_path);
  std::optional<SyncedMark> mark;
  if (!is_new) {
    TRY_ASSIGN(SyncedMark old_mark, SyncedMark::Open(mark_path));
    mark.emplace(std::move(old_mark));
  }
  const bool whole = is_new || ManifestReaches(options.path + "/db", mark->manifest());
  TRY_ASSIGN(RocksOpened opened, whole ? OpenRocksDb(options, is_new)
                                       : OpenNewInstead(options, "its MANIFEST is damaged"));
  ReachCrashPoint(kCrashAfterOpen);
  if (is_new) {
    // Only now: a store that has a mark and no database has lost it.
    TRY_ASSIGN(SyncedMark new_mark, SyncedMark::Open(mark_path));
    mark.emplace(std::move(new_mark));
    TRY(SyncFolder(options.path));
  }

  std::vector<std::unique_ptr<ThreadExecutor>> threads;
  StoreParts parts{.opened = std::move(opened),
                   .mark = *std::move(mark),
                   .space = std::make_unique<DiskSpace>(options.path, options.min_free_bytes),
                   .readers = {},
                   .open_new_instead = [&options](const std::string& why) {
                     return OpenNewInstead(options, why);
                   }};
  for (int i = 0; i < options.reader_threads; ++i) {
    threads.push_back(std::make_unique<ThreadExecutor>("store-read-" + std::to_string(i)));
    parts.readers.push_back(threads.back().get());
  }
  TRY_ASSIGN(std::unique_ptr<RocksLogStore> store, OpenOn(std::move(parts), writer));
  Impl& impl = *store->impl_;
  impl.reader_threads = std::move(threads);
  impl.reclaimer = std::make_unique<SpaceReclaimer>(impl.db, *impl.space, impl.writer);
  return store;
}

Result<std::unique_ptr<RocksLogStore>> RocksLogStore::OpenOn(StoreParts parts, Executor& writer) {
  const auto make = [&writer](StoreParts from, LoadedLogs logs) {
    auto impl = std::make_unique<Impl>(std::move(from), std::move(logs), writer);
    return std::unique_ptr<RocksLogStore>(new RocksLogStore(std::move(impl)));
  };
  Result<LoadedLogs> loaded = LoadAndSettle(parts.opened, &parts.mark);
  if (loaded.ok()) return make(std::move(parts), *std::move(loaded));
  if (loaded.error().code != ErrorCode::kDataCorrupt) return loaded.error();
  { const RocksDb closed = std::move(parts.opened.db); }
  TRY_ASSIGN(RocksOpened instead, parts.open_new_instead(loaded.error().message));
  // An open database cannot be assigned to, so all parts are put together anew.
  StoreParts anew{.opened = std::move(instead),
                  .mark = std::move(parts.mark),
                  .space = std::move(parts.space),
                  .readers = std::move(parts.readers),
                  .open_new_instead = nullptr};
  TRY_ASSIGN(LoadedLogs nothing, LoadAndSettle(anew.opened, &anew.mark));
  return make(std::move(anew), std::move(nothing));
}

RocksLogStore::RocksLogStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RocksLogStore::~RocksLogStore() = default;

Result<std::vector<GroupState>> RocksLogStore::Load() {
  std::vector<GroupState> states;
  for (const GroupId group : impl_->writer.GroupIds()) {
    TRY_ASSIGN(GroupState state, LoadState(impl_->db, group, *impl_->writer.Find(group)));
    states.push_back(std::move(state));
  }
  return states;
}

bool RocksLogStore::may_have_lost_groups() const { return impl_->writer.lost_groups(); }

bool RocksLogStore::WasErased(GroupId group) const { return impl_->views.WasErased(group); }

void RocksLogStore::ForgetLostGroups(Executor& reply_to, Callback<Status> done) {
  impl_->writer.Run([impl = impl_.get(), &reply_to, done = std::move(done)]() mutable {
    Reply(reply_to, std::move(done), impl->writer.ForgetLostGroups());
  });
}

void RocksLogStore::Reload(GroupId group, Executor& reply_to, Callback<Result<GroupState>> done) {
  impl_->writer.Run([impl = impl_.get(), group, &reply_to, done = std::move(done)]() mutable {
    const GroupLog* log = impl->writer.Find(group);
    if (log == nullptr) {
      return Reply<Result<GroupState>>(
          reply_to, std::move(done),
          Error{ErrorCode::kNotFound,
                "the store holds nothing of group " + std::to_string(group.value())});
    }
    impl->writer.AllowWrites(group);
    Reply(reply_to, std::move(done), LoadState(impl->db, group, *log));
  });
}

void RocksLogStore::Persist(GroupWrite write, Executor& reply_to, Callback<Status> done) {
  impl_->writer.Submit(std::move(write), reply_to, std::move(done));
}

template <class T, class ReadFunction>
void RocksLogStore::Impl::ReadAndJudge(GroupId group, Executor& reply_to, Callback<T> done,
                                       ReadFunction read) {
  Executor& on = NextReader();
  on.Post(
      [this, group, &on, asked_us = on.NowUs(), &reply_to, done = std::move(done), read]() mutable {
        std::optional<raft::Index> suspect;
        T answer = read(&suspect);
        cold_read_latency.Record(on.NowUs() - asked_us);
        if (!suspect) return Reply(reply_to, std::move(done), std::move(answer));
        writer.Run([this, group, index = *suspect, &reply_to, done = std::move(done)]() mutable {
          const Result<bool> damaged = writer.ConfirmDamage(group, index);
          T verdict = !damaged.ok() ? damaged.error()
                      : *damaged    ? IsDamaged(group, index)
                                    : NotHeld(group, index);
          Reply(reply_to, std::move(done), std::move(verdict));
        });
      });
}

Entries RocksLogStore::Impl::ReadNow(GroupId group, const ReadLimits& limits,
                                     std::optional<raft::Index>* suspect) {
  const auto view = views.Find(group);
  if (!view || limits.range.first < view->first || limits.range.first > view->last) {
    return NotHeld(group, limits.range.first);
  }
  TRY_ASSIGN(ReadEntries found, reader.Read(group, *view, limits));
  // Entries before a damaged one are sound; whoever asks for that one itself learns of it.
  if (found.entries.empty()) *suspect = found.suspect;
  return std::move(found.entries);
}

void RocksLogStore::Read(GroupId group, raft::IndexRange range, size_t max_bytes,
                         Executor& reply_to, Callback<Entries> done) {
  impl_->ReadAndJudge(group, reply_to, std::move(done),
                      [impl = impl_.get(), group, range, max_bytes](auto* suspect) {
                        return impl->ReadNow(group, {range, max_bytes, false}, suspect);
                      });
}

Entries RocksLogStore::Impl::ReadOffsetNow(GroupId group, int64_t offset, ReadLimits limits,
                                           std::optional<raft::Index>* suspect) {
  const auto view = views.Find(group);
  if (!view || offset >= view->end_offset) return std::vector<raft::Entry>();
  TRY_ASSIGN(const raft::Index start, reader.StartForOffset(group, *view, offset));
  std::optional<raft::Entry> holder;
  const auto is_before = [&](raft::Entry entry) {
    if (entry.base_offset + entry.record_count <= offset) return true;
    holder = std::move(entry);
    return false;
  };
  TRY_ASSIGN(*suspect, reader.Visit(group, *view, {start, limits.range.last}, is_before));
  if (!holder) {
    // An empty log whose checkpoint lies beyond the offset has trimmed it, too.
    if (view->last < view->first) return WasTrimmed(offset);
    return std::vector<raft::Entry>();
  }
  if (holder->base_offset > offset) return WasTrimmed(offset);
  limits.range.first = holder->index;
  return ReadNow(group, limits, suspect);
}

void RocksLogStore::ReadOffset(GroupId group, int64_t offset, raft::Index last, size_t max_bytes,
                               Executor& reply_to, Callback<Entries> done) {
  const ReadLimits limits{{0, last}, max_bytes, true};
  impl_->ReadAndJudge(group, reply_to, std::move(done),
                      [impl = impl_.get(), group, offset, limits](auto* suspect) {
                        return impl->ReadOffsetNow(group, offset, limits, suspect);
                      });
}

Result<OffsetAndTime> RocksLogStore::Impl::FindTimestampNow(GroupId group, int64_t timestamp_ms,
                                                            raft::Index last,
                                                            std::optional<raft::Index>* suspect) {
  const auto view = views.Find(group);
  Result<OffsetAndTime> found = OffsetAndTime{};
  if (!view) return found;
  TRY_ASSIGN(const raft::Index start, reader.StartForTimestamp(group, *view, timestamp_ms));
  const auto is_older = [&](const raft::Entry& entry) {
    found = FirstRecordAtOrAfter(entry, timestamp_ms);
    return found.ok() && found->offset < 0;
  };
  TRY_ASSIGN(*suspect, reader.Visit(group, *view, {start, last}, is_older));
  return found;
}

void RocksLogStore::FindTimestamp(GroupId group, int64_t timestamp_ms, raft::Index last,
                                  Executor& reply_to, Callback<Result<OffsetAndTime>> done) {
  impl_->ReadAndJudge(group, reply_to, std::move(done),
                      [impl = impl_.get(), group, timestamp_ms, last](auto* suspect) {
                        return impl->FindTimestampNow(group, timestamp_ms, last, suspect);
                      });
}

void RocksLogStore::ReadSparse(GroupId group, Executor& reply_to,
                               Callback<Result<std::vector<SparseRow>>> done) {
  impl_->NextReader().Post(
      [impl = impl_.get(), group, &reply_to, done = std::move(done)]() mutable {
        const auto view = impl->views.Find(group);
        Reply(reply_to, std::move(done),
              view ? impl->reader.Sparse(group, *view) : std::vector<SparseRow>());
      });
}

void RocksLogStore::ReadCheckpoint(GroupId group, Executor& reply_to,
                                   Callback<Result<Checkpoint>> done) {
  impl_->NextReader().Post(
      [impl = impl_.get(), group, &reply_to, done = std::move(done)]() mutable {
        Reply(reply_to, std::move(done), impl->reader.ReadCheckpoint(group));
      });
}

LogStore::Usage RocksLogStore::usage() const { return impl_->space->usage(); }

std::optional<int64_t> RocksLogStore::LogBytes(GroupId group) const {
  const auto view = impl_->views.Find(group);
  return view == nullptr ? std::nullopt : std::optional(view->bytes);
}

StoreStats RocksLogStore::stats() const {
  return {.writer = impl_->writer.stats(), .cold_read = impl_->cold_read_latency.Snapshot()};
}

}  // namespace jangada::storage
