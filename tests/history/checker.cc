#include "tests/history/checker.h"

#include <algorithm>
#include <functional>
#include <set>
#include <sstream>
#include <unordered_map>
#include <utility>

#include "tests/history/numbering.h"

namespace jangada::history {
namespace {

using Place = std::pair<Key, Offset>;
using Record = std::pair<Key, Value>;

std::string Show(Key key, Value value) {
  return "value " + std::to_string(value) + " of key " + std::to_string(key);
}

/// What is known of one value of one key.
struct Fate {
  bool sent = false;
  bool acked = false;
  bool failed = false;
  size_t sent_at = 0;        // the line of its invocation
  int64_t producer = 0;      // an idempotent one; 0: none
  std::set<Offset> offsets;  // where it was acknowledged or read
  size_t readers = 0;        // polls that returned it
};

/// Where a process is in one key since its last assignment.
using Cursor = std::map<Key, Offset>;  // the last offset read

class Checker {
 public:
  Checker(const std::vector<Operation>& history, const Expectations& expectations)
      : history_(history), expectations_(expectations) {}

  std::vector<Anomaly> Run() {
    for (line_ = 0; line_ < history_.size(); ++line_) Take(history_[line_]);
    CheckPlaces();
    CheckLosses();
    CheckOrder();
    CheckCircles();
    return std::move(found_);
  }

 private:
  void Report(const char* name, std::string what) { found_.push_back({name, std::move(what)}); }

  Offset LogStart(Key key) const {
    const auto start = expectations_.log_start.find(key);
    return start == expectations_.log_start.end() ? 0 : start->second;
  }

  void Take(const Operation& operation) {
    switch (operation.type) {
      case Type::kInvoke: return OnInvoke(operation);
      case Type::kFail:
        for (const Send& send : operation.sends) fates_[{send.key, send.value}].failed = true;
        return;
      case Type::kInfo: return;
      case Type::kOk: return OnOk(operation);
    }
  }

  void OnInvoke(const Operation& operation) {
    for (const Send& send : operation.sends) {
      Fate& fate = fates_[{send.key, send.value}];
      if (fate.readers > 0) {
        Report("precommitted-read", Show(send.key, send.value) + " was read before its send began");
      }
      fate.sent = true;
      fate.sent_at = line_;
      fate.producer = operation.producer;
    }
    // What is known now binds what is answered later.
    known_at_invoke_[operation.process] = known_;
    ends_at_invoke_[operation.process] = ends_;
  }

  void OnOk(const Operation& operation) {
    switch (operation.function) {
      case Function::kAssign:
      case Function::kSubscribe:
      case Function::kAssigned:
        cursors_[operation.process].clear();
        subscribed_[operation.process] = operation.function != Function::kAssign;
        return;
      case Function::kListOffsets: return OnEnds(operation);
      case Function::kCommit:
      case Function::kCommitted:
      case Function::kLeave: return;  // members.h
      case Function::kBatch: return;  // numbering.h
      case Function::kSend:
      case Function::kPoll:
      case Function::kTransaction: break;
    }
    for (const auto& [key, records] : operation.polled) OnPolled(operation, key, records);
    OnAcked(operation);
  }

  // ---- sends ----

  void OnAcked(const Operation& operation) {
    std::map<Key, Offset> last_here;
    const Cursor& known_before = known_at_invoke_[operation.process];
    for (const Send& send : operation.sends) {
      Fate& fate = fates_[{send.key, send.value}];
      fate.acked = true;
      if (!send.offset) continue;
      fate.offsets.insert(*send.offset);
      values_[{send.key, *send.offset}].insert(send.value);
      if (const auto known = known_before.find(send.key);
          known != known_before.end() && *send.offset <= known->second) {
        Report("stale-offset", Show(send.key, send.value) + " was written at offset " +
                                   std::to_string(*send.offset) + ", though offset " +
                                   std::to_string(known->second) +
                                   " was known before its send began");
      }
      if (const auto last = last_here.find(send.key);
          last != last_here.end() && *send.offset <= last->second) {
        Report("int-nonmonotonic-send", OrderOf(operation, send, last->second));
      }
      last_here[send.key] = *send.offset;
    }
    Cursor& sent = last_sent_[operation.process];
    for (const Send& send : operation.sends) {
      if (!send.offset) continue;
      const auto last = sent.find(send.key);
      // One report an operation: what is inside it was judged above.
      if (last != sent.end() && *send.offset <= last->second && last_here.contains(send.key)) {
        Report("nonmonotonic-send", OrderOf(operation, send, last->second));
      }
      Know(send.key, *send.offset);
    }
    for (const auto& [key, offset] : last_here) sent[key] = offset;
  }

