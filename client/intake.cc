#include "client/intake.h"

#include <chrono>
#include <utility>

#include "client/waits.h"

namespace jangada::client {

Intake::Admission Intake::Admit(Pending* pending, int64_t wait_ms) {
  std::unique_lock lock(mutex_);
  const bool in_time = room_.wait_for(lock, std::chrono::milliseconds(wait_ms), [&] {
    // One that is larger than the buffer goes alone.
    return shut_ || buffered_bytes_ == 0 ||
           buffered_bytes_ + pending->charged_bytes <= buffer_bytes_;
  });
  return in_time ? Take(pending) : Admission::kNoRoom;
}

Intake::Admission Intake::AdmitAnyway(Pending* pending) {
  const std::lock_guard lock(mutex_);
  return Take(pending);
}

/// REQUIRES: mutex_ is held.
Intake::Admission Intake::Take(Pending* pending) {
  if (shut_) return Admission::kClosed;
  buffered_bytes_ += pending->charged_bytes;
  ++under_way_;
  incoming_.push_back(std::move(*pending));
  return incoming_.size() == 1 ? Admission::kTakenFirst : Admission::kTaken;
}

void Intake::Shut() {
  {
    const std::lock_guard lock(mutex_);
    shut_ = true;
  }
  room_.notify_all();
}

bool Intake::AwaitAllThrough(int64_t timeout_ms) {
  std::unique_lock lock(mutex_);
  ++waiting_for_all_;
  const bool all = room_.wait_for(lock, std::chrono::milliseconds(BoundedMs(timeout_ms)),
                                  [this] { return under_way_ == 0; });
  --waiting_for_all_;
  return all;
}

int64_t Intake::under_way() const {
  const std::lock_guard lock(mutex_);
  return under_way_;
}

Intake::Taken Intake::TakeAll() {
  const std::lock_guard lock(mutex_);
  return {.records = std::exchange(incoming_, {}), .in_a_hurry = waiting_for_all_ > 0};
}

void Intake::Through(int64_t records, size_t charged_bytes) {
  {
    const std::lock_guard lock(mutex_);
    under_way_ -= records;
    buffered_bytes_ -= charged_bytes;
  }
  room_.notify_all();
}

}  // namespace jangada::client
