#include "tests/history/groups.h"

#include <algorithm>

namespace jangada::history {

using Kind = GroupEvent::Kind;

void GroupChecker::Report(const char* name, const GroupEvent& event, Key key,
                          const std::string& what) {
  found_.push_back({name, "group " + event.group + " key " + std::to_string(key) + " process " +
                              std::to_string(event.process) + " generation " +
                              std::to_string(event.generation) + ": " + what});
}

Offset GroupChecker::Committed(const std::string& group, Key key) const {
  const auto found = groups_.find(group);
  if (found == groups_.end()) return -1;
  const auto log = found->second.logs.find(key);
  return log == found->second.logs.end() || log->second.empty() ? -1 : log->second.back().offset;
}

void GroupChecker::Take(const GroupEvent& event) {
  Group& group = groups_[event.group];
  const Commit commit(event.process, event.number);
  switch (event.kind) {
    case Kind::kAssigned: return OnAssigned(group, event);
    case Kind::kAsks:
      for (const auto& [key, offset] : event.offsets) {
        group.questions[commit][key] = group.logs[key].size();
      }
      return;
    case Kind::kTold: return OnTold(group, event);
    case Kind::kRead: return OnRead(group, event);
    case Kind::kSkipped: return OnSkipped(group, event);
    case Kind::kCommits: return;
    case Kind::kDone:
      if (group.logged.contains(commit) || event.offsets.empty()) return;
      return Report("commit-not-logged", event, event.offsets.begin()->first,
                    "the commit of offset " + std::to_string(event.offsets.begin()->second) +
                        " was acknowledged and is not in the log");
    case Kind::kRefused:
      group.refused.insert(commit);
      if (!group.logged.contains(commit) || event.offsets.empty()) return;
      return Report("refused-commit-done", event, event.offsets.begin()->first,
                    "a commit was refused that stands in the log");
    case Kind::kLogged: return OnLogged(group, event);
    case Kind::kFounded:
      if (event.generation < group.newest_founded) {
        Report("generation-went-back", event, 0,
               "comes after generation " + std::to_string(group.newest_founded));
      }
      group.newest_founded = std::max(group.newest_founded, event.generation);
      return;
  }
}

void GroupChecker::OnAssigned(Group& group, const GroupEvent& event) {
  Generation& generation = group.generations[event.generation];
  const Owner owner(event.instance, event.instance == 0 ? event.process : 0);
  std::set<Key> part;
  std::map<Key, Reading>& session = group.sessions[{event.process, event.generation}];
  for (const auto& [key, offset] : event.offsets) {
    part.insert(key);
    session.try_emplace(key);
    if (generation.owners.try_emplace(key, owner).first->second != owner) {
      Report("two-owners", event, key, "it was told to another member of this generation, too");
    }
  }
  const auto [told, is_first] = generation.parts.try_emplace(owner, part);
  if (!is_first && told->second != part) {
    Report("two-assignments", event, part.empty() ? 0 : *part.begin(),
           "it was told another part of this generation before");
  }
}

void GroupChecker::OnTold(Group& group, const GroupEvent& event) {
  const std::map<Key, size_t>& asked = group.questions[{event.process, event.number}];
  for (const auto& [key, offset] : event.offsets) {
    const std::vector<Logged>& log = group.logs[key];
    const auto length = asked.find(key);
    const size_t from = length == asked.end() ? 0 : length->second;  // when it asked
    bool now = from == 0 && offset == -1;
    for (size_t i = from == 0 ? 0 : from - 1; i < log.size(); ++i) now |= log[i].offset == offset;
    if (!now) {
      bool before = offset == -1;
      for (const Logged& logged : log) before |= logged.offset == offset;
      Report(before ? "stale-committed" : "made-up-committed", event, key,
             "told that " + std::to_string(offset) + " is committed, though it is " +
                 std::to_string(log.empty() ? -1 : log.back().offset));
    }
    Reading& reading = group.sessions[{event.process, event.generation}][key];
    const Offset start = std::max<Offset>(offset, 0);
    reading.start = reading.start < 0 ? start : std::min(reading.start, start);
    reading.position = start;
    reading.furthest = std::max(reading.furthest, start);
  }
}

void GroupChecker::OnRead(Group& group, const GroupEvent& event) {
  for (const auto& [key, to] : event.offsets) {
    Reading& reading = group.sessions[{event.process, event.generation}][key];
    const auto from = event.from.find(key);
    if (from == event.from.end() || from->second != reading.position) {
      Report("read-gap", event, key,
             "read on at " + std::to_string(from == event.from.end() ? -1 : from->second) +
                 ", and had come to " + std::to_string(reading.position));
    }
    reading.position = to;
    reading.furthest = std::max(reading.furthest, to);
  }
}

void GroupChecker::OnSkipped(Group& group, const GroupEvent& event) {
  for (const auto& [key, to] : event.offsets) {
    Reading& reading = group.sessions[{event.process, event.generation}][key];
    if (to < reading.position) {
      Report(
          "read-gap", event, key,
          "was sent back from " + std::to_string(reading.position) + " to " + std::to_string(to));
    }
    reading.position = to;
    reading.furthest = std::max(reading.furthest, to);
    Offset& furthest = skipped_to_[key];
    furthest = std::max(furthest, to);
  }
}

void GroupChecker::OnLogged(Group& group, const GroupEvent& event) {
  const Commit commit(event.process, event.number);
  group.logged.insert(commit);
  const Key first = event.offsets.empty() ? 0 : event.offsets.begin()->first;
  if (group.refused.contains(commit)) {
    Report("refused-commit-done", event, first,
           "a commit came to stand in the log that was refused");
  }
  if (event.generation < group.newest_logged) {
    Report(
        "commit-of-the-past", event, first,
        "stands in the log behind a commit of generation " + std::to_string(group.newest_logged));
  }
  group.newest_logged = std::max(group.newest_logged, event.generation);
  for (const auto& [key, offset] : event.offsets) {
    CheckCommit(group, event, key, offset);
    group.logs[key].push_back({offset, event.process});
  }
}

void GroupChecker::CheckCommit(Group& group, const GroupEvent& event, Key key, Offset offset) {
  const std::vector<Logged>& log = group.logs[key];
  const Logged before = log.empty() ? Logged{.offset = 0, .process = event.process} : log.back();
  // What a member commits again, and lower, is its own doing.
  if (offset < before.offset && before.process != event.process) {
    Report("commit-went-back", event, key,
           "commits " + std::to_string(offset) + " behind " + std::to_string(before.offset) +
               " of process " + std::to_string(before.process));
  }
  const Reading& reading = group.sessions[{event.process, event.generation}][key];
  if (offset > reading.furthest) {
    Report("commit-unread", event, key,
           "commits " + std::to_string(offset) + " and has read up to " +
               std::to_string(reading.furthest));
  }
  if (reading.start > before.offset) {
    Report("commit-skip", event, key,
           "began to read at " + std::to_string(reading.start) + ", and only " +
               std::to_string(before.offset) + " is committed");
  }
}

void GroupChecker::End(const std::map<Key, Offset>& ends, const std::map<Key, Offset>& starts) {
  for (const auto& [key, to] : skipped_to_) {
    const auto start = starts.find(key);
    if (to <= (start == starts.end() ? 0 : start->second)) continue;
    found_.push_back({"skipped-unread", "key " + std::to_string(key) +
                                            ": members were told that it begins at " +
                                            std::to_string(to)});
  }
  for (const auto& [id, group] : groups_) {
    for (const auto& [key, end] : ends) {
      const Offset committed = Committed(id, key);
      if (committed >= end || end == 0) continue;
      found_.push_back({"unconsumed", "group " + id + " key " + std::to_string(key) +
                                          ": committed is " + std::to_string(committed) + " of " +
                                          std::to_string(end)});
    }
  }
}

}  // namespace jangada::history
