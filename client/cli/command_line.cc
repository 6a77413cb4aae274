#include "client/cli/command_line.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <utility>

#include "client/cli/arguments.h"
#include "client/cli/completion.h"
#include "client/cli/context.h"
#include "client/cli/docs.h"
#include "client/cli/exit_code.h"
#include "client/cli/help.h"
#include "client/cli/json.h"
#include "client/cli/sentences.h"
#include "client/cli/stop_signal.h"
#include "client/cli/suggest.h"

namespace jangada::client {
namespace {

constexpr int64_t kUsualTimeoutMs = 10'000;
/// What a completion may wait for a cluster.
constexpr int64_t kCompletionTimeoutMs = 1'000;

Error Mistake(std::string sentence) { return {ErrorCode::kInvalidArgument, std::move(sentence)}; }

std::optional<std::string> FromEnvironment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

// ---- finding the command ----

const Command* FindIn(const Command& group, const std::string& word) {
  for (const Command& command : group.commands) {
    if (command.name == word) return &command;
  }
  return nullptr;
}

/// What was probably meant: a word that people use for it elsewhere, or one that looks like it.
Error UnknownCommand(const Command& group, const std::string& path, const std::string& word) {
  const std::string of = path.empty() ? "jangada" : "jangada " + path;
  const std::string sentence = "there is no command '" + of + " " + word + "'";
  std::vector<std::string> names;
  for (const Command& command : group.commands) {
    if (command.is_hidden()) continue;
    names.push_back(command.name);
    if (std::find(command.also.begin(), command.also.end(), word) != command.also.end()) {
      return Mistake(sentence + "; did you mean '" + command.name + "'?");
    }
  }
  return Mistake(sentence + DidYouMean(word, names, "; `" + of + " --help` lists them"));
}

Error UnknownOption(const std::string& word, const std::vector<Option>& options) {
  std::vector<std::string> names;
  for (const Option& option : options) names.push_back(NamesOf(option).back());
  return Mistake("there is no option '" + word + "' before a command" +
                 DidYouMean(word, names, "; put a command's own options behind it"));
}

// ---- running it ----

/// One run, from the words to the exit code.
class Run {
 public:
  Run(const Command& root, std::vector<std::string> words)
      : root_(root), words_(std::move(words)), global_options_(OptionsOf(&globals_)) {
    // Also for words that can't be read, errors are told in the way that was asked for.
    for (size_t i = 0; i < words_.size(); ++i) {
      const bool next = i + 1 < words_.size() && words_[i + 1] == "json";
      json_errors_ = json_errors_ || words_[i] == "--output=json" || words_[i] == "-ojson" ||
                     ((words_[i] == "-o" || words_[i] == "--output") && next);
    }
  }

  int ToTheEnd() {
    const auto found = FindCommand(root_, global_options_, words_);
    if (!found.ok()) return Fail(found.error(), "jangada --help");
    if (found->version) return Show(VersionText());
    const std::string help =
        (found->path.empty() ? "jangada" : "jangada " + found->path) + " --help";
    if (found->help) return Show(HelpOf(*found->command, found->path, global_options_));
    if (found->command->is_group()) {
      std::cerr << HelpOf(*found->command, found->path, global_options_);
      return kExitUsage;
    }
    if (found->command->name == "__complete") return PrintCandidates(found->rest);
    if (found->command->name == "__manual") return Show(Manual(root_, global_options_));
    std::vector<Option> options = found->command->options;
    options.insert(options.end(), global_options_.begin(), global_options_.end());
    const Status parsed =
        ParseArguments(found->path, found->command->arguments, options, found->rest);
    if (!parsed.ok()) return Fail(parsed.error(), help);
    return Execute(*found->command);
  }

 private:
  int Show(const std::string& text) {
    const Status printed = Output{}.Print(text);
    return printed.ok() ? kExitDone : Fail(printed.error(), "");
  }

