// Messages in, plain values out, where a message may say anything.
#include "server/grpc/convert.h"

#include <gtest/gtest.h>

#include <limits>

namespace jangada::server::grpc_door {
namespace {

constexpr int64_t kLast = std::numeric_limits<int64_t>::max();

/// Three records at `base_offset`.
FetchedBatch BatchAt(int64_t base_offset) {
  storage::BatchBuilder builder;
  for (int i = 0; i < 3; ++i) builder.Add({.value = "x"});
  return {.base_offset = base_offset, .leader_epoch = 1, .bytes = *builder.Build()};
}

TEST(Convert, ABatchEndsBehindItsLastRecord) {
  EXPECT_EQ(*EndOffsetOf(BatchAt(0)), 3);
  EXPECT_EQ(*EndOffsetOf(BatchAt(kLast - 3)), kLast);
}

TEST(Convert, ABatchOfAnotherNodeAtAnImpossibleOffsetIsRefused) {
  for (const int64_t offset :
       {std::numeric_limits<int64_t>::min(), int64_t{-1}, kLast - 2, kLast}) {
    const auto batch = FetchedFrom(ServedBytes(BatchAt(offset)));
    ASSERT_TRUE(batch.ok());
    EXPECT_EQ(EndOffsetOf(*batch).error().code, ErrorCode::kDataCorrupt) << offset;
    google::protobuf::RepeatedPtrField<v1::Record> records;
    EXPECT_FALSE(AppendRecords(*batch, 0, kLast, 1000, &records).ok()) << offset;
    EXPECT_TRUE(records.empty()) << offset;
  }
}

}  // namespace
}  // namespace jangada::server::grpc_door
