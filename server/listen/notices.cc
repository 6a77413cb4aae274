#include "server/listen/notices.h"

#include <algorithm>
#include <utility>

namespace jangada::server {

uint64_t Notices::Note(const std::string& event, int64_t now_us) {
  const std::lock_guard lock(mutex_);
  const auto known = told_.find(event);
  if (known != told_.end()) {
    Told& told = known->second;
    ++told.untold;
    if (now_us - told.at_us < kRepeatUs) return 0;
    told.at_us = now_us;
    return std::exchange(told.untold, 0);
  }
  if (told_.size() == kMaxKinds) {
    told_.erase(std::min_element(told_.begin(), told_.end(), [](const auto& a, const auto& b) {
      return a.second.at_us < b.second.at_us;
    }));
  }
  told_[event] = {.at_us = now_us};
  return 1;
}

}  // namespace jangada::server
