// What becomes of a program that breaks a REQUIRES of these headers. Any thread.
#pragma once

#include <string>

namespace jangada::internal {

/// Says on stderr which rule was broken, and aborts.
[[noreturn]] void Misused(const std::string& what);

}  // namespace jangada::internal
