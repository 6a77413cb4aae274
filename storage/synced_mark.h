// SyncedMark: a side file that notes, after each sync of the store, how far it reached (RocksDB's
// sequence number). RocksDB drops everything after a damaged record of its log without a word; a
// store that opens at less than this mark has lost synced writes. The mark itself is never synced:
// it is a lower bound, and costs one write into the page cache. Owned by the writer.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace jangada::storage {

class SyncedMark {
 public:
  /// Opens or makes the file.
  static Result<SyncedMark> Open(const std::string& path);
  SyncedMark(SyncedMark&& other) noexcept;
  SyncedMark& operator=(SyncedMark&&) = delete;
  ~SyncedMark();

  /// The largest sequence number noted in a slot that passes its check.
  uint64_t noted() const { return noted_; }
  /// False: the file was made just now.
  bool existed() const { return existed_; }

  Status Note(uint64_t sequence);
  /// Starts anew after the store did: the next Note may be smaller. Synced.
  Status Reset();

 private:
  SyncedMark(int file, uint64_t noted, bool existed)
      : file_(file), noted_(noted), existed_(existed) {}

  int file_;
  uint64_t noted_;
  bool existed_;
  int slot_ = 0;  // slots take turns, so that one damaged slot costs one note
};

}  // namespace jangada::storage
