#include "tests/sim/group_watch.h"

#include <spdlog/spdlog.h>

#include <sstream>
#include <variant>

namespace jangada::sim {

using history::GroupEvent;
using Kind = GroupEvent::Kind;
namespace groups = server::groups;

std::string CommitNote::Encode() const {
  return std::to_string(process) + " " + std::to_string(number) + " " + std::to_string(generation);
}

CommitNote CommitNote::Decode(const std::string& note) {
  CommitNote decoded;
  std::istringstream in(note);
  in >> decoded.process >> decoded.number >> decoded.generation;
  return decoded;
}

void GroupWatch::Add(const GroupEvent& event) {
  world_.Mix(static_cast<uint64_t>(event.process) << 8 | static_cast<uint64_t>(event.kind));
  checker_.Take(event);
  JudgeWhatIsNew();
}

void GroupWatch::JudgeWhatIsNew() {
  if (checker_.found().empty()) return;
  judge_.Fail(checker_.found().front().name, checker_.found().front().what);
}

void GroupWatch::OnCommand(const groups::Command& command) {
  if (const auto* set = std::get_if<groups::SetGroup>(&command)) {
    if (!set->record.members.empty()) reached_.Count(Rare::kGroupRebalanced);
    GroupEvent event;
    event.kind = Kind::kFounded;
    event.group = set->group;
    event.generation = set->record.generation;
    return Add(event);
  }
  const auto* commit = std::get_if<groups::CommitCommand>(&command);
  if (commit == nullptr) return;
  GroupEvent event;
  event.kind = Kind::kLogged;
  event.group = commit->group;
  for (const auto& [topic, offsets] : commit->topics) {
    for (const auto& [partition, offset] : offsets.partitions) {
      const CommitNote note = CommitNote::Decode(offset.metadata);
      event.process = note.process;
      event.number = note.number;
      event.generation = note.generation;
      event.offsets[recorder_.KeyOf({topic, partition})] = offset.offset;
    }
  }
  Add(event);
}

void GroupWatch::End(const std::map<history::Key, history::Offset>& ends,
                     const std::map<history::Key, history::Offset>& starts) {
  checker_.End(ends, starts);
  JudgeWhatIsNew();
}

}  // namespace jangada::sim
