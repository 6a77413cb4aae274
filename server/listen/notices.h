// Notices: which of many equal events deserve a line in the log. A peer that is refused tries again
// every second on each of its lanes, for hours: the first is told at once, then one a minute, with
// how many there were. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace jangada::server {

class Notices {
 public:
  static constexpr int64_t kRepeatUs = 60'000'000;
  /// Different events remembered; beyond it the one that was told longest ago is forgotten.
  static constexpr size_t kMaxKinds = 128;

  /// `event` happened: how often since it was last told, this time included; 0: not worth a line
  /// now.
  uint64_t Note(const std::string& event, int64_t now_us);

 private:
  struct Told {
    int64_t at_us = 0;
    uint64_t untold = 0;
  };

  std::mutex mutex_;
  std::map<std::string, Told> told_;
};

}  // namespace jangada::server
