#include "tests/history/members.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace jangada::history {
namespace {

using Offsets = std::map<Key, Offset>;
using Owner = std::pair<int64_t, int64_t>;  // instance and, if that is 0, process

/// What one member does with one partition from one assignment to the next.
struct Part {
  Offset least = 0;       // known to be committed when it was assigned, or told since
  Offset start = -1;      // of what it read
  Offset position = 0;    // behind the last that it read
  Offset committed = -1;  // acknowledged
};

struct Assignment {
  int64_t process = 0;
  int32_t generation = -1;
  std::map<Key, Part> parts;
};

struct Generation {
  std::map<Key, Owner> owners;
  std::map<Owner, std::set<Key>> parts;
};

struct Range {
  Offset start = 0;
  Offset end = 0;
  int64_t process = 0;
};

std::string Text(Offset offset) { return std::to_string(offset); }

class MemberChecker {
 public:
  explicit MemberChecker(const std::vector<Operation>& history) : history_(history) {}

  std::vector<Anomaly> Run() {
    for (const Operation& operation : history_) Take(operation);
    for (auto& [process, assignment] : assignments_) Close(assignment);
    CheckRanges();
    CheckConsumed();
    CheckConverged();
    return std::move(found_);
  }

 private:
  void Report(const char* name, int64_t process, Key key, const std::string& what) {
    found_.push_back(
        {name, "process " + std::to_string(process) + " key " + std::to_string(key) + ": " + what});
  }

  void Take(const Operation& operation) {
    if (operation.type == Type::kInvoke) {
      known_at_invoke_[operation.process] = known_;
      if (operation.function == Function::kCommit) OnAsksToCommit(operation);
      return;
    }
    if (operation.type != Type::kOk) return;
    switch (operation.function) {
      case Function::kSubscribe:
        living_.insert(operation.process);
        keys_.insert(operation.keys.begin(), operation.keys.end());
        return;
      case Function::kLeave: living_.erase(operation.process); return;
      case Function::kAssigned: return OnAssigned(operation);
      case Function::kCommit: return OnCommitted(operation);
      case Function::kCommitted: return OnTold(operation);
      case Function::kListOffsets:
        for (const auto& [key, end] : operation.ends) ends_[key] = end;
        return;
      case Function::kPoll:
        for (const auto& [key, records] : operation.polled) OnPolled(operation, key, records);
        return;
      case Function::kSend:
      case Function::kTransaction:
      case Function::kAssign:
      case Function::kBatch: return;
    }
  }

  // ---- assignments ----

  void OnAssigned(const Operation& operation) {
    Assignment& assignment = assignments_[operation.process];
    Close(assignment);
    assignment = {.process = operation.process, .generation = operation.generation};
    for (const Key key : operation.keys) assignment.parts[key].least = Known(known_, key);
    if (operation.generation < 0) return;
    Generation& generation = generations_[operation.generation];
    const Owner owner(operation.instance, operation.instance == 0 ? operation.process : 0);
    const std::set<Key> keys(operation.keys.begin(), operation.keys.end());
    const std::string here = " in generation " + std::to_string(operation.generation);
    for (const Key key : keys) {
      if (generation.owners.try_emplace(key, owner).first->second != owner) {
        Report("two-owners", operation.process, key, "another member owns it" + here);
      }
    }
    const auto [told, is_first] = generation.parts.try_emplace(owner, keys);
    if (!is_first && told->second != keys) {
      Report("two-assignments", operation.process, keys.empty() ? 0 : *keys.begin(),
             "it was assigned another part before" + here);
    }
  }

  /// What the assignment came to counts, whatever comes next.
  void Close(const Assignment& assignment) {
    for (const auto& [key, part] : assignment.parts) {
      if (part.start < 0 || part.committed <= part.start) continue;
      ranges_[key].push_back({part.start, part.committed, assignment.process});
    }
  }

  // ---- commits ----

  static Offset Known(const Offsets& known, Key key) {
    const auto found = known.find(key);
    return found == known.end() ? -1 : found->second;
  }

  void Know(Key key, Offset offset) {
    const auto [known, is_new] = known_.try_emplace(key, offset);
    if (!is_new) known->second = std::max(known->second, offset);
  }

  void OnAsksToCommit(const Operation& operation) {
    std::map<Key, Part>& parts = assignments_[operation.process].parts;
    for (const auto& [key, offset] : operation.ends) {
      asked_[key].insert(offset);
      const auto part = parts.find(key);
      if (part != parts.end() && offset <= part->second.position) continue;
      Report("commit-unread", operation.process, key,
             "commits " + Text(offset) + " and has read up to " +
                 (part == parts.end() ? "nothing" : Text(part->second.position)));
    }
  }

