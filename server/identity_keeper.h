// IdentityKeeper: who this node is, in memory for all threads and in the data folder for ever. The
// folder is written first.
#pragma once

#include <mutex>

#include "server/controller/founding.h"
#include "storage/data_folder.h"

namespace jangada::server {

class IdentityKeeper final : public IdentityStore {
 public:
  /// `folder` outlives the keeper.
  explicit IdentityKeeper(storage::DataFolder& folder);

  NodeIdentity Get() const;

  Status SaveFounding(const std::vector<FounderDisk>& founders) override;
  Status SaveCluster(const Uuid& cluster_id) override;

 private:
  storage::DataFolder& folder_;
  mutable std::mutex mutex_;
  NodeIdentity identity_;  // guarded by mutex_
};

}  // namespace jangada::server
