// One RocksLogStore in a folder of its own, opened, closed and opened again; and the ways its files
// are harmed.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "storage/rocks_log_store.h"
#include "tests/storage/store_fixture.h"

namespace jangada::storage {

/// A folder that goes when the test ends.
class TempFolder {
 public:
  TempFolder() {
    char name[] = "/tmp/jangada-store-XXXXXX";
    path_ = ::mkdtemp(name);
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// A store that runs.
class RunningStore {
 public:
  explicit RunningStore(const RocksOptions& options)
      : writer_("writer"), shard_("shard"), store_(RocksLogStore::Open(options, writer_).value()) {}
  ~RunningStore() {
    writer_.Stop();
    store_.reset();
  }
  RocksLogStore& store() { return *store_; }
  Caller call() { return Caller(*store_, shard_); }

 private:
  ThreadExecutor writer_;
  ThreadExecutor shard_;
  std::unique_ptr<RocksLogStore> store_;
};

inline RocksOptions SmallOptions(const std::filesystem::path& folder) {
  RocksOptions options;
  options.path = folder / "store";
  options.write_buffer_bytes = 256 << 10;  // so that a short test fills every kind of file
  options.reader_threads = 1;
  return options;
}

/// All files under the folder, sorted, so that a seed picks the same ones.
inline std::vector<std::filesystem::path> FilesUnder(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& file : std::filesystem::recursive_directory_iterator(folder)) {
    if (file.is_regular_file()) files.push_back(file.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

inline void FlipBit(const std::filesystem::path& path, uint64_t bit) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  ASSERT_TRUE(file.good()) << path;
  file.seekg(static_cast<std::streamoff>(bit / 8));
  const int byte = file.get();
  file.seekp(static_cast<std::streamoff>(bit / 8));
  file.put(static_cast<char>(byte ^ (1 << (bit % 8))));
}

/// Flips a bit in the value of one entry, found by its payload.
inline void FlipInEntry(const std::filesystem::path& folder, const raft::Entry& entry) {
  const std::string needle(entry.payload.view().substr(61));
  for (const std::filesystem::path& file : FilesUnder(folder)) {
    if (file.extension() != ".blob" && file.extension() != ".sst") continue;
    std::ifstream in(file, std::ios::binary);
    const std::string all((std::istreambuf_iterator<char>(in)), {});
    if (const size_t at = all.find(needle); at != std::string::npos) {
      return FlipBit(file, (at + needle.size() / 2) * 8);
    }
  }
  FAIL() << "the entry is in no file";
}

}  // namespace jangada::storage
