#include "storage/log_writer.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "storage/crash_points.h"
#include "storage/rocks_reader.h"

namespace jangada::storage {
namespace {

/// One sync carries at most this much, or one larger write: a longer one would make everyone wait
/// for the slowest.
constexpr size_t kMaxBatchBytes = 2 << 20;
/// While there are writes as small as this a sync carries no larger ones: it is over in a moment.
constexpr size_t kSmallBytes = 64 << 10;
/// So many rounds may pass a write over for smaller ones.
constexpr int kMaxPassedOver = 4;

size_t RecordBytes(const GroupWrite& write) {
  size_t bytes = 0;
  for (const raft::Entry& entry : write.entries) {
    if (entry.type == raft::EntryType::kRecords) bytes += entry.size();
  }
  return bytes;
}

}  // namespace

LogWriter::LogWriter(const Context& context, Groups groups, const std::vector<GroupId>& erased,
                     bool lost_groups)
    : context_(context), groups_(std::move(groups)), lost_groups_(lost_groups) {
  for (const GroupId id : erased) context_.views.SetErased(id);
  for (const auto& [id, log] : groups_) context_.views.Set(id, log.View());
}

void LogWriter::Submit(GroupWrite write, Executor& reply_to, Callback<Status> done) {
  const size_t bytes = RecordBytes(write);
  Enqueue(Write{std::move(write), &reply_to, std::move(done), bytes});
}

void LogWriter::Run(Callback<> task) { Enqueue(std::move(task)); }

void LogWriter::Enqueue(Item item) {
  bool post = false;
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(item));
    post = !std::exchange(drain_posted_, true);
  }
  if (post) context_.executor.Post([this] { Drain(); });
}

void LogWriter::Drain() {
  {
    const std::lock_guard lock(mutex_);
    std::move(queue_.begin(), queue_.end(), std::back_inserter(pending_));
    queue_.clear();
  }
  RunTasks();
  TakeRound();
  Commit();
  bool post = false;
  {
    const std::lock_guard lock(mutex_);
    left_over_ = pending_.size();
    post = drain_posted_ = left_over_ > 0 || !queue_.empty();
  }
  if (post) context_.executor.Post([this] { Drain(); });
}

void LogWriter::RunTasks() {
  while (!pending_.empty() && std::holds_alternative<Callback<>>(pending_.front())) {
    Callback<> task = std::get<Callback<>>(std::move(pending_.front()));
    pending_.pop_front();
    task();
  }
}

void LogWriter::TakeRound() {
  const std::vector<Write*> order = InOrderOfTaking();
  const bool only_small = !order.empty() && order.front()->passed_over < kMaxPassedOver &&
                          order.front()->rank <= kSmallBytes;
  size_t bytes = 0;
  for (auto next = order.begin(); next != order.end(); ++next) {
    Write& write = **next;
    const bool too_large = only_small && write.rank > kSmallBytes;
    if (next != order.begin() && (too_large || bytes + write.bytes > kMaxBatchBytes)) {
      // None behind it either: they may be of its group.
      std::for_each(next, order.end(), [](Write* passed) { ++passed->passed_over; });
      break;
    }
    bytes += write.bytes;
    write.taken = true;
    Take(std::move(write));
  }
  std::erase_if(pending_, [](const Item& item) {
    const auto* write = std::get_if<Write>(&item);
    return write != nullptr && write->taken;
  });
}

std::vector<LogWriter::Write*> LogWriter::InOrderOfTaking() {
  std::vector<Write*> order;
  std::unordered_map<GroupId, size_t> rank_of;
  for (Item& item : pending_) {
    auto* const write = std::get_if<Write>(&item);
    if (write == nullptr) break;
    size_t& rank = rank_of[write->write.group];
    rank = std::max(rank, write->bytes);
    // Those before it in its group have waited at least as long, so they are overdue too.
    write->rank = write->passed_over >= kMaxPassedOver ? 0 : rank;
    order.push_back(write);
  }
  std::stable_sort(order.begin(), order.end(),
                   [](const Write* a, const Write* b) { return a->rank < b->rank; });
  return order;
}

