// SyncedMark: a side file that notes, after each sync of the store, how far it reached (RocksDB's
// sequence number). RocksDB drops everything after a damaged record of its log without a word; a
// store that opens at less than this mark has lost synced writes. The mark itself is never synced:
// it is a lower bound, and costs one write into the page cache. Owned by the writer.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "base/result.h"
#include "storage/manifest_check.h"

namespace jangada::storage {

/// The bytes of the mark's file; the simulator's are in memory. Errors are in errno.
class MarkFile {
 public:
  virtual ~MarkFile() = default;
  /// False unless all `size` bytes are there; kIoError: the disk does not say.
  virtual Result<bool> Read(char* bytes, size_t size, int64_t offset) = 0;
  virtual bool Write(const char* bytes, size_t size, int64_t offset) = 0;
  virtual bool Sync() = 0;
};

class SyncedMark {
 public:
  /// Opens or makes the file. kIoError also where a slot can't be read: its silence is no proof
  /// that nothing was noted there.
  static Result<SyncedMark> Open(const std::string& path);
  static Result<SyncedMark> Open(std::unique_ptr<MarkFile> file);

  /// The largest sequence number noted in a slot that passes its check.
  uint64_t noted() const { return noted_; }
  /// Noted with it.
  const ManifestLength& manifest() const { return manifest_; }

  Status Note(uint64_t sequence, const ManifestLength& manifest);
  /// Starts anew after the store did: the next Note may be smaller. Synced.
  Status Reset();

 private:
  explicit SyncedMark(std::unique_ptr<MarkFile> file) : file_(std::move(file)) {}

  std::unique_ptr<MarkFile> file_;
  uint64_t noted_ = 0;
  ManifestLength manifest_;
  int slot_ = 0;  // slots take turns, so that one damaged slot costs one note
};

}  // namespace jangada::storage
