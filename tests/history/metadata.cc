#include "tests/history/metadata.h"

#include <algorithm>
#include <set>
#include <utility>

namespace jangada::history {
namespace {

using Operation = MetadataOperation;
using Function = Operation::Function;
using Answer = Operation::Answer;
using State = std::optional<TopicSeen>;

/// Histories that take longer to judge are called undecided.
constexpr size_t kMaxTried = 1'000'000;

void Change(const Operation& operation, TopicSeen* topic) {
  for (const auto& [key, value] : operation.changes) {
    if (value) {
      topic->configs[key] = *value;
    } else {
      topic->configs.erase(key);
    }
  }
}

/// What `before` is after the operation was done; nullopt: it cannot be done.
std::optional<State> Apply(const Operation& operation, const State& before) {
  if (before.has_value() == (operation.function == Function::kCreate)) return std::nullopt;
  if (operation.function == Function::kDelete) return State();
  TopicSeen after = before.value_or(TopicSeen());
  if (operation.function == Function::kCreate || operation.function == Function::kGrow) {
    if (operation.partitions <= after.partitions) return std::nullopt;
    after.partitions = operation.partitions;
  }
  Change(operation, &after);
  return State(std::move(after));
}

bool IsMutation(const Operation& operation) {
  return operation.function != Function::kRead &&
         (operation.answer == Answer::kDone || operation.answer == Answer::kUnknown);
}

/// Of what changes nothing: whether it tells the truth.
bool Agrees(const Operation& operation, const State& state) {
  switch (operation.answer) {
    case Answer::kThere: return state.has_value();
    case Answer::kNotThere: return !state.has_value();
    case Answer::kDone: return state == operation.seen;
    case Answer::kUnknown: return true;
  }
  return false;
}

std::string Describe(const State& state) {
  if (!state) return "no topic";
  std::string out = std::to_string(state->partitions) + " partitions";
  for (const auto& [key, value] : state->configs) out += ", " + key + "=" + value;
  return out;
}

std::string Describe(const Operation& operation) {
  static constexpr const char* kFunctions[] = {"create", "delete", "grow", "alter", "read"};
  static constexpr const char* kAnswers[] = {"done", "refused, there is one",
                                             "refused, there is none", "of unknown fate"};
  std::string out = kFunctions[static_cast<size_t>(operation.function)];
  if (operation.partitions > 0) out += " to " + std::to_string(operation.partitions);
  for (const auto& [key, value] : operation.changes) out += " " + key + "=" + value.value_or("-");
  out += std::string(" (") + kAnswers[static_cast<size_t>(operation.answer)];
  if (operation.function == Function::kRead) out += ": " + Describe(operation.seen);
  return out + ") of " + std::to_string(operation.began) + " to " +
         (operation.ended == Operation::kNever ? "?" : std::to_string(operation.ended));
}

/// The search for one topic.
class Search {
 public:
  Search(const std::vector<Operation>& history, std::vector<size_t> numbers)
      : history_(history), numbers_(std::move(numbers)), done_(numbers_.size()) {
    for (size_t i = 0; i < numbers_.size(); ++i) place_of_[numbers_[i]] = i;
  }

  /// nullopt: an order was found.
  std::optional<Anomaly> Judge(const std::string& topic) {
    if (Explain(State())) return std::nullopt;
    if (tried_.size() > kMaxTried) {
      return Anomaly{"undecided", "too many orders of what was done to topic " + topic};
    }
    return Anomaly{"nonlinearizable", "topic " + topic + ": after " + std::to_string(furthest_) +
                                          " of " + std::to_string(numbers_.size()) +
                                          " operations nothing explains " + stuck_at_};
  }

 private:
  const Operation& At(size_t place) const { return history_[numbers_[place]]; }

  /// Before the first answer of what is not done yet nothing else can have ended.
  int64_t Horizon() const {
    int64_t horizon = Operation::kNever;
    for (size_t i = 0; i < done_.size(); ++i) {
      if (!done_[i]) horizon = std::min(horizon, At(i).ended);
    }
    return horizon;
  }

  bool MayBeNext(size_t place, int64_t horizon) const {
    if (done_[place] || At(place).began >= horizon) return false;
    const std::vector<size_t>& after = At(place).after;
    return std::all_of(after.begin(), after.end(), [this](size_t number) {
      const auto before = place_of_.find(number);
      return before == place_of_.end() || done_[before->second];
    });
  }

  /// What changes nothing is put in its place as soon as it fits: later it would help nobody.
  void PlaceReads(const State& state, std::vector<size_t>* placed) {
    for (bool again = true; again;) {
      again = false;
      const int64_t horizon = Horizon();
      for (size_t i = 0; i < done_.size(); ++i) {
        if (IsMutation(At(i)) || !MayBeNext(i, horizon) || !Agrees(At(i), state)) continue;
        done_[i] = true;
        placed->push_back(i);
        again = true;
      }
    }
  }

  bool Explain(const State& state) {
    std::vector<size_t> placed;
    PlaceReads(state, &placed);
    const int64_t horizon = Horizon();
    if (horizon == Operation::kNever) return true;
    Remember(state, horizon);
    if (tried_.size() <= kMaxTried && tried_.insert({done_, Describe(state)}).second) {
      if (TryNext(Answer::kDone, state, horizon)) return true;
      if (TryNext(Answer::kUnknown, state, horizon)) return true;
    }
    for (const size_t i : placed) done_[i] = false;
    return false;
  }

  /// What was surely done comes first: what perhaps was is there to explain what else nothing does.
  bool TryNext(Answer answer, const State& state, int64_t horizon) {
    for (size_t i = 0; i < done_.size(); ++i) {
      if (At(i).answer != answer || !IsMutation(At(i)) || !MayBeNext(i, horizon)) continue;
      const std::optional<State> after = Apply(At(i), state);
      if (!after || (answer == Answer::kUnknown && *after == state)) continue;
      done_[i] = true;
      if (Explain(*after)) return true;
      done_[i] = false;
    }
    return false;
  }

  void Remember(const State& state, int64_t horizon) {
    const auto count = static_cast<size_t>(std::count(done_.begin(), done_.end(), true));
    if (count < furthest_ || (count == furthest_ && !stuck_at_.empty())) return;
    furthest_ = count;
    for (size_t i = 0; i < done_.size(); ++i) {
      if (!done_[i] && At(i).ended == horizon) stuck_at_ = Describe(At(i));
    }
    stuck_at_ += "; there was then: " + Describe(state);
  }

  const std::vector<Operation>& history_;
  const std::vector<size_t> numbers_;  // of the topic's operations in the history
  std::map<size_t, size_t> place_of_;  // number -> place
  std::vector<bool> done_;             // by place
  std::set<std::pair<std::vector<bool>, std::string>> tried_;
  size_t furthest_ = 0;
  std::string stuck_at_;
};

}  // namespace

std::vector<Anomaly> CheckMetadata(const std::vector<MetadataOperation>& history) {
  std::map<std::string, std::vector<size_t>> by_topic;
  for (size_t i = 0; i < history.size(); ++i) by_topic[history[i].topic].push_back(i);
  std::vector<Anomaly> anomalies;
  for (auto& [topic, numbers] : by_topic) {
    if (auto anomaly = Search(history, std::move(numbers)).Judge(topic)) {
      anomalies.push_back(*std::move(anomaly));
    }
  }
  return anomalies;
}

}  // namespace jangada::history