  void OnCommitted(const Operation& operation) {
    const Offsets& before = known_at_invoke_[operation.process];
    std::map<Key, Part>& parts = assignments_[operation.process].parts;
    for (const auto& [key, offset] : operation.ends) {
      if (offset < Known(before, key)) {
        Report("commit-went-back", operation.process, key,
               "the commit of " + Text(offset) + " was acknowledged, though " +
                   Text(Known(before, key)) + " was known to be committed before");
      }
      Know(key, offset);
      if (const auto part = parts.find(key); part != parts.end()) {
        part->second.committed = std::max(part->second.committed, offset);
      }
    }
  }

  void OnTold(const Operation& operation) {
    const Offsets& before = known_at_invoke_[operation.process];
    std::map<Key, Part>& parts = assignments_[operation.process].parts;
    for (const auto& [key, offset] : operation.ends) {
      if (offset < Known(before, key)) {
        Report("stale-committed", operation.process, key,
               "told that " + Text(offset) + " is committed, though " + Text(Known(before, key)) +
                   " was known to be committed before it asked");
      }
      if (offset >= 0 && !asked_[key].contains(offset)) {
        Report("made-up-committed", operation.process, key,
               "told that " + Text(offset) + " is committed, and nobody asked for that");
      }
      Know(key, offset);
      if (const auto part = parts.find(key); part != parts.end() && part->second.start < 0) {
        part->second.least = std::max(part->second.least, offset);
      }
    }
  }

  // ---- reads ----

  void OnPolled(const Operation& operation, Key key, const std::vector<Polled>& records) {
    // Who never subscribed reads what it wants.
    if (!living_.contains(operation.process) || records.empty()) return;
    std::map<Key, Part>& parts = assignments_[operation.process].parts;
    const auto found = parts.find(key);
    if (found == parts.end()) {
      return Report("read-unassigned", operation.process, key,
                    "read offset " + Text(records.front().offset));
    }
    Part& part = found->second;
    if (part.start < 0) {
      part.start = records.front().offset;
      CheckStart(operation.process, key, part);
    }
    part.position = records.back().offset + 1;
  }

  void CheckStart(int64_t process, Key key, const Part& part) {
    if (part.start < part.least) {
      Report("reread-committed", process, key,
             "began to read at " + Text(part.start) + ", though " + Text(part.least) +
                 " was committed");
    } else if (part.start > 0 && !asked_[key].contains(part.start)) {
      Report("read-skip", process, key,
             "began to read at " + Text(part.start) + ", which nobody asked to commit");
    }
  }

  // ---- the whole ----

  void CheckRanges() {
    for (auto& [key, ranges] : ranges_) {
      std::sort(ranges.begin(), ranges.end(),
                [](const Range& a, const Range& b) { return a.start < b.start; });
      Range before;
      for (const Range& range : ranges) {
        if (range.start < before.end) {
          Report("consumed-twice", range.process, key,
                 "consumed and committed " + Text(range.start) + " to " + Text(range.end) +
                     ", and process " + std::to_string(before.process) + " " + Text(before.start) +
                     " to " + Text(before.end));
        }
        if (range.end > before.end) before = range;
      }
    }
  }

  void CheckConsumed() {
    if (keys_.empty()) return;
    for (const auto& [key, end] : ends_) {
      if (end == 0 || Known(known_, key) >= end) continue;
      found_.push_back({"unconsumed", "key " + std::to_string(key) + ": the group committed " +
                                          Text(Known(known_, key)) + " of " + Text(end)});
    }
  }

  void CheckConverged() {
    std::optional<int32_t> generation;
    std::set<Key> left = keys_;
    for (const int64_t process : living_) {
      const auto found = assignments_.find(process);
      if (found == assignments_.end()) {
        return Report("not-converged", process, 0, "was never assigned anything");
      }
      const Assignment& assignment = found->second;
      if (!generation) generation = assignment.generation;
      if (assignment.generation != *generation) {
        return Report("not-converged", process, 0,
                      "is in generation " + std::to_string(assignment.generation) +
                          ", another member in " + std::to_string(*generation));
      }
      for (const auto& [key, part] : assignment.parts) {
        if (left.erase(key) == 0) {
          return Report("not-converged", process, key, "another member holds it, too");
        }
      }
    }
    if (!living_.empty() && !left.empty()) {
      Report("not-converged", *living_.begin(), *left.begin(), "no member holds it");
    }
  }

  const std::vector<Operation>& history_;
  Offsets known_;  // surely committed
  std::map<Key, std::set<Offset>> asked_;
  std::map<int64_t, Offsets> known_at_invoke_;  // by process
  std::map<int64_t, Assignment> assignments_;   // by process, the last one
  std::map<int32_t, Generation> generations_;
  std::map<Key, std::vector<Range>> ranges_;
  std::set<int64_t> living_;
  std::set<Key> keys_;
  Offsets ends_;
  std::vector<Anomaly> found_;
};

}  // namespace

std::vector<Anomaly> CheckMembers(const std::vector<Operation>& history) {
  return MemberChecker(history).Run();
}

}  // namespace jangada::history
