// World: virtual time for one simulated run. Everything that happens is an event at a point of
// time; the world takes them one by one, in an order that depends on the seed alone. Also the
// run's rolling hash: two runs with the same hash did the same. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/callback.h"
#include "base/random.h"

namespace jangada::sim {

class SimExecutor;

class World {
 public:
  explicit World(uint64_t seed) : seed_(seed) { traced_ = this; }
  ~World() { traced_ = nullptr; }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  int64_t now_us() const { return now_us_; }
  uint64_t events() const { return events_; }

  /// A stream of random numbers of its own for each `purpose`, so that what one part of the run
  /// draws does not change what another gets.
  Random Stream(uint64_t purpose) const { return Random(seed_ * 0x9e3779b97f4a7c15 + purpose); }

  void After(int64_t delay_us, Callback<> task);

  /// The next event, if it is due at or before `limit_us`; else time moves to `limit_us`: false.
  bool Step(int64_t limit_us);
  /// After the present event no other is taken.
  void Stop() { stopped_ = true; }
  bool stopped() const { return stopped_; }

  // ---- the run's hash ----
  void Mix(uint64_t value) { hash_ = (hash_ ^ value) * 0x100000001b3 ^ (hash_ >> 29); }
  void Mix(std::string_view bytes);
  uint64_t hash() const { return hash_; }

  /// The executor whose turn is being taken; nullptr: none.
  const SimExecutor* current() const { return current_; }

  // ---- for log lines: the time and the virtual thread of the world that lives ----
  static int64_t traced_now_us() { return traced_ == nullptr ? 0 : traced_->now_us_; }
  static std::string traced_name();

 private:
  friend class SimExecutor;

  /// A wake-up of an executor, or (executor == nullptr) a task in a slot.
  struct Event {
    int64_t at_us = 0;
    uint64_t order = 0;  // among those of one moment: executors by their number, then by age
    SimExecutor* executor = nullptr;
    size_t slot = 0;
  };
  struct Later {
    bool operator()(const Event& a, const Event& b) const {
      return a.at_us != b.at_us ? a.at_us > b.at_us : a.order > b.order;
    }
  };

  void Wake(SimExecutor* executor, int64_t at_us);
  void Push(Event event);

  static inline World* traced_ = nullptr;

  const uint64_t seed_;
  int64_t now_us_ = 0;
  uint64_t events_ = 0;
  uint64_t last_order_ = 0;
  uint64_t last_executor_ = 0;
  bool stopped_ = false;
  uint64_t hash_ = 0xcbf29ce484222325;
  const SimExecutor* current_ = nullptr;
  std::vector<Event> heap_;
  std::vector<Callback<>> slots_;
  std::vector<size_t> free_slots_;
};

}  // namespace jangada::sim
