// Log level: how much the node logs, by name; what the configuration begins with and an operator
// changes while the node runs. One for the whole process. Any thread.
#pragma once

#include <array>
#include <string>

#include "base/result.h"

namespace jangada::server {

/// From the most to the least that is logged.
inline constexpr std::array kLogLevels = {"trace", "debug", "info", "warn", "error"};

std::string LogLevel();

/// kInvalidArgument: there is no such level; the sentence lists them.
Status SetLogLevel(const std::string& name);

/// The same, for a node that runs: the log says so.
Status ChangeLogLevel(const std::string& name);

}  // namespace jangada::server
