// FirstBytes: what somebody speaks who has just connected to a gRPC port, by the first bytes that
// he sends. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace jangada::server {

enum class Spoken { kHttp2, kHttp1, kTls, kKafka, kUnknown };

/// So many bytes tell.
inline constexpr size_t kTellingBytes = 4;

/// `first`: kTellingBytes or more, or all there ever were.
Spoken WhatIsSpoken(std::string_view first);

/// For the log: "it looks like HTTP/1".
const char* LooksLike(Spoken spoken);

/// What to send to somebody who speaks this, so that whoever looks at it reads `sentence`. Empty
/// where nobody would: a length and not text is what Kafka's clients make of it.
std::string AnswerTo(Spoken spoken, const std::string& sentence);

}  // namespace jangada::server
