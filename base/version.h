// Version: which release of Jangada this program was built from. Any thread.
#pragma once

#include <string_view>

namespace jangada {

/// "MAJOR.MINOR.PATCH", as the build names the project.
std::string_view Version();

}  // namespace jangada
