// Cluster: several Rafts with disks that forget what was not synced and a network that a test
// controls, on one thread. Nothing happens by itself: a test says what is persisted, delivered,
// lost or crashed, and every step leaves a line in the trace. After each step the cluster checks
// the safety properties of the paper's figure 3 against a ghost of what was ever committed, and
// aborts the test's process through a gtest failure when one is broken.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "raft/raft.h"

namespace jangada::raft::test {

/// "1->2 AppendRequest term=3 prev=4@2 entries=5@3,6@3 commit=4", the language of every trace.
std::string Describe(const Message& message);
std::string Describe(const Entry& entry);

/// What a crash leaves.
struct Disk {
  HardState hard_state;
  SnapshotMeta snapshot;
  std::string snapshot_data;
  Index first_index = 1;
  std::vector<Entry> entries;  // from first_index on
  bool damaged = false;
  bool forgot_votes = false;

  Position last() const { return entries.empty() ? snapshot.last : entries.back().position(); }
  const Entry* At(Index index) const;
  void Write(const std::optional<HardState>& hard_state,
             const std::optional<Ready::Install>& install, const std::vector<Entry>& entries);
  void TrimBelow(Index index);
  Restored Restore() const;
};

struct Node {
  NodeId id;
  std::unique_ptr<Raft> raft;  // null while crashed
  Disk synced;
  Disk visible;  // with what is being written
  struct Write {
    uint64_t number = 0;
    std::optional<HardState> hard_state;
    std::vector<Entry> entries;
    std::optional<Ready::Install> install;
    bool whole = false;
    std::vector<Message> messages_after;
  };
  std::deque<Write> writes;
  bool disk_hangs = false;  // Stabilize does not finish its writes
  // The state machine: a hash over what was applied, and how far.
  Index applied = 0;
  uint64_t state = 0;
  std::vector<ReadGrant> grants;
};

class Cluster {
 public:
  explicit Cluster(Options options = {}) : options_(options) {}

  // ---- members ----
  void set_options(const Options& options) { options_ = options; }
  /// Nodes that found a group together.
  void Found(const std::vector<int>& voters, const std::vector<int>& learners = {});
  /// A replica that knows nothing.
  void AddEmpty(int id);
  /// A replica that starts from this disk.
  void AddWithDisk(int id, Disk disk);
  void Crash(int id);
  /// From its disk; with `refill` if that is marked as damaged.
  void Restart(int id);

  // ---- one step each ----
  void TickAll(Ticks ticks = 1);
  void TickOne(int id, Ticks ticks);
  /// Carries out what the node's Raft wants, up to (not including) its sync.
  void HandleReady(int id);
  /// Syncs the oldest write of the node. False: there was none.
  bool FinishWrite(int id);
  /// Delivers the message at this place of the network's queue.
  void Deliver(size_t place = 0);
  void LoseMessage(size_t place);
  void DuplicateMessage(size_t place);

  // ---- many ----
  /// Readies, syncs and deliveries until nothing is left to do.
  void Stabilize();
  /// Ticks one at a time, stabilizing after each, until `done` or `limit` ticks passed.
  bool RunUntil(const std::function<bool()>& done, Ticks limit = 5000);

  // ---- requests ----
  Result<Position> Propose(int id, const std::string& payload);
  Result<Position> Change(int id, const std::vector<int>& voters, const std::vector<int>& learners);
  /// Folds what the node applied into a checkpoint and drops the entries up to `index`.
  void Trim(int id, Index index);
  /// The disk of a crashed node loses the entries from `index` on, and knows it.
  void Damage(int id, Index index);
  /// The disk of a crashed node loses everything, its term and vote too, and knows it.
  void Forget(int id);

  // ---- network ----
  void Cut(int from, int to) { cut_.insert({NodeId(from), NodeId(to)}); }
  void Isolate(int id);
  void Heal() { cut_.clear(); }
  bool IsCut(NodeId from, NodeId to) const { return cut_.contains({from, to}); }
  std::deque<Message>& network() { return network_; }

  // ---- look ----
  Raft& raft(int id) { return *node(id).raft; }
  Node& node(int id) { return nodes_.at(NodeId(id)); }
  std::map<NodeId, Node>& nodes() { return nodes_; }
  bool IsUp(int id) const { return nodes_.at(NodeId(id)).raft != nullptr; }
  /// The leader of the greatest term among the nodes that are up; 0: none.
  int Leader() const;
  Ticks now() const { return now_; }
  Index ghost_commit() const { return committed_.empty() ? 0 : committed_.rbegin()->first; }
  const std::map<Index, Entry>& committed() const { return committed_; }

  /// One line a node: role, term, log, membership.
  std::string DescribeNode(int id);
  std::string DescribeAll();
  /// How often rare things were reached, so that a test can show that it proves something.
  struct Reached {
    uint64_t elections = 0;
    uint64_t truncations = 0;       // a write that removed entries
    uint64_t deep_truncations = 0;  // of more than one term
    uint64_t snapshots = 0;
    uint64_t kept_suffixes = 0;        // a snapshot in the middle of a log
    uint64_t rolled_back_members = 0;  // a truncation removed a configuration
    uint64_t joint_leaders = 0;        // elected while a joint configuration was in force
    uint64_t refills = 0;
    uint64_t reads = 0;
  };
  const Reached& reached() const { return reached_; }
  /// What happened since the last call.
  std::string TakeTrace() { return std::exchange(trace_, {}); }
  /// kPrint: each line goes to stderr at once, so that it is not lost in a crash.
  enum class Tracing { kOff, kKeep, kPrint };
  void set_tracing(Tracing tracing) { tracing_ = tracing; }

 private:
  void Start(Node& node);
  void Log(const std::string& line);
  void Emit(Message message);
  void Apply(Node& node, IndexRange range);
  void Install(Node& node, const Ready::Install& install);
  void CarryOut(Node& node, const Replicate& order);
  void SendCheckpoint(Node& node, const SendSnapshot& order);

  // ---- the checker ----
  void NoteLeader(const Node& node);
  void NoteTruncation(const Node& node, const Ready& ready);
  void NoteCommitted(const Node& node, const Entry& entry);
  void CheckDurableBeforeSend(const Message& message) const;
  void CheckLeaderCompleteness(const Node& leader) const;
  void CheckLogMatching() const;

  Options options_;
  Ticks now_ = 0;
  std::map<NodeId, Node> nodes_;
  std::deque<Message> network_;
  std::set<std::pair<NodeId, NodeId>> cut_;
  Membership founders_;
  // The ghosts outlive every crash.
  std::map<Term, NodeId> leaders_;    // Election Safety
  std::map<Index, Entry> committed_;  // State Machine Safety, Leader Completeness
  std::map<Index, Term> committed_in_;
  std::map<Index, uint64_t> states_;  // state after each index
  Reached reached_;
  Tracing tracing_ = Tracing::kKeep;
  std::string trace_;
};

}  // namespace jangada::raft::test
