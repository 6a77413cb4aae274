// The rows of the store: how keys and values look in RocksDB. Bytes and values only, no I/O; any
// thread. Never changes silently: docs/on-disk-format.md.
//
//   entries   group ‖ index                  → header ‖ payload
//   sparse    group ‖ base offset ‖ index    → the closed stretch that begins there
//   meta      group ‖ tag [‖ index]          → by tag
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/result.h"
#include "raft/types.h"
#include "storage/sparse.h"

namespace jangada::storage {

inline constexpr uint32_t kStoreFormatVersion = 1;

/// Rows of the store itself stand behind every group's.
inline constexpr GroupId kStoreRows{~uint64_t{0}};

/// Never renumber: these are on disk.
enum class MetaTag : char {
  kCheckpoint = 'C',
  kDamaged = 'D',
  kErased = 'E',  // ‖ group; kStoreRows only
  kFormat = 'F',  // kStoreRows only: u32 version
  kGroup = 'G',   // every group has this one
  kHardState = 'H',
  kLostGroups = 'L',  // kStoreRows only
  kMembership = 'M',  // ‖ index
  kTermRun = 'T',     // ‖ first index
};

// ---- keys ----
std::string EntryKey(GroupId group, raft::Index index);
std::string SparseKey(GroupId group, int64_t base_offset, raft::Index index);
std::string MetaKey(GroupId group, MetaTag tag);
std::string MetaKey(GroupId group, MetaTag tag, raft::Index index);
std::string ErasedKey(GroupId group);
/// The first key of a group in every column family; that of the next one ends its range.
std::string GroupKey(GroupId group);

GroupId GroupOfKey(std::string_view key);
/// nullopt: not made by ErasedKey.
std::optional<GroupId> GroupOfErasedKey(std::string_view key);
/// The last eight bytes: the index of an entry, a sparse row, a membership or a term run.
raft::Index IndexOfKey(std::string_view key);

// ---- entries ----
inline constexpr size_t kEntryHeaderSize = 25;
/// u32 CRC32C (of the key, the rest of the header and the payload) ‖ u8 type ‖ u64 term ‖ i64 base
/// offset ‖ i32 record count.
std::array<char, kEntryHeaderSize> EntryHeader(GroupId group, const raft::Entry& entry);
/// kDataCorrupt if a check fails. Copies the payload.
Result<raft::Entry> DecodeEntry(GroupId group, raft::Index index, std::string_view value);

// ---- the others; nullopt for bytes that their encoders did not make ----
std::string EncodeStretch(const Stretch& stretch);
std::optional<Stretch> DecodeStretch(std::string_view key, std::string_view value);

/// Where the log begins, and what had gone before.
struct LogStart {
  raft::Index first_index = 1;
  int64_t base_offset = 0;
  int64_t bytes_before = 0;
  int64_t max_timestamp_ms = -1;
};
std::string EncodeLogStart(const LogStart& start);
std::optional<LogStart> DecodeLogStart(std::string_view value);

std::string EncodeHardState(const raft::HardState& state);
std::optional<raft::HardState> DecodeHardState(std::string_view value);

/// The value of kDamaged. Nothing there (so it was once written): votes may be forgotten.
std::string EncodeDamage(bool forgot_votes);
bool MayHaveForgottenVotes(std::string_view damage);

std::string EncodeTerm(raft::Term term);
std::optional<raft::Term> DecodeTerm(std::string_view value);

}  // namespace jangada::storage
