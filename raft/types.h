// The words of Raft: term, index, entry, membership. Plain values; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"

namespace jangada::raft {

using Term = uint64_t;   // 0: before any election
using Index = uint64_t;  // the first entry has index 1; 0 is "before the log"
using Ticks = uint64_t;  // the core's clock: ticks since an arbitrary origin; the shell decides how
                         // long one is

/// One place in a log. Two logs that share a position share all before it (Log Matching).
struct Position {
  Index index = 0;
  Term term = 0;

  friend bool operator==(const Position&, const Position&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Position& p) {
    return out << p.index << "@" << p.term;
  }
};

/// Never renumber: these are on disk and on the wire.
enum class EntryType : uint8_t {
  kNoop = 0,        // a new leader's first entry; no payload
  kMembership = 1,  // payload: EncodeMembership()
  kRecords = 2,     // payload: one Kafka RecordBatch v2; the only type that uses offsets
  kCommand = 3,     // payload: a state machine's own command (trim, controller records, ...)
};

inline constexpr int64_t kUnassignedOffset = -1;

/// One entry of the log. The core reads index, term, type, the payload's size and (for kMembership)
/// the payload; everything else passes by it unopened.
struct Entry {
  Index index = 0;
  Term term = 0;
  EntryType type = EntryType::kNoop;
  /// Offset of the first record, and for entries without records the offset that comes next, so
  /// that base_offset + record_count is always the end of the log after this entry. Assigned by the
  /// shell before the entry is written; the core leaves kUnassignedOffset in the entries it makes
  /// itself.
  int64_t base_offset = kUnassignedOffset;
  int32_t record_count = 0;
  Bytes payload{};

  Position position() const { return {index, term}; }
  /// What the entry counts for in windows and batches, in bytes.
  size_t size() const { return kOverhead + payload.size(); }
  friend bool operator==(const Entry&, const Entry&) = default;

  static constexpr size_t kOverhead = 32;
};

/// What must survive a restart before any answer leaves (Raft, figure 2). One atomic record.
struct HardState {
  Term term = 0;
  std::optional<NodeId> vote;  // in `term`; cleared only when the term grows
  friend bool operator==(const HardState&, const HardState&) = default;
};

/// Who belongs to a group. In a joint configuration `outgoing` is not empty, and every decision
/// needs a majority of `voters` and one of `outgoing` (Raft thesis 4.3). Each list is sorted,
/// without repeats. A learner receives the log and neither votes nor counts. A node may stand in
/// `outgoing` and in `learners` at once: it votes until the joint configuration is left, then
/// learns.
struct Membership {
  std::vector<NodeId> voters;
  std::vector<NodeId> outgoing;
  std::vector<NodeId> learners;

  bool IsJoint() const { return !outgoing.empty(); }
  bool IsEmpty() const { return voters.empty() && learners.empty() && outgoing.empty(); }
  bool IsVoter(NodeId node) const;    // of either half
  bool IsLearner(NodeId node) const;  // and of no half
  bool Contains(NodeId node) const { return IsVoter(node) || IsLearner(node); }
  /// Every member once, sorted.
  std::vector<NodeId> Members() const;
  std::string ToString() const;  // "voters=1,2,3 outgoing=- learners=4"

  friend bool operator==(const Membership&, const Membership&) = default;
};

/// The payload of a kMembership entry. Never changes silently: docs/on-disk-format.md.
Bytes EncodeMembership(const Membership& membership);
/// nullopt for bytes that EncodeMembership did not make.
std::optional<Membership> DecodeMembership(std::string_view bytes);

/// A membership and the entry that brought it (0: the group was created with it).
struct MembershipAt {
  Index index = 0;
  Membership membership;
  friend bool operator==(const MembershipAt&, const MembershipAt&) = default;
};

/// Entries from `first_index` up to the next run's have `term`.
struct TermRun {
  Index first_index = 0;
  Term term = 0;
  friend bool operator==(const TermRun&, const TermRun&) = default;
};

/// What the core needs to know of a checkpoint; its bytes are the shell's.
struct SnapshotMeta {
  Position last;            // the last entry that the checkpoint folds in
  MembershipAt membership;  // in force at `last`
  friend bool operator==(const SnapshotMeta&, const SnapshotMeta&) = default;
};

/// Entries first..last, both included; empty when last < first.
struct IndexRange {
  Index first = 1;
  Index last = 0;
  bool empty() const { return last < first; }
  friend bool operator==(const IndexRange&, const IndexRange&) = default;
};

}  // namespace jangada::raft
