#include "server/identity_keeper.h"

#include <string>
#include <utility>
#include <vector>

namespace jangada::server {
IdentityKeeper::IdentityKeeper(storage::DataFolder& folder) : folder_(folder) {
  const storage::DataFolderMeta& meta = folder.meta();
  // The folder's meta has a version and a CRC of its own: bytes that are not ours can't come here.
  identity_ = {.node = meta.node,
               .disk_id = meta.disk_id,
               .founding = DecodeFounding(meta.founding).value(),
               .cluster_id = meta.cluster_id};
}

NodeIdentity IdentityKeeper::Get() const {
  const std::lock_guard lock(mutex_);
  return identity_;
}

Status IdentityKeeper::SaveFounding(const std::vector<FounderDisk>& founders) {
  storage::DataFolderMeta meta = folder_.meta();
  meta.founding = EncodeFounding(founders);
  TRY(folder_.Save(std::move(meta)));
  const std::lock_guard lock(mutex_);
  identity_.founding = founders;
  return {};
}

Status IdentityKeeper::SaveCluster(const Uuid& cluster_id) {
  storage::DataFolderMeta meta = folder_.meta();
  meta.cluster_id = cluster_id;
  TRY(folder_.Save(std::move(meta)));
  const std::lock_guard lock(mutex_);
  identity_.cluster_id = cluster_id;
  return {};
}

}  // namespace jangada::server
