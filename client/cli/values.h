// Values as people write and read them: whole numbers, sizes, lengths of time, key=value. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace jangada::client {

/// A decimal number, with a minus sign if it is negative, and nothing else.
std::optional<int64_t> ParseInteger(std::string_view text);
std::optional<double> ParseNumber(std::string_view text);
/// 4096, 64KiB, 64K (the same), 1MB (a million), 2G, ...; not negative.
std::optional<int64_t> ParseBytes(std::string_view text);
/// 10 or 10s, 500ms, 2m, 1h, 1.5; in milliseconds, not negative.
std::optional<int64_t> ParseDuration(std::string_view text);

/// "64 KiB", "1.5 MiB"; whole numbers of bytes below 1 KiB.
std::string BytesText(int64_t bytes);
/// "500ms", "10s", "2m", "1h30m".
std::string DurationText(int64_t ms);
/// "1,234,567"
std::string Grouped(int64_t number);
/// With so many digits after the point.
std::string Fixed(double number, int digits);
/// 2026-11-22T04:00:00.000Z
std::string TimeText(int64_t ms_since_1970);
/// "1 node", "3 nodes"
std::string Counted(int64_t count, const std::string& noun);

std::vector<std::string> SplitAt(std::string_view text, char separator);
std::string Joined(const std::vector<std::string>& parts, std::string_view between);
/// "1,2,3"
std::string JoinNumbers(const std::vector<int32_t>& numbers);

/// "key=value" of each. kInvalidArgument names the one that is not, and `option`; nor may a key
/// come twice.
Result<std::map<std::string, std::string>> ParsePairs(const std::vector<std::string>& pairs,
                                                      const std::string& option);

}  // namespace jangada::client
