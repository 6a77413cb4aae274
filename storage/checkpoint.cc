// The encoding of a Checkpoint, on disk and on the wire alike: docs/on-disk-format.md,
// "Checkpoint".
#include <utility>

#include "base/coding.h"
#include "base/crc32c.h"
#include "storage/log_store.h"

namespace jangada::storage {
namespace {

constexpr uint8_t kCheckpointVersion = 1;
constexpr size_t kCrcSize = 4;

Error Damaged(const char* what) {
  return {ErrorCode::kDataCorrupt, std::string("a checkpoint is damaged (") + what +
                                       "); the group must be refilled from its peers"};
}

}  // namespace

Bytes EncodeCheckpoint(const Checkpoint& checkpoint) {
  std::string out;
  AppendBig<uint8_t>(&out, kCheckpointVersion);
  AppendBig<uint64_t>(&out, checkpoint.meta.last.index);
  AppendBig<uint64_t>(&out, checkpoint.meta.last.term);
  AppendBig<uint64_t>(&out, checkpoint.meta.membership.index);
  AppendSized(&out, raft::EncodeMembership(checkpoint.meta.membership.membership).view());
  AppendBig<int64_t>(&out, checkpoint.next_offset);
  AppendBig<int64_t>(&out, checkpoint.log_start_offset);
  AppendSized(&out, checkpoint.state.view());
  AppendBig<uint32_t>(&out, Crc32c(out));
  return Bytes(std::move(out));
}

Result<Checkpoint> DecodeCheckpoint(std::string_view bytes) {
  if (bytes.size() <= kCrcSize) return Damaged("too short");
  const std::string_view body = bytes.substr(0, bytes.size() - kCrcSize);
  if (LoadBig<uint32_t>(bytes.data() + body.size()) != Crc32c(body)) return Damaged("wrong CRC");

  ByteReader in(body);
  if (const auto version = in.Big<uint8_t>(); version != kCheckpointVersion) {
    return Error{ErrorCode::kUnsupportedVersion,
                 "a checkpoint has format version " + std::to_string(version) +
                     ", which this program does not know; run the version that wrote it"};
  }
  Checkpoint checkpoint;
  checkpoint.meta.last.index = in.Big<uint64_t>();
  checkpoint.meta.last.term = in.Big<uint64_t>();
  checkpoint.meta.membership.index = in.Big<uint64_t>();
  const auto membership = raft::DecodeMembership(in.Sized());
  checkpoint.next_offset = in.Big<int64_t>();
  checkpoint.log_start_offset = in.Big<int64_t>();
  checkpoint.state = Bytes::Copy(in.Sized());
  if (!in.AtEnd() || !membership) return Damaged("wrong length");
  checkpoint.meta.membership.membership = *membership;
  return checkpoint;
}

}  // namespace jangada::storage
