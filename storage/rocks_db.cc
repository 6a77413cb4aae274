#include "storage/rocks_db.h"

#include <fcntl.h>
#include <rocksdb/cache.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/coding.h"
#include "storage/rocks_rows.h"

namespace jangada::storage {
namespace {

namespace fs = std::filesystem;

// Values from this size on live in blob files: compaction moves their keys only, and trimmed ones
// cost nothing more than a range tombstone. docs/decisions.md says what was measured.
constexpr uint64_t kMinBlobSize = 512;
constexpr size_t kSmallWriteBuffer = 4 << 20;  // of the families without payloads
constexpr int kBackgroundJobs = 2;
constexpr int kOpenFiles = 1024;

/// A file beside the database that says: some of its files were found unreadable while it ran.
fs::path SuspectFile(const std::string& path) { return fs::path(path) / "suspect"; }

/// Hears from RocksDB's background threads. After damage it refuses writes, so the node stops.
class Listener final : public rocksdb::EventListener {
 public:
  Listener(std::string path, std::shared_ptr<std::atomic<bool>> manifest_grew)
      : path_(std::move(path)), manifest_grew_(std::move(manifest_grew)) {}

  void OnFlushCompleted(rocksdb::DB*, const rocksdb::FlushJobInfo&) override {
    *manifest_grew_ = true;
  }
  void OnCompactionCompleted(rocksdb::DB*, const rocksdb::CompactionJobInfo&) override {
    *manifest_grew_ = true;
  }
  void OnBackgroundError(rocksdb::BackgroundErrorReason, rocksdb::Status* status) override {
    spdlog::error("the store failed in the background error=\"{}\"", status->ToString());
    if (status->IsCorruption()) MarkSuspect(path_);
  }

 private:
  const std::string path_;
  const std::shared_ptr<std::atomic<bool>> manifest_grew_;
};

/// Some file systems (tmpfs before Linux 6.6) refuse it.
bool HasDirectIo(const std::string& path) {
  const std::string probe = path + "/direct-io-probe";
  const int file = ::open(probe.c_str(), O_WRONLY | O_CREAT | O_DIRECT | O_CLOEXEC, 0644);
  if (file >= 0) ::close(file);
  ::unlink(probe.c_str());
  return file >= 0;
}

rocksdb::DBOptions DatabaseOptions(const RocksOptions& options, bool is_new,
                                   std::shared_ptr<std::atomic<bool>> manifest_grew) {
  rocksdb::DBOptions db;
  if (options.env != nullptr) db.env = options.env;
  db.create_if_missing = is_new;
  db.create_missing_column_families = is_new;
  // All families are written out together, so that what recovery finds is one prefix of all writes.
  db.atomic_flush = true;
  db.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  db.paranoid_checks = true;
  db.max_bgerror_resume_count =
      0;  // after an error nothing is known; never go on as if it had not been
  db.allow_concurrent_memtable_write = false;  // there is one writer
  db.max_background_jobs = kBackgroundJobs;
  db.max_open_files = kOpenFiles;
  db.max_total_wal_size = 4 * options.write_buffer_bytes;
  db.keep_log_file_num = 3;
  db.max_log_file_size = 4 << 20;
  db.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  db.stats_dump_period_sec = 0;
  db.stats_persist_period_sec = 0;
  db.skip_stats_update_on_db_open = true;
  db.avoid_unnecessary_blocking_io = true;
  // What is written out was in memory a moment ago, and the newest of it is in the EntryCache: a
  // copy of it in the page cache would cost a third of the store's CPU.
  db.use_direct_io_for_flush_and_compaction = HasDirectIo(options.path);
  db.listeners.push_back(std::make_shared<Listener>(options.path, std::move(manifest_grew)));
  return db;
}

std::vector<rocksdb::ColumnFamilyDescriptor> Families(const RocksOptions& options) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(options.block_cache_bytes);
  table.cache_index_and_filter_blocks = true;
  table.checksum = rocksdb::kCRC32c;

  rocksdb::ColumnFamilyOptions small;
  small.compression = rocksdb::kNoCompression;
  small.write_buffer_size = kSmallWriteBuffer;
  small.ttl = 0;
  small.periodic_compaction_seconds = 0;
  small.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));

  rocksdb::ColumnFamilyOptions entries = small;
  entries.write_buffer_size = options.write_buffer_bytes;
  entries.max_write_buffer_number = 3;
  entries.enable_blob_files = true;
  entries.min_blob_size = kMinBlobSize;
  entries.enable_blob_garbage_collection =
      false;  // it copies by age; SpaceReclaimer asks by garbage

  return {{rocksdb::kDefaultColumnFamilyName, small},
          {"entries", entries},
          {"sparse", small},
          {"meta", small}};
}

rocksdb::Status TryOpen(const RocksOptions& options, bool is_new, RocksDb* out) {
  rocksdb::DB* raw = nullptr;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  const rocksdb::Status status = rocksdb::DB::Open(
      rocksdb::Options(DatabaseOptions(options, is_new, out->manifest_grew), {}),
      (fs::path(options.path) / "db").string(), Families(options), &handles, &raw);
  if (!status.ok()) return status;
  out->path = options.path;
  out->db.reset(raw);
  raw->DestroyColumnFamilyHandle(handles[0]);
  out->entries = handles[1];
  out->sparse = handles[2];
  out->meta = handles[3];
  return status;
}

