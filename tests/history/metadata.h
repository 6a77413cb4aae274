// CheckMetadata: whether what clients did to topics, and saw of them, is linearizable: whether
// there is one order of all of it, each operation at a moment between its call and its answer, that
// explains every answer. Topics are independent of each other, so each name is judged by itself
// (linearizability is local). The search is that of Wing and Gong with Lowe's memory of what was
// tried. Pure.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/history/checker.h"

namespace jangada::history {

/// A topic as clients know it.
struct TopicSeen {
  int32_t partitions = 0;
  std::map<std::string, std::string> configs;  // only what was set
  friend bool operator==(const TopicSeen&, const TopicSeen&) = default;
};

struct MetadataOperation {
  enum class Function : uint8_t {
    kCreate,
    kDelete,
    kGrow,   // to more partitions
    kAlter,  // its settings
    kRead,
  };
  enum class Answer : uint8_t {
    kDone,
    kThere,     // refused, for there is such a topic
    kNotThere,  // refused, for there is none
    kUnknown,   // no answer: done at some moment after the call, or never
  };
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

  std::string topic;
  Function function = Function::kRead;
  int32_t partitions = 0;  // kCreate, kGrow: so many from then on
  std::map<std::string, std::optional<std::string>> changes;  // kCreate, kAlter; nullopt: unset
  Answer answer = Answer::kDone;
  std::optional<TopicSeen> seen;  // kRead; nullopt: no such topic
  // In the order of real time; it took effect in between. A read of a copy that may be old begins
  // when the newest began that the copy is known to show.
  int64_t began = 0;
  int64_t ended = kNever;
  std::vector<size_t> after;  // these of the history took effect before it, in any case
};

/// "nonlinearizable" for each topic whose history no order explains, with the operation at which
/// every order ends. Operations that were surely not done, and tell nothing, must be left out.
std::vector<Anomaly> CheckMetadata(const std::vector<MetadataOperation>& history);

}  // namespace jangada::history
