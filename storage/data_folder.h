// DataFolder: the folder of everything that one node keeps. Holds the lock that keeps a second
// process out, the file that says whose folder it is, and the log store's own folder. Formats:
// docs/on-disk-format.md. One thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/ids.h"
#include "base/result.h"
#include "base/uuid.h"

namespace jangada::storage {

/// What the file `meta` says. Grows only by fields; a version that this program does not know is
/// refused.
struct DataFolderMeta {
  static constexpr uint32_t kFormatVersion = 1;

  NodeId node;
  Uuid disk_id;          // made with the folder
  Uuid cluster_id;       // zero: belongs to no cluster yet
  std::string founding;  // the controller's own encoding of whom it was founded with; empty: not
                         // founded here
};

class DataFolder {
 public:
  /// Makes the folder if it is not there. kFailedPrecondition: another process has it, it belongs
  /// to another node id, or its format is newer; kDataCorrupt: `meta` is damaged; kIoError: it
  /// cannot be read or written.
  static Result<std::unique_ptr<DataFolder>> Open(const std::string& path, NodeId node,
                                                  const Uuid& new_disk_id);
  ~DataFolder();
  DataFolder(const DataFolder&) = delete;
  DataFolder& operator=(const DataFolder&) = delete;

  const DataFolderMeta& meta() const { return meta_; }
  /// The log store's folder.
  std::string log_path() const { return path_ + "/log"; }

  /// Replaces what `meta` says, in one step, synced before it returns.
  Status Save(DataFolderMeta meta);

 private:
  DataFolder(std::string path, int lock_fd) : path_(std::move(path)), lock_fd_(lock_fd) {}

  Status LoadOrMake(NodeId node, const Uuid& new_disk_id);

  const std::string path_;
  const int lock_fd_;
  DataFolderMeta meta_;
};

}  // namespace jangada::storage
