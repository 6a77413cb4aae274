#include "server/identity_keeper.h"

#include <string>
#include <utility>
#include <vector>

namespace jangada::server {

IdentityKeeper::IdentityKeeper(storage::DataFolder& folder)
    : IdentityKeeper(folder.meta(),
                     [&folder](const storage::DataFolderMeta& meta) { return folder.Save(meta); }) {
}

IdentityKeeper::IdentityKeeper(storage::DataFolderMeta meta, Save save)
    : save_(std::move(save)), meta_(std::move(meta)) {
  // The folder's meta has a version and a CRC of its own: bytes that are not ours can't come here.
  identity_ = {.node = meta_.node,
               .disk_id = meta_.disk_id,
               .founding = DecodeFounding(meta_.founding).value(),
               .cluster_id = meta_.cluster_id};
}

NodeIdentity IdentityKeeper::Get() const {
  const std::lock_guard lock(mutex_);
  return identity_;
}

Status IdentityKeeper::SaveFounding(const std::vector<FounderDisk>& founders) {
  storage::DataFolderMeta next = meta_;
  next.founding = EncodeFounding(founders);
  TRY(save_(next));
  meta_ = std::move(next);
  const std::lock_guard lock(mutex_);
  identity_.founding = founders;
  return {};
}

Status IdentityKeeper::SaveCluster(const Uuid& cluster_id) {
  storage::DataFolderMeta next = meta_;
  next.cluster_id = cluster_id;
  TRY(save_(next));
  meta_ = std::move(next);
  const std::lock_guard lock(mutex_);
  identity_.cluster_id = cluster_id;
  return {};
}

}  // namespace jangada::server
