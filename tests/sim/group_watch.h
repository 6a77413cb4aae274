// GroupWatch: what the consumer groups of a run did, for the checker of their histories
// (tests/history/groups.h), which is asked after every event: what members did and were told comes
// from them, what their commits came to from the ghosts of the shards' logs. One thread.
#pragma once

#include <map>
#include <string>

#include "server/groups/records.h"
#include "tests/history/groups.h"
#include "tests/sim/raft_checker.h"
#include "tests/sim/reached.h"
#include "tests/sim/recorder.h"
#include "tests/sim/world.h"

namespace jangada::sim {

/// Who commits, as the commit itself tells it: the log keeps no member beside an offset, but what
/// the member likes to note with it.
struct CommitNote {
  int64_t process = 0;
  uint64_t number = 0;
  int32_t generation = -1;
  std::string Encode() const;
  static CommitNote Decode(const std::string& note);
};

class GroupWatch {
 public:
  GroupWatch(World& world, Recorder& recorder, Judge& judge, Reached& reached)
      : world_(world), recorder_(recorder), judge_(judge), reached_(reached) {}

  void Add(const history::GroupEvent& event);
  /// A shard holds it for committed.
  void OnCommand(const server::groups::Command& command);
  /// At the end of the run.
  void End(const std::map<history::Key, history::Offset>& ends,
           const std::map<history::Key, history::Offset>& starts);

  /// Where the group has come to, by its log. -1: nowhere yet.
  history::Offset Committed(const std::string& group, history::Key key) const {
    return checker_.Committed(group, key);
  }

 private:
  void JudgeWhatIsNew();

  World& world_;
  Recorder& recorder_;
  Judge& judge_;
  Reached& reached_;
  history::GroupChecker checker_;
};

}  // namespace jangada::sim
