#include "tests/history/numbering.h"

#include <string>
#include <utility>

namespace jangada::history {
namespace {

/// Of the numbers in Operation::keys.
enum Place : size_t { kKey, kOffset, kCount, kProducer, kEpoch, kSequence, kPlaces };

constexpr int64_t kSequences = int64_t{1} << 31;  // then they begin again at 0

}  // namespace

Numbering::Numbering(const std::vector<Operation>& history) {
  for (const Operation& operation : history) {
    if (operation.function != Function::kBatch || operation.keys.size() != kPlaces) continue;
    const std::vector<Key>& numbers = operation.keys;
    logs_[numbers[kKey]][numbers[kOffset]] = {.count = numbers[kCount],
                                              .producer = numbers[kProducer],
                                              .epoch = numbers[kEpoch],
                                              .sequence = numbers[kSequence]};
  }
  for (const auto& [key, log] : logs_) Judge(key, log);
}

void Numbering::Judge(Key key, const std::map<Offset, Batch>& log) {
  std::map<std::pair<int64_t, int64_t>, int64_t> next;  // by producer and epoch
  for (const auto& [offset, batch] : log) {
    if (batch.producer < 0) continue;
    const auto [expected, is_first] =
        next.try_emplace({batch.producer, batch.epoch}, batch.sequence);
    const std::string what = "key " + std::to_string(key) + " offset " + std::to_string(offset) +
                             ": sequence " + std::to_string(batch.sequence) + " of producer " +
                             std::to_string(batch.producer) + " epoch " +
                             std::to_string(batch.epoch) + ", where " +
                             std::to_string(expected->second) + " comes next";
    if (is_first && batch.sequence != 0) {
      found_.push_back({"sequence-gap", what + " after none"});
    } else if (batch.sequence != expected->second) {
      const int64_t behind = (expected->second - batch.sequence + kSequences) % kSequences;
      found_.push_back({behind < kSequences / 2 ? "repeated-sequence" : "sequence-gap", what});
    }
    expected->second = (batch.sequence + batch.count) % kSequences;
  }
}

const Numbering::Batch* Numbering::Find(Key key, Offset offset) const {
  const auto log = logs_.find(key);
  if (log == logs_.end()) return nullptr;
  auto batch = log->second.upper_bound(offset);
  if (batch == log->second.begin()) return nullptr;
  --batch;
  return offset < batch->first + batch->second.count ? &batch->second : nullptr;
}

bool Numbering::SentInTwoEpochs(Key key, Offset one, Offset other) const {
  const Batch* const first = Find(key, one);
  const Batch* const second = Find(key, other);
  return first != nullptr && second != nullptr && first->producer >= 0 &&
         first->producer == second->producer && first->epoch != second->epoch;
}

}  // namespace jangada::history
