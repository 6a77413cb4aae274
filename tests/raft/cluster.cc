#include "tests/raft/cluster.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <sstream>

#include "base/check.h"

namespace jangada::raft::test {
namespace {

const char* TypeName(EntryType type) {
  switch (type) {
    case EntryType::kNoop: return "noop";
    case EntryType::kMembership: return "membership";
    case EntryType::kRecords: return "records";
    case EntryType::kCommand: return "command";
  }
  return "?";
}

std::string Positions(const std::vector<Entry>& entries) {
  std::ostringstream out;
  out << "[";
  for (size_t i = 0; i < entries.size(); ++i) out << (i ? " " : "") << entries[i].position();
  out << "]";
  return out.str();
}

struct BodyText {
  std::ostringstream& out;
  void operator()(const VoteRequest& m) {
    out << (m.pre_vote ? "PreVote" : "VoteRequest") << " last=" << m.last;
    if (m.transfer) out << " transfer";
  }
  void operator()(const VoteReply& m) {
    out << (m.pre_vote ? "PreVoteReply " : "VoteReply ") << (m.granted ? "granted" : "refused");
  }
  void operator()(const AppendRequest& m) {
    out << "Append prev=" << m.prev << " entries=" << Positions(m.entries)
        << " commit=" << m.commit;
  }
  void operator()(const AppendReply& m) {
    if (m.accepted) {
      out << "AppendReply match=" << m.match;
    } else {
      out << "AppendReply rejected=" << m.rejected << " hint=" << m.hint;
    }
    Describe(m.loss);
  }
  void operator()(const Heartbeat& m) {
    out << "Heartbeat commit=" << m.commit;
    if (m.read_id != 0) out << " read=" << m.read_id;
    if (m.whole != 0) out << " whole";
  }
  void operator()(const HeartbeatReply& m) {
    out << "HeartbeatReply last=" << m.last;
    if (m.read_id != 0) out << " read=" << m.read_id;
    Describe(m.loss);
  }
  void operator()(const InstallSnapshot& m) {
    out << "InstallSnapshot last=" << m.meta.last << " " << m.meta.membership.membership.ToString();
  }
  void operator()(const TimeoutNow&) { out << "TimeoutNow"; }
  void Describe(const Loss& loss) {
    if (loss.id != 0) out << " damaged" << (loss.forgot_votes ? " votes forgotten" : "");
  }
};

uint64_t Fold(uint64_t state, const Entry& entry) {
  const auto mix = [&](uint64_t value) {
    state ^= value + 0x9e3779b97f4a7c15 + (state << 6) + (state >> 2);
    state *= 0xbf58476d1ce4e5b9;
  };
  mix(entry.index);
  mix(entry.term);
  for (const char c : entry.payload.view()) mix(static_cast<unsigned char>(c));
  return state;
}

std::vector<NodeId> Ids(const std::vector<int>& numbers) {
  std::vector<NodeId> ids;
  for (const int number : numbers) ids.push_back(NodeId(number));
  return ids;
}

}  // namespace

std::string Describe(const Message& message) {
  std::ostringstream out;
  out << message.from << "->" << message.to << " t" << message.term << " ";
  std::visit(BodyText{out}, message.body);
  return out.str();
}

std::string Describe(const Entry& entry) {
  std::ostringstream out;
  out << entry.position() << " " << TypeName(entry.type);
  if (entry.type == EntryType::kMembership) {
    out << " " << DecodeMembership(entry.payload.view())->ToString();
  } else if (!entry.payload.empty()) {
    out << " " << entry.payload.view();
  }
  return out.str();
}

// ---- disk ----

const Entry* Disk::At(Index index) const {
  if (index < first_index || index >= first_index + entries.size()) return nullptr;
  return &entries[index - first_index];
}

void Disk::Write(const std::optional<HardState>& new_hard_state,
                 const std::optional<Ready::Install>& install,
                 const std::vector<Entry>& new_entries) {
  if (new_hard_state) hard_state = *new_hard_state;
  if (install) {
    if (install->keep_suffix) {
      TrimBelow(install->meta.last.index + 1);
    } else {
      entries.clear();
    }
    first_index = install->meta.last.index + 1;
    snapshot = install->meta;
    snapshot_data = install->data.ToString();
  }
  if (new_entries.empty()) return;
  const Index from = new_entries.front().index;
  CHECK_GE(from, first_index);
  CHECK_LE(from, first_index + entries.size());
  entries.resize(from - first_index);
  entries.insert(entries.end(), new_entries.begin(), new_entries.end());
}

void Disk::TrimBelow(Index index) {
  if (index <= first_index) return;
  const size_t count = std::min<size_t>(index - first_index, entries.size());
  entries.erase(entries.begin(), entries.begin() + static_cast<std::ptrdiff_t>(count));
  first_index = index;
}

Restored Disk::Restore() const {
  Restored restored;
  restored.hard_state = hard_state;
  restored.snapshot = snapshot;
  restored.first_index = first_index;
  restored.last = last();
  for (const Entry& entry : entries) {
    if (restored.terms.empty() || restored.terms.back().term != entry.term) {
      restored.terms.push_back({entry.index, entry.term});
    }
    if (entry.type == EntryType::kMembership && entry.index > snapshot.last.index) {
      restored.memberships.push_back({entry.index, *DecodeMembership(entry.payload.view())});
    }
  }
  restored.applied = snapshot.last.index;
  restored.refill = damaged;
  restored.forgot_votes = forgot_votes;
  return restored;
}

// ---- members ----

void Cluster::Found(const std::vector<int>& voters, const std::vector<int>& learners) {
  founders_ = {.voters = Ids(voters), .outgoing = {}, .learners = Ids(learners)};
  for (const NodeId id : founders_.Members()) {
    Disk disk;
    disk.snapshot.membership.membership = founders_;
    AddWithDisk(id.value(), disk);
  }
}

void Cluster::AddEmpty(int id) { AddWithDisk(id, Disk{}); }

void Cluster::AddWithDisk(int id, Disk disk) {
  Node& node = nodes_[NodeId(id)];
  node = Node{};
  node.id = NodeId(id);
  node.synced = std::move(disk);
  Start(node);
}

void Cluster::Start(Node& node) {
  node.visible = node.synced;
  node.writes.clear();
  node.grants.clear();
  node.applied = node.synced.snapshot.last.index;
  node.state = states_[node.applied];
  Options options = options_;
  options.self = node.id;
  options.seed = options_.seed * 1000 + static_cast<uint64_t>(node.id.value());
  node.raft = std::make_unique<Raft>(options, node.synced.Restore(), now_);
}

void Cluster::Crash(int id) {
  Log(std::to_string(id) + " crashed");
  node(id).raft.reset();
  node(id).writes.clear();
}

void Cluster::Restart(int id) {
  Log(std::to_string(id) + " restarted, last=" + [&] {
    std::ostringstream out;
    out << node(id).synced.last();
    return out.str();
  }());
  Start(node(id));
}

void Cluster::Damage(int id, Index index) {
  Disk& disk = node(id).synced;
  CHECK(!IsUp(id));
  if (index < disk.first_index + disk.entries.size()) {
    disk.entries.resize(index - std::min(index, disk.first_index));
  }
  if (disk.entries.empty() || disk.entries.back().index < disk.snapshot.last.index) {
    disk.entries
        .clear();  // the checkpoint reaches further than what is left, so it is all that is left
    disk.first_index = disk.snapshot.last.index + 1;
  }
  disk.damaged = true;
}

void Cluster::Forget(int id) {
  CHECK(!IsUp(id));
  Disk disk;
  disk.snapshot.membership.membership = founders_;
  disk.damaged = disk.forgot_votes = true;
  node(id).synced = disk;
}

// ---- steps ----

void Cluster::TickAll(Ticks ticks) {
  now_ += ticks;
  for (auto& [id, node] : nodes_) {
    if (node.raft) node.raft->Tick(now_);
  }
}

void Cluster::TickOne(int id, Ticks ticks) {
  now_ += ticks;
  raft(id).Tick(now_);
}

void Cluster::Log(const std::string& line) {
  if (tracing_ == Tracing::kKeep) trace_ += line + "\n";
  if (tracing_ == Tracing::kPrint) std::fprintf(stderr, "%s\n", line.c_str());
}

void Cluster::HandleReady(int id) {
  Node& node = this->node(id);
  if (!node.raft || !node.raft->HasReady()) return;
  Ready ready = node.raft->TakeReady();
  std::ostringstream line;
  line << id << " ready " << ready.number << ":";
  if (ready.role_change) {
    line << " " << RoleName(ready.role_change->role) << " term=" << ready.role_change->term;
    if (ready.role_change->leader) line << " leader=" << *ready.role_change->leader;
  }
  if (ready.hard_state) {
    line << " hard={term " << ready.hard_state->term << " vote "
         << (ready.hard_state->vote ? ready.hard_state->vote->value() : 0) << "}";
  }
  if (ready.whole) line << " whole";
  if (ready.install) {
    line << " install=" << ready.install->meta.last << (ready.install->keep_suffix ? " keep" : "");
  }
  if (!ready.entries.empty()) line << " entries=" << Positions(ready.entries);
  if (!ready.committed.empty()) {
    line << " committed=" << ready.committed.first << ".." << ready.committed.last;
  }
  for (const ReadGrant& grant : ready.reads) {
    line << " read=" << grant.read_id
         << (grant.granted ? " at " + std::to_string(grant.index) : " refused");
  }
  Log(line.str());

  NoteLeader(node);
  node.grants.insert(node.grants.end(), ready.reads.begin(), ready.reads.end());
  if (ready.install) Install(node, *ready.install);
  NoteTruncation(node, ready);
  node.visible.Write(ready.hard_state, ready.install, ready.entries);
  for (Message& message : ready.messages) Emit(std::move(message));
  for (const Replicate& order : ready.replicate) CarryOut(node, order);
  for (const SendSnapshot& order : ready.snapshots) SendCheckpoint(node, order);
  Apply(node, ready.committed);
  if (ready.NeedsPersist()) {
    node.writes.push_back({ready.number, ready.hard_state, std::move(ready.entries),
                           std::move(ready.install), ready.whole,
                           std::move(ready.messages_after_persist)});
  } else {
    for (Message& message : ready.messages_after_persist) Emit(std::move(message));
  }
  CheckLogMatching();
}

bool Cluster::FinishWrite(int id) {
  Node& node = this->node(id);
  if (!node.raft || node.writes.empty()) return false;
  Node::Write write = std::move(node.writes.front());
  node.writes.pop_front();
  node.synced.Write(write.hard_state, write.install, write.entries);
  if (write.whole) {
    node.synced.damaged = node.synced.forgot_votes = false;
    ++reached_.refills;
  }
  Log(std::to_string(id) + " synced " + std::to_string(write.number));
  for (Message& message : write.messages_after) Emit(std::move(message));
  node.raft->OnPersisted(write.number);
  return true;
}

void Cluster::Emit(Message message) {
  CheckDurableBeforeSend(message);
  if (IsCut(message.from, message.to)) {
    Log("  cut  " + Describe(message));
    return;
  }
  Log("  " + Describe(message));
  network_.push_back(std::move(message));
}

void Cluster::CarryOut(Node& node, const Replicate& order) {
  AppendRequest request{.prev = order.prev, .entries = {}, .commit = order.commit};
  size_t bytes = 0;
  for (Index index = order.first; index <= order.last; ++index) {
    const Entry* entry = node.visible.At(index);
    if (entry == nullptr) break;
    if (!request.entries.empty() && bytes + entry->size() > order.max_bytes) break;
    bytes += entry->size();
    request.entries.push_back(*entry);
  }
  const Index last = order.first - 1 + request.entries.size();
  if (last >= order.first || order.last < order.first) {
    Emit({.from = node.id, .to = order.to, .term = order.term, .body = std::move(request)});
  }
  node.raft->OnSent(order.to, last, bytes);
}

void Cluster::SendCheckpoint(Node& node, const SendSnapshot& order) {
  const Disk& disk = node.synced;
  Emit({.from = node.id,
        .to = order.to,
        .term = order.term,
        .body = InstallSnapshot{.meta = disk.snapshot, .data = Bytes(disk.snapshot_data)}});
  node.raft->OnSnapshotSent(order.to, disk.snapshot.last.index);
}

void Cluster::Deliver(size_t place) {
  Message message = network_.at(place);
  network_.erase(network_.begin() + static_cast<std::ptrdiff_t>(place));
  const auto to = nodes_.find(message.to);
  if (to == nodes_.end() || !to->second.raft || IsCut(message.from, message.to)) return;
  to->second.raft->Tick(now_);
  to->second.raft->Step(std::move(message));
}

void Cluster::LoseMessage(size_t place) {
  network_.erase(network_.begin() + static_cast<std::ptrdiff_t>(place));
}

void Cluster::DuplicateMessage(size_t place) { network_.push_back(network_.at(place)); }

void Cluster::Stabilize() {
  constexpr int kBound = 100'000;
  bool busy = true;
  for (int step = 0; busy; ++step) {
    CHECK_LT(step, kBound);
    busy = false;
    for (auto& [id, node] : nodes_) {
      if (!node.raft) continue;
      while (node.raft->HasReady()) {
        HandleReady(id.value());
        busy = true;
      }
      while (!node.disk_hangs && FinishWrite(id.value())) busy = true;
    }
    for (size_t left = network_.size(); left > 0; --left) {
      Deliver();
      busy = true;
    }
  }
}

bool Cluster::RunUntil(const std::function<bool()>& done, Ticks limit) {
  Stabilize();
  for (Ticks passed = 0; passed < limit; ++passed) {
    if (done()) return true;
    TickAll();
    Stabilize();
  }
  return done();
}

// ---- requests ----

Result<Position> Cluster::Propose(int id, const std::string& payload) {
  return raft(id).Propose({.type = EntryType::kCommand, .payload = Bytes::Copy(payload)});
}

Result<Position> Cluster::Change(int id, const std::vector<int>& voters,
                                 const std::vector<int>& learners) {
  return raft(id).ProposeMembership({Ids(voters), Ids(learners)});
}

void Cluster::Trim(int id, Index index) {
  Node& node = this->node(id);
  const SnapshotMeta meta = node.raft->SnapshotAt(node.applied);
  for (Disk* disk : {&node.synced, &node.visible}) {
    disk->snapshot = meta;
    disk->snapshot_data = std::to_string(node.state);
    disk->TrimBelow(index + 1);
  }
  node.raft->OnTrimmed(meta, index + 1);
}

void Cluster::Isolate(int id) {
  for (const auto& [other, node] : nodes_) {
    Cut(id, other.value());
    Cut(other.value(), id);
  }
}

// ---- state machine ----

void Cluster::Apply(Node& node, IndexRange range) {
  for (Index index = range.first; index <= range.last; ++index) {
    CHECK_EQ(index, node.applied + 1);
    const Entry* entry = node.visible.At(index);
    CHECK_MSG(entry != nullptr, "a committed entry is at hand");
    NoteCommitted(node, *entry);
    node.state = Fold(node.state, *entry);
    node.applied = index;
    const auto [known, added] = states_.try_emplace(index, node.state);
    EXPECT_EQ(known->second, node.state) << "state machines differ at " << index;
  }
  if (!range.empty()) node.raft->OnApplied(range.last);
}

void Cluster::Install(Node& node, const Ready::Install& install) {
  node.applied = install.meta.last.index;
  node.state = std::stoull(install.data.ToString());
  EXPECT_EQ(states_.at(node.applied), node.state) << "a snapshot differs from the log";
}

// ---- look ----

std::string Cluster::DescribeNode(int id) {
  std::ostringstream out;
  out << id << " ";
  if (!IsUp(id)) {
    out << "down last=" << node(id).synced.last() << "\n";
    return out.str();
  }
  const RaftStatus status = raft(id).status();
  out << RoleName(status.role) << " term=" << status.term
      << " leader=" << (status.leader ? std::to_string(status.leader->value()) : "-")
      << " log=" << status.first_index << ".." << status.last << " durable=" << status.durable
      << " commit=" << status.commit << " applied=" << status.applied << " "
      << status.membership.membership.ToString()
      << (status.membership_committed ? "" : " (uncommitted)")
      << (status.refilling ? " refilling" : "");
  for (const PeerStatus& peer : status.peers) {
    out << " " << peer.node << ":" << peer.match << (peer.needs_snapshot ? "s" : "");
  }
  out << "\n";
  return out.str();
}

std::string Cluster::DescribeAll() {
  std::string out;
  for (const auto& [id, node] : nodes_) out += DescribeNode(id.value());
  return out;
}

int Cluster::Leader() const {
  int leader = 0;
  Term term = 0;
  for (const auto& [id, node] : nodes_) {
    if (node.raft && node.raft->IsLeader() && node.raft->term() > term) {
      leader = id.value();
      term = node.raft->term();
    }
  }
  return leader;
}

}  // namespace jangada::raft::test
