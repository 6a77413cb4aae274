// The rows of the store as a disk may give them back: entry headers, sparse rows, hard states.
#include "base/check.h"
#include "base/coding.h"
#include "storage/rocks_rows.h"
#include "tests/fuzz/target.h"

namespace jangada::fuzz {
namespace {

constexpr GroupId kGroup{7};
constexpr raft::Index kIndex = 42;

enum Kind : uint8_t { kRaw, kSealed, kStretch, kLogStart, kHardState, kTerm, kKinds };

/// An entry whose checksum is right, whatever it holds: it comes back as it was written.
void CheckSealed(std::string_view bytes) {
  ByteReader in(bytes);
  raft::Entry entry{.index = kIndex};
  entry.type = static_cast<raft::EntryType>(in.Big<uint8_t>());
  entry.term = in.Big<uint64_t>();
  entry.base_offset = in.Big<int64_t>();
  entry.record_count = in.Big<int32_t>();
  entry.payload = Bytes::Copy(in.Take(in.remaining()));
  const auto header = storage::EntryHeader(kGroup, entry);
  const std::string value = std::string(header.data(), header.size()) + entry.payload.ToString();
  const auto back = storage::DecodeEntry(kGroup, kIndex, value);
  CHECK(back.ok());
  CHECK(*back == entry);
  CHECK(!storage::DecodeEntry(kGroup, kIndex + 1, value).ok());  // a row in a wrong place
}

}  // namespace

void Run(std::string_view bytes) {
  Input input(bytes);
  const uint8_t kind = input.Byte() % kKinds;
  if (kind == kStretch) {
    const std::string_view key = input.Take(3 * sizeof(uint64_t));
    const std::string_view value = input.Rest();
    const auto stretch = storage::DecodeStretch(key, value);
    if (stretch) CHECK(storage::EncodeStretch(*stretch) == value);
    return;
  }
  const std::string_view value = input.Rest();
  if (kind == kRaw) {
    (void)storage::DecodeEntry(kGroup, kIndex, value);
  } else if (kind == kSealed) {
    CheckSealed(value);
  } else if (kind == kLogStart) {
    const auto start = storage::DecodeLogStart(value);
    if (start) CHECK(storage::EncodeLogStart(*start) == value);
  } else if (kind == kHardState) {
    const auto state = storage::DecodeHardState(value);
    if (state) CHECK(storage::DecodeHardState(storage::EncodeHardState(*state)) == state);
  } else {
    const auto term = storage::DecodeTerm(value);
    if (term) CHECK(storage::EncodeTerm(*term) == value);
    (void)storage::MayHaveForgottenVotes(value);
  }
}

std::vector<std::string> Seeds() {
  const raft::Entry entry{.index = kIndex,
                          .term = 3,
                          .type = raft::EntryType::kRecords,
                          .base_offset = 100,
                          .record_count = 2,
                          .payload = Bytes::Copy("payload")};
  const auto header = storage::EntryHeader(kGroup, entry);
  const std::string head(header.data(), header.size());
  const storage::Stretch stretch{.first = 2, .next = 9, .base_offset = 5, .end_offset = 12};
  return {Seed(kRaw, head + "payload"),
          Seed(kSealed, head.substr(4) + "payload"),
          Seed(kStretch, storage::SparseKey(kGroup, 5, 2) + storage::EncodeStretch(stretch)),
          Seed(kLogStart, storage::EncodeLogStart({.first_index = 4, .base_offset = 7})),
          Seed(kHardState, storage::EncodeHardState({.term = 9, .vote = NodeId(2)})),
          Seed(kHardState, storage::EncodeHardState({.term = 9, .vote = {}})),
          Seed(kTerm, storage::EncodeTerm(8))};
}

}  // namespace jangada::fuzz
