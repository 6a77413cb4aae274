// What members say and are assigned: as Kafka's clients write it, and never believed.
#include "server/groups/consumer_protocol.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace jangada::server::groups {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using namespace std::string_literals;

TEST(ConsumerProtocol, ASubscriptionComesBackAsItWasSaid) {
  const Subscription said{
      .topics = {"orders", "t"}, .user_data = "\0x"s, .owned = {{"orders", 0}, {"orders", 3}}};
  const auto heard = DecodeSubscription(EncodeSubscription(said));
  ASSERT_TRUE(heard.has_value());
  EXPECT_EQ(*heard, said);
}

TEST(ConsumerProtocol, ASubscriptionIsWrittenAsKafkasVersion1) {
  EXPECT_EQ(EncodeSubscription({.topics = {"t"}, .user_data = "u", .owned = {{"t", 2}}}),
            "\0\1"  // version
            "\0\0\0\1"
            "\0\1t"      // topics
            "\0\0\0\1u"  // user data
            "\0\0\0\1"
            "\0\1t"
            "\0\0\0\1"
            "\0\0\0\2"s);  // owned
}

TEST(ConsumerProtocol, AnAssignmentIsWrittenAsKafkasVersion0) {
  const std::string bytes = EncodeAssignment({{"t", 2}, {"t", 5}});
  EXPECT_EQ(bytes,
            "\0\0"
            "\0\0\0\1"
            "\0\1t"
            "\0\0\0\2"
            "\0\0\0\2"
            "\0\0\0\5"
            "\0\0\0\0"s);
  EXPECT_THAT(DecodeAssignment(bytes).value(),
              ElementsAre(TopicPartition{"t", 2}, TopicPartition{"t", 5}));
}

TEST(ConsumerProtocol, NoBytesAreAnEmptyAssignment) {
  EXPECT_THAT(DecodeAssignment("").value(), IsEmpty());
}

TEST(ConsumerProtocol, OlderAndNewerVersionsAreRead) {
  const auto oldest = DecodeSubscription(
      "\0\0"
      "\0\0\0\1"
      "\0\1t"
      "\xff\xff\xff\xff"s);
  ASSERT_TRUE(oldest.has_value());
  EXPECT_THAT(oldest->topics, ElementsAre("t"));
  EXPECT_THAT(oldest->owned, IsEmpty());
  std::string newer = EncodeSubscription({.topics = {"t"}, .user_data = {}, .owned = {{"t", 1}}});
  newer[1] = 3;
  newer +=
      "\0\0\0\7"
      "\0\4rack"s;
  const auto newest = DecodeSubscription(newer);
  ASSERT_TRUE(newest.has_value());
  EXPECT_THAT(newest->owned, ElementsAre(TopicPartition{"t", 1}));
}

TEST(ConsumerProtocol, WhatIsCutOffIsNeither) {
  const std::string said =
      EncodeSubscription({.topics = {"t"}, .user_data = "u", .owned = {{"t", 2}}});
  for (size_t length = 0; length < said.size(); ++length) {
    EXPECT_FALSE(DecodeSubscription(std::string_view(said).substr(0, length))) << length;
  }
  const std::string given = EncodeAssignment({{"t", 2}});
  for (size_t length = 1; length < given.size() - 4; ++length) {
    EXPECT_FALSE(DecodeAssignment(std::string_view(given).substr(0, length))) << length;
  }
}

TEST(ConsumerProtocol, CountsAndLengthsThatLieAreRefused) {
  EXPECT_FALSE(
      DecodeSubscription("\0\1"
                         "\x7f\xff\xff\xff"
                         "\0\1t"s));
  EXPECT_FALSE(
      DecodeSubscription("\0\1"
                         "\xff\xff\xff\xff"s));
  EXPECT_FALSE(
      DecodeSubscription("\0\0"
                         "\0\0\0\0"
                         "\xff\xff\xff\xfe"s));
  EXPECT_FALSE(
      DecodeSubscription("\xff\xff"
                         "\0\0\0\0"
                         "\0\0\0\0"s));
  EXPECT_FALSE(
      DecodeAssignment("\0\0"
                       "\0\0\0\1"
                       "\0\1t"
                       "\x7f\xff\xff\xff"s));
  EXPECT_FALSE(
      DecodeAssignment("\0\0"
                       "\0\0\0\1"
                       "\xff\xff"s));
}

}  // namespace
}  // namespace jangada::server::groups
