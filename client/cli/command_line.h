// The command line as a whole: finds the command that the words ask for, reads its options, runs
// it, and says how it went. main.cc brings the table.
#pragma once

#include <string>
#include <vector>

#include "client/cli/command.h"

namespace jangada::client {

/// Runs what `words` (argv without the program) ask for. The exit code.
int RunCommandLine(Command root, const std::vector<std::string>& words);

/// Where the words lead in the table.
struct FoundCommand {
  const Command* command = nullptr;
  std::string path;               // "topic create"
  std::vector<std::string> rest;  // the command's own words, and options that stood before it
  bool help = false;              // --help was among them
  bool version = false;           // --version was, in place of a command
};
/// kInvalidArgument: there is no such command, or none was named.
Result<FoundCommand> FindCommand(const Command& root, const std::vector<Option>& global_options,
                                 const std::vector<std::string>& words);

/// Options of every command, and where their values go.
struct GlobalOptions {
  std::vector<std::string> bootstrap;
  std::string profile;
  Duration timeout;  // 0: not given
  std::string output = "table";
  bool yes = false;
  bool help = false;
};
std::vector<Option> OptionsOf(GlobalOptions* values);

}  // namespace jangada::client
