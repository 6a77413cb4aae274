// The log against repetitions.
#include "server/listen/notices.h"

#include <gtest/gtest.h>

namespace jangada::server {
namespace {

TEST(Notices, FirstIsToldAtOnceAndThenOneAMinuteWithTheirNumber) {
  Notices notices;
  int64_t now_us = 1'000'000'000;
  EXPECT_EQ(notices.Note("refused", now_us), 1u);
  uint64_t told = 1, lines = 1;
  for (int second = 1; second <= 300; ++second) {
    now_us += 1'000'000;
    const uint64_t times = notices.Note("refused", now_us);
    told += times;
    lines += times > 0 ? 1 : 0;
  }
  EXPECT_EQ(lines, 6u);
  EXPECT_EQ(told, 301u) << "none is left out";
  EXPECT_EQ(notices.Note("another", now_us), 1u);
}

TEST(Notices, RememberOnlySoManyKinds) {
  Notices notices;
  for (size_t i = 0; i <= Notices::kMaxKinds; ++i) {
    EXPECT_EQ(notices.Note(std::to_string(i), static_cast<int64_t>(i)), 1u);
  }
  EXPECT_EQ(notices.Note("1", 1'000), 0u);
  EXPECT_EQ(notices.Note("0", 1'000), 1u) << "the oldest was forgotten";
}

}  // namespace
}  // namespace jangada::server
