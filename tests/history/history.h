// History: what clients did and what they were told, as a list of operations in real-time order:
// the one form in which the simulator and the chaos lab hand a run to the checker (checker.h).
// Plain values. The form and the names are those of Jepsen's Kafka workload, so that a foreign
// judge can read the same history (edn.h).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace jangada::history {

using Key = int64_t;    // stands for one topic-partition
using Value = int64_t;  // unique in its key
using Offset = int64_t;

enum class Type {
  kInvoke,
  kOk,
  kFail,  // surely not done
  kInfo,  // may or may not have been done, now or later; its process is never used again
};

enum class Function {
  kSend,         // sends: on kOk with their offsets
  kPoll,         // polled
  kTransaction,  // both: sends and polled, in one
  kAssign,       // keys: the process reads them from places of its own choice from here on
  kSubscribe,    // keys: the process reads what its group gives it
  kListOffsets,  // ends: the offset after the last committed record, linearizable

  // Of consumer groups, and not Jepsen's. A process that subscribed is a member from then on.
  kAssigned,   // keys: the member's part of a generation; it reads from what is committed
  kCommit,     // ends: the offsets to commit
  kCommitted,  // ends: what was told to be committed, -1: nothing; on kInvoke none
  kLeave,      // the member ended: it left, or was killed

  // What stands in the log, not what somebody did.
  kBatch,  // keys: partition, base offset, number of records, producer id, epoch, first sequence
};

struct Send {
  Key key = 0;
  Value value = 0;
  std::optional<Offset> offset;  // where it was written, as acknowledged
};

struct Polled {
  Offset offset = 0;
  Value value = 0;
};

/// One line: the beginning or the end of what one process did. A process does one thing at a time.
struct Operation {
  int64_t process = 0;
  Type type = Type::kInvoke;
  Function function = Function::kSend;
  std::vector<Send> sends;
  std::map<Key, std::vector<Polled>> polled;  // in the order read
  std::vector<Key> keys;
  std::map<Key, Offset> ends;
  std::string error;  // why it failed, for people
  // Where they say more than the process does; elsewhere not set.
  int32_t generation = -1;  // of kAssigned
  int64_t instance = 0;     // of kAssigned: a static member, the same after a restart; 0: none
  int64_t producer = 0;     // of kSend: what came through one idempotent producer keeps its order
};

}  // namespace jangada::history
