#include "storage/group_log.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace jangada::storage {

raft::Term GroupView::TermOf(raft::Index index) const {
  const auto after =
      std::upper_bound(terms.begin(), terms.end(), index,
                       [](raft::Index i, const raft::TermRun& run) { return i < run.first_index; });
  CHECK(after != terms.begin());
  return std::prev(after)->term;
}

std::shared_ptr<const GroupView> GroupLog::View() const {
  return std::make_shared<const GroupView>(GroupView{first, empty() ? first - 1 : last.index,
                                                     end_offset, terms, open,
                                                     open.bytes_before + open.bytes - bytes_gone});
}

std::shared_ptr<const GroupView> ViewTable::Find(GroupId group) const {
  const std::lock_guard lock(mutex_);
  const auto it = views_.find(group);
  return it == views_.end() ? nullptr : it->second;
}

void ViewTable::Set(GroupId group, std::shared_ptr<const GroupView> view) {
  const std::lock_guard lock(mutex_);
  views_[group] = std::move(view);
}

void ViewTable::SetErased(GroupId group) {
  const std::lock_guard lock(mutex_);
  views_.erase(group);
  erased_.insert(group);
}

bool ViewTable::WasErased(GroupId group) const {
  const std::lock_guard lock(mutex_);
  return erased_.contains(group);
}

}  // namespace jangada::storage
