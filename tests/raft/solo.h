// Solo: one Raft and nothing around it. A test plays all other members by hand: it steps messages
// in, and looks at what comes out and when. Replicate orders are carried out from a copy of the
// log.
#pragma once

#include <optional>
#include <vector>

#include "raft/raft.h"

namespace jangada::raft::test {

inline Options SoloOptions(int self) {
  Options options;
  options.self = NodeId(self);
  options.seed = static_cast<uint64_t>(self);
  options.heartbeat_ticks = 10;
  options.election_ticks = 50;
  options.disk_stall_ticks = 100;
  return options;
}

/// The disk of a founder of the group {1..voters} whose entries have these terms.
inline Restored Founder(int voters, const std::vector<Term>& log = {}, HardState hard_state = {}) {
  Restored restored;
  for (int id = 1; id <= voters; ++id) {
    restored.snapshot.membership.membership.voters.push_back(NodeId(id));
  }
  restored.hard_state = hard_state;
  for (size_t i = 0; i < log.size(); ++i) {
    if (i == 0 || log[i] != log[i - 1]) restored.terms.push_back({i + 1, log[i]});
    restored.last = {i + 1, log[i]};
  }
  return restored;
}

inline Entry MakeEntry(Index index, Term term, const std::string& payload = "x") {
  return {.index = index, .term = term, .type = EntryType::kCommand, .payload = Bytes(payload)};
}

class Solo {
 public:
  explicit Solo(Restored restored, Options options = SoloOptions(1))
      : raft(options, std::move(restored), 0), self_(options.self) {}

  /// From another member.
  void Step(int from, Term term, decltype(Message::body) body) {
    raft.Step({.from = NodeId(from), .to = self_, .term = term, .body = std::move(body)});
  }

  /// Takes every Ready there is. Messages that wait for a sync stay in `waiting`.
  void Take() {
    while (raft.HasReady()) {
      Ready ready = raft.TakeReady();
      if (ready.role_change) role_changes.push_back(*ready.role_change);
      if (ready.hard_state) hard_states.push_back(*ready.hard_state);
      for (Entry& entry : ready.entries) {
        if (entry.index <= log.size()) log.resize(entry.index - 1);
        log.push_back(std::move(entry));
      }
      if (ready.install) installs.push_back(*ready.install);
      for (Message& message : ready.messages) sent.push_back(std::move(message));
      for (const Replicate& order : ready.replicate) {
        orders.push_back(order);
        if (answer_orders) raft.OnSent(order.to, order.last, 100 * (order.last + 1 - order.first));
      }
      snapshots.insert(snapshots.end(), ready.snapshots.begin(), ready.snapshots.end());
      reads.insert(reads.end(), ready.reads.begin(), ready.reads.end());
      if (!ready.committed.empty()) committed = ready.committed.last;
      if (ready.NeedsPersist()) {
        unsynced = ready.number;
        waiting.insert(waiting.end(), ready.messages_after_persist.begin(),
                       ready.messages_after_persist.end());
      } else {
        sent.insert(sent.end(), ready.messages_after_persist.begin(),
                    ready.messages_after_persist.end());
      }
    }
  }

  /// All that was taken is synced.
  void Sync() {
    if (unsynced == 0) return;
    raft.OnPersisted(unsynced);
    unsynced = 0;
    sent.insert(sent.end(), waiting.begin(), waiting.end());
    waiting.clear();
    Take();
  }

  void Settle() {
    Take();
    while (unsynced != 0) Sync();
  }

  /// Time passes, tick by tick, with everything synced at once.
  void Pass(Ticks ticks) {
    for (Ticks i = 0; i < ticks; ++i) {
      raft.Tick(++now);
      Settle();
    }
  }

  /// Elected by everybody else of {1..voters}, in `term`; what was sent on the way is forgotten.
  void Lead(int voters) {
    raft.Campaign();
    Settle();
    for (int id = 2; id <= voters; ++id) {
      Step(id, raft.term() + 1, VoteReply{.pre_vote = true, .granted = true});
    }
    Settle();
    for (int id = 2; id <= voters; ++id) Step(id, raft.term(), VoteReply{.granted = true});
    Settle();
    Forget();
  }

  /// The follower has synced everything up to `match`.
  void Acknowledge(int from, Index match) {
    Step(from, raft.term(), AppendReply{.accepted = true, .match = match});
    Take();
  }

  template <class Body>
  std::vector<Body> SentTo(int to) const {
    std::vector<Body> bodies;
    for (const Message& message : sent) {
      const auto* body = std::get_if<Body>(&message.body);
      if (body != nullptr && message.to == NodeId(to)) bodies.push_back(*body);
    }
    return bodies;
  }
  template <class Body>
  std::optional<Body> LastTo(int to) const {
    const auto bodies = SentTo<Body>(to);
    if (bodies.empty()) return std::nullopt;
    return bodies.back();
  }

  void Forget() {
    sent.clear();
    orders.clear();
    reads.clear();
    snapshots.clear();
    installs.clear();
    hard_states.clear();
    role_changes.clear();
  }

  Raft raft;
  Ticks now = 0;
  bool answer_orders = true;
  std::vector<Message> sent;
  std::vector<Message> waiting;
  std::vector<Replicate> orders;
  std::vector<SendSnapshot> snapshots;
  std::vector<Ready::Install> installs;
  std::vector<ReadGrant> reads;
  std::vector<HardState> hard_states;
  std::vector<RoleChange> role_changes;
  std::vector<Entry> log;  // what was given to write
  Index committed = 0;
  uint64_t unsynced = 0;

 private:
  NodeId self_;
};

}  // namespace jangada::raft::test