  static std::string OrderOf(const Operation& operation, const Send& send, Offset before) {
    return "process " + std::to_string(operation.process) + " sent " + Show(send.key, send.value) +
           " and was given offset " + std::to_string(*send.offset) +
           ", after it had been given offset " + std::to_string(before);
  }

  void Know(Key key, Offset offset) {
    const auto [known, is_new] = known_.try_emplace(key, offset);
    if (!is_new) known->second = std::max(known->second, offset);
  }

  void OnEnds(const Operation& operation) {
    const Cursor& known_before = known_at_invoke_[operation.process];
    const Cursor& ends_before = ends_at_invoke_[operation.process];
    for (const auto& [key, end] : operation.ends) {
      const auto earlier = ends_before.find(key);
      if (earlier != ends_before.end() && end < earlier->second) {
        Report("end-went-back", "the end of key " + std::to_string(key) + " was " +
                                    std::to_string(earlier->second) + " and then " +
                                    std::to_string(end));
      }
      const auto known = known_before.find(key);
      if (known != known_before.end() && end <= known->second) {
        Report("end-went-back", "the end of key " + std::to_string(key) + " was said to be " +
                                    std::to_string(end) + ", though offset " +
                                    std::to_string(known->second) + " was known before");
      }
      const auto [latest, is_new] = ends_.try_emplace(key, end);
      if (!is_new) latest->second = std::max(latest->second, end);
    }
  }

  // ---- polls ----

  void OnPolled(const Operation& operation, Key key, const std::vector<Polled>& records) {
    Cursor& cursor = cursors_[operation.process];
    bool first = true;
    for (const Polled& record : records) {
      const auto last = cursor.find(key);
      if (last != cursor.end()) CheckStep(operation, key, last->second, record.offset, !first);
      cursor[key] = record.offset;
      first = false;
      NoteRead(operation, key, record);
    }
  }

  void CheckStep(const Operation& operation, Key key, Offset before, Offset now, bool inside) {
    const std::string steps = "process " + std::to_string(operation.process) + " read offset " +
                              std::to_string(now) + " of key " + std::to_string(key) +
                              " right after offset " + std::to_string(before);
    if (now <= before) return Report(inside ? "int-nonmonotonic-poll" : "nonmonotonic-poll", steps);
    if (now == before + 1 || now <= LogStart(key)) return;
    Report(inside ? "int-poll-skip" : "poll-skip", steps);
  }

  void NoteRead(const Operation& operation, Key key, const Polled& record) {
    Fate& fate = fates_[{key, record.value}];
    ++fate.readers;
    fate.offsets.insert(record.offset);
    values_[{key, record.offset}].insert(record.value);
    Know(key, record.offset);
    highest_read_.try_emplace(key, -1).first->second = std::max(highest_read_[key], record.offset);
    if (subscribed_[operation.process] && expectations_.subscribers_read_once &&
        !read_by_group_.insert({key, record.offset}).second) {
      Report("consume-counts", Show(key, record.value) + " was read more than once by its group");
    }
    for (const Send& own : operation.sends) {
      if (own.key == key && own.value == record.value) {
        Report("precommitted-read",
               Show(key, record.value) + " was read by the operation that sends it");
      }
    }
  }

  // ---- the whole ----

  void CheckPlaces() {
    for (const auto& [place, values] : values_) {
      if (values.size() < 2) continue;
      std::ostringstream what;
      what << "offset " << place.second << " of key " << place.first << " held";
      for (const Value value : values) what << " " << value;
      Report("inconsistent-offsets", what.str());
    }
  }

  void CheckLosses() {
    for (const auto& [record, fate] : fates_) {
      const auto& [key, value] = record;
      if (fate.offsets.size() > 1 && !SentTwice(key, fate)) {
        std::ostringstream what;
        what << Show(key, value) << " is at offsets";
        for (const Offset offset : fate.offsets) what << " " << offset;
        Report("duplicate", what.str());
      }
      if (fate.readers > 0 && fate.failed) {
        Report("G1a", Show(key, value) + " was read, though its send had surely failed");
      }
      if (fate.readers > 0 && !fate.sent) {
        Report("G1b", Show(key, value) + " was read, though nobody sent it");
      }
      if (fate.acked && fate.readers == 0) CheckUnread(key, value, fate);
    }
  }

