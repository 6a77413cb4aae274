#include "client/cli/docs.h"

#include <algorithm>

#include "client/cli/exit_code.h"
#include "client/cli/help.h"
#include "client/cli/values.h"

namespace jangada::client {
namespace {

/// In a cell of a table.
std::string Cell(std::string text) {
  for (size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) {
    text.insert(at, "\\");
  }
  return text;
}

std::string OptionTable(const std::string& title, const std::vector<Option>& options) {
  if (options.empty()) return "";
  std::string out = "\n| " + title + " | |\n| --- | --- |\n";
  for (const Option& option : options) {
    std::string text = option.help;
    if (!option.one_of.empty()) text += ": " + Joined(option.one_of, ", ");
    const std::string otherwise = DefaultOf(option);
    if (!otherwise.empty()) text += " (default: " + otherwise + ")";
    if (option.required && !IsArgument(option)) text += "; required";
    out += "| `" + Cell(Shown(option)) + "` | " + Cell(text) + " |\n";
  }
  return out;
}

std::string Section(const Command& command, const std::string& path) {
  std::string out = "\n### jangada " + path + "\n\n" + command.about + ".\n";
  if (!command.more.empty()) out += "\n" + Wrapped(command.more, 0, 120) + "\n";
  out += "\n```sh\n" + UsageOf(command, path) + "\n\n";
  for (const Example& example : command.examples) {
    out += "# " + example.what + "\n" + example.line + "\n";
  }
  out += "```\n";
  out += OptionTable("argument", command.arguments) + OptionTable("option", command.options);
  if (!command.json.empty()) out += "\nWith `-o json`:\n\n```\n" + command.json + "\n```\n";
  return out;
}

std::string Sections(const Command& group, const std::string& path) {
  std::string out;
  for (const Command& command : group.commands) {
    if (command.is_hidden()) continue;
    const std::string own = path.empty() ? command.name : path + " " + command.name;
    if (command.is_group()) {
      out += "\n## jangada " + own + "\n\n" + command.about + ".\n" + Sections(command, own);
    } else {
      out += path.empty() ? Section(command, own).replace(1, 3, "##") : Section(command, own);
    }
  }
  return out;
}

constexpr const char* kOpening = R"(# The command line

Made from the program itself (`jangada __manual`) and checked by a test: change the table of commands in `client/cli/`, not this
page. `jangada COMMAND --help` says the same.

Options may stand before or after the command. A wrong word gets one sentence that says what is wrong and, where something comes
close, what was probably meant; nothing is done then.
)";

constexpr const char* kConnection = R"(
## Which cluster is asked

Any node serves any request; the others are learnt from the one that answers. The first of these that is given counts:

1. `-b HOST:PORT[,HOST:PORT...]`
2. `--profile NAME`: a name from the profile file
3. `$JANGADA_BOOTSTRAP`: as `-b`
4. `$JANGADA_PROFILE`: as `--profile`
5. `default` in the profile file
6. `127.0.0.1:7092`

`--timeout` comes before a profile's `timeout`. The profile file is `~/.config/jangada/profile.yaml`; `$XDG_CONFIG_HOME` moves the folder,
`$JANGADA_PROFILES` names another file. `jangada profile show` tells what would be asked, and why.

```yaml
default: local
profiles:
  local:
    bootstrap: [127.0.0.1:7092, 127.0.0.1:7093, 127.0.0.1:7094]
  production:
    bootstrap: [log1.example.com:7092, log2.example.com:7092]
    timeout: 30s
```

A mistake in the file is told with its line, and ends every command that needs the file with exit code 2.
)";

constexpr const char* kOutput = R"(
## What is printed

What was asked for goes to stdout: tables for people, or with `-o json` one JSON document (`consume` and `produce --print-offsets`: one a
line). Colours are used only on a terminal, and not if `NO_COLOR` is set. What takes long shows a line of progress on stderr if that is a
terminal. Fields of JSON are only ever added; columns of tables may change.

Errors go to stderr, as one sentence with the next step in it, or with `-o json` as one line:

```
{"error": {"code": "string", "message": "string", "exit_code": "integer"}}
```

`code` is the API's name for it ([grpc-api.md](grpc-api.md)), or `INTERRUPTED`. In the shapes below the type stands in place of a value, one
element in place of a list's, `*` for any key, and a key that may be missing ends in `?`.
)";

constexpr const char* kCompletion = R"(
## Completion

```sh
source <(jangada completion bash)   # for this shell
jangada completion bash >~/.local/share/bash-completion/completions/jangada   # for good
```

It completes commands, options, their words, and names of topics, nodes and profiles; for topics and nodes it asks the cluster, for at most a
second.
)";

std::string ExitCodeTable() {
  std::string out = "\n## Exit codes\n\n| code | | |\n| --- | --- | --- |\n";
  for (const ExitCodeRow& row : ExitCodes()) {
    out += "| " + row.code + " | " + row.name + " | " + Cell(row.meaning) + " |\n";
  }
  return out;
}

std::string Contents(const Command& group, const std::string& path) {
  std::string out;
  for (const Command& command : group.commands) {
    if (command.is_hidden()) continue;
    const std::string own = path.empty() ? command.name : path + " " + command.name;
    if (command.is_group()) {
      out += Contents(command, own);
    } else {
      std::string anchor = "jangada-" + own;
      std::replace(anchor.begin(), anchor.end(), ' ', '-');
      out += "| [`" + own + "`](#" + anchor + ") | " + Cell(command.about) + " |\n";
    }
  }
  return out;
}

}  // namespace

std::string Manual(const Command& root, const std::vector<Option>& global_options) {
  return kOpening + ("\n| command | |\n| --- | --- |\n" + Contents(root, "")) + kConnection +
         "\n## Options of every command\n" + OptionTable("option", global_options) + kOutput +
         ExitCodeTable() + kCompletion + Sections(root, "");
}

}  // namespace jangada::client
