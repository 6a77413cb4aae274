#include "server/partition/message_check.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

namespace jangada::server {
namespace {

Error Broken(const std::string& what) {
  return {ErrorCode::kInvalidArgument, "a peer sent a broken message: " + what};
}

Status CheckEntry(const raft::Entry& entry, const raft::AppendRequest& request,
                  const raft::Entry* before) {
  const raft::Position prev = before != nullptr ? before->position() : request.prev;
  if (entry.index != prev.index + 1) return Broken("entries do not follow each other");
  if (entry.term < prev.term) return Broken("terms go back along the log");
  if (entry.type > raft::EntryType::kCommand) return Broken("an entry of unknown type");
  if (entry.base_offset < 0 || entry.record_count < 0) return Broken("an entry without an offset");
  if (entry.base_offset > std::numeric_limits<int64_t>::max() - entry.record_count) {
    return Broken("an entry beyond the last offset that there can be");
  }
  if ((entry.record_count > 0) != (entry.type == raft::EntryType::kRecords)) {
    return Broken("an entry's record count does not fit its type");
  }
  if (before != nullptr && entry.base_offset != before->base_offset + before->record_count) {
    return Broken("offsets with a hole");
  }
  if (entry.type == raft::EntryType::kMembership && !raft::DecodeMembership(entry.payload.view())) {
    return Broken("a membership that cannot be read");
  }
  return Status();
}

Status CheckAppend(const raft::AppendRequest& request) {
  const raft::Entry* before = nullptr;
  for (const raft::Entry& entry : request.entries) {
    TRY(CheckEntry(entry, request, before));
    before = &entry;
  }
  return Status();
}

}  // namespace

Result<OpenedCheckpoint> OpenSnapshot(const Bytes& data) {
  TRY_ASSIGN(storage::Checkpoint checkpoint, storage::DecodeCheckpoint(data.view()));
  TRY_ASSIGN(FoldedState folded, DecodeFoldedState(checkpoint.state));
  if (checkpoint.meta != folded.base.meta) {
    return Broken("a checkpoint that does not begin where it says");
  }
  if (checkpoint.next_offset != folded.base.next_offset || checkpoint.log_start_offset < 0) {
    return Broken("a checkpoint whose offsets disagree");
  }
  return OpenedCheckpoint{std::move(checkpoint), std::move(folded)};
}

Status CheckMessage(const raft::Message& message) {
  if (const auto* append = std::get_if<raft::AppendRequest>(&message.body)) {
    return CheckAppend(*append);
  }
  if (const auto* install = std::get_if<raft::InstallSnapshot>(&message.body)) {
    TRY_ASSIGN(const OpenedCheckpoint opened, OpenSnapshot(install->data));
    if (opened.checkpoint.meta != install->meta) {
      return Broken("a checkpoint of another position than it says");
    }
  }
  return Status();
}

bool BringsRecords(const raft::Message& message) {
  const auto* append = std::get_if<raft::AppendRequest>(&message.body);
  return append != nullptr &&
         std::any_of(append->entries.begin(), append->entries.end(), [](const raft::Entry& entry) {
           return entry.type == raft::EntryType::kRecords;
         });
}

}  // namespace jangada::server
