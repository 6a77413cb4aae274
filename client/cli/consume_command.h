// jangada consume: its options, and the loop that reads and prints. The command itself is in the
// table.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "client/cli/context.h"

namespace jangada::client {

struct ConsumeOptions {
  std::string topic;
  std::string from = "beginning";
  std::string until;                // empty: the end, as it is at the start
  std::vector<int32_t> partitions;  // none: all
  int64_t count = 0;                // 0: no limit
  bool follow = false;
  std::string format;  // empty: %v\n
};

Status ConsumeCommand(const Context& context, const ConsumeOptions& options);

/// Where a partition is read from and to.
struct ReadRange {
  int64_t start = 0;
  int64_t end = 0;  // before this offset
};
using ReadRanges = std::map<TopicPartition, ReadRange>;

/// Reads and prints these ranges; without their ends where a count is given, or --follow. A range
/// whose rest is deleted meanwhile (by retention, or a trim) is through.
/// `from_beginning`: a start that was deleted meanwhile is no error.
Status PrintRanges(const Context& context, const ConsumeOptions& options, const ReadRanges& ranges,
                   bool from_beginning);

}  // namespace jangada::client
