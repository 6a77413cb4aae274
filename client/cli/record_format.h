// RecordFormat: how `jangada consume --format` prints a record. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "jangada/record.h"

namespace jangada::client {

class RecordFormat {
 public:
  /// %k key, %v value, %o offset, %p partition, %t timestamp (ms since 1970), %T the same as a
  /// time, %h headers (name=value,...), %% percent; \n \t \r \0 \\ as usual. A missing key or value
  /// prints nothing. kInvalidArgument for anything else after % or a backslash.
  static Result<RecordFormat> Parse(std::string_view format);

  /// Bytes of keys and values go out as they are.
  void Append(std::string* out, int32_t partition, const Record& record) const;

 private:
  struct Piece {
    char field = 0;    // 0: text
    std::string text;  // as it is
  };
  std::vector<Piece> pieces_;
};

}  // namespace jangada::client
