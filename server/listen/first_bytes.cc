#include "server/listen/first_bytes.h"

#include <algorithm>
#include <array>

namespace jangada::server {
namespace {

constexpr std::string_view kHttp2Preface = "PRI ";  // RFC 9113, 3.4, begins so
constexpr std::array<std::string_view, 9> kHttp1 = {"GET ", "HEAD", "POST", "PUT ", "DELE",
                                                    "OPTI", "PATC", "CONN", "TRAC"};
static_assert(kHttp2Preface.size() == kTellingBytes);

constexpr char kTlsHandshake = 0x16;
constexpr char kTlsMajorVersion = 0x03;

}  // namespace

Spoken WhatIsSpoken(std::string_view first) {
  if (first.size() < kTellingBytes) return Spoken::kUnknown;
  first = first.substr(0, kTellingBytes);
  if (first == kHttp2Preface) return Spoken::kHttp2;
  if (std::find(kHttp1.begin(), kHttp1.end(), first) != kHttp1.end()) return Spoken::kHttp1;
  if (first[0] == kTlsHandshake && first[1] == kTlsMajorVersion) return Spoken::kTls;
  // The length of a request below 16 MiB.
  if (first[0] == '\0') return Spoken::kKafka;
  return Spoken::kUnknown;
}

const char* LooksLike(Spoken spoken) {
  switch (spoken) {
    case Spoken::kHttp2: return "it looks like HTTP/2";
    case Spoken::kHttp1: return "it looks like HTTP/1";
    case Spoken::kTls: return "it looks like TLS";
    case Spoken::kKafka: return "it looks like Kafka's protocol";
    case Spoken::kUnknown: break;
  }
  return "it is nothing that is known here";
}

std::string AnswerTo(Spoken spoken, const std::string& sentence) {
  if (spoken == Spoken::kKafka) return {};
  const std::string line = sentence + "\n";
  if (spoken != Spoken::kHttp1) return line;
  return "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: " +
         std::to_string(line.size()) + "\r\nConnection: close\r\n\r\n" + line;
}

}  // namespace jangada::server