Status WriteStoreRows(RocksDb* db, bool lost_groups) {
  rocksdb::WriteBatch batch;
  std::string version;
  AppendBig<uint32_t>(&version, kStoreFormatVersion);
  batch.Put(db->meta, MetaKey(kStoreRows, MetaTag::kFormat), version);
  if (lost_groups) batch.Put(db->meta, MetaKey(kStoreRows, MetaTag::kLostGroups), "");
  rocksdb::WriteOptions synced;
  synced.sync = true;
  const rocksdb::Status status = db->db->Write(synced, &batch);
  if (!status.ok()) return ToError(status, "start a new store");
  return {};
}

Status CheckFormat(RocksDb* db) {
  std::string version;
  const rocksdb::Status status =
      db->db->Get({}, db->meta, MetaKey(kStoreRows, MetaTag::kFormat), &version);
  if (status.IsNotFound()) return WriteStoreRows(db, false);  // it stopped right after it was made
  if (!status.ok()) return ToError(status, "read the format of the store");
  if (version.size() == 4 && LoadBig<uint32_t>(version.data()) == kStoreFormatVersion) return {};
  return Error{
      ErrorCode::kUnsupportedVersion,
      "the store has a format that this program does not know; run the version that wrote it"};
}

/// Under a free name, so that an operator may still look at it.
Status MoveAside(const std::string& path, const std::string& why) {
  const fs::path from = fs::path(path) / "db";
  for (int i = 1;; ++i) {
    const fs::path to = fs::path(path) / ("db.damaged-" + std::to_string(i));
    if (fs::exists(to)) continue;
    std::error_code error;
    if (fs::exists(from)) fs::rename(from, to, error);
    if (error) {
      return Error{ErrorCode::kIoError,
                   "cannot move the damaged store " + from.string() + " aside: " + error.message()};
    }
    spdlog::error(
        "the store is damaged beyond repair and was moved aside; its groups are refilled "
        "from their peers kept={} why=\"{}\"",
        to.string(), why);
    return {};
  }
}

}  // namespace

RocksDb::~RocksDb() {
  if (db == nullptr) return;
  if (abandoned) {
    struct LeftOpen {
      rocksdb::DB* db;
      std::array<rocksdb::ColumnFamilyHandle*, 3> families;
    };
    static auto* const left_open = new std::vector<LeftOpen>;  // still reachable, so no leak
    left_open->push_back({db.release(), {entries, sparse, meta}});
    return;
  }
  for (rocksdb::ColumnFamilyHandle* family : {entries, sparse, meta}) {
    db->DestroyColumnFamilyHandle(family);
  }
  db->Close();
}

ManifestLength RocksDb::Manifest() const {
  std::vector<std::string> files;
  ManifestLength length;
  if (!db->GetLiveFiles(files, &length.bytes, false).ok()) return {};
  constexpr std::string_view kPrefix = "/MANIFEST-";
  for (const std::string& name : files) {
    if (name.starts_with(kPrefix)) {
      std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), length.number);
    }
  }
  return length;
}

std::unique_ptr<rocksdb::Iterator> RocksDb::Walk(rocksdb::ColumnFamilyHandle* family,
                                                 const rocksdb::Slice* upper) const {
  rocksdb::ReadOptions options;
  options.iterate_upper_bound = upper;
  return std::unique_ptr<rocksdb::Iterator>(db->NewIterator(options, family));
}

Result<RocksOpened> OpenNewInstead(const RocksOptions& options, const std::string& why) {
  TRY(MoveAside(options.path, why));
  ClearSuspect(options.path);
  RocksOpened opened;
  opened.found = Found::kNothing;
  if (const auto status = TryOpen(options, true, &opened.db); !status.ok()) {
    return ToError(status, "make a new store");
  }
  TRY(WriteStoreRows(&opened.db, true));
  return opened;
}

Result<RocksOpened> OpenRocksDb(const RocksOptions& options, bool is_new) {
  RocksOpened opened;
  opened.suspect = fs::exists(SuspectFile(options.path));
  rocksdb::Status status = TryOpen(options, is_new, &opened.db);
  if (status.ok() && opened.suspect) {
    spdlog::warn("checking all of the store, since damage was met before the last stop");
    status = opened.db.db->VerifyChecksum();
  }
  Status checked = status.ok() ? CheckFormat(&opened.db) : ToError(status, "open the store");
  if (checked.ok()) return opened;
  const bool damaged =
      status.ok() ? checked.error().code == ErrorCode::kDataCorrupt : !IsPassing(status);
  if (!damaged) return checked.error();
  { const RocksDb closed = std::move(opened.db); }
  return OpenNewInstead(options, checked.error().message);
}

void MarkSuspect(const std::string& path) {
  std::FILE* file = std::fopen(SuspectFile(path).c_str(), "we");
  if (file != nullptr) std::fclose(file);
}

void ClearSuspect(const std::string& path) {
  std::error_code ignored;
  fs::remove(SuspectFile(path), ignored);
}

bool IsPassing(const rocksdb::Status& status) {
  const bool damage = status.IsCorruption() || status.IsInvalidArgument() || status.IsNotFound() ||
                      status.IsPathNotFound() || status.IsNotSupported();
  return !status.ok() && !damage;
}

Error ToError(const rocksdb::Status& status, const std::string& doing) {
  const ErrorCode code = status.IsCorruption() ? ErrorCode::kDataCorrupt : ErrorCode::kIoError;
  return {code, "cannot " + doing + ": " + status.ToString()};
}

}  // namespace jangada::storage
