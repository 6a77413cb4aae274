// Numbering: the sequence numbers that idempotent producers gave their batches, as they stand in
// the log (Function::kBatch): what the server must see to. Pure.
//
//   repeated-sequence   one number of a producer and epoch at two offsets of a partition
//   sequence-gap        numbers of a producer and epoch that do not follow each other
//
// It also tells who is to blame for a value at two offsets: a client that sends a record once more
// under a new epoch asks for that, and no server can see it. librdkafka does so: it raises its
// epoch by itself when a leader refuses one of several batches under way, and sends again what may
// have been written in other partitions (https://github.com/confluentinc/librdkafka/issues/4953).
#pragma once

#include <map>
#include <vector>

#include "tests/history/checker.h"
#include "tests/history/history.h"

namespace jangada::history {

class Numbering {
 public:
  explicit Numbering(const std::vector<Operation>& history);

  const std::vector<Anomaly>& found() const { return found_; }
  /// Two offsets of a key hold what one producer sent in two epochs.
  bool SentInTwoEpochs(Key key, Offset one, Offset other) const;

 private:
  struct Batch {
    int64_t count = 0;
    int64_t producer = -1;
    int64_t epoch = -1;
    int64_t sequence = -1;
  };

  void Judge(Key key, const std::map<Offset, Batch>& log);
  const Batch* Find(Key key, Offset offset) const;

  std::map<Key, std::map<Offset, Batch>> logs_;
  std::vector<Anomaly> found_;
};

}  // namespace jangada::history
