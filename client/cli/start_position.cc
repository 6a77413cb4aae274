#include "client/cli/start_position.h"

#include <ctime>
#include <optional>
#include <string>

#include "client/cli/values.h"

namespace jangada::client {
namespace {

/// An offset, a count, milliseconds: never negative.
std::optional<int64_t> ParseCount(std::string_view text) {
  const auto number = ParseInteger(text);
  return number && *number >= 0 ? number : std::nullopt;
}

/// Takes `digits` digits off the front.
std::optional<int> TakeDigits(std::string_view* text, size_t digits) {
  if (text->size() < digits) return std::nullopt;
  int number = 0;
  for (const char c : text->substr(0, digits)) {
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + (c - '0');
  }
  text->remove_prefix(digits);
  return number;
}

bool TakeOneOf(std::string_view* text, std::string_view choices) {
  if (text->empty() || choices.find(text->front()) == std::string_view::npos) return false;
  text->remove_prefix(1);
  return true;
}

/// ".25" and the like, in milliseconds; what is finer is cut off. 0 if there is none.
std::optional<int> TakeFraction(std::string_view* text) {
  if (!TakeOneOf(text, ".")) return 0;
  int ms = 0;
  int digits = 0;
  for (; !text->empty() && text->front() >= '0' && text->front() <= '9'; text->remove_prefix(1)) {
    if (digits < 3) ms = ms * 10 + (text->front() - '0');
    ++digits;
  }
  if (digits == 0) return std::nullopt;
  for (; digits < 3; ++digits) ms *= 10;
  return ms;
}

/// "Z" or "+02:00", in seconds east of UTC.
std::optional<int> TakeZone(std::string_view* text) {
  if (TakeOneOf(text, "Zz")) return 0;
  const int sign = !text->empty() && text->front() == '-' ? -1 : 1;
  if (!TakeOneOf(text, "+-")) return std::nullopt;
  const auto hours = TakeDigits(text, 2);
  if (!hours || *hours > 23 || !TakeOneOf(text, ":")) return std::nullopt;
  const auto minutes = TakeDigits(text, 2);
  if (!minutes || *minutes > 59) return std::nullopt;
  return sign * (*hours * 3600 + *minutes * 60);
}

/// RFC 3339, section 5.6.
std::optional<int64_t> ParseTime(std::string_view text) {
  std::tm when{};
  const auto take = [&](int* field, size_t digits, int low, int high) {
    const auto number = TakeDigits(&text, digits);
    if (!number || *number < low || *number > high) return false;
    *field = *number;
    return true;
  };
  if (!take(&when.tm_year, 4, 1970, 9999) || !TakeOneOf(&text, "-") ||
      !take(&when.tm_mon, 2, 1, 12) || !TakeOneOf(&text, "-") || !take(&when.tm_mday, 2, 1, 31) ||
      !TakeOneOf(&text, "Tt ") || !take(&when.tm_hour, 2, 0, 23) || !TakeOneOf(&text, ":") ||
      !take(&when.tm_min, 2, 0, 59) || !TakeOneOf(&text, ":") || !take(&when.tm_sec, 2, 0, 60)) {
    return std::nullopt;
  }
  const auto fraction_ms = TakeFraction(&text);
  const auto zone_s = TakeZone(&text);
  if (!fraction_ms || !zone_s || !text.empty()) return std::nullopt;
  when.tm_year -= 1900;
  when.tm_mon -= 1;
  std::tm midnight{};
  midnight.tm_year = when.tm_year;
  midnight.tm_mon = when.tm_mon;
  midnight.tm_mday = when.tm_mday;
  timegm(&midnight);
  if (midnight.tm_mon != when.tm_mon) return std::nullopt;  // 30 February
  const int64_t seconds = timegm(&when);
  return (seconds - *zone_s) * 1000 + *fraction_ms;
}

}  // namespace

Result<StartPosition> ParseStartPosition(std::string_view text) {
  using Kind = StartPosition::Kind;
  if (text == "beginning" || text == "earliest") return StartPosition{.kind = Kind::kBeginning};
  if (text == "end" || text == "latest") return StartPosition{.kind = Kind::kEnd};
  if (text.starts_with('@')) {
    if (const auto ms = ParseCount(text.substr(1))) {
      return StartPosition{.kind = Kind::kTime, .time_ms = *ms};
    }
  } else if (text.starts_with('-')) {
    const auto count = ParseCount(text.substr(1));
    if (count && *count > 0) return StartPosition{.kind = Kind::kLast, .offset = *count};
  } else if (const auto offset = ParseCount(text)) {
    return StartPosition{.kind = Kind::kOffset, .offset = *offset};
  } else if (const auto ms = ParseTime(text)) {
    return StartPosition{.kind = Kind::kTime, .time_ms = *ms};
  }
  return Error{
      ErrorCode::kInvalidArgument,
      "'" + std::string(text) +
          "' is no place in a topic; use beginning, end, an offset, -N (the last N records), "
          "@milliseconds, or a time such as 2026-11-22T04:00:00Z"};
}

}  // namespace jangada::client
