// GroupChecker: what consumer groups must not do, judged by what their members did and were told
// and by what came to stand in the log of committed offsets, in the order in which it all happened.
// It names:
//
//   two-owners            one partition told to two members in one generation
//   two-assignments       one member told two different parts of one generation
//   stale-committed       told where the group has come to, by a log that was over when it asked
//   made-up-committed     ... or by none
//   commit-went-back      a member's commit stands behind a higher one of another
//   commit-of-the-past    a commit of an older generation stands behind one of a newer
//   generation-went-back  a rebalance of a generation that is no newer than the last one's
//   commit-unread         committed beyond what the member read in that generation: nobody
//                         consumed it
//   commit-skip           committed by a member that began to read above what was committed
//   commit-not-logged     acknowledged, and not in the log
//   refused-commit-done   in the log, though surely refused
//   read-gap              a member's reads do not join
//   skipped-unread        records left out that no retention had deleted
//   unconsumed            at the end, records that the group never committed
//
// The log is tiled by commits, none of which reaches beyond what its member read since the one
// before: that is "each record is consumed by a committed member exactly once". Pure; one thread.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/history/checker.h"
#include "tests/history/history.h"

namespace jangada::history {

struct GroupEvent {
  enum class Kind : uint8_t {
    kAssigned,  // told its part of a generation: the keys of `offsets`
    kAsks,      // for what is committed of these keys
    kTold,      // ... and the answer; -1: nothing
    kRead,      // from `from` to below `offsets`
    kSkipped,   // told that the log begins at `offsets` only
    kCommits,   // asks to commit `offsets`
    kDone,      // that commit is acknowledged
    kRefused,   // that commit surely was not done
    kLogged,    // that commit stands in the log, after all that were logged before
    kFounded,   // the log holds who is in this generation, or it anew with another of a static
                // member's processes
  };
  Kind kind = Kind::kAssigned;
  std::string group;
  int64_t process = 0;   // a member that is started again is another one
  int64_t instance = 0;  // of a static member: the same after a restart; 0: none
  int32_t generation = -1;
  uint64_t number = 0;  // of a commit or a question, once for each of the process
  std::map<Key, Offset> from;
  std::map<Key, Offset> offsets;
};

class GroupChecker {
 public:
  void Take(const GroupEvent& event);
  /// `ends`: where the partitions end, `starts`: where they begin, if not at 0.
  void End(const std::map<Key, Offset>& ends, const std::map<Key, Offset>& starts);

  const std::vector<Anomaly>& found() const { return found_; }
  /// By the group's log. -1: nothing.
  Offset Committed(const std::string& group, Key key) const;

 private:
  using Commit = std::pair<int64_t, uint64_t>;  // process and number
  using Owner = std::pair<int64_t, int64_t>;    // instance and, if that is 0, process
  using Session = std::pair<int64_t, int32_t>;  // process and generation
  /// What one member read of one partition in one generation, without a gap.
  struct Reading {
    Offset start = -1;
    Offset position = -1;
    Offset furthest = -1;
  };
  struct Generation {
    std::map<Key, Owner> owners;
    std::map<Owner, std::set<Key>> parts;
  };
  struct Logged {
    Offset offset = -1;
    int64_t process = 0;
  };
  struct Group {
    std::map<int32_t, Generation> generations;
    std::map<Session, std::map<Key, Reading>> sessions;
    std::map<Key, std::vector<Logged>> logs;
    int32_t newest_logged = -1;                         // generation, of a commit
    int32_t newest_founded = -1;                        // ... of a rebalance
    std::map<Commit, std::map<Key, size_t>> questions;  // how long the logs were
    std::set<Commit> logged;
    std::set<Commit> refused;
  };

  void Report(const char* name, const GroupEvent& event, Key key, const std::string& what);
  void OnAssigned(Group& group, const GroupEvent& event);
  void OnTold(Group& group, const GroupEvent& event);
  void OnRead(Group& group, const GroupEvent& event);
  void OnSkipped(Group& group, const GroupEvent& event);
  void OnLogged(Group& group, const GroupEvent& event);
  void CheckCommit(Group& group, const GroupEvent& event, Key key, Offset offset);

  std::map<std::string, Group> groups_;
  std::map<Key, Offset> skipped_to_;
  std::vector<Anomaly> found_;
};

}  // namespace jangada::history
