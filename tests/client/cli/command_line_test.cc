#include "client/cli/command_line.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "client/cli/arguments.h"
#include "client/cli/exit_code.h"
#include "client/cli/help.h"
#include "client/cli/sentences.h"
#include "client/cli/values.h"
#include "tests/client/cli/table_of_commands.h"

namespace jangada::client {
namespace {

using Words = std::vector<std::string>;

class CommandLineTest : public testing::Test {
 protected:
  Result<FoundCommand> Find(const Words& words) { return FindCommand(table_, globals_, words); }

  std::string Refusal(const Words& words) {
    const auto found = Find(words);
    if (found.ok()) return "";
    EXPECT_EQ(ExitCodeOf(found.error().code), kExitUsage);
    return found.error().message;
  }

  const Command table_ = WholeTable();
  GlobalOptions values_;
  const std::vector<Option> globals_ = OptionsOf(&values_);
};

// ---- finding a command ----

TEST_F(CommandLineTest, CommandsAreFoundBehindOptionsOfEveryCommand) {
  const auto found =
      Find({"-b", "topic", "--timeout=5", "-ojson", "topic", "create", "t", "--help"});
  ASSERT_TRUE(found.ok()) << found.error();
  EXPECT_EQ(found->path, "topic create");
  EXPECT_EQ(found->rest, (Words{"-b", "topic", "--timeout=5", "-ojson", "t"}));
  EXPECT_TRUE(found->help);
}

TEST_F(CommandLineTest, ATopicMayBeCalledLikeACommand) {
  const auto found = Find({"topic", "describe", "node"});
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->path, "topic describe");
  EXPECT_EQ(found->rest, Words{"node"});
}

TEST_F(CommandLineTest, HelpMayComeFirst) {
  const auto found = Find({"help", "topic", "create"});
  ASSERT_TRUE(found.ok());
  EXPECT_TRUE(found->help);
  EXPECT_EQ(found->path, "topic create");
}

TEST_F(CommandLineTest, AfterTwoDashesHelpIsAWord) {
  const auto found = Find({"produce", "--", "--help"});
  ASSERT_TRUE(found.ok());
  EXPECT_FALSE(found->help);
  EXPECT_EQ(found->rest, (Words{"--", "--help"}));
}

TEST_F(CommandLineTest, ATypoInACommandSuggestsTheRightOne) {
  EXPECT_EQ(Refusal({"topci", "list"}),
            "there is no command 'jangada topci'; did you mean 'topic'?");
  EXPECT_EQ(Refusal({"topic", "descirbe", "t"}),
            "there is no command 'jangada topic descirbe'; did you mean 'describe'?");
  EXPECT_EQ(Refusal({"partition", "transfer-laeder"}),
            "there is no command 'jangada partition transfer-laeder'; did you mean "
            "'transfer-leader'?");
  EXPECT_EQ(Refusal({"frobnicate"}),
            "there is no command 'jangada frobnicate'; `jangada --help` lists them");
}

TEST_F(CommandLineTest, WordsOfOtherToolsSuggestOurs) {
  EXPECT_EQ(Refusal({"publish", "t"}),
            "there is no command 'jangada publish'; did you mean 'produce'?");
  EXPECT_EQ(Refusal({"topic", "rm", "t"}),
            "there is no command 'jangada topic rm'; did you mean 'delete'?");
  EXPECT_EQ(Refusal({"topic", "delete-records", "t"}),
            "there is no command 'jangada topic delete-records'; did you mean 'trim'?");
}

TEST_F(CommandLineTest, EveryCommandIsSuggestedForATypoInItsName) {
  ForEach(table_, "", [&](const Command& command, const std::string& path) {
    Words words = SplitAt(path, ' ');
    std::swap(words.back()[words.back().size() - 1], words.back()[words.back().size() - 2]);
    if (words.back() == command.name) return;  // "cluster" has no two equal letters at its end
    EXPECT_NE(Refusal(words).find("did you mean '" + command.name + "'?"), std::string::npos)
        << Joined(words, " ") << ": " << Refusal(words);
  });
}

TEST_F(CommandLineTest, AnOptionOfACommandDoesNotStandBeforeIt) {
  EXPECT_EQ(Refusal({"--partitions", "3", "topic", "create"}),
            "there is no option '--partitions' before a command; put a command's own options "
            "behind it");
  EXPECT_EQ(Refusal({"--timeuot", "3"}),
            "there is no option '--timeuot' before a command; did you mean '--timeout'?");
}

TEST_F(CommandLineTest, EveryOptionIsSuggestedForATypoInItsName) {
  ForEach(table_, "", [&](const Command& command, const std::string& path) {
    std::vector<Option> options = command.options;
    options.insert(options.end(), globals_.begin(), globals_.end());
    for (const Option& option : command.options) {
      std::string name = NamesOf(option).back();
      const std::string wrong = name.substr(0, name.size() - 1) + "_";
      const Status status = ParseArguments(path, command.arguments, options, {wrong});
      ASSERT_FALSE(status.ok());
      EXPECT_NE(status.error().message.find("did you mean '--"), std::string::npos)
          << path << " " << wrong << ": " << status.error().message;
    }
  });
}

// ---- the table itself ----

TEST_F(CommandLineTest, EveryCommandHasHelpWithAnExampleAndTheExitCodes) {
  ForEach(table_, "", [&](const Command& command, const std::string& path) {
    const std::string help = HelpOf(command, path, globals_);
    const std::string codes = "Exit codes: 0 done, 1 other failures, 2 wrong usage, 3 not found, ";
    EXPECT_NE(help.find(codes), std::string::npos) << path;
    EXPECT_FALSE(command.about.empty()) << path;
    EXPECT_FALSE(command.examples.empty()) << path;
    EXPECT_NE(help.find("\nExamples:\n"), std::string::npos) << path;
    EXPECT_NE(help.find("Usage: jangada " + path), std::string::npos) << path;
    for (const auto* options : {&command.arguments, &command.options}) {
      for (const Option& option : *options) EXPECT_FALSE(option.help.empty()) << path;
    }
  });
}

TEST_F(CommandLineTest, EveryCommandDocumentsWhatItPrintsAsJson) {
  ForEach(table_, "", [&](const Command& command, const std::string& path) {
    EXPECT_EQ(command.json.empty(), command.is_group()) << path;
  });
}

/// The commands of a line as a shell would cut them into words, as far as the pages need it. What
/// stands behind a redirection counts as a command too: nobody looks for one there.
std::vector<Words> CommandsOf(const std::string& line) {
  std::vector<Words> commands{{""}};
  char quote = 0;
  for (const char c : line) {
    std::string& word = commands.back().back();
    if (c == quote) {
      quote = 0;
    } else if (quote != 0) {
      word += c;
    } else if (c == '\'' || c == '"') {
      quote = c;
    } else if (c == '#' && word.empty()) {
      break;
    } else if (std::string_view("|<>&;()").find(c) != std::string_view::npos) {
      commands.push_back({""});
    } else if (c != ' ') {
      word += c;
    } else if (!word.empty()) {
      commands.back().emplace_back();
    }
  }
  for (Words& words : commands) {
    if (words.back().empty()) words.pop_back();
  }
  return commands;
}

/// Can the program read these words, which begin with its own name?
Status CanBeRead(Words words) {
  words.erase(words.begin());
  const Command table = WholeTable();  // parsing writes into the options: each its own
  GlobalOptions values;
  std::vector<Option> options = OptionsOf(&values);
  TRY_ASSIGN(const FoundCommand found, FindCommand(table, options, words));
  if (found.help) return {};
  options.insert(options.begin(), found.command->options.begin(), found.command->options.end());
  return ParseArguments(found.path, found.command->arguments, options, found.rest);
}

TEST_F(CommandLineTest, EveryExampleIsACommandThatCanBeRead) {
  int seen = 0;
  ForEach(table_, "", [&](const Command& command, const std::string&) {
    for (const Example& example : command.examples) {
      const Words words = CommandsOf(example.line).front();
      ASSERT_EQ(words.front(), "jangada") << example.line;
      const Status read = CanBeRead(words);
      EXPECT_TRUE(read.ok()) << example.line << ": " << read.error();
      ++seen;
    }
  });
  EXPECT_GT(seen, 25);
}

/// The lines of the shell blocks of a page.
Words ShellLinesOf(const std::string& page) {
  std::ifstream file(std::string(JANGADA_SOURCE_DIR) + "/" + page);
  EXPECT_TRUE(file.good()) << page;
  Words lines;
  bool in_shell = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("```")) {
      in_shell = line == "```sh";
    } else if (in_shell) {
      lines.push_back(line);
    }
  }
  return lines;
}

