// The ghosts' side of the checker: what reaches the disks.
#include "tests/sim/raft_checker.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/coding.h"
#include "server/partition/folded_state.h"
#include "storage/rocks_rows.h"
#include "tests/sim/ghost_folds.h"
#include "tests/sim/majority.h"

namespace jangada::sim {
namespace {

using storage::MetaTag;

constexpr size_t kGroupKeySize = sizeof(uint64_t);
constexpr size_t kTypeAt = 4;  // in an entry's header
constexpr size_t kTermAt = 5;

uint64_t Chain(uint64_t before, raft::Index index, std::string_view header) {
  // The header holds a CRC of the key, itself and the payload.
  uint64_t hash = before * 0x9e3779b97f4a7c15 + index;
  for (const char c : header.substr(0, storage::kEntryHeaderSize)) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  }
  return hash ^ (hash >> 31);
}

raft::Term TermOf(std::string_view header) { return LoadBig<uint64_t>(header.data() + kTermAt); }

bool IsMembership(std::string_view header) {
  return header[kTypeAt] == static_cast<char>(raft::EntryType::kMembership);
}

}  // namespace

/// The rows of one disk, told apart.
class RaftChecker::Disk final : public RowObserver {
 public:
  Disk(RaftChecker& checker, Watched& watched) : checker_(checker), watched_(watched) {}

  void OnPut(Family family, std::string_view key, std::string_view value) override {
    if (family == Family::kEntries) {
      checker_.OnEntry(watched_, storage::GroupOfKey(key), storage::IndexOfKey(key), value);
    } else if (family == Family::kMeta) {
      checker_.OnMeta(watched_, key, value);
    }
  }
  void OnDelete(Family family, std::string_view key) override {
    if (family != Family::kMeta || key.size() <= kGroupKeySize) return;
    Replica& replica = watched_.replicas[storage::GroupOfKey(key)];
    const auto tag = static_cast<MetaTag>(key[kGroupKeySize]);
    if (tag == MetaTag::kDamaged && std::exchange(replica.damaged, false)) {
      checker_.reached_.Count(Rare::kRefillDone);
      if (!replica.hard_state.vote) {
        checker_.Fail("vote-after-a-refill", watched_.node->id(), storage::GroupOfKey(key),
                      "is whole again, and free to vote in a term in which it may have voted");
      }
    }
    const bool truncated = replica.base_known;  // else the whole log goes
    if (tag == MetaTag::kMembership && truncated && storage::IndexOfKey(key) > replica.last()) {
      checker_.reached_.Count(Rare::kTruncatedMembership);
    }
  }
  void OnDeleteRange(Family family, std::string_view begin, std::string_view end) override {
    if (family == Family::kEntries) checker_.OnEntriesGone(watched_, begin, end);
    if (family == Family::kMeta) checker_.OnGroupErased(watched_, storage::GroupOfKey(begin));
  }
  void OnLoss() override { checker_.Rescan(watched_); }

 private:
  RaftChecker& checker_;
  Watched& watched_;
};

RaftChecker::RaftChecker(Judge& judge, Reached& reached, size_t max_producers)
    : judge_(judge), reached_(reached), max_producers_(max_producers) {}

RaftChecker::~RaftChecker() = default;  // the nodes and their disks are gone by now

void RaftChecker::Watch(SimNode& node) {
  Watched& watched = nodes_[node.id()];
  watched.node = &node;
  watched.disk = std::make_unique<Disk>(*this, watched);
  node.disk().SetObserver(watched.disk.get());
}

std::string RaftChecker::Place(raft::Index index, raft::Term term) {
  return std::to_string(index) + "@" + std::to_string(term);
}

void RaftChecker::Fail(const std::string& checker, NodeId node, GroupId group,
                       const std::string& what) {
  judge_.Fail(checker, "node " + std::to_string(node.value()) + " group " +
                           std::to_string(group.value()) + ": " + what);
}

// ---- the ghosts ----

