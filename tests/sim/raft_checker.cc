// The ghosts' side of the checker: what reaches the disks, and what the nodes say to each other.
#include "tests/sim/raft_checker.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/coding.h"
#include "raft/quorum.h"
#include "server/controller/controller_machine.h"
#include "storage/rocks_rows.h"

namespace jangada::sim {
namespace {

using storage::MetaTag;

constexpr size_t kGroupKeySize = sizeof(uint64_t);

uint64_t Chain(uint64_t before, raft::Index index, std::string_view header) {
  // The header holds a CRC of the key, itself and the payload.
  uint64_t hash = before * 0x9e3779b97f4a7c15 + index;
  for (const char c : header.substr(0, storage::kEntryHeaderSize)) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  }
  return hash ^ (hash >> 31);
}

raft::Term TermOf(std::string_view header) { return LoadBig<uint64_t>(header.data() + 5); }

std::string At(raft::Index index, raft::Term term) {
  return std::to_string(index) + "@" + std::to_string(term);
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

void RaftChecker::Fail(const std::string& checker, NodeId node, GroupId group,
                       const std::string& what) {
  judge_.Fail(checker, "node " + std::to_string(node.value()) + " group " +
                           std::to_string(group.value()) + ": " + what);
}

// ---- the ghosts ----

namespace {

/// A partition's fold without a partition around it.
class PartitionFold final : public server::StateMachine {
 public:
  PartitionFold(size_t max_producers, Reached& reached)
      : state_(max_producers), reached_(reached) {}
  void Apply(const raft::Entry& entry) override {
    const size_t before = state_.producers().all().size();
    state_.Apply(entry);
    const size_t after = state_.producers().all().size();
    if (after < before) reached_.Count(Rare::kProducerExpired, before - after);
  }
  Bytes EncodeState() const override { return state_.Encode(); }
  int64_t log_start_offset() const override { return state_.log_start_offset(); }
  Status RestoreState(std::string_view, int64_t, int64_t) override { return {}; }
  void OnLeaderReady(raft::Term) override {}
  void OnLeadershipLost() override {}

 private:
  server::PartitionState state_;
  Reached& reached_;
};

class ControllerFold final : public server::StateMachine, server::MachineListener {
 public:
  void Apply(const raft::Entry& entry) override { machine_.Apply(entry); }
  Bytes EncodeState() const override { return machine_.EncodeState(); }
  Status RestoreState(std::string_view, int64_t, int64_t) override { return {}; }
  void OnLeaderReady(raft::Term) override {}
  void OnLeadershipLost() override {}
  void OnImage(server::ClusterImagePtr) override {}
  void OnLeading(bool) override {}
  void OnCannotFold(const Error& error) override { CHECK_MSG(false, error.message); }

 private:
  server::ControllerMachine machine_{*this};
};

}  // namespace

uint64_t StateHash(const server::StateMachine& machine) {
  const Bytes state = machine.EncodeState();
  uint64_t hash = static_cast<uint64_t>(machine.log_start_offset()) * 0x9e3779b97f4a7c15;
  for (const char c : state.view()) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

RaftChecker::Ghost& RaftChecker::GhostOf(GroupId group) {
  const auto [ghost, made] = ghosts_.try_emplace(group);
  if (made && group == kControllerGroup) ghost->second.fold = std::make_unique<ControllerFold>();
  if (made && group != kControllerGroup) {
    ghost->second.fold = std::make_unique<PartitionFold>(max_producers_, reached_);
  }
  return ghost->second;
}

bool RaftChecker::IsQuorum(const raft::Membership& membership, uint32_t holders) const {
  if (membership.voters.empty()) return false;
  return raft::QuorumValue(membership, [holders](NodeId node) {
           return uint64_t{holders >> node.value() & 1};
         }) == 1;
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
      ++total_committed_;
    }
    FoldGhost(group, *holder->node);
  }
}

void RaftChecker::FoldGhost(GroupId group, SimNode& holder) {
  Ghost& ghost = GhostOf(group);
  const SimDisk::Table& rows = holder.disk().table(Family::kEntries);
  for (; ghost.folded < ghost.log.size(); ++ghost.folded) {
    const raft::Index index = ghost.folded + 1;
    const auto row = rows.find(storage::EntryKey(group, index));
    CHECK(row != rows.end());
    ghost.fold->Apply(storage::DecodeEntry(group, index, row->second).value());
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
  const EntryId entry{TermOf(value), Chain(before, index, value)};
  replica.entries.push_back(entry);
  const auto [known, is_new] = ghost.chains.try_emplace(Key(index, entry.term), entry.chain);
  if (!is_new && known->second != entry.chain) {
    return Fail("log-matching", node, group,
                "entry " + At(index, entry.term) +
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
                    "committed entry " + At(index, entry.term) + " was removed");
      }
      if (replica.role.role == raft::Role::kLeader && replica.role.term == entry.term) {
        return Fail("leader-append-only", watched.node->id(), group,
                    "the leader removed its entry " + At(index, entry.term));
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
      if (!std::exchange(replica.damaged, true)) reached_.Count(Rare::kDamageFound);
      break;
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

void RaftChecker::OnGroupErased(Watched& watched, GroupId group) {
  Replica& replica = watched.replicas[group];
  replica.hard_state = {};
  replica.base = 0;
  replica.base_chain = 0;
  replica.base_known = true;
  replica.entries.clear();
  replica.damaged = false;
  replica.last_seen = {};
}

/// A fault took rows: what is left is read anew.
void RaftChecker::Rescan(Watched& watched) {
  for (auto& [group, replica] : watched.replicas) {
    replica = Replica{.last_seen = std::move(replica.last_seen)};
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
    replica.entries.push_back({term, GhostOf(group).chains.at(Key(index, term))});
  }
}

// ---- what is said ----

void RaftChecker::OnSend(NodeId node, GroupId group, const raft::Message& message) {
  Watched& watched = nodes_.at(node);
  Ghost& ghost = GhostOf(group);
  Replica& replica = watched.replicas[group];
  // A vote that a later term has overtaken on its way to the disk can never be given a second time.
  const auto voted_for = [&](NodeId whom) {
    const raft::HardState& synced = replica.hard_state;
    return synced.term > message.term || (synced.term == message.term && synced.vote == whom);
  };
  raft::Index commit = 0;
  bool leads = false;
  if (const auto* vote = std::get_if<raft::VoteReply>(&message.body)) {
    if (vote->granted && !vote->pre_vote && !voted_for(message.to)) {
      Fail("durable-before-send", node, group, "a vote left before it was synced");
    }
  } else if (const auto* request = std::get_if<raft::VoteRequest>(&message.body)) {
    if (!request->pre_vote && !voted_for(node)) {
      Fail("durable-before-send", node, group, "asked for votes before its own was synced");
    }
  } else if (const auto* reply = std::get_if<raft::AppendReply>(&message.body)) {
    if (reply->accepted && reply->match > replica.last()) {
      Fail("durable-before-send", node, group,
           "acknowledged entry " + std::to_string(reply->match) + ", synced are " +
               std::to_string(replica.last()));
    }
    const auto leader = ghost.leaders.find(message.term);
    if (reply->accepted && leader != ghost.leaders.end()) {
      const EntryId* const there = nodes_.at(leader->second).replicas[group].At(reply->match);
      const EntryId* const here = replica.At(reply->match);
      if (there != nullptr && here != nullptr && there->chain != here->chain) {
        Fail("log-matching", node, group,
             "acknowledged entry " + std::to_string(reply->match) + ", which is not the leader's");
      }
    }
  } else if (const auto* beat = std::get_if<raft::HeartbeatReply>(&message.body)) {
    if (beat->last > replica.last()) {
      Fail("durable-before-send", node, group, "told of entries that are not synced");
    }
  } else if (const auto* append = std::get_if<raft::AppendRequest>(&message.body)) {
    leads = true;
    commit = append->commit;
  } else if (const auto* heartbeat = std::get_if<raft::Heartbeat>(&message.body)) {
    leads = true;
    commit = heartbeat->commit;
  } else if (std::holds_alternative<raft::InstallSnapshot>(message.body) ||
             std::holds_alternative<raft::TimeoutNow>(message.body)) {
    leads = true;
  }
  if (!leads) return;
  const auto leader = ghost.leaders.try_emplace(message.term, node).first;
  if (leader->second != node) {
    Fail("election-safety", node, group,
         "leads term " + std::to_string(message.term) + " beside node " +
             std::to_string(leader->second.value()));
  }
  if (replica.hard_state.term < message.term) {
    Fail("durable-before-send", node, group, "leads a term that is not on its disk");
  }
  if (std::holds_alternative<raft::TimeoutNow>(message.body)) {
    ghost.asked_to_lead = {message.to, message.term};
  }
  if (commit > ghost.log.size()) Observe(watched, group);
  if (commit > ghost.log.size()) {
    Fail("commit-safety", node, group,
         "told of commit " + std::to_string(commit) + ", committed are " +
             std::to_string(ghost.log.size()));
  }
}

// ---- for others ----

raft::Index RaftChecker::committed(GroupId group) const {
  const auto ghost = ghosts_.find(group);
  return ghost == ghosts_.end() ? 0 : ghost->second.log.size();
}

int64_t RaftChecker::log_start(GroupId group) const {
  const auto ghost = ghosts_.find(group);
  return ghost == ghosts_.end() ? 0 : ghost->second.fold->log_start_offset();
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