TEST(Pages, EveryCommandThatTheyShowCanBeRead) {
  for (const auto& [page, at_least] :
       std::map<std::string, int>{{"README.md", 15}, {"docs/operating.md", 15}}) {
    int seen = 0;
    for (const std::string& line : ShellLinesOf(page)) {
      for (const Words& words : CommandsOf(line)) {
        const bool is_ours =
            !words.empty() && (words[0] == "jangada" || words[0].ends_with("/jangada"));
        if (!is_ours) continue;
        const Status read = CanBeRead(words);
        EXPECT_TRUE(read.ok()) << page << ": " << line << ": " << read.error();
        ++seen;
      }
    }
    EXPECT_GE(seen, at_least) << page;
  }
}

// ---- sentences and exit codes ----

TEST(Sentence, SpeaksWithOneVoice) {
  EXPECT_EQ(Sentence("There is no topic \"t\"."), "there is no topic \"t\"");
  EXPECT_EQ(Sentence("A topic is missing. "), "a topic is missing");
  EXPECT_EQ(Sentence("TIMEOUT of a call"), "TIMEOUT of a call");
  EXPECT_EQ(Sentence("two\nlines"), "two lines");
  EXPECT_EQ(Sentence("is it running there?"), "is it running there?");
  EXPECT_EQ(Sentence(""), "");
}

TEST(ExitCode, EveryCodeIsExplained) {
  std::vector<std::string> codes;
  for (const ExitCodeRow& row : ExitCodes()) codes.push_back(row.code);
  for (int code = 0; code <= static_cast<int>(ErrorCode::kInternal); ++code) {
    const std::string exit_code = std::to_string(ExitCodeOf(static_cast<ErrorCode>(code)));
    EXPECT_NE(std::find(codes.begin(), codes.end(), exit_code), codes.end()) << exit_code;
  }
}

TEST(Wrapped, KeepsToItsColumns) {
  EXPECT_EQ(Wrapped("one two three", 2, 9), "one two\n  three");
  EXPECT_EQ(Wrapped("incomprehensibilities", 0, 5), "incomprehensibilities");
  EXPECT_EQ(Wrapped("", 4, 10), "");
}

}  // namespace
}  // namespace jangada::client
