// ManifestCheck: whether RocksDB's MANIFEST still says all that it once said. The MANIFEST is a log
// of which files make up the database, and RocksDB takes a damaged record at its end for a torn
// write: it would go on with older files, delete the newer ones and replay the write-ahead logs
// after a hole. So the mark of synced writes also notes how long the MANIFEST was, and a start
// checks that it reads that far. Any thread.
#pragma once

#include <cstdint>
#include <string>

namespace jangada::storage {

/// How far a MANIFEST was synced. number 0: not known.
struct ManifestLength {
  uint64_t number = 0;  // of the file name
  uint64_t bytes = 0;
  friend bool operator==(const ManifestLength&, const ManifestLength&) = default;
};

/// False: the MANIFEST in `db_path` is not the noted one or a newer one, or has a damaged record
/// before the noted length.
bool ManifestReaches(const std::string& db_path, const ManifestLength& noted);

}  // namespace jangada::storage