  int Execute(const Command& command) {
    Connection connection{.bootstrap = {"127.0.0.1:7092"}};
    if (!command.local) {
      auto chosen = ChooseConnection({globals_.bootstrap, globals_.profile}, FromEnvironment);
      if (!chosen.ok()) return Fail(chosen.error(), "");
      connection = *std::move(chosen);
    }
    auto client = Client::Make({.bootstrap = connection.bootstrap});
    if (!client.ok()) return Fail(client.error(), "");
    const bool given = globals_.timeout.ms > 0;
    const Context context{
        .client = **client,
        .timeout_ms = given ? globals_.timeout.ms : connection.timeout_ms.value_or(kUsualTimeoutMs),
        .timeout_given = given || connection.timeout_ms.has_value(),
        .assume_yes = globals_.yes,
        .output = OutputFor(globals_.output == "json"),
        .connection = connection};
    const Status status = command.run(context);
    if (status.ok()) return kExitDone;
    return Fail(WithNextStep(status.error(), command, context), "");
  }

  /// `help`: the command that would have told; empty: it would not.
  int Fail(const Error& error, const std::string& help) const {
    int exit_code = ExitCodeOf(error.code);
    std::string code = ErrorCodeName(error.code);
    if (StopSignal::caught() != 0) {
      exit_code = kExitSignal + StopSignal::caught();
      code = "INTERRUPTED";
    }
    const std::string sentence = Sentence(error.message);
    if (json_errors_) {
      std::cerr << json::Failure(code, sentence, exit_code);
    } else {
      std::cerr << "jangada: " << sentence << "\n";
      const bool is_told = sentence.find("did you mean") != std::string::npos ||
                           sentence.find("--help") != std::string::npos;
      if (!help.empty() && !is_told) std::cerr << "Try: " << help << "\n";
    }
    return exit_code;
  }

  // ---- completion ----

  int PrintCandidates(const std::vector<std::string>& rest) {
    std::vector<std::string> words = JoinedAtColons(rest);
    if (!words.empty() && words.front() == "--") words.erase(words.begin());
    const Candidates candidates = Complete(root_, global_options_, words);
    std::string out;
    for (const std::string& word : candidates.words) out += word + "\n";
    if (candidates.dynamic == Completion::kFiles) return Show(":files\n");
    if (candidates.dynamic != Completion::kNothing) {
      ReadConnectionOptions(words);
      for (const std::string& name :
           StartingWith(NamesFor(candidates.dynamic), candidates.prefix)) {
        out += name + "\n";
      }
    }
    return Show(out);
  }

  /// -b and --profile among words that are not complete.
  void ReadConnectionOptions(const std::vector<std::string>& words) {
    for (size_t i = 0; i + 1 < words.size(); ++i) {
      const Option* option = FindOption(global_options_, words[i]);
      if (option == nullptr || IsFlag(*option)) continue;
      const bool is_cut = words[i + 1] == "=" && i + 2 < words.size();
      (void)Assign(*option, words[is_cut ? i + 2 : i + 1]);
    }
  }

  std::vector<std::string> NamesFor(Completion kind) const {
    std::vector<std::string> names;
    if (kind == Completion::kProfiles) {
      const auto profiles = ReadProfiles(ProfilesPath(FromEnvironment));
      if (!profiles.ok()) return names;
      for (const auto& [name, profile] : profiles->by_name) names.push_back(name);
      return names;
    }
    const auto connection =
        ChooseConnection({globals_.bootstrap, globals_.profile}, FromEnvironment);
    if (!connection.ok()) return names;
    const auto client = Client::Make({.bootstrap = connection->bootstrap});
    if (!client.ok()) return names;
    if (kind == Completion::kTopics) return TopicNames(**client, kCompletionTimeoutMs);
    const auto cluster = (*client)->DescribeCluster(kCompletionTimeoutMs);
    if (!cluster.ok()) return names;
    for (const NodeView& node : cluster->nodes) names.push_back(std::to_string(node.id));
    return names;
  }

