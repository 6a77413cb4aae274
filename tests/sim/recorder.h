// Recorder: what the clients of a run did and were told, in the order of virtual time, for the
// checker of histories (tests/history). Gives out processes and values that are used once.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "server/broker.h"
#include "tests/history/history.h"
#include "tests/sim/world.h"

namespace jangada::sim {

class Recorder {
 public:
  explicit Recorder(World& world) : world_(world) {}

  history::Key KeyOf(const server::TopicPartition& where) {
    const auto [key, made] = keys_.try_emplace(where, static_cast<history::Key>(keys_.size()) + 1);
    return key->second;
  }
  const std::map<server::TopicPartition, history::Key>& keys() const { return keys_; }
  int64_t NewProcess() { return ++last_process_; }
  history::Value NewValue() { return ++last_value_; }

  void Add(history::Operation operation) {
    world_.Mix(static_cast<uint64_t>(operation.process) << 8 |
               static_cast<uint64_t>(operation.type));
    if (operation.type == history::Type::kOk && operation.function == history::Function::kSend) {
      acknowledged_ += operation.sends.size();
    }
    history_.push_back(std::move(operation));
  }
  const std::vector<history::Operation>& history() const { return history_; }
  uint64_t acknowledged() const { return acknowledged_; }

 private:
  World& world_;
  std::map<server::TopicPartition, history::Key> keys_;
  int64_t last_process_ = 0;
  history::Value last_value_ = 0;
  uint64_t acknowledged_ = 0;
  std::vector<history::Operation> history_;
};

}  // namespace jangada::sim
