#include "server/partition/trim.h"

namespace jangada::server {

std::optional<TrimPoint> ChooseTrim(const std::vector<storage::SparseRow>& rows,
                                    const TrimRange& range) {
  std::optional<TrimPoint> best;
  const auto consider = [&](raft::Index first_index, int64_t next_offset) {
    if (first_index <= range.first_index || first_index > range.folded + 1) return;
    if (!best || first_index > best->first_index) best = TrimPoint{first_index, next_offset};
  };
  if (range.next_offset == 0) {  // a log of commands only
    if (range.folded > kKeptCommands) consider(range.folded + 1 - kKeptCommands, 0);
    return best;
  }
  if (range.log_start_offset >= range.next_offset) {
    consider(range.folded + 1, range.next_offset);  // every record is gone
    return best;
  }
  for (const storage::SparseRow& row : rows) {
    if (row.base_offset > range.log_start_offset) break;
    consider(row.index, row.base_offset);
  }
  return best;
}

}  // namespace jangada::server
