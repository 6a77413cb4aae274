// docs/cli.md, made from the table of commands. Pure.
//
// The shapes of JSON in it (Command::json) are JSON themselves: in place of a value stands its type
// ("string", "integer|null"), in place of a list's elements one of them, "*" for any key, and a key
// that may be missing ends in "?". A line that begins with "#" says when the shape after it holds.
#pragma once

#include <string>
#include <vector>

#include "client/cli/command.h"

namespace jangada::client {

/// The whole page.
std::string Manual(const Command& root, const std::vector<Option>& global_options);

}  // namespace jangada::client
