// What a topic may set.
#include "server/partition/topic_config.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace jangada::server {
namespace {

TEST(TopicConfigTest, NothingSetGivesKafkasDefaults) {
  const TopicConfig config = ParseTopicConfig({}).value();
  EXPECT_EQ(config.retention_ms, 7ll * 24 * 3600 * 1000);
  EXPECT_EQ(config.retention_bytes, -1);
  EXPECT_EQ(config.max_message_bytes, 1048588);
  EXPECT_EQ(config.timestamp_type, TimestampType::kCreateTime);
}

TEST(TopicConfigTest, TheTablesDefaultsAreTheStructs) {
  std::map<std::string, std::string> defaults;
  for (const TopicConfigRow& row : DescribeTopicConfig({})) defaults[row.name] = row.default_value;
  EXPECT_EQ(ParseTopicConfig(defaults).value(), TopicConfig());
}

TEST(TopicConfigTest, EveryKeyTakesEffect) {
  const TopicConfig config = ParseTopicConfig({{"retention.ms", "-1"},
                                               {"retention.bytes", "1000"},
                                               {"max.message.bytes", "2000"},
                                               {"message.timestamp.type", "LogAppendTime"},
                                               {"min.insync.replicas", "2"},
                                               {"producer.id.expiration.ms", "5"},
                                               {"cleanup.policy", "delete"},
                                               {"compression.type", "producer"}})
                                 .value();
  EXPECT_EQ(config, (TopicConfig{.retention_ms = -1,
                                 .retention_bytes = 1000,
                                 .max_message_bytes = 2000,
                                 .timestamp_type = TimestampType::kLogAppendTime,
                                 .min_insync_replicas = 2,
                                 .producer_id_expiration_ms = 5}));
}

TEST(TopicConfigTest, ATopicToBeCompactedKeepsEverythingUntilThereIsCompaction) {
  const auto parse = [](const std::string& policy) {
    return ParseTopicConfig({{"cleanup.policy", policy}, {"retention.ms", "1000"}}).value();
  };
  EXPECT_EQ(parse("compact").retention_ms, -1);
  EXPECT_EQ(parse("compact,delete").retention_ms, 1000);
}

TEST(TopicConfigTest, UnknownKeyIsRefusedByNameWithTheListOfKeys) {
  const Error error = ParseTopicConfig({{"retention.msec", "1"}}).error();
  EXPECT_EQ(error.code, ErrorCode::kInvalidArgument);
  EXPECT_NE(error.message.find("'retention.msec'"), std::string::npos) << error;
  EXPECT_NE(error.message.find("max.message.bytes"), std::string::npos) << error;
}

TEST(TopicConfigTest, BadValueIsRefusedWithWhatWouldBeRight) {
  for (const auto& [key, value] :
       std::vector<std::pair<std::string, std::string>>{{"retention.ms", "-2"},
                                                        {"retention.ms", ""},
                                                        {"retention.ms", "7d"},
                                                        {"retention.ms", "99999999999999999999"},
                                                        {"retention.bytes", "1.5"},
                                                        {"max.message.bytes", "0"},
                                                        {"max.message.bytes", "16777217"},
                                                        {"message.timestamp.type", "createtime"},
                                                        {"cleanup.policy", "compaction"},
                                                        {"segment.bytes", "-1"},
                                                        {"preallocate", "yes"},
                                                        {"min.insync.replicas", "0"},
                                                        {"producer.id.expiration.ms", "0"}}) {
    const Status status = ValidateTopicConfig(key, value);
    ASSERT_FALSE(status.ok()) << key << "=" << value;
    EXPECT_NE(status.error().message.find("'" + value + "' but must be"), std::string::npos)
        << status.error();
  }
}

TEST(TopicConfigTest, DescriptionIsSortedAndTellsWhatWasSet) {
  const auto rows = DescribeTopicConfig({{"retention.ms", "1000"}});
  EXPECT_TRUE(std::is_sorted(rows.begin(), rows.end(),
                             [](const auto& a, const auto& b) { return a.name < b.name; }));
  for (const TopicConfigRow& row : rows) {
    EXPECT_EQ(row.is_default, row.name != "retention.ms") << row.name;
    EXPECT_FALSE(row.documentation.empty()) << row.name;
    EXPECT_EQ(row.value, row.is_default ? row.default_value : "1000");
  }
}

TEST(TopicConfig, NoMoreThanAMajorityCanBeAskedToBeInSync) {
  EXPECT_TRUE(CheckMinInsyncReplicas(1, 1).ok());
  EXPECT_TRUE(CheckMinInsyncReplicas(2, 3).ok());
  EXPECT_TRUE(CheckMinInsyncReplicas(3, 5).ok());
  EXPECT_TRUE(CheckMinInsyncReplicas(3, 4).ok());
  EXPECT_FALSE(CheckMinInsyncReplicas(2, 1).ok());
  const Status refused = CheckMinInsyncReplicas(3, 3);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(refused.error().message.find("set at most 2"), std::string::npos) << refused.error();
}

}  // namespace
}  // namespace jangada::server
