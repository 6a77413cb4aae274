// jangada produce: its options, and what it makes of a line. The command itself is in the table.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "client/cli/context.h"
#include "jangada/record.h"

namespace jangada::client {

struct ProduceOptions {
  std::string topic;
  std::string file;                 // empty or "-": stdin
  std::vector<std::string> values;  // records in place of a file's lines
  std::string key;                  // of every record; counts only if has_key
  bool has_key = false;
  std::string key_separator;  // empty: none
  int32_t key_field = 0;      // the word, counted from 1, that is the key; 0: none
  std::vector<std::string> headers;
  bool null_values = false;  // an empty value is none: a tombstone
  int32_t partition = -1;    // -1: the key decides
  double rate = 0;           // records per second; 0: as fast as they go
  bool print_offsets = false;
  std::string compression = "none";
};

Status ProduceCommand(const Context& context, const ProduceOptions& options);

/// The key and the value that a line stands for. A line without the separator, or with fewer words
/// than key_field, has no key. Exposed for its tests.
Record RecordOfLine(std::string line, const ProduceOptions& options);

}  // namespace jangada::client
