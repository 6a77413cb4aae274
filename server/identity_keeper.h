// IdentityKeeper: who this node is, in memory for all threads and in the data folder for ever. The
// folder is written first.
#pragma once

#include <functional>
#include <mutex>

#include "server/controller/founding.h"
#include "storage/data_folder.h"

namespace jangada::server {

class IdentityKeeper final : public IdentityStore {
 public:
  /// Replaces what the folder says, synced before it returns.
  using Save = std::function<Status(const storage::DataFolderMeta&)>;

  /// `folder` outlives the keeper.
  explicit IdentityKeeper(storage::DataFolder& folder);
  /// `meta`: what the folder says now.
  IdentityKeeper(storage::DataFolderMeta meta, Save save);

  NodeIdentity Get() const;

  Status SaveFounding(const std::vector<FounderDisk>& founders) override;
  Status SaveCluster(const Uuid& cluster_id) override;

 private:
  const Save save_;
  storage::DataFolderMeta meta_;  // owned by whoever saves: one thread at a time
  mutable std::mutex mutex_;
  NodeIdentity identity_;  // guarded by mutex_
};

}  // namespace jangada::server
