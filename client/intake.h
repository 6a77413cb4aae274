// Intake: the records that were sent and are not through yet, counted and bounded, and the way of
// new ones from any thread to the producer's loop.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/callback.h"
#include "jangada/producer.h"

namespace jangada::client {

class Intake {
 public:
  /// A record as it was sent.
  struct Pending {
    std::string topic;
    Record record;
    Callback<Result<Delivery>> done;
    std::optional<int32_t> partition;
    size_t charged_bytes = 0;
    int64_t expires_us = 0;
  };

  explicit Intake(size_t buffer_bytes) : buffer_bytes_(buffer_bytes) {}

  enum class Admission {
    kTaken,       // the loop is on its way
    kTakenFirst,  // the loop must be told
    kNoRoom,
    kClosed,
  };
  // ---- any thread ----
  /// Takes `pending` if there is room within the time; else leaves it as it is.
  Admission Admit(Pending* pending, int64_t wait_ms);
  /// The same whether there is room or not: for the loop, which must not wait for itself.
  Admission AdmitAnyway(Pending* pending);
  /// Nothing is admitted from now on.
  void Shut();
  /// Waits until everything is through; what comes meanwhile is taken to be in a hurry.
  bool AwaitAllThrough(int64_t timeout_ms);
  int64_t under_way() const;

  // ---- the loop ----
  struct Taken {
    std::vector<Pending> records;
    bool in_a_hurry = false;
  };
  Taken TakeAll();
  /// Acknowledged or failed.
  void Through(int64_t records, size_t charged_bytes);

 private:
  Admission Take(Pending* pending);

  const size_t buffer_bytes_;

  // Under mutex_.
  mutable std::mutex mutex_;
  std::condition_variable room_;  // memory came free, or everything is through
  std::vector<Pending> incoming_;
  size_t buffered_bytes_ = 0;
  int64_t under_way_ = 0;
  int waiting_for_all_ = 0;
  bool shut_ = false;
};

}  // namespace jangada::client
