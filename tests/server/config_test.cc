// Config: the claims of its header, and that deploy/jangada.yaml, which people copy, tells the
// truth.
#include "server/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <yaml-cpp/yaml.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

namespace jangada::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

LoadedConfig FromYaml(const std::string& yaml) { return ParseConfig(yaml, "test.yaml", {}); }
LoadedConfig FromSettings(const std::vector<std::string>& settings) {
  return ParseConfig("", "", settings);
}

std::string ReadDeployFile() {
  std::ifstream file(JANGADA_SOURCE_DIR "/deploy/jangada.yaml");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// key -> text of every scalar of a YAML file, lists as "" (they are empty there).
void Flatten(const YAML::Node& node, const std::string& key,
             std::map<std::string, std::string>& out) {
  if (!node.IsMap()) {
    out[key] = node.IsScalar() ? node.Scalar() : "";
    return;
  }
  for (const auto& item : node) {
    Flatten(item.second, key.empty() ? item.first.Scalar() : key + "." + item.first.Scalar(), out);
  }
}

/// The comment lines right above the line that gives `key` its value.
std::string CommentAbove(const std::string& file, const std::string& key) {
  std::istringstream lines(file);
  std::string section, comment, line;
  while (std::getline(lines, line)) {
    const size_t begin = line.find_first_not_of(' ');
    if (begin == std::string::npos) {
      comment.clear();
    } else if (line[begin] == '#') {
      comment += line.substr(begin + 1);
    } else {
      const std::string name = line.substr(begin, line.find(':') - begin);
      if (begin == 0) section = name;
      if ((begin == 0 ? name : section + "." + name) == key) return comment;
      comment.clear();
    }
  }
  return "";
}

TEST(ConfigTest, WithoutAnyConfigItIsAOneNodeCluster) {
  const LoadedConfig loaded = LoadConfig(std::nullopt, {});
  EXPECT_THAT(loaded.problems, IsEmpty());
  EXPECT_EQ(loaded.config.data_dir, "./data");
  EXPECT_THAT(loaded.config.cluster.founders, ElementsAre(Founder{NodeId(1), {"127.0.0.1", 6092}}));
  EXPECT_EQ(loaded.config.grpc.advertised->ToString(), "127.0.0.1:7092");
}

TEST(ConfigTest, DeployFileListsEveryOptionAtItsDefault) {
  std::map<std::string, std::string> written;
  Flatten(YAML::Load(ReadDeployFile()), "", written);
  std::map<std::string, std::string> defaults;
  for (const ConfigOption& option : ConfigOptions()) defaults[option.key] = option.default_value;
  EXPECT_EQ(written, defaults);
}

TEST(ConfigTest, DeployFileIsAGoodConfig) {
  const LoadedConfig loaded = LoadConfig(JANGADA_SOURCE_DIR "/deploy/jangada.yaml", {});
  EXPECT_THAT(loaded.problems, IsEmpty());
  EXPECT_EQ(ConfigToText(loaded.config), ConfigToText(LoadConfig(std::nullopt, {}).config));
}

TEST(ConfigTest, DeployFileStatesUnitAndDefaultOfEveryOption) {
  const std::string file = ReadDeployFile();
  for (const ConfigOption& option : ConfigOptions()) {
    const std::string comment = CommentAbove(file, option.key);
    const std::string value = option.default_value.empty() ? "none" : option.default_value;
    EXPECT_THAT(comment, HasSubstr("Unit: " + option.unit + "; default: " + value))
        << "the comment above " << option.key;
  }
}

TEST(ConfigTest, ANodesOptionsAreDescribedWithValueAndDefault) {
  const Config config = ParseConfig("", "", {"raft.heartbeat_ms=100"}).config;
  const std::vector<ConfigOption> options = DescribeConfig(config);
  ASSERT_EQ(options.size(), ConfigOptions().size());
  const auto heartbeat = std::find_if(options.begin(), options.end(), [](const auto& option) {
    return option.key == "raft.heartbeat_ms";
  });
  EXPECT_EQ(heartbeat->value, "100");
  EXPECT_EQ(heartbeat->default_value, "250");
  EXPECT_EQ(heartbeat->unit, "ms");
}

TEST(ConfigTest, HelpNamesEveryOption) {
  for (const ConfigOption& option : ConfigOptions()) {
    EXPECT_THAT(ConfigHelp(), HasSubstr("  " + option.key + " ("));
    EXPECT_FALSE(option.help.empty()) << option.key;
  }
}

TEST(ConfigTest, EveryDefaultIsReadBackAsItself) {
  std::vector<std::string> settings;
  for (const ConfigOption& option : ConfigOptions()) {
    settings.push_back(option.key + "=" + option.default_value);
  }
  const LoadedConfig loaded = FromSettings(settings);
  EXPECT_THAT(loaded.problems, IsEmpty());
  EXPECT_EQ(ConfigToText(loaded.config), ConfigToText(LoadConfig(std::nullopt, {}).config));
}

TEST(ConfigTest, WhatIsPrintedIsReadAgainAsItWas) {
  const LoadedConfig loaded =
      FromSettings({"kafka.listen=[::1]:9092", "node.rack=- a: \"b\" #c", "log.file=~"});
  ASSERT_THAT(loaded.problems, IsEmpty());
  const LoadedConfig again = FromYaml(ConfigToText(loaded.config));
  EXPECT_THAT(again.problems, IsEmpty());
  EXPECT_EQ(again.config.kafka.listen.host, loaded.config.kafka.listen.host);
  EXPECT_EQ(again.config.node.rack, "- a: \"b\" #c");
  EXPECT_EQ(again.config.log.file, "~");
}

TEST(ConfigTest, SettingsWinOverTheFile) {
  const LoadedConfig loaded =
      ParseConfig("raft: {heartbeat_ms: 50}\nshards: 3\n", "test.yaml", {"shards=2", "shards=4"});
  EXPECT_THAT(loaded.problems, IsEmpty());
  EXPECT_EQ(loaded.config.raft.heartbeat_ms, 50);
  EXPECT_EQ(loaded.config.shards, 4);
}

TEST(ConfigTest, FoundersReadTheSameFromFileAndCommandLine) {
  const LoadedConfig file = FromYaml(
      "node: {id: 2}\npeer: {listen: 127.0.0.1:6093}\n"
      "cluster:\n  founders:\n    - {id: 1, address: '127.0.0.1:6092'}\n"
      "    - {id: 2, address: '127.0.0.1:6093'}\n");
  const LoadedConfig line = FromSettings({"node.id=2", "peer.listen=127.0.0.1:6093",
                                          "cluster.founders=1@127.0.0.1:6092,2@127.0.0.1:6093"});
  EXPECT_THAT(file.problems, IsEmpty());
  EXPECT_THAT(line.problems, IsEmpty());
  EXPECT_THAT(file.config.cluster.founders, SizeIs(2));
  EXPECT_EQ(file.config.cluster.founders, line.config.cluster.founders);
}

TEST(ConfigTest, SizesMayCarryASuffix) {
  const LoadedConfig loaded =
      FromSettings({"storage.min_free_bytes=2GiB", "storage.cache_bytes=8 MiB"});
  EXPECT_THAT(loaded.problems, IsEmpty());
  EXPECT_EQ(loaded.config.storage.min_free_bytes, int64_t{2} << 30);
  EXPECT_EQ(loaded.config.storage.cache_bytes, 8 << 20);
}

TEST(ConfigTest, AllProblemsAreReportedAtOnceWithTheirOptions) {
  const LoadedConfig loaded = FromYaml(
      "node: {id: 0}\nshards: many\ngrpc: {listen: nowhere}\nlog: {level: loud}\ndata_dir: ''\n");
  EXPECT_THAT(loaded.problems, ElementsAre(StartsWith("node.id: "), StartsWith("shards: "),
                                           StartsWith("grpc.listen: "), StartsWith("log.level: "),
                                           StartsWith("data_dir: ")));
}

TEST(ConfigTest, UnknownKeyIsRefusedWithTheNearestOne) {
  EXPECT_THAT(FromYaml("raft: {hartbeat_ms: 100}\n").problems,
              ElementsAre(HasSubstr("did you mean raft.heartbeat_ms?")));
  EXPECT_THAT(FromSettings({"heartbeat_ms=100"}).problems,
              ElementsAre(HasSubstr("did you mean raft.heartbeat_ms?")));
  EXPECT_THAT(FromSettings({"zzz=1"}).problems, ElementsAre("zzz: there is no such option."));
}

TEST(ConfigTest, BrokenYamlIsOneSentenceWithTheLine) {
  const LoadedConfig loaded = FromYaml("shards: 1\nraft: {heartbeat_ms\n");
  ASSERT_THAT(loaded.problems, SizeIs(1));
  EXPECT_THAT(loaded.problems[0], StartsWith("test.yaml: is not valid YAML: line "));
  EXPECT_THAT(FromYaml("just words").problems, ElementsAre(HasSubstr("option: value")));
}

TEST(ConfigTest, OptionGivenTwiceInTheFileIsRefused) {
  EXPECT_THAT(FromYaml("shards: 1\nshards: 2\n").problems,
              ElementsAre("shards: stands twice in test.yaml; remove one of them."));
}

TEST(ConfigTest, UnreadableFileIsNamed) {
  EXPECT_THAT(LoadConfig("/nowhere/jangada.yaml", {}).problems,
              ElementsAre(StartsWith("/nowhere/jangada.yaml: cannot be read")));
}

TEST(ConfigTest, MalformedSettingIsRefused) {
  EXPECT_THAT(FromSettings({"shards"}).problems, ElementsAre(HasSubstr("key=value")));
}

TEST(ConfigTest, FoundersWithoutThisNodeAreRefusedUnlessJoining) {
  const std::string others = "cluster.founders=2@127.0.0.1:6093,3@127.0.0.1:6094";
  EXPECT_THAT(FromSettings({others}).problems,
              ElementsAre(StartsWith("cluster.founders: does not list this node")));
  EXPECT_THAT(FromSettings({others, "cluster.join=true"}).problems, IsEmpty());
}

TEST(ConfigTest, JoiningNodeMustKnowWhomToAsk) {
  EXPECT_THAT(FromSettings({"cluster.join=true"}).problems,
              ElementsAre(StartsWith("cluster.join: ")));
}

TEST(ConfigTest, FounderAtAnotherAddressThanItsOwnIsRefused) {
  EXPECT_THAT(FromSettings({"cluster.founders=1@127.0.0.1:6999"}).problems,
              ElementsAre(HasSubstr("but peer.advertised is 127.0.0.1:6092")));
}

TEST(ConfigTest, AFolderIsNoConfigAndAnEmptyFileIsTheDefaults) {
  EXPECT_THAT(LoadConfig(::testing::TempDir(), {}).problems,
              ElementsAre(HasSubstr("cannot be read")));
  EXPECT_THAT(LoadConfig("/dev/null", {}).problems, IsEmpty());
}

TEST(ConfigTest, FoundersThatRepeatAnIdOrAnAddressAreRefused) {
  EXPECT_THAT(FromSettings({"cluster.founders=1@127.0.0.1:6092,2@h:1,2@h:2"}).problems,
              ElementsAre("cluster.founders: lists node 2 twice."));
  EXPECT_THAT(FromSettings({"cluster.founders=1@127.0.0.1:6092,2@h:1,3@h:1"}).problems,
              ElementsAre("cluster.founders: gives h:1 to two nodes."));
}

TEST(ConfigTest, SamePortTwiceIsRefused) {
  EXPECT_THAT(
      FromSettings({"peer.listen=127.0.0.1:7092"}).problems,
      ElementsAre("peer.listen: port 7092 is also that of grpc.listen; each needs its own."));
  EXPECT_THAT(FromSettings({"peer.listen=127.0.0.2:7092"}).problems, IsEmpty());
}

TEST(ConfigTest, WildcardListenerNeedsAnAdvertisedAddress) {
  EXPECT_THAT(FromSettings({"grpc.listen=0.0.0.0:7092"}).problems,
              ElementsAre(StartsWith("grpc.advertised: must be set")));
  EXPECT_THAT(FromSettings({"grpc.listen=0.0.0.0:7092", "grpc.advertised=box:7092"}).problems,
              IsEmpty());
}

TEST(ConfigTest, KafkaClientsAreToldTheHostThatPeersUseUnlessAnotherIsNamed) {
  const std::vector<std::string> settings = {"peer.listen=0.0.0.0:6092", "peer.advertised=box:6092",
                                             "kafka.listen=0.0.0.0:9095"};
  const LoadedConfig loaded = FromSettings(settings);
  EXPECT_THAT(loaded.problems, IsEmpty());
  EXPECT_EQ(loaded.config.kafka.advertised->ToString(), "box:9095");
  EXPECT_EQ(FromSettings({"kafka.advertised=other:1"}).config.kafka.advertised->ToString(),
            "other:1");
}

TEST(ConfigTest, ElectionTimeoutMustSpanThreeHeartbeats) {
  EXPECT_THAT(FromSettings({"raft.heartbeat_ms=400"}).problems,
              ElementsAre(StartsWith("raft.election_timeout_ms: must be at least 3 times")));
}

TEST(ConfigTest, TimesOfRaftAreWholeTicks) {
  EXPECT_THAT(FromSettings({"raft.heartbeat_ms=205"}).problems,
              ElementsAre(HasSubstr("must be a multiple of 10 ms")));
}

TEST(ConfigTest, SizesThatContradictEachOtherAreRefused) {
  EXPECT_THAT(FromSettings({"raft.max_inflight_bytes=128MiB"}).problems,
              ElementsAre(StartsWith("raft.max_inflight_bytes: is above")));
}

}  // namespace
}  // namespace jangada::server
