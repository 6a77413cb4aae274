#include "server/partition/partition_state.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/coding.h"
#include "storage/record_batch.h"

namespace jangada::server {
namespace {

constexpr uint8_t kStateVersion = 1;
constexpr uint8_t kCommandVersion = 1;
// Never renumber: on disk.
constexpr uint8_t kTrim = 1;
constexpr uint8_t kExpireProducers = 2;

Error Damaged() {
  return {ErrorCode::kDataCorrupt,
          "a partition's checkpoint is damaged; the replica must be refilled from its peers"};
}

}  // namespace

// ---- commands ----

Bytes EncodeCommand(const PartitionCommand& command) {
  std::string out;
  AppendBig<uint8_t>(&out, kCommandVersion);
  if (const auto* trim = std::get_if<TrimCommand>(&command)) {
    AppendBig<uint8_t>(&out, kTrim);
    AppendVarint(&out, trim->offset);
  } else {
    const auto& expire = std::get<ExpireProducersCommand>(command);
    AppendBig<uint8_t>(&out, kExpireProducers);
    AppendUnsignedVarint(&out, expire.idle.size());
    for (const Producers::Idle& idle : expire.idle) {
      AppendVarint(&out, idle.producer_id);
      AppendVarint(&out, idle.last_offset);
    }
  }
  return Bytes(std::move(out));
}

std::optional<PartitionCommand> DecodeCommand(std::string_view payload) {
  ByteReader in(payload);
  if (in.Big<uint8_t>() != kCommandVersion) return std::nullopt;
  const auto kind = in.Big<uint8_t>();
  if (kind == kTrim) {
    const TrimCommand trim{in.Varint()};
    if (!in.AtEnd()) return std::nullopt;
    return trim;
  }
  if (kind != kExpireProducers) return std::nullopt;
  ExpireProducersCommand expire;
  const uint64_t count = in.UnsignedVarint();
  for (uint64_t i = 0; i < count && in.ok(); ++i) {
    const int64_t producer_id = in.Varint();
    expire.idle.push_back({producer_id, in.Varint()});
  }
  if (!in.AtEnd()) return std::nullopt;
  return expire;
}

// ---- the fold ----

std::optional<ProducerBatch> PartitionState::ProducerOf(const raft::Entry& entry) {
  const Result<storage::BatchHeader> header = storage::ReadBatchHeader(entry.payload.view());
  if (!header.ok() || header->producer_id == storage::kNoProducerId) return std::nullopt;
  return ProducerBatch{header->producer_id, header->producer_epoch, header->base_sequence,
                       header->record_count};
}

void PartitionState::Apply(const raft::Entry& entry) {
  if (entry.type == raft::EntryType::kRecords) {
    ApplyRecords(entry);
  } else if (entry.type == raft::EntryType::kCommand) {
    if (const auto command = DecodeCommand(entry.payload.view())) ApplyCommand(*command);
  }
}

void PartitionState::ApplyRecords(const raft::Entry& entry) {
  CHECK_EQ(entry.base_offset, high_watermark_);  // offsets have no holes
  high_watermark_ += entry.record_count;
  if (epochs_.empty() || epochs_.back().term != entry.term) {
    epochs_.push_back({entry.term, entry.base_offset});
  }
  const Result<storage::BatchHeader> header = storage::ReadBatchHeader(entry.payload.view());
  if (!header.ok()) return;  // Append lets no such batch in
  while (!peaks_.empty() && peaks_.back().timestamp_ms < header->max_timestamp_ms) {
    peaks_.pop_back();
  }
  if (peaks_.size() < kMaxPeaks) peaks_.push_back({entry.base_offset, header->max_timestamp_ms});
  if (const auto batch = ProducerOf(entry)) {
    producers_.Apply(*batch, entry.base_offset, header->max_timestamp_ms);
  }
}

void PartitionState::ApplyCommand(const PartitionCommand& command) {
  if (const auto* trim = std::get_if<TrimCommand>(&command)) {
    Trim(trim->offset);
  } else {
    for (const auto& idle : std::get<ExpireProducersCommand>(command).idle) producers_.Expire(idle);
  }
}

void PartitionState::Trim(int64_t offset) {
  log_start_offset_ = std::max(log_start_offset_, std::min(offset, high_watermark_));
  // The run of offsets (or batch) that log_start_offset_ may lie inside of stays.
  while (epochs_.size() > 1 && epochs_[1].first_offset <= log_start_offset_) {
    epochs_.erase(epochs_.begin());
  }
  while (peaks_.size() > 1 && peaks_[1].base_offset <= log_start_offset_) peaks_.pop_front();
}

raft::Term PartitionState::EpochOf(int64_t offset) const {
  if (offset < log_start_offset_ || offset >= high_watermark_) return 0;
  auto after =
      std::upper_bound(epochs_.begin(), epochs_.end(), offset,
                       [](int64_t o, const EpochStart& epoch) { return o < epoch.first_offset; });
  return after == epochs_.begin() ? 0 : std::prev(after)->term;
}

PartitionState::TermEnd PartitionState::EndOf(raft::Term term) const {
  const auto after =
      std::upper_bound(epochs_.begin(), epochs_.end(), term,
                       [](raft::Term t, const EpochStart& epoch) { return t < epoch.term; });
  if (after == epochs_.begin()) return {term, log_start_offset_};
  return {std::prev(after)->term, after == epochs_.end() ? high_watermark_ : after->first_offset};
}

std::optional<TimePeak> PartitionState::latest_peak() const {
  if (peaks_.empty() || log_start_offset_ == high_watermark_) return std::nullopt;
  return peaks_.front();
}

// ---- checkpoints ----

Bytes PartitionState::Encode() const {
  std::string out;
  AppendBig<uint8_t>(&out, kStateVersion);
  AppendUnsignedVarint(&out, epochs_.size());
  for (const EpochStart& epoch : epochs_) {
    AppendUnsignedVarint(&out, epoch.term);
    AppendVarint(&out, epoch.first_offset);
  }
  AppendUnsignedVarint(&out, peaks_.size());
  for (const TimePeak& peak : peaks_) {
    AppendVarint(&out, peak.base_offset);
    AppendVarint(&out, peak.timestamp_ms);
  }
  producers_.EncodeTo(&out);
  return Bytes(std::move(out));
}

Status PartitionState::Restore(std::string_view state, int64_t next_offset,
                               int64_t log_start_offset) {
  if (log_start_offset < 0 || next_offset < log_start_offset) return Damaged();
  high_watermark_ = next_offset;
  log_start_offset_ = log_start_offset;
  epochs_.clear();
  peaks_.clear();
  producers_.Clear();
  if (state.empty()) return Status();

  ByteReader in(state);
  const auto version = in.Big<uint8_t>();
  if (version != kStateVersion) {
    return Error{ErrorCode::kUnsupportedVersion,
                 "a partition's checkpoint has format version " + std::to_string(version) +
                     ", which this program does not know; run the version that wrote it"};
  }
  const uint64_t epochs = in.UnsignedVarint();
  for (uint64_t i = 0; i < epochs && in.ok(); ++i) {
    const raft::Term term = in.UnsignedVarint();
    epochs_.push_back({term, in.Varint()});
  }
  const uint64_t peaks = in.UnsignedVarint();
  for (uint64_t i = 0; i < peaks && in.ok(); ++i) {
    const int64_t base_offset = in.Varint();
    peaks_.push_back({base_offset, in.Varint()});
  }
  TRY(producers_.DecodeFrom(&in));
  if (!in.AtEnd()) return Damaged();
  return Status();
}

}  // namespace jangada::server