  bool SentTwice(Key key, const Fate& fate) const {
    if (expectations_.numbering == nullptr) return false;
    Offset before = *fate.offsets.begin();
    for (auto offset = std::next(fate.offsets.begin()); offset != fate.offsets.end(); ++offset) {
      if (!expectations_.numbering->SentInTwoEpochs(key, before, *offset)) return false;
      before = *offset;
    }
    if (expectations_.sent_twice != nullptr) ++*expectations_.sent_twice;
    return true;
  }

  void CheckUnread(Key key, Value value, const Fate& fate) {
    if (!fate.offsets.empty() && *fate.offsets.rbegin() < LogStart(key)) return;
    const auto highest = highest_read_.find(key);
    const std::string where =
        fate.offsets.empty() ? "" : " at offset " + std::to_string(*fate.offsets.begin());
    if (!fate.offsets.empty() && highest != highest_read_.end() &&
        *fate.offsets.begin() <= highest->second) {
      Report("lost-write", Show(key, value) + " was acknowledged" + where +
                               " and never read, though offset " + std::to_string(highest->second) +
                               " was");
    } else if (expectations_.read_to_the_end) {
      Report("unseen", Show(key, value) + " was acknowledged" + where + " and never read");
    }
  }

  /// What one idempotent producer sent stands in the order in which it was sent, whatever became of
  /// the sends.
  void CheckOrder() {
    std::map<std::pair<int64_t, Key>, std::map<Offset, std::pair<size_t, Value>>> logs;
    for (const auto& [record, fate] : fates_) {
      if (fate.producer == 0 || fate.offsets.empty()) continue;
      logs[{fate.producer, record.first}][*fate.offsets.begin()] = {fate.sent_at, record.second};
    }
    for (const auto& [where, log] : logs) {
      std::pair<size_t, Value> before{0, 0};
      for (const auto& [offset, sent] : log) {
        if (sent.first < before.first) {
          Report("reordered", Show(where.second, sent.second) + " is at offset " +
                                  std::to_string(offset) + ", behind value " +
                                  std::to_string(before.second) + ", which producer " +
                                  std::to_string(where.first) + " sent after it");
        }
        before = std::max(before, sent);
      }
    }
  }

  /// G1c: edges lead from the operation that sent a value to those that read it.
  void CheckCircles() {
    std::map<Record, size_t> writer;
    std::vector<size_t> both;  // only operations that send and read can be in a circle
    for (size_t line = 0; line < history_.size(); ++line) {
      const Operation& operation = history_[line];
      if (operation.type != Type::kOk || operation.sends.empty() || operation.polled.empty())
        continue;
      both.push_back(line);
      for (const Send& send : operation.sends) writer[{send.key, send.value}] = line;
    }
    std::map<size_t, std::set<size_t>> next;
    for (const size_t line : both) {
      for (const auto& [key, records] : history_[line].polled) {
        for (const Polled& record : records) {
          const auto from = writer.find({key, record.value});
          if (from != writer.end() && from->second != line) next[from->second].insert(line);
        }
      }
    }
    std::map<size_t, int> state;  // 1: on the path, 2: done
    const std::function<bool(size_t)> in_circle = [&](size_t line) {
      state[line] = 1;
      for (const size_t reader : next[line]) {
        if (state[reader] == 1 || (state[reader] == 0 && in_circle(reader))) return true;
      }
      state[line] = 2;
      return false;
    };
    for (const size_t line : both) {
      if (state[line] == 0 && in_circle(line)) {
        return Report("G1c", "process " + std::to_string(history_[line].process) +
                                 " wrote what another operation read, and read, through others, "
                                 "what came of it");
      }
    }
  }

  const std::vector<Operation>& history_;
  const Expectations& expectations_;
  size_t line_ = 0;

  std::map<Record, Fate> fates_;
  std::map<Place, std::set<Value>> values_;
  std::map<Key, Offset> highest_read_;
  Cursor known_;  // the highest offset that some completed operation told of
  Cursor ends_;   // the highest end that was told
  std::unordered_map<int64_t, Cursor> known_at_invoke_, ends_at_invoke_;  // by process
  std::unordered_map<int64_t, Cursor> cursors_, last_sent_;               // by process
  std::unordered_map<int64_t, bool> subscribed_;
  std::set<Place> read_by_group_;
  std::vector<Anomaly> found_;
};

}  // namespace

std::vector<Anomaly> Check(const std::vector<Operation>& history,
                           const Expectations& expectations) {
  return Checker(history, expectations).Run();
}

}  // namespace jangada::history