void LogWriter::Take(Write item) {
  Status answer = failed_ ? Status(*failed_) : AddToBatch(item.write);
  if (!answer.ok() && answer.error().code == ErrorCode::kIoError && !failed_) {
    failed_ = answer.error();
    batch_.Clear();
  }
  waiting_.push_back({item.reply_to, std::move(item.done), std::move(answer)});
}

Status LogWriter::AddToBatch(const GroupWrite& write) {
  const size_t record_bytes = RecordBytes(write);
  if (record_bytes > 0 && !context_.space.AdmitsRecords(record_bytes)) {
    ++refused_writes_;
    return Error{ErrorCode::kDiskFull,
                 "the disk has no room for more records; free some space or shorten retention"};
  }
  const auto known = groups_.find(write.group);
  if (known != groups_.end() && known->second.needs_reload && !write.erase) {
    return Error{ErrorCode::kDataCorrupt, "group " + std::to_string(write.group.value()) +
                                              " was found damaged; restart its replica"};
  }
  if (known == groups_.end() || GroupWriter::NeedsCommittedRows(write, known->second)) Commit();
  if (failed_) return *failed_;

  const bool is_new = known == groups_.end() || write.erase;
  const bool stays = !write.erase || write.hard_state || write.install || !write.entries.empty();
  GroupLog& log = groups_[write.group];
  GroupWriter writer(context_.db, &batch_, write.group, &log);
  touched_.push_back(write.group);
  const int64_t gone_before = log.bytes_gone;
  const bool was_damaged = log.damaged;
  if (write.erase) {
    bytes_dropped_ += log.open.bytes_before + log.open.bytes - log.bytes_gone;
    writer.Erase();
    if (!stays) {
      writer.NoteErased();
      groups_.erase(write.group);
      return {};
    }
  }
  if (is_new) writer.Make(lost_groups_ || was_damaged || write.joins);
  const Status applied = writer.Apply(write);
  if (!applied.ok() && applied.error().code == ErrorCode::kDataCorrupt) {
    spdlog::error("a damaged entry was met group={} why=\"{}\"", write.group.value(),
                  applied.error().message);
    ++damage_found_;
    TRY(writer.CutDamage(write.entries.front().index));
    log.needs_reload = true;
  }
  if (!is_new) bytes_dropped_ += log.bytes_gone - gone_before;
  return applied;
}

void LogWriter::Commit() {
  const Status done = CommitBatch();
  if (!done.ok()) {
    for (Waiting& waiting : waiting_) {
      if (waiting.answer.ok()) waiting.answer = done;
    }
  }
  Answer();
}

Status LogWriter::CommitBatch() {
  if (failed_) return *failed_;
  if (batch_.Count() == 0) return {};
  ReachCrashPoint(kCrashBeforeSync);
  rocksdb::WriteOptions synced;
  synced.sync = true;
  written_bytes_ += batch_.GetDataSize();
  group_writes_ += touched_.size();
  const int64_t began_us = context_.executor.NowUs();
  const rocksdb::Status status = context_.db.db->Write(synced, &batch_);
  sync_latency_.Record(context_.executor.NowUs() - began_us);
  batch_.Clear();
  if (!status.ok()) {
    met_io_error_ = status.IsIOError();
    failed_ = Error{ErrorCode::kIoError,
                    "writing to the store failed, so nothing is known of the disk "
                    "any more and the node must stop: " +
                        status.ToString()};
    spdlog::error("writing to the store failed error=\"{}\"", status.ToString());
    return *failed_;
  }
  ReachCrashPoint(kCrashAfterSync);
  const ManifestLength manifest = context_.db.manifest_grew->exchange(false)
                                      ? context_.db.Manifest()
                                      : context_.mark.manifest();
  if (const Status noted = context_.mark.Note(context_.db.db->GetLatestSequenceNumber(), manifest);
      !noted.ok()) {
    failed_ = noted.error();
    return *failed_;
  }
  ReachCrashPoint(kCrashAfterMark);
  for (const GroupId group : touched_) {
    const auto log = groups_.find(group);
    if (log == groups_.end()) {
      context_.views.SetErased(group);
    } else {
      context_.views.Set(group, log->second.View());
    }
  }
  touched_.clear();
  return {};
}

