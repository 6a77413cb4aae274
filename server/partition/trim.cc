#include "server/partition/trim.h"

namespace jangada::server {

std::optional<TrimPoint> ChooseTrim(const std::optional<storage::SparseRow>& row,
                                    const TrimRange& range) {
  const auto trim_to = [&](raft::Index first_index,
                           int64_t next_offset) -> std::optional<TrimPoint> {
    if (first_index <= range.first_index || first_index > range.folded + 1) return std::nullopt;
    return TrimPoint{first_index, next_offset};
  };
  if (range.next_offset == 0) {  // a log of commands only
    if (range.folded <= kKeptCommands) return std::nullopt;
    return trim_to(range.folded + 1 - kKeptCommands, 0);
  }
  if (range.log_start_offset >= range.next_offset) {
    return trim_to(range.folded + 1, range.next_offset);  // every record is gone
  }
  if (!row || row->base_offset > range.log_start_offset) return std::nullopt;
  return trim_to(row->index, row->base_offset);
}

}  // namespace jangada::server
