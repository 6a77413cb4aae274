#include "server/partition/folded_state.h"

#include <utility>

#include "base/coding.h"

namespace jangada::server {
namespace {

constexpr uint8_t kVersion = 1;

void AppendPosition(std::string* out, const raft::Position& position) {
  AppendBig<uint64_t>(out, position.index);
  AppendBig<uint64_t>(out, position.term);
}

raft::Position ReadPosition(ByteReader* in) {
  raft::Position position;
  position.index = in->Big<uint64_t>();
  position.term = in->Big<uint64_t>();
  return position;
}

Error Damaged() {
  return {ErrorCode::kDataCorrupt,
          "the state in a checkpoint is damaged; the group must be refilled from its peers"};
}

}  // namespace

Bytes EncodeFoldedState(const FoldedState& folded) {
  std::string out;
  AppendBig<uint8_t>(&out, kVersion);
  AppendPosition(&out, folded.base.meta.last);
  AppendBig<uint64_t>(&out, folded.base.meta.membership.index);
  AppendSized(&out, raft::EncodeMembership(folded.base.meta.membership.membership).view());
  AppendBig<int64_t>(&out, folded.base.next_offset);
  AppendPosition(&out, folded.applied);
  AppendBig<int64_t>(&out, folded.next_offset);
  out.append(folded.machine.view());
  return Bytes(std::move(out));
}

Result<FoldedState> DecodeFoldedState(const Bytes& bytes) {
  ByteReader in(bytes.view());
  const auto version = in.Big<uint8_t>();
  if (!in.ok()) return Damaged();
  if (version != kVersion) {
    return Error{ErrorCode::kUnsupportedVersion,
                 "the state in a checkpoint has format version " + std::to_string(version) +
                     ", which this program does not know; run the version that wrote it"};
  }
  FoldedState folded;
  folded.base.meta.last = ReadPosition(&in);
  folded.base.meta.membership.index = in.Big<uint64_t>();
  const auto membership = raft::DecodeMembership(in.Sized());
  folded.base.next_offset = in.Big<int64_t>();
  folded.applied = ReadPosition(&in);
  folded.next_offset = in.Big<int64_t>();
  if (!in.ok() || !membership) return Damaged();
  if (folded.applied.index < folded.base.meta.last.index) return Damaged();
  if (folded.base.next_offset < 0 || folded.next_offset < folded.base.next_offset) return Damaged();
  folded.base.meta.membership.membership = *membership;
  folded.machine = bytes.Slice(bytes.size() - in.remaining(), in.remaining());
  return folded;
}

storage::Checkpoint AtBase(const storage::Checkpoint& checkpoint, const FoldedState& folded) {
  storage::Checkpoint at_base = checkpoint;
  at_base.meta = folded.base.meta;
  at_base.next_offset = folded.base.next_offset;
  return at_base;
}

}  // namespace jangada::server
