// Check: what a history of clients proves that a log must not do. Pure. Names of anomalies are
// Jepsen's where it has one:
//
//   lost-write             acknowledged, or read by somebody; later records were read, it never
//                          was again
//   unseen                 acknowledged, and not read although everything was read to the end
//   duplicate              one value at two offsets
//   inconsistent-offsets   two values at one offset
//   G1a                    read, though its send surely failed
//   G1b                    read, though nobody sent it (torn, or made up)
//   G1c                    operations that each read what another one of them wrote, in a circle
//   precommitted-read      read by the operation that sends it, or before its send began
//   poll-skip              an offset left out between two polls of a process
//   int-poll-skip          ... or inside one
//   nonmonotonic-poll      offsets that go back, without a new assignment in between
//   int-nonmonotonic-poll  ... or inside one poll
//   nonmonotonic-send      a process's later send of a key stands before its earlier one
//   int-nonmonotonic-send  ... or inside one operation
//   reordered              the same of all that one idempotent producer sent, whatever became of it
//   consume-counts         read more than once by the members of a group (only where asked for)
//   stale-offset           a send was given an offset at or below one known before it began
//   end-went-back          a listed end below an end, or not above an offset, known before the
//                          question was asked
//
// Offsets have no holes here, so any gap that retention does not explain is a skip.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/history/history.h"

namespace jangada::history {

struct Anomaly {
  std::string name;
  std::string what;  // one sentence: key, values, offsets, processes
};

class Numbering;  // numbering.h

struct Expectations {
  /// Offsets below may have been deleted by the end: not reading them is no loss, and a reader may
  /// skip to here.
  std::map<Key, Offset> log_start;
  /// The history ends with polls to the end of every partition: what was acknowledged and not read
  /// is unseen.
  bool read_to_the_end = true;
  /// What subscribed processes read counts once over all of them.
  bool subscribers_read_once = false;
  /// Where it is given, a value that its client sent again under a new epoch may be at two offsets;
  /// such values are counted in `sent_twice`.
  const Numbering* numbering = nullptr;
  size_t* sent_twice = nullptr;
};

/// All anomalies, in the order found; the same cause may show as several. Empty: the history is one
/// that a log allows.
std::vector<Anomaly> Check(const std::vector<Operation>& history,
                           const Expectations& expectations = {});

}  // namespace jangada::history
