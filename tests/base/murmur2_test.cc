// Kafka's own test vectors (UtilsTest.testMurmur2): a key must land where Kafka's clients put it.
#include "base/murmur2.h"

#include <gtest/gtest.h>

namespace jangada {
namespace {

TEST(Murmur2Test, AgreesWithKafkasVectors) {
  EXPECT_EQ(static_cast<int32_t>(Murmur2("21")), -973932308);
  EXPECT_EQ(static_cast<int32_t>(Murmur2("foobar")), -790332482);
  EXPECT_EQ(static_cast<int32_t>(Murmur2("a-little-bit-long-string")), -985981536);
  EXPECT_EQ(static_cast<int32_t>(Murmur2("a-little-bit-longer-string")), -1486304829);
  EXPECT_EQ(static_cast<int32_t>(Murmur2("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8")),
            -58897971);
  EXPECT_EQ(static_cast<int32_t>(Murmur2("abc")), 479470107);
}

TEST(Murmur2Test, PartitionIsNeverNegativeAndEmptyKeysHaveOne) {
  for (const char* key : {"", "21", "foobar", "abc", "\xff\xff\xff"}) {
    const int32_t partition = PartitionOfKey(key, 7);
    EXPECT_GE(partition, 0);
    EXPECT_LT(partition, 7);
  }
  EXPECT_EQ(PartitionOfKey("abc", 6), 479470107 % 6);
}

}  // namespace
}  // namespace jangada
