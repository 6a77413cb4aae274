// Bytes in text: whether they are UTF-8 already, and base64 (RFC 4648) for those that are not.
// Pure.
#pragma once

#include <string>
#include <string_view>

namespace jangada::client {

/// Valid UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.
bool IsUtf8(std::string_view bytes);

/// With padding.
std::string Base64(std::string_view bytes);

}  // namespace jangada::client
