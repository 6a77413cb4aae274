#include "storage/space_reclaimer.h"

#include <rocksdb/metadata.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <string>

namespace jangada::storage {
namespace {

constexpr int64_t kLookEveryUs = 1'000'000;
/// A compaction rewrites every key of the store, so it waits until enough was dropped: this much,
/// and this part of all values (a key is about a thousandth of its value).
constexpr int64_t kWorthCompacting = 256 << 20;
constexpr int64_t kWorthCompactingPart = 16;
/// Copying pays where at least this much is freed, and at least this part of what is read is
/// garbage. So a dropped byte costs at most one copied byte, and the store is at most about twice
/// what it keeps.
constexpr int64_t kWorthCopying = 256 << 20;
constexpr double kGarbagePart = 0.65;
constexpr double kGarbagePartWhenFull = 0.1;  // of a disk on which no more records are taken

int64_t BlobBytes(const rocksdb::ColumnFamilyMetaData& family) {
  return static_cast<int64_t>(family.blob_file_size);
}

}  // namespace

SpaceReclaimer::SpaceReclaimer(const RocksDb& db, const DiskSpace& space, const LogWriter& writer)
    : db_(db), space_(space), writer_(writer) {
  thread_.Post([this] { Look(); });
}

SpaceReclaimer::~SpaceReclaimer() {
  canceled_ = true;
  thread_.Stop();
}

void SpaceReclaimer::Look() {
  const int64_t dropped = writer_.bytes_dropped();
  rocksdb::ColumnFamilyMetaData family;
  db_.db->GetColumnFamilyMetaData(db_.entries, &family);
  const bool full = !space_.usage().accepts_produce;
  const int64_t worth =
      full ? 1 : std::max(kWorthCompacting, BlobBytes(family) / kWorthCompactingPart);
  if (dropped - dropped_seen_ >= worth) {
    dropped_seen_ = dropped;
    DropKeys();
    CopyOutOfGarbage();
  }
  thread_.After(kLookEveryUs, [this] { Look(); });
}

void SpaceReclaimer::DropKeys() {
  rocksdb::CompactRangeOptions options;
  options.exclusive_manual_compaction = false;
  options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
  options.blob_garbage_collection_policy = rocksdb::BlobGarbageCollectionPolicy::kDisable;
  options.canceled = &canceled_;
  const rocksdb::Status status = db_.db->CompactRange(options, db_.entries, nullptr, nullptr);
  if (!status.ok() && !canceled_) {
    spdlog::warn("the room of trimmed entries was not given back error=\"{}\"", status.ToString());
  }
}

double SpaceReclaimer::PartWorthCopying() const {
  rocksdb::ColumnFamilyMetaData family;
  db_.db->GetColumnFamilyMetaData(db_.entries, &family);
  auto files = family.blob_files;
  std::sort(files.begin(), files.end(),
            [](const auto& a, const auto& b) { return a.blob_file_number < b.blob_file_number; });
  const double wanted = space_.usage().accepts_produce ? kGarbagePart : kGarbagePartWhenFull;
  uint64_t total = 0;
  uint64_t garbage = 0;
  size_t worth = 0;
  for (size_t i = 0; i < files.size(); ++i) {
    total += files[i].total_blob_bytes;
    garbage += files[i].garbage_blob_bytes;
    if (garbage >= static_cast<uint64_t>(kWorthCopying) &&
        static_cast<double>(garbage) >= wanted * static_cast<double>(total)) {
      worth = i + 1;
    }
  }
  return files.empty() ? 0 : static_cast<double>(worth) / static_cast<double>(files.size());
}

void SpaceReclaimer::CopyOutOfGarbage() {
  const double part = PartWorthCopying();
  if (part == 0 || canceled_) return;
  rocksdb::CompactRangeOptions options;
  options.exclusive_manual_compaction = false;
  options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
  options.blob_garbage_collection_policy = rocksdb::BlobGarbageCollectionPolicy::kForce;
  options.blob_garbage_collection_age_cutoff = part;
  options.canceled = &canceled_;
  const rocksdb::Status status = db_.db->CompactRange(options, db_.entries, nullptr, nullptr);
  if (!status.ok() && !canceled_) {
    spdlog::warn("kept values were not copied out of garbage error=\"{}\"", status.ToString());
  }
}

}  // namespace jangada::storage
