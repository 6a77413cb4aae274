#include "client/cli/values.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <utility>

namespace jangada::client {
namespace {

struct Unit {
  std::string_view name;
  double factor = 1;
};

/// A number followed by one of the units; the first stands for none.
std::optional<int64_t> ParseWithUnit(std::string_view text, const std::vector<Unit>& units) {
  const size_t digits = text.find_first_not_of("0123456789.");
  const auto number = ParseNumber(text.substr(0, digits));
  if (!number) return std::nullopt;
  const std::string_view suffix = digits == std::string_view::npos ? "" : text.substr(digits);
  for (const Unit& unit : units) {
    if (suffix != unit.name) continue;
    const double value = std::round(*number * unit.factor);
    if (value > 9e18) return std::nullopt;
    return static_cast<int64_t>(value);
  }
  return std::nullopt;
}

template <class T>
std::optional<T> ParseWhole(std::string_view text) {
  T number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

std::optional<int64_t> ParseInteger(std::string_view text) { return ParseWhole<int64_t>(text); }

std::optional<double> ParseNumber(std::string_view text) {
  const auto number = ParseWhole<double>(text);
  return number && std::isfinite(*number) ? number : std::nullopt;
}

std::optional<int64_t> ParseBytes(std::string_view text) {
  constexpr double kKi = 1024, kMi = kKi * 1024, kGi = kMi * 1024;
  return ParseWithUnit(text, {{"", 1},
                              {"B", 1},
                              {"K", kKi},
                              {"k", kKi},
                              {"KiB", kKi},
                              {"kB", 1e3},
                              {"KB", 1e3},
                              {"M", kMi},
                              {"MiB", kMi},
                              {"MB", 1e6},
                              {"G", kGi},
                              {"GiB", kGi},
                              {"GB", 1e9}});
}

std::optional<int64_t> ParseDuration(std::string_view text) {
  return ParseWithUnit(text, {{"", 1e3}, {"s", 1e3}, {"ms", 1}, {"m", 60e3}, {"h", 3600e3}});
}

std::string BytesText(int64_t bytes) {
  constexpr std::array<const char*, 4> kUnits{" B", " KiB", " MiB", " GiB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  for (; value >= 1024 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  const bool whole = value == std::floor(value);
  return Fixed(value, whole ? 0 : 1) + kUnits[unit];
}

std::string DurationText(int64_t ms) {
  if (ms % 1000 != 0) return std::to_string(ms) + "ms";
  const int64_t seconds = ms / 1000;
  if (seconds < 60) return std::to_string(seconds) + "s";
  std::string text;
  if (seconds >= 3600) text += std::to_string(seconds / 3600) + "h";
  if (seconds / 60 % 60 != 0) text += std::to_string(seconds / 60 % 60) + "m";
  if (seconds % 60 != 0) text += std::to_string(seconds % 60) + "s";
  return text;
}

std::string Grouped(int64_t number) {
  const std::string digits = std::to_string(number);
  std::string text;
  for (size_t i = 0; i < digits.size(); ++i) {
    const bool behind_digit = i > 0 && digits[i - 1] != '-';
    if (behind_digit && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::string Fixed(double number, int digits) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*f", digits, number);
  return text.data();
}

std::string TimeText(int64_t ms_since_1970) {
  const int64_t ms = (ms_since_1970 % 1000 + 1000) % 1000;
  const auto seconds = static_cast<std::time_t>((ms_since_1970 - ms) / 1000);
  std::tm when{};
  if (gmtime_r(&seconds, &when) == nullptr) return std::to_string(ms_since_1970);
  std::array<char, 64> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &when);
  std::array<char, 16> fraction{};
  std::snprintf(fraction.data(), fraction.size(), ".%03dZ", static_cast<int>(ms));
  return std::string(text.data()) + fraction.data();
}

std::string Counted(int64_t count, const std::string& noun) {
  return Grouped(count) + " " + noun + (count == 1 ? "" : "s");
}

std::vector<std::string> SplitAt(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (;;) {
    const size_t at = text.find(separator);
    parts.emplace_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

std::string Joined(const std::vector<std::string>& parts, std::string_view between) {
  std::string text;
  for (size_t i = 0; i < parts.size(); ++i) text.append(i == 0 ? "" : between).append(parts[i]);
  return text;
}

std::string JoinNumbers(const std::vector<int32_t>& numbers) {
  std::vector<std::string> texts;
  for (const int32_t number : numbers) texts.push_back(std::to_string(number));
  return Joined(texts, ",");
}

Result<std::map<std::string, std::string>> ParsePairs(const std::vector<std::string>& pairs,
                                                      const std::string& option) {
  std::map<std::string, std::string> parsed;
  for (const std::string& pair : pairs) {
    const size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0) {
      return Error{ErrorCode::kInvalidArgument,
                   "'" + pair + "' is no setting; give " + option + " key=value"};
    }
    const std::string key = pair.substr(0, equals);
    if (!parsed.emplace(key, pair.substr(equals + 1)).second) {
      return Error{ErrorCode::kInvalidArgument,
                   "'" + key + "' is given twice; give " + option + " once for each key"};
    }
  }
  return parsed;
}

}  // namespace jangada::client