namespace {

uint64_t StateHash(std::string_view state, int64_t log_start_offset) {
  uint64_t hash = static_cast<uint64_t>(log_start_offset) * 0x9e3779b97f4a7c15;
  for (const char c : state) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

}  // namespace

uint64_t StateHash(const server::StateMachine& machine) {
  return StateHash(machine.EncodeState().view(), machine.log_start_offset());
}

std::unique_ptr<server::StateMachine> RaftChecker::MakeFold(GroupId group) {
  if (group == kControllerGroup) return std::make_unique<ControllerFold>(decided_);
  // Nobody founds a group before the image that names it was committed.
  const auto place = decided_->groups.find(group);
  const bool is_shard =
      place != decided_->groups.end() &&
      decided_->topics.at(place->second.first)->kind == server::TopicKind::kGroups;
  if (is_shard) return std::make_unique<ShardFold>(on_group_command_, judge_);
  return std::make_unique<PartitionFold>(max_producers_, reached_);
}

bool RaftChecker::IsQuorum(const raft::Membership& membership, uint32_t holders) const {
  return IsMajority(membership,
                    [holders](NodeId node) { return (holders >> node.value() & 1) != 0; });
}

/// Entries up to `commit` are in the log whose entry there has `term`: the ghost takes them from a
/// disk that holds them.
void RaftChecker::ExtendGhost(GroupId group, raft::Index commit, raft::Term term,
                              uint32_t holders) {
  Ghost& ghost = GhostOf(group);
  const uint64_t chain = ghost.chains.at(Key(commit, term));
  ghost.committed_in[term] = commit;
  while (ghost.log.size() < commit) {
    const raft::Index next = ghost.log.size() + 1;
    const Watched* holder = nullptr;
    const Replica* replica = nullptr;
    for (const auto& [id, watched] : nodes_) {
      if ((holders >> id.value() & 1) == 0) continue;
      const auto found = watched.replicas.find(group);
      if (found == watched.replicas.end()) continue;
      const EntryId* const end = found->second.At(commit);
      if (end == nullptr || end->chain != chain || found->second.At(next) == nullptr) continue;
      holder = &watched;
      replica = &found->second;
      break;
    }
    if (holder == nullptr) {
      return judge_.Fail("ghost", "no disk holds committed entry " + std::to_string(next) +
                                      " of group " + std::to_string(group.value()));
    }
    for (raft::Index index = next; index <= commit; ++index) {
      ghost.log.push_back(*replica->At(index));
      if (ghost.log.back().is_membership) ghost.memberships.push_back(index);
      ++total_committed_;
    }
    FoldGhost(group, *holder->node);
  }
}

void RaftChecker::FoldGhost(GroupId group, SimNode& holder) {
  Ghost& ghost = GhostOf(group);
  const SimDisk::Table& rows = holder.disk().table(Family::kEntries);
  if (ghost.fold == nullptr) ghost.fold = MakeFold(group);
  for (; ghost.folded < ghost.log.size(); ++ghost.folded) {
    const raft::Index index = ghost.folded + 1;
    const auto row = rows.find(storage::EntryKey(group, index));
    CHECK(row != rows.end());
    const raft::Entry entry = storage::DecodeEntry(group, index, row->second).value();
    if (entry.base_offset != ghost.end) {
      Fail("offsets", holder.id(), group,
           "entry " + std::to_string(index) + " begins at offset " +
               std::to_string(entry.base_offset) + ", and the one before it ends at " +
               std::to_string(ghost.end));
    }
    if (entry.type == raft::EntryType::kRecords) ghost.end = entry.base_offset + entry.record_count;
    ghost.ends.push_back(ghost.end);
    ghost.fold->Apply(entry);
    ghost.states[index] = StateHash(*ghost.fold);
  }
}

// ---- rows ----

void RaftChecker::OnEntry(Watched& watched, GroupId group, raft::Index index,
                          std::string_view value) {
  Replica& replica = watched.replicas[group];
  Ghost& ghost = GhostOf(group);
  const NodeId node = watched.node->id();
  if (index != replica.last() + 1) {
    return Fail(
        "disk-order", node, group,
        "entry " + std::to_string(index) + " written after " + std::to_string(replica.last()));
  }
  uint64_t before = replica.base_chain;
  if (const EntryId* const last = replica.At(index - 1)) before = last->chain;
  if (replica.entries.empty() && !replica.base_known) {
    return Fail("ghost", node, group, "a log begins beyond what is committed");
  }
  const EntryId entry{TermOf(value), Chain(before, index, value), IsMembership(value)};
  if (const EntryId* const last = replica.At(index - 1); !last || last->term != entry.term) {
    replica.last_term_since_us = watched.node->clock().NowUs();
  }
  replica.entries.push_back(entry);
  const auto [known, is_new] = ghost.chains.try_emplace(Key(index, entry.term), entry.chain);
  if (!is_new && known->second != entry.chain) {
    return Fail("log-matching", node, group,
                "entry " + Place(index, entry.term) +
                    " differs from another log's, or what is before it does");
  }
  uint32_t& holders = ghost.holders[Key(index, entry.term)];
  holders |= uint32_t{1} << node.value();
  const auto leader = ghost.leaders.find(entry.term);
  if (leader != ghost.leaders.end() && leader->second == node) {
    const raft::Index must_hold = ghost.CommittedBefore(entry.term);
    const EntryId* const there = replica.At(must_hold);
    if (index <= must_hold ||
        (there != nullptr && there->chain != ghost.log[must_hold - 1].chain)) {
      return Fail("leader-completeness", node, group,
                  "leads term " + std::to_string(entry.term) + " without committed entry " +
                      std::to_string(must_hold));
    }
  }
  if (index > ghost.log.size() && !ghost.leaders.empty() &&
      ghost.leaders.rbegin()->first > entry.term) {
    const auto& [term, who] = *ghost.leaders.rbegin();
    const Replica& leading = nodes_.at(who).replicas[group];
    if (leading.role.role == raft::Role::kLeader &&
        IsQuorum(leading.membership.membership, holders)) {
      reached_.Count(Rare::kFigure8Held);
    }
  }
}

void RaftChecker::OnEntriesGone(Watched& watched, std::string_view begin, std::string_view end) {
  const GroupId group = storage::GroupOfKey(begin);
  Replica& replica = watched.replicas[group];
  if (begin.size() == kGroupKeySize) {  // all of them: erased, installed anew or cut to nothing
    replica.base_known = false;
    replica.entries.clear();
    return;
  }
  const raft::Index first = storage::IndexOfKey(begin);
  if (end.size() == kGroupKeySize) return OnTruncated(watched, group, first);
  const raft::Index next = storage::IndexOfKey(end);
  if (next <= replica.base + 1) return;
  const size_t gone = std::min<size_t>(next - replica.base - 1, replica.entries.size());
  if (gone > 0) replica.base_chain = replica.entries[gone - 1].chain;
  replica.entries.erase(replica.entries.begin(), replica.entries.begin() + static_cast<long>(gone));
  replica.base += gone;
  if (replica.base < next - 1) {  // a checkpoint that reaches beyond the log
    replica.base = next - 1;
    const Ghost& ghost = GhostOf(group);
    replica.base_known = replica.base <= ghost.log.size();
    if (replica.base_known) replica.base_chain = ghost.log[replica.base - 1].chain;
  }
  reached_.Count(Rare::kTrimmed);
}

void RaftChecker::OnTruncated(Watched& watched, GroupId group, raft::Index first) {
  Replica& replica = watched.replicas[group];
  if (first > replica.last()) return;
  const Ghost& ghost = GhostOf(group);
  const size_t kept = first <= replica.base ? 0 : first - replica.base - 1;
  if (!replica.damaged) {
    reached_.Count(Rare::kTruncation);
    if (replica.entries[kept].term != replica.entries.back().term) {
      reached_.Count(Rare::kDeepTruncation);
    }
    for (size_t i = kept; i < replica.entries.size(); ++i) {
      const raft::Index index = replica.base + i + 1;
      const EntryId& entry = replica.entries[i];
      if (index <= ghost.log.size() && ghost.log[index - 1].chain == entry.chain) {
        return Fail("leader-completeness", watched.node->id(), group,
                    "committed entry " + Place(index, entry.term) + " was removed");
      }
      if (replica.role.role == raft::Role::kLeader && replica.role.term == entry.term) {
        return Fail("leader-append-only", watched.node->id(), group,
                    "the leader removed its entry " + Place(index, entry.term));
      }
    }
  }
  replica.entries.resize(kept);
}

void RaftChecker::OnMeta(Watched& watched, std::string_view key, std::string_view value) {
  const GroupId group = storage::GroupOfKey(key);
  if (group == storage::kStoreRows) return;
  Replica& replica = watched.replicas[group];
  const NodeId node = watched.node->id();
  switch (static_cast<MetaTag>(key[kGroupKeySize])) {
    case MetaTag::kHardState: {
      const raft::HardState next = *storage::DecodeHardState(value);
      const raft::HardState& now = replica.hard_state;
      if (next.term < now.term) return Fail("vote-durability", node, group, "its term went back");
      if (next.term == now.term && now.vote && next.vote != now.vote) {
        return Fail("vote-durability", node, group,
                    "voted twice in term " + std::to_string(next.term));
      }
      CheckVoteOfLedTerm(watched, group, replica, next);
      if (next.vote && !now.vote && next.term == replica.term_at_start) {
        reached_.Count(Rare::kVoteAfterRestart);
      }
      if (next.vote && (!now.vote || next.term > now.term) && watched.node->disk().IsFull()) {
        reached_.Count(Rare::kNoSpaceOnVote);
      }
      replica.hard_state = next;
      break;
    }
    case MetaTag::kDamaged:
      replica.lost_again = std::exchange(replica.damaged, true);
      if (!replica.lost_again) reached_.Count(Rare::kDamageFound);
      ++replica.losses;
      if (storage::MayHaveForgottenVotes(value)) replica.lost_votes = false;
      break;
    case MetaTag::kCheckpoint: OnCheckpoint(watched, group, value); break;
    case MetaTag::kGroup: {
      const raft::Index first = storage::DecodeLogStart(value)->first_index;
      if (!replica.entries.empty() || (replica.base_known && replica.base == first - 1)) break;
      if (first > 1) reached_.Count(Rare::kSnapshotInstalled);
      const Ghost& ghost = GhostOf(group);
      replica.base = first - 1;
      replica.base_known = replica.base <= ghost.log.size();
      replica.base_chain =
          replica.base == 0 || !replica.base_known ? 0 : ghost.log[replica.base - 1].chain;
      break;
    }
    default: break;
  }
}

/// Its own, or one of the leader's that it installs.
void RaftChecker::OnCheckpoint(const Watched& watched, GroupId group, std::string_view value) {
  const NodeId node = watched.node->id();
  const auto checkpoint = storage::DecodeCheckpoint(value).value();
  const auto folded = server::DecodeFoldedState(checkpoint.state).value();
  const raft::Index applied = folded.applied.index;
  if (applied == 0) return;
  const Ghost& ghost = GhostOf(group);
  const auto state = ghost.states.find(applied);
  if (state == ghost.states.end() ||
      StateHash(folded.machine.view(), checkpoint.log_start_offset) != state->second) {
    Fail("checkpoint", node, group,
         "the state in its checkpoint of entry " + std::to_string(applied) +
             " is not what the log folds into");
  }
}

/// What it wrote with this vote at once it may have heard after it gave it.
void RaftChecker::CheckVoteOfLedTerm(const Watched& watched, GroupId group, const Replica& replica,
                                     const raft::HardState& next) {
  const raft::HardState& now = replica.hard_state;
  if (!next.vote || now.vote || next.term != now.term || replica.entries.empty()) return;
  if (replica.entries.back().term != next.term) return;
  if (watched.node->clock().NowUs() <= replica.last_term_since_us) return;
  const auto& leaders = GhostOf(group).leaders;
  const auto leader = leaders.find(next.term);
  if (leader == leaders.end() || leader->second == *next.vote) return;
  Fail("vote-in-a-led-term", watched.node->id(), group,
       "votes for node " + std::to_string(next.vote->value()) + " in term " +
           std::to_string(next.term) + ", of whose leader it has entries");
}

void RaftChecker::OnGroupErased(Watched& watched, GroupId group) {
  Replica& replica = watched.replicas[group];
  replica.erased = true;
  ++replica.losses;
  replica.hard_state = {};
  replica.base = 0;
  replica.base_chain = 0;
  replica.base_known = true;
  replica.entries.clear();
  replica.damaged = replica.lost_votes = false;
  replica.last_seen = {};
}

/// A fault took rows: what is left is read anew.
void RaftChecker::Rescan(Watched& watched) {
  std::map<GroupId, raft::HardState> before;
  for (auto& [group, replica] : watched.replicas) {
    before[group] = replica.hard_state;
    replica = Replica{.last_seen = std::move(replica.last_seen), .losses = replica.losses + 1};
  }
  SimDisk& disk = watched.node->disk();
  for (const auto& [key, value] : disk.table(Family::kMeta)) {
    const GroupId group = storage::GroupOfKey(key);
    if (group == storage::kStoreRows) continue;
    Replica& replica = watched.replicas[group];
    const auto tag = static_cast<MetaTag>(key[kGroupKeySize]);
    if (tag == MetaTag::kHardState) replica.hard_state = *storage::DecodeHardState(value);
    if (tag == MetaTag::kDamaged) replica.damaged = true;
    if (tag == MetaTag::kGroup) {
      replica.base = storage::DecodeLogStart(value)->first_index - 1;
      const Ghost& ghost = GhostOf(group);
      if (replica.base > 0 && replica.base <= ghost.log.size()) {
        replica.base_chain = ghost.log[replica.base - 1].chain;
      }
    }
  }
  for (const auto& [key, value] : disk.table(Family::kEntries)) {
    const GroupId group = storage::GroupOfKey(key);
    const raft::Index index = storage::IndexOfKey(key);
    Replica& replica = watched.replicas[group];
    if (index != replica.last() + 1) continue;
    const raft::Term term = TermOf(value);
    replica.entries.push_back(
        {term, GhostOf(group).chains.at(Key(index, term)), IsMembership(value)});
  }
  for (const auto& [group, hard_state] : before) {
    Replica& replica = watched.replicas[group];
    replica.lost_votes = replica.hard_state != hard_state;
  }
}

// ---- for others ----

raft::Index RaftChecker::committed(GroupId group) const {
  const auto ghost = ghosts_.find(group);
  return ghost == ghosts_.end() ? 0 : ghost->second.log.size();
}

int64_t RaftChecker::log_start(GroupId group) const {
  const auto ghost = ghosts_.find(group);
  if (ghost == ghosts_.end() || ghost->second.fold == nullptr) return 0;
  return ghost->second.fold->log_start_offset();
}

int64_t RaftChecker::end(GroupId group) const {
  const auto ghost = ghosts_.find(group);
  return ghost == ghosts_.end() ? 0 : ghost->second.end;
}

raft::Term RaftChecker::newest_term(GroupId group) const {
  const auto ghost = ghosts_.find(group);
  return ghost == ghosts_.end() || ghost->second.leaders.empty()
             ? 0
             : ghost->second.leaders.rbegin()->first;
}

bool RaftChecker::IsDamaged(NodeId node) const {
  const Watched& watched = nodes_.at(node);
  const SimDisk& disk = watched.node->disk();
  return disk.rotten() > 0 || disk.is_meta_rotten() || disk.has_unnoticed_loss() ||
         disk.may_miss_groups() ||
         std::any_of(watched.replicas.begin(), watched.replicas.end(),
                     [](const auto& entry) { return entry.second.damaged; });
}

raft::IndexRange RaftChecker::Held(NodeId node, GroupId group) const {
  const auto& replicas = nodes_.at(node).replicas;
  const auto replica = replicas.find(group);
  if (replica == replicas.end()) return {};
  return {replica->second.base + 1, replica->second.last()};
}

std::vector<GroupId> RaftChecker::Groups() const {
  std::vector<GroupId> groups;
  for (const auto& [group, ghost] : ghosts_) groups.push_back(group);
  return groups;
}

}  // namespace jangada::sim
