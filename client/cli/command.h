// The table of commands as data: what each is called, what it takes, what it prints and what it
// does. Parsing, --help, completion, "did you mean" and docs/cli.md are all read off it, so that
// none of them can forget a command. Plain values.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"

namespace jangada::client {

struct Context;

/// A number of bytes, as people write it: 4096, 64KiB, 1MB.
struct ByteCount {
  int64_t value = 0;
};

/// A length of time, as people write it: 10 (seconds), 10s, 500ms, 2m, 1h.
struct Duration {
  int64_t ms = 0;
};

/// Where an option's value goes. What it holds beforehand is the default.
using Target = std::variant<bool*, std::string*, int32_t*, int64_t*, double*, ByteCount*, Duration*,
                            std::vector<std::string>*, std::vector<int32_t>*>;

/// What a shell may offer for a value, beside the words of `one_of`.
enum class Completion { kNothing, kTopics, kNodes, kFiles, kProfiles };

/// An option, or an argument, which has a place in place of a name.
struct Option {
  std::string names;  // "-o,--output"; of an argument "TOPIC"
  std::string value;  // what stands for the value in the help; empty: a flag, or an argument
  Target target;
  std::string help;
  bool required = false;
  std::optional<int64_t> at_least = std::nullopt;  // of numbers
  std::vector<std::string> one_of = {};            // the only values there are
  bool comma_separated = false;                    // of lists: "1,2,3"
  std::string default_text = {};                   // shown in place of what the target holds
  Completion completion = Completion::kNothing;
};

struct Example {
  std::string what;
  std::string line;  // as typed
};

/// A command, or a group of them.
struct Command {
  std::string name;
  std::string about;  // one line
  std::string more = {};
  std::vector<Option> arguments = {};  // in their order; a list can only be the last
  std::vector<Option> options = {};
  std::vector<Example> examples = {};
  /// What -o json prints: JSON whose leaves name types (docs.h explains). Empty: -o json is
  /// refused.
  std::string json = {};
  std::vector<std::string> also = {};  // words that people try in its place; for "did you mean"
  bool local = false;                  // it never asks the cluster, and must work without one
  std::function<Status(const Context&)> run = nullptr;  // of a group: nothing
  std::vector<Command> commands = {};                   // of a group

  bool is_group() const { return !run; }
  /// Ours, not for people.
  bool is_hidden() const { return name.starts_with("__"); }
};

/// Is it an argument, that is: without dashes?
inline bool IsArgument(const Option& option) { return !option.names.starts_with('-'); }
inline bool IsFlag(const Option& option) { return std::holds_alternative<bool*>(option.target); }
inline bool IsList(const Option& option) {
  return std::holds_alternative<std::vector<std::string>*>(option.target) ||
         std::holds_alternative<std::vector<int32_t>*>(option.target);
}
/// "-o,--output" -> {"-o", "--output"}
std::vector<std::string> NamesOf(const Option& option);
/// The option that `word` names ("--output", "--output=json", "-ojson"); nullptr: none of these.
const Option* FindOption(const std::vector<Option>& options, const std::string& word);
/// "--output N", as the help shows it.
std::string Shown(const Option& option);
/// The default as text; empty: there is none worth showing.
std::string DefaultOf(const Option& option);

}  // namespace jangada::client