void LogWriter::Answer() {
  // One post for each executor, not for each write: a sync of a thousand groups wakes a shard once.
  // In the order of the writes, not of addresses, so that a simulated run can be replayed.
  using Answers = std::vector<std::pair<Callback<Status>, Status>>;
  std::vector<std::pair<Executor*, Answers>> by_executor;
  for (Waiting& waiting : waiting_) {
    auto known = std::find_if(by_executor.begin(), by_executor.end(),
                              [&](const auto& entry) { return entry.first == waiting.reply_to; });
    if (known == by_executor.end()) {
      known = by_executor.emplace(known, waiting.reply_to, Answers());
    }
    known->second.emplace_back(std::move(waiting.done), std::move(waiting.answer));
  }
  waiting_.clear();
  for (auto& [executor, list] : by_executor) {
    executor->Post([list = std::move(list)]() mutable {
      for (auto& [done, answer] : list) done(std::move(answer));
    });
  }
}

const GroupLog* LogWriter::Find(GroupId group) const {
  const auto log = groups_.find(group);
  return log == groups_.end() ? nullptr : &log->second;
}

std::vector<GroupId> LogWriter::GroupIds() const {
  std::vector<GroupId> ids;
  for (const auto& [id, log] : groups_) ids.push_back(id);
  std::sort(ids.begin(), ids.end());
  return ids;
}

void LogWriter::AllowWrites(GroupId group) { groups_.at(group).needs_reload = false; }

Result<bool> LogWriter::ConfirmDamage(GroupId group, raft::Index index) {
  if (failed_) return *failed_;
  const auto known = groups_.find(group);
  if (known == groups_.end()) return false;
  GroupLog& log = known->second;
  if (log.needs_reload) return true;
  if (log.empty() || index < log.first || index > log.last.index) return false;
  const RocksReader reader(context_.db);
  const raft::Index before = std::max(log.first, index - 1);
  const auto go_on = [](const raft::Entry&) { return true; };
  TRY_ASSIGN(const auto suspect, reader.Visit(group, *log.View(), {before, index}, go_on));
  if (!suspect) return false;
  spdlog::error(
      "a damaged entry was found; the replica is cut there and refilled group={} index={}",
      group.value(), *suspect);
  ReachCrashPoint(kCrashBeforeCut);
  ++damage_found_;
  TRY(GroupWriter(context_.db, &batch_, group, &log).CutDamage(*suspect));
  log.needs_reload = true;
  touched_.push_back(group);
  TRY(CommitBatch());
  return true;
}

WriterStats LogWriter::stats() const {
  WriterStats stats{.sync = sync_latency_.Snapshot(),
                    .group_writes = group_writes_,
                    .written_bytes = written_bytes_,
                    .refused_writes = refused_writes_,
                    .damage_found = damage_found_,
                    .dropped_bytes = bytes_dropped_,
                    .lost_groups = lost_groups_};
  const std::lock_guard lock(mutex_);
  stats.queue = queue_.size() + left_over_;
  return stats;
}

Status LogWriter::ForgetLostGroups() {
  batch_.Delete(context_.db.meta, MetaKey(kStoreRows, MetaTag::kLostGroups));
  TRY(CommitBatch());
  lost_groups_ = false;
  return {};
}

}  // namespace jangada::storage
