// What is spoken, by the first bytes, and what is answered to it.
#include "server/listen/first_bytes.h"

#include <gtest/gtest.h>

namespace jangada::server {
namespace {

using namespace std::string_view_literals;

TEST(FirstBytes, TellWhatIsSpoken) {
  EXPECT_EQ(WhatIsSpoken("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Spoken::kHttp2);
  for (const auto* method :
       {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT"}) {
    EXPECT_EQ(WhatIsSpoken(std::string(method) + " / HTTP/1.1\r\n"), Spoken::kHttp1) << method;
  }
  EXPECT_EQ(WhatIsSpoken("\x16\x03\x01\x02\x00"sv), Spoken::kTls);
  EXPECT_EQ(WhatIsSpoken("\0\0\0\x18\0\x12"sv), Spoken::kKafka);
  EXPECT_EQ(WhatIsSpoken("quit\n"), Spoken::kUnknown);
  EXPECT_EQ(WhatIsSpoken("PRINT\n"), Spoken::kUnknown);
}

TEST(FirstBytes, TooFewOfThemAreNothingKnown) {
  for (const auto* few : {"", "P", "PRI", "GET"}) EXPECT_EQ(WhatIsSpoken(few), Spoken::kUnknown);
}

TEST(FirstBytes, AnswerIsWhatItsReaderUnderstands) {
  EXPECT_EQ(AnswerTo(Spoken::kHttp1, "No."),
            "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n"
            "Connection: close\r\n\r\nNo.\n");
  EXPECT_EQ(AnswerTo(Spoken::kUnknown, "No."), "No.\n");
  EXPECT_EQ(AnswerTo(Spoken::kKafka, "No."), "") << "it would be taken for a length";
}

}  // namespace
}  // namespace jangada::server