  const Command& root_;
  const std::vector<std::string> words_;
  GlobalOptions globals_;
  const std::vector<Option> global_options_;
  bool json_errors_ = false;
};

Command CompletionRow() {
  const auto shell = std::make_shared<std::string>();
  return {.name = "completion",
          .about = "The script that lets a shell complete commands, options, topics and nodes",
          .arguments = {{.names = "SHELL",
                         .target = shell.get(),
                         .help = "Which shell",
                         .required = true,
                         .one_of = {"bash"}}},
          .examples = {{"For this shell", "source <(jangada completion bash)"}},
          .json = R"({"shell": "string", "script": "string"})",
          .local = true,
          .run = [shell](const Context& context) {
            return context.output.Print(context.output.json ? json::Completion(*shell, BashScript())
                                                            : BashScript());
          }};
}

}  // namespace

std::vector<Option> OptionsOf(GlobalOptions* values) {
  return {{.names = "-b,--bootstrap",
           .value = "ADDRESS,...",
           .target = &values->bootstrap,
           .help = "Nodes to ask, HOST:PORT; one that answers is enough",
           .comma_separated = true,
           .default_text = "$JANGADA_BOOTSTRAP, the default profile, 127.0.0.1:7092"},
          {.names = "--profile",
           .value = "NAME",
           .target = &values->profile,
           .help = "The nodes that have this name in the profile file",
           .default_text = "$JANGADA_PROFILE",
           .completion = Completion::kProfiles},
          {.names = "--timeout",
           .value = "TIME",
           .target = &values->timeout,
           .help = "When to give up: 10, 10s, 500ms, 2m",
           .at_least = 1,
           .default_text = "10s"},
          {.names = "-o,--output",
           .value = "FORM",
           .target = &values->output,
           .help = "How to print",
           .one_of = {"table", "json"}},
          {.names = "-y,--yes",
           .target = &values->yes,
           .help = "Do not ask before something is destroyed"},
          {.names = "-h,--help", .target = &values->help, .help = "What a command does and takes"}};
}

Result<FoundCommand> FindCommand(const Command& root, const std::vector<Option>& global_options,
                                 const std::vector<std::string>& words) {
  FoundCommand found{.command = &root, .path = {}, .rest = {}};
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    const bool own_words = !found.command->is_group();
    if (own_words && word == "--") {
      found.rest.insert(found.rest.end(), words.begin() + static_cast<std::ptrdiff_t>(i),
                        words.end());
      break;
    }
    if (word == "--help" || word == "-h" || (i == 0 && word == "help")) {
      found.help = true;
    } else if (own_words) {
      found.rest.push_back(word);
    } else if (word == "--version") {
      found.version = true;
    } else if (word.starts_with('-')) {
      const Option* option = FindOption(global_options, word);
      if (option == nullptr) return UnknownOption(word, global_options);
      found.rest.push_back(word);
      const bool holds_its_value =
          word.find('=') != std::string::npos || (!word.starts_with("--") && word.size() > 2);
      if (!IsFlag(*option) && !holds_its_value && i + 1 < words.size()) {
        found.rest.push_back(words[++i]);
      }
    } else {
      const Command* next = FindIn(*found.command, word);
      if (next == nullptr) return UnknownCommand(*found.command, found.path, word);
      found.command = next;
      found.path += (found.path.empty() ? "" : " ") + word;
    }
  }
  return found;
}

int RunCommandLine(Command root, const std::vector<std::string>& words) {
  root.commands.push_back(CompletionRow());
  // Two that are about the table itself: Run does them.
  for (const char* name : {"__complete", "__manual"}) {
    root.commands.push_back({.name = name, .run = [](const Context&) { return Status(); }});
  }
  return Run(root, words).ToTheEnd();
}

}  // namespace jangada::client
