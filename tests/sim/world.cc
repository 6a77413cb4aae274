#include "tests/sim/world.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "tests/sim/executor.h"

namespace jangada::sim {

void World::Push(Event event) {
  heap_.push_back(event);
  std::push_heap(heap_.begin(), heap_.end(), Later());
}

void World::After(int64_t delay_us, Callback<> task) {
  size_t slot = slots_.size();
  if (free_slots_.empty()) {
    slots_.emplace_back();
  } else {
    slot = free_slots_.back();
    free_slots_.pop_back();
  }
  slots_[slot] = std::move(task);
  Push({.at_us = now_us_ + std::max<int64_t>(0, delay_us),
        .order = (uint64_t{1} << 63) | ++last_order_,
        .executor = nullptr,
        .slot = slot});
}

void World::Wake(SimExecutor* executor, int64_t at_us) {
  Push({.at_us = std::max(now_us_, at_us),
        .order = executor->number(),
        .executor = executor,
        .slot = 0});
}

bool World::Step(int64_t limit_us) {
  while (!stopped_ && !heap_.empty() && heap_.front().at_us <= limit_us) {
    std::pop_heap(heap_.begin(), heap_.end(), Later());
    const Event event = heap_.back();
    heap_.pop_back();
    now_us_ = event.at_us;
    if (event.executor != nullptr) {
      if (!event.executor->OnWake()) continue;  // it was woken earlier, or is dead
    } else {
      Callback<> task = std::move(slots_[event.slot]);
      slots_[event.slot] = nullptr;
      free_slots_.push_back(event.slot);
      task();
    }
    ++events_;
    return true;
  }
  if (!stopped_) now_us_ = std::max(now_us_, limit_us);
  return false;
}

std::string World::traced_name() {
  return traced_ == nullptr || traced_->current_ == nullptr ? "-" : traced_->current_->name();
}

void World::Mix(std::string_view bytes) {
  Mix(bytes.size());
  while (bytes.size() >= sizeof(uint64_t)) {
    uint64_t word;
    std::memcpy(&word, bytes.data(), sizeof word);
    Mix(word);
    bytes.remove_prefix(sizeof word);
  }
  uint64_t rest = 0;
  if (!bytes.empty()) std::memcpy(&rest, bytes.data(), bytes.size());
  Mix(rest);
}

}  // namespace jangada::sim
