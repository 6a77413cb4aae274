// Checkpoints, as they lie on the disk and travel between nodes, and all that is folded into them:
// membership, the state of a replica, the state of a partition with its producers; and a
// partition's commands, which change that state.
#include "base/check.h"
#include "base/coding.h"
#include "base/crc32c.h"
#include "server/partition/folded_state.h"
#include "server/partition/message_check.h"
#include "server/partition/partition_state.h"
#include "storage/record_batch.h"
#include "tests/fuzz/target.h"

namespace jangada::fuzz {
namespace {

using server::FoldedState;
using server::PartitionState;

constexpr size_t kMaxProducers = 8;

enum Kind : uint8_t { kRaw, kSealed, kFolded, kPartition, kMembership, kCommand, kKinds };

/// What a state that was restored goes through next.
void Use(PartitionState* state, std::string_view command) {
  for (const int64_t offset : {state->log_start_offset(), state->high_watermark() - 1}) {
    (void)state->EpochOf(offset);
  }
  for (const server::EpochStart& epoch : state->epochs()) (void)state->EndOf(epoch.term);
  (void)state->latest_peak();
  constexpr int64_t kFarOff = int64_t{1} << 62;
  if (state->high_watermark() < kFarOff) {
    storage::BatchBuilder builder;
    builder.SetProducer(3, 1, 4);
    builder.Add({.timestamp_ms = 5, .value = "v"});
    state->Apply({.index = 9,
                  .term = 9,
                  .type = raft::EntryType::kRecords,
                  .base_offset = state->high_watermark(),
                  .record_count = 1,
                  .payload = builder.Build().value()});
  }
  state->Apply({.index = 10,
                .term = 9,
                .type = raft::EntryType::kCommand,
                .base_offset = state->high_watermark(),
                .payload = Bytes::Copy(command)});
}

void CheckPartition(std::string_view bytes, std::string_view command) {
  PartitionState state(kMaxProducers);
  if (!state.Restore(bytes, 1000, 100).ok()) return;
  PartitionState again(kMaxProducers);
  CHECK(again.Restore(state.Encode().view(), 1000, 100).ok());
  CHECK(again == state);
  Use(&state, command);
  CHECK(
      again.Restore(state.Encode().view(), state.high_watermark(), state.log_start_offset()).ok());
  CHECK(again == state);
}

void CheckFolded(std::string_view bytes) {
  const auto folded = server::DecodeFoldedState(Bytes::Copy(bytes));
  if (!folded.ok()) return;
  CHECK(server::DecodeFoldedState(server::EncodeFoldedState(*folded)).value() == *folded);
  PartitionState state(kMaxProducers);
  (void)state.Restore(folded->machine.view(), folded->next_offset, 0);
}

void CheckCheckpoint(std::string bytes, bool seal) {
  constexpr size_t kCrcSize = 4;
  if (seal && bytes.size() > kCrcSize) {
    const std::string_view body = std::string_view(bytes).substr(0, bytes.size() - kCrcSize);
    StoreBig(bytes.data() + body.size(), Crc32c(body));
  }
  const auto checkpoint = storage::DecodeCheckpoint(bytes);
  (void)server::OpenSnapshot(Bytes::Copy(bytes));
  if (!checkpoint.ok()) return;
  const Bytes again = storage::EncodeCheckpoint(*checkpoint);
  CHECK(storage::DecodeCheckpoint(again.view()).value() == *checkpoint);
  CheckFolded(checkpoint->state.view());
}

// ---- seeds ----

PartitionState SomePartition() {
  PartitionState state(kMaxProducers);
  for (int i = 0; i < 6; ++i) {
    storage::BatchBuilder builder;
    builder.SetProducer(10 + i % 3, 1, i / 3);
    builder.Add({.timestamp_ms = 100 - i, .value = "v"});
    state.Apply({.index = static_cast<raft::Index>(i + 1),
                 .term = static_cast<raft::Term>(1 + i / 2),
                 .type = raft::EntryType::kRecords,
                 .base_offset = i,
                 .record_count = 1,
                 .payload = builder.Build().value()});
  }
  return state;
}

storage::Checkpoint SomeCheckpoint() {
  FoldedState folded;
  folded.base.meta = {{7, 2}, {3, {{NodeId(1), NodeId(2), NodeId(3)}, {NodeId(2)}, {NodeId(4)}}}};
  folded.base.next_offset = 2;
  folded.applied = {9, 3};
  folded.next_offset = 6;
  folded.machine = SomePartition().Encode();
  return {.meta = folded.base.meta,
          .next_offset = folded.base.next_offset,
          .log_start_offset = 1,
          .state = server::EncodeFoldedState(folded)};
}

}  // namespace

void Run(std::string_view bytes) {
  Input input(bytes);
  const uint8_t kind = input.Byte() % kKinds;
  if (kind == kPartition) {
    const std::string_view command = input.Take(input.Byte());
    return CheckPartition(input.Rest(), command);
  }
  const std::string_view rest = input.Rest();
  if (kind == kRaw || kind == kSealed) {
    CheckCheckpoint(std::string(rest), kind == kSealed);
  } else if (kind == kFolded) {
    CheckFolded(rest);
  } else if (kind == kMembership) {
    const auto membership = raft::DecodeMembership(rest);
    if (membership) CHECK(raft::EncodeMembership(*membership).view() == rest);
  } else {
    const auto command = server::DecodeCommand(rest);
    if (command) CHECK(server::DecodeCommand(server::EncodeCommand(*command).view()) == command);
  }
}

std::vector<std::string> Seeds() {
  const storage::Checkpoint checkpoint = SomeCheckpoint();
  const std::string encoded = storage::EncodeCheckpoint(checkpoint).ToString();
  const std::string trim = server::EncodeCommand(server::TrimCommand{3}).ToString();
  const std::string expire =
      server::EncodeCommand(server::ExpireProducersCommand{{{10, 3}, {11, 4}}}).ToString();
  const std::string partition = SomePartition().Encode().ToString();
  const auto with_command = [&](const std::string& command) {
    return Seed(kPartition, Seed(static_cast<uint8_t>(command.size()), command + partition));
  };
  return {Seed(kRaw, encoded),
          Seed(kSealed, encoded),
          Seed(kFolded, checkpoint.state.view()),
          with_command(trim),
          with_command(expire),
          Seed(kMembership, raft::EncodeMembership(checkpoint.meta.membership.membership).view()),
          Seed(kCommand, trim),
          Seed(kCommand, expire)};
}

}  // namespace jangada::fuzz
