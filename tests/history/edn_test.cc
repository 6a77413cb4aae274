// Histories as EDN: what is written is read back alike, and what is no history is refused with its
// place.
#include "tests/history/edn.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace jangada::history {
namespace {

using testing::HasSubstr;

TEST(EdnTest, LinesSurviveTheRoundTrip) {
  for (const std::string line : {
           "{:process 0 :type :invoke :f :send :value [[:send 3 17]]}",
           "{:process 0 :type :ok :f :send :value [[:send 3 [42 17]]]}",
           "{:process 0 :type :info :f :send :value [[:send 3 17] [:send 4 18]] :error "
           "\"TIMEOUT\"}",
           "{:process 1 :type :ok :f :assign :value [3 4]}",
           "{:process 1 :type :ok :f :subscribe :value []}",
           "{:process 1 :type :ok :f :poll :value [[:poll {3 [[42 17] [43 18]], 4 [[0 1]]}]]}",
           "{:process 1 :type :ok :f :txn :value [[:send 3 [42 17]] [:poll {}]]}",
           "{:process 2 :type :ok :f :list-offsets :value {3 44, 4 1}}",
           "{:process 0 :type :invoke :f :send :value [[:send 3 17]] :producer 2}",
           "{:process 7 :type :ok :f :assigned :value [3 4] :generation 12 :instance 1}",
           "{:process 7 :type :ok :f :committed :value {3 40, 4 -1}}",
           "{:process 7 :type :info :f :commit :value {3 44} :error \"timed out\"}",
           "{:process 7 :type :ok :f :leave :value []}",
           "{:process 9 :type :ok :f :batch :value [3 42 2 1001 0 17]}",
       }) {
    const auto operation = FromEdn(line);
    ASSERT_TRUE(operation.ok()) << line << ": " << operation.error().message;
    EXPECT_EQ(ToEdn(*operation), line);
  }
}

TEST(EdnTest, KeysThatOthersAddArePassedOver) {
  const auto operation = FromEdn(
      "{:index 7, :time 12345, :process 1, :type :ok, :f :poll, :ext {:a [1 \"x}\"]}, "
      ":value [[:poll {3 [[42 17]]}]]}");
  ASSERT_TRUE(operation.ok()) << operation.error().message;
  EXPECT_EQ(operation->process, 1);
  EXPECT_EQ(operation->polled.at(3).front().offset, 42);
}

TEST(EdnTest, AnInvocationOfAPollHasNothingYet) {
  const auto operation = FromEdn("{:process 1 :type :invoke :f :poll :value [[:poll]]}");
  ASSERT_TRUE(operation.ok()) << operation.error().message;
  EXPECT_TRUE(operation->polled.empty());
}

TEST(EdnTest, MistakesAreToldWithTheirPlace) {
  for (const std::string line :
       {"", "{", "{:process x}", "{:process 1 :type :odd :f :send}", "{:process 1 :type :ok}",
        "{:value [] :f :send}", "{:process 1 :type :ok :f :send :value [[:send 3 [42]]]}",
        "{:process 1 :type :ok :f :send :value [[:write 3 4]]}", "{:error \"endless}"}) {
    EXPECT_FALSE(FromEdn(line).ok()) << line;
  }
  std::istringstream in(
      "{:process 1 :type :ok :f :assign :value [3]}\n\n{:process 1 :type :ok :f}\n");
  const auto history = ReadEdn(in);
  ASSERT_FALSE(history.ok());
  EXPECT_THAT(history.error().message, HasSubstr("line 3"));
}

}  // namespace
}  // namespace jangada::history
