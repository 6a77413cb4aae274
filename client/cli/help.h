// What --help prints, made from the table of commands. Pure.
#pragma once

#include <string>
#include <vector>

#include "client/cli/command.h"

namespace jangada::client {

/// Of the whole program, a group or a command. `path`: "topic create"; of the program: empty.
std::string HelpOf(const Command& command, const std::string& path,
                   const std::vector<Option>& global_options);

/// "jangada topic create NAME [options]"
std::string UsageOf(const Command& command, const std::string& path);

/// Lines of at most `width` letters, each after `indent` blanks; the first one is not indented.
std::string Wrapped(const std::string& text, size_t indent, size_t width);

}  // namespace jangada::client
