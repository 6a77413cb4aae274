// Arguments: reads the words after a command into the targets of its options, and says in one
// sentence what is wrong with them. Pure, but for the targets.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "client/cli/command.h"

namespace jangada::client {

/// `path`: "topic create", for the sentences. `options`: of the command and of all commands.
/// kInvalidArgument, for the first mistake.
Status ParseArguments(const std::string& path, const std::vector<Option>& arguments,
                      const std::vector<Option>& options, const std::vector<std::string>& words);

/// One value into the option's target; a list grows by it.
Status Assign(const Option& option, const std::string& text);

}  // namespace jangada::client
