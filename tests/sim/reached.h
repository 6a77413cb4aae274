// Reached: how often a run came to the places that are rarely come to. A long run that never
// reaches one of them proves nothing about it. Plain counters.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace jangada::sim {

/// One line each in kRareNames, in the same order.
enum class Rare : uint8_t {
  // Raft
  kElection,
  kTruncation,
  kDeepTruncation,
  kTruncatedMembership,
  kSnapshotInstalled,
  kSnapshotKeptSuffix,
  kFigure8Held,
  kTransferDone,
  kVoteAfterRestart,
  kJointEntered,
  kLeaderDiedInJoint,
  kReadGranted,
  // disk
  kFailedSync,
  kFailedSyncOfLeader,
  kNoSpaceOnVote,
  kDiskFullRefusal,
  kReadError,
  kDamageFound,
  kRefillDone,
  kNewestWritesLost,
  kStoreMovedAside,
  kStartedAgain,
  kDiskHung,
  kWriteKeptByCrash,
  kWriteLostByCrash,
  kCrashBetweenWrites,
  kEmptyDiskRefused,
  kEmptyDiskReadmitted,
  // network and processes
  kStreamBroken,
  kMessageOfTheDead,
  kAllPowerLost,
  kLeaderPaused,
  kCleanStop,
  // clients
  kDuplicateAnswered,
  kDuplicateAfterFailover,
  kDuplicateAtWindowsEdge,
  kTrimmed,
  kReadOutOfRange,
  kProducerExpired,
  kTopicDeleted,
  kPartitionMoved,
  kConfigAltered,
  // consumer groups
  kGroupRebalanced,
  kRebalanceInterrupted,
  kCoordinatorMoved,
  kMemberExpired,
  kPastCommitRefused,
  kCommitFateUnknown,
  kCoordinatorLoading,
  kStaticMemberReturned,
  kCount,
};

inline constexpr std::array<const char*, static_cast<size_t>(Rare::kCount)> kRareNames = {
    "elections",
    "truncations of a log",
    "truncations of more than one term",
    "truncations of a membership",
    "snapshots installed",
    "snapshots installed that kept a suffix",
    "commits held back as in figure 8",
    "leaderships transferred",
    "votes after a restart in the same term",
    "joint memberships entered",
    "leaders that died in a joint membership",
    "linearizable reads granted",
    "syncs that failed",
    "syncs that failed at a leader",
    "votes that met a full disk",
    "writes refused for want of room",
    "reads that met an error",
    "damaged entries found",
    "refills completed",
    "newest synced writes lost",
    "databases moved aside",
    "replicas that started again for want of room",
    "disks that hung",
    "writes kept by a crash, unacknowledged",
    "writes lost by a crash",
    "crashes between two writes of one drain",
    "empty disks refused",
    "empty disks admitted again",
    "streams broken",
    "messages that outlived their sender",
    "power lost on all nodes at once",
    "leaders that stood still",
    "clean stops",
    "duplicates answered with their first offset",
    "duplicates answered by another leader",
    "duplicates at the edge of the window",
    "logs trimmed",
    "reads below the log's start refused",
    "producers expired",
    "topics deleted",
    "partitions moved",
    "settings of topics changed",
    "rebalances of groups completed",
    "joins and syncs cut off by their coordinator's end",
    "members that went on at another coordinator",
    "members whose session ended",
    "commits of former members refused",
    "commits of unknown fate",
    "coordinators that were not ready yet",
    "static members back in their generation",
};

class Reached {
 public:
  void Count(Rare rare, uint64_t times = 1) { counts_[static_cast<size_t>(rare)] += times; }
  uint64_t Of(Rare rare) const { return counts_[static_cast<size_t>(rare)]; }
  const std::array<uint64_t, static_cast<size_t>(Rare::kCount)>& all() const { return counts_; }
  void Add(const Reached& other) {
    for (size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  }

 private:
  std::array<uint64_t, static_cast<size_t>(Rare::kCount)> counts_{};
};

}  // namespace jangada::sim
