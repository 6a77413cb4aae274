#include "storage/rocks_rows.h"

#include <utility>

#include "base/coding.h"
#include "base/crc32c.h"

namespace jangada::storage {

std::string GroupKey(GroupId group) {
  std::string key;
  AppendBig<uint64_t>(&key, group.value());
  return key;
}

std::string EntryKey(GroupId group, raft::Index index) {
  std::string key = GroupKey(group);
  AppendBig<uint64_t>(&key, index);
  return key;
}

std::string SparseKey(GroupId group, int64_t base_offset, raft::Index index) {
  CHECK_GE(base_offset, 0);  // big-endian order is numeric order only without the sign bit
  std::string key = GroupKey(group);
  AppendBig<int64_t>(&key, base_offset);
  AppendBig<uint64_t>(&key, index);
  return key;
}

std::string MetaKey(GroupId group, MetaTag tag) {
  std::string key = GroupKey(group);
  key.push_back(static_cast<char>(tag));
  return key;
}

std::string MetaKey(GroupId group, MetaTag tag, raft::Index index) {
  std::string key = MetaKey(group, tag);
  AppendBig<uint64_t>(&key, index);
  return key;
}

std::string ErasedKey(GroupId group) {
  return MetaKey(kStoreRows, MetaTag::kErased, group.value());
}

std::optional<GroupId> GroupOfErasedKey(std::string_view key) {
  const size_t size = MetaKey(kStoreRows, MetaTag::kErased).size() + sizeof(uint64_t);
  if (key.size() != size) return std::nullopt;
  return GroupId(IndexOfKey(key));
}

GroupId GroupOfKey(std::string_view key) {
  CHECK_GE(key.size(), sizeof(uint64_t));
  return GroupId(LoadBig<uint64_t>(key.data()));
}

raft::Index IndexOfKey(std::string_view key) {
  CHECK_GE(key.size(), 2 * sizeof(uint64_t));
  return LoadBig<uint64_t>(key.data() + key.size() - sizeof(uint64_t));
}

namespace {

uint32_t EntryCrc(GroupId group, raft::Index index, std::string_view header_rest,
                  std::string_view payload) {
  char key[16];
  StoreBig<uint64_t>(key, group.value());
  StoreBig<uint64_t>(key + 8, index);
  const uint32_t crc = ExtendCrc32c(Crc32c({key, sizeof key}), header_rest);
  return ExtendCrc32c(crc, payload);
}

}  // namespace

std::array<char, kEntryHeaderSize> EntryHeader(GroupId group, const raft::Entry& entry) {
  std::array<char, kEntryHeaderSize> header;
  StoreBig<uint8_t>(&header[4], static_cast<uint8_t>(entry.type));
  StoreBig<uint64_t>(&header[5], entry.term);
  StoreBig<int64_t>(&header[13], entry.base_offset);
  StoreBig<int32_t>(&header[21], entry.record_count);
  StoreBig<uint32_t>(&header[0], EntryCrc(group, entry.index, {&header[4], kEntryHeaderSize - 4},
                                          entry.payload.view()));
  return header;
}

Result<raft::Entry> DecodeEntry(GroupId group, raft::Index index, std::string_view value) {
  const auto damaged = [&] {
    return Error{ErrorCode::kDataCorrupt,
                 "entry " + std::to_string(index) + " of group " + std::to_string(group.value()) +
                     " fails its checksum; the replica must be refilled from its peers"};
  };
  if (value.size() < kEntryHeaderSize) return damaged();
  const std::string_view payload = value.substr(kEntryHeaderSize);
  const std::string_view header_rest = value.substr(4, kEntryHeaderSize - 4);
  if (LoadBig<uint32_t>(value.data()) != EntryCrc(group, index, header_rest, payload)) {
    return damaged();
  }
  ByteReader in(header_rest);
  raft::Entry entry;
  entry.index = index;
  entry.type = static_cast<raft::EntryType>(in.Big<uint8_t>());
  entry.term = in.Big<uint64_t>();
  entry.base_offset = in.Big<int64_t>();
  entry.record_count = in.Big<int32_t>();
  entry.payload = Bytes::Copy(payload);
  return entry;
}

std::string EncodeStretch(const Stretch& stretch) {
  std::string value;
  AppendBig<uint64_t>(&value, stretch.next);
  AppendBig<int64_t>(&value, stretch.end_offset);
  AppendBig<int64_t>(&value, stretch.bytes_before);
  AppendBig<int64_t>(&value, stretch.bytes);
  AppendBig<int64_t>(&value, stretch.max_timestamp_ms);
  return value;
}

std::optional<Stretch> DecodeStretch(std::string_view key, std::string_view value) {
  if (key.size() != 3 * sizeof(uint64_t)) return std::nullopt;
  Stretch stretch;
  stretch.base_offset = LoadBig<int64_t>(key.data() + sizeof(uint64_t));
  stretch.first = IndexOfKey(key);
  ByteReader in(value);
  stretch.next = in.Big<uint64_t>();
  stretch.end_offset = in.Big<int64_t>();
  stretch.bytes_before = in.Big<int64_t>();
  stretch.bytes = in.Big<int64_t>();
  stretch.max_timestamp_ms = in.Big<int64_t>();
  if (!in.AtEnd()) return std::nullopt;
  return stretch;
}

std::string EncodeLogStart(const LogStart& start) {
  std::string value;
  AppendBig<uint64_t>(&value, start.first_index);
  AppendBig<int64_t>(&value, start.base_offset);
  AppendBig<int64_t>(&value, start.bytes_before);
  AppendBig<int64_t>(&value, start.max_timestamp_ms);
  return value;
}

std::optional<LogStart> DecodeLogStart(std::string_view value) {
  ByteReader in(value);
  LogStart start;
  start.first_index = in.Big<uint64_t>();
  start.base_offset = in.Big<int64_t>();
  start.bytes_before = in.Big<int64_t>();
  start.max_timestamp_ms = in.Big<int64_t>();
  if (!in.AtEnd()) return std::nullopt;
  return start;
}

std::string EncodeHardState(const raft::HardState& state) {
  std::string value;
  AppendBig<uint64_t>(&value, state.term);
  AppendBig<uint8_t>(&value, state.vote.has_value() ? 1 : 0);
  AppendBig<int32_t>(&value, state.vote.value_or(NodeId()).value());
  return value;
}

std::optional<raft::HardState> DecodeHardState(std::string_view value) {
  ByteReader in(value);
  raft::HardState state;
  state.term = in.Big<uint64_t>();
  const bool voted = in.Big<uint8_t>() != 0;
  const NodeId vote(in.Big<int32_t>());
  if (voted) state.vote = vote;
  if (!in.AtEnd()) return std::nullopt;
  return state;
}

std::string EncodeDamage(bool forgot_votes) { return {forgot_votes ? '\1' : '\0'}; }

bool MayHaveForgottenVotes(std::string_view damage) { return damage != std::string_view("\0", 1); }

std::string EncodeTerm(raft::Term term) {
  std::string value;
  AppendBig<uint64_t>(&value, term);
  return value;
}

std::optional<raft::Term> DecodeTerm(std::string_view value) {
  if (value.size() != sizeof(raft::Term)) return std::nullopt;
  return LoadBig<raft::Term>(value.data());
}

}  // namespace jangada::storage
