#include "client/cli/command.h"

#include "client/cli/values.h"

namespace jangada::client {
namespace {

std::string Text(bool value) { return value ? "true" : ""; }
std::string Text(const std::string& value) { return value; }
std::string Text(int64_t value) { return value == 0 ? "" : std::to_string(value); }
std::string Text(int32_t value) { return Text(static_cast<int64_t>(value)); }
std::string Text(double value) { return value == 0 ? "" : std::to_string(value); }
std::string Text(const ByteCount& value) { return value.value == 0 ? "" : BytesText(value.value); }
std::string Text(const Duration& value) { return value.ms == 0 ? "" : DurationText(value.ms); }
std::string Text(const std::vector<std::string>& value) { return Joined(value, ","); }
std::string Text(const std::vector<int32_t>&) { return ""; }

}  // namespace

std::vector<std::string> NamesOf(const Option& option) { return SplitAt(option.names, ','); }

const Option* FindOption(const std::vector<Option>& options, const std::string& word) {
  const std::string name = word.substr(0, word.find('='));
  for (const Option& option : options) {
    if (IsArgument(option)) continue;
    for (const std::string& own : NamesOf(option)) {
      const bool is_short = !own.starts_with("--");
      if (name == own || (is_short && word.size() > 2 && word.substr(0, 2) == own)) return &option;
    }
  }
  return nullptr;
}

std::string Shown(const Option& option) {
  if (IsArgument(option)) return option.names;
  return Joined(NamesOf(option), ", ") + (option.value.empty() ? "" : " " + option.value);
}

std::string DefaultOf(const Option& option) {
  if (!option.default_text.empty()) return option.default_text;
  return std::visit([](const auto* held) { return Text(*held); }, option.target);
}

}  // namespace jangada::client
