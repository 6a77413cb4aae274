#include "client/cli/arguments.h"

#include <CLI/CLI.hpp>
#include <limits>
#include <utility>

#include "client/cli/suggest.h"
#include "client/cli/values.h"
#include "client/waits.h"

namespace jangada::client {
namespace {

Error Mistake(std::string sentence) { return {ErrorCode::kInvalidArgument, std::move(sentence)}; }

std::string LongName(const Option& option) { return NamesOf(option).back(); }

Error WrongValue(const Option& option, const std::string& wanted, const std::string& text) {
  return Mistake(LongName(option) + " must be " + wanted + ", not '" + text + "'");
}

/// A number between the option's lower bound and what T can hold.
template <class T>
Status AssignInteger(const Option& option, const std::string& text, T* target) {
  const auto number = ParseInteger(text);
  const int64_t low = option.at_least.value_or(std::numeric_limits<T>::min());
  if (!number || *number < low || *number > std::numeric_limits<T>::max()) {
    const std::string from = option.at_least ? " from " + std::to_string(low) + " on" : "";
    return WrongValue(option, "a whole number" + from, text);
  }
  *target = static_cast<T>(*number);
  return {};
}

Status AssignTo(const Option& option, const std::string& text, bool* target) {
  if (text != "true" && text != "false") return WrongValue(option, "given without a value", text);
  *target = text == "true";
  return {};
}

Status AssignTo(const Option&, const std::string& text, std::string* target) {
  *target = text;
  return {};
}

Status AssignTo(const Option& option, const std::string& text, int32_t* target) {
  return AssignInteger(option, text, target);
}

Status AssignTo(const Option& option, const std::string& text, int64_t* target) {
  return AssignInteger(option, text, target);
}

Status AssignTo(const Option& option, const std::string& text, double* target) {
  const auto number = ParseNumber(text);
  if (!number || *number <= 0) return WrongValue(option, "a number above 0", text);
  *target = *number;
  return {};
}

Status AssignTo(const Option& option, const std::string& text, ByteCount* target) {
  const auto bytes = ParseBytes(text);
  if (!bytes || *bytes < option.at_least.value_or(0)) {
    return WrongValue(option, "a number of bytes such as 4096, 64KiB or 1MB", text);
  }
  target->value = *bytes;
  return {};
}

Status AssignTo(const Option& option, const std::string& text, Duration* target) {
  const auto ms = ParseDuration(text);
  if (!ms || *ms < option.at_least.value_or(0)) {
    return WrongValue(option, "a length of time such as 10s, 500ms or 2m", text);
  }
  if (*ms > kLongestWaitMs) return WrongValue(option, "at most ten years", text);
  target->ms = *ms;
  return {};
}

Status AssignTo(const Option&, const std::string& text, std::vector<std::string>* target) {
  target->push_back(text);
  return {};
}

Status AssignTo(const Option& option, const std::string& text, std::vector<int32_t>* target) {
  int32_t number = 0;
  TRY(AssignInteger(option, text, &number));
  target->push_back(number);
  return {};
}

/// What was given for one option.
struct Given {
  const Option* option;
  CLI::Option* parsed;
};

Given Declare(CLI::App* app, const Option& option) {
  if (IsFlag(option)) return {&option, app->add_flag(option.names)};
  CLI::Option* added = app->add_option(option.names, [](const CLI::results_t&) { return true; });
  added->type_size(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  const bool takes_the_rest = IsArgument(option) && IsList(option);
  added->expected(takes_the_rest ? 0 : 1,
                  takes_the_rest ? CLI::detail::expected_max_vector_size : 1);
  added->allow_extra_args(takes_the_rest);  // where not, "[a,b]" stays one word
  return {&option, added};
}

/// Why CLI11 could not read the words: an option that stands last, without its value.
Error Unreadable(const std::vector<Option>& options, const std::vector<std::string>& words,
                 const std::string& otherwise) {
  const Option* last = words.empty() ? nullptr : FindOption(options, words.back());
  if (last == nullptr || IsFlag(*last)) return Mistake(otherwise);
  return Mistake(LongName(*last) + " needs a value: " + Shown(*last));
}

Error Unexpected(const std::string& path, const std::vector<Option>& options,
                 const std::string& word) {
  if (!word.starts_with('-') || word == "-") {
    return Mistake("'" + word + "' is one word too many for 'jangada " + path + "'");
  }
  std::vector<std::string> names;
  for (const Option& option : options) {
    for (const std::string& name : NamesOf(option)) names.push_back(name);
  }
  const std::string name = word.substr(0, word.find('='));
  return Mistake("'jangada " + path + "' has no option '" + name + "'" +
                 DidYouMean(name, names, ""));
}

Status Assign(const Option& option, const std::vector<std::string>& values) {
  if (values.empty()) return {};
  if (IsList(option)) {
    std::visit(
        [](auto* target) {
          if constexpr (requires { target->clear(); }) target->clear();
        },
        option.target);  // the default goes
  }
  for (const std::string& value : values) TRY(Assign(option, value));
  return {};
}

}  // namespace

Status Assign(const Option& option, const std::string& text) {
  if (option.comma_separated && text.find(',') != std::string::npos) {
    for (const std::string& part : SplitAt(text, ',')) TRY(Assign(option, part));
    return {};
  }
  const std::vector<std::string>& words = option.one_of;
  if (!words.empty() && std::find(words.begin(), words.end(), text) == words.end()) {
    return Mistake(LongName(option) + " must be one of " + Joined(words, ", ") + ", not '" + text +
                   "'" + DidYouMean(text, words, ""));
  }
  return std::visit([&](auto* target) { return AssignTo(option, text, target); }, option.target);
}

Status ParseArguments(const std::string& path, const std::vector<Option>& arguments,
                      const std::vector<Option>& options, const std::vector<std::string>& words) {
  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  std::vector<Given> all;
  for (const Option& argument : arguments) all.push_back(Declare(&app, argument));
  for (const Option& option : options) all.push_back(Declare(&app, option));
  try {
    app.parse(std::vector<std::string>(words.rbegin(), words.rend()));
  } catch (const CLI::ParseError& error) {
    return Unreadable(options, words, error.what());
  }
  for (const std::string& word : app.remaining()) {
    if (word != "--") return Unexpected(path, options, word);
  }
  for (const auto& [option, parsed] : all) {
    if (parsed->results().empty() && option->required) {
      return Mistake(IsArgument(*option) ? option->names + " is missing"
                                         : "'jangada " + path + "' needs " + Shown(*option));
    }
    TRY(Assign(*option, parsed->results()));
  }
  return {};
}

}  // namespace jangada::client
