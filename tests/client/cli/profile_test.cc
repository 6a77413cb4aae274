#include "client/cli/profile.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace jangada::client {
namespace {

using Nodes = std::vector<std::string>;

constexpr const char* kGood = R"(default: local
profiles:
  local:
    bootstrap: [127.0.0.1:7092, 127.0.0.1:7093]
  production:
    bootstrap: log1:7092,log2:7092
    timeout: 30s
)";

class ProfileTest : public testing::Test {
 protected:
  ProfileTest()
      : path_(std::filesystem::path(testing::TempDir()) /
              ("profile_test." + std::to_string(getpid()) + ".yaml")) {}
  void TearDown() override { std::filesystem::remove(path_); }

  void Write(const std::string& text) { std::ofstream(path_) << text; }

  Result<Connection> Choose(const Choice& choice, std::map<std::string, std::string> set = {}) {
    set.emplace("JANGADA_PROFILES", path_.string());
    return ChooseConnection(choice, [set](const std::string& name) {
      const auto found = set.find(name);
      return found == set.end() ? std::nullopt : std::optional(found->second);
    });
  }

  const std::filesystem::path path_;
};

TEST_F(ProfileTest, TheFirstThatIsGivenCounts) {
  Write(kGood);
  const std::map<std::string, std::string> both{{"JANGADA_BOOTSTRAP", "a:1,b:2"},
                                                {"JANGADA_PROFILE", "production"}};
  EXPECT_EQ(Choose({.bootstrap = {"x:1"}, .profile = "production"}, both)->bootstrap, Nodes{"x:1"});
  EXPECT_EQ(Choose({.bootstrap = {}, .profile = "local"}, both)->profile, "local");
  EXPECT_EQ(Choose({}, both)->bootstrap, (Nodes{"a:1", "b:2"}));
  EXPECT_EQ(Choose({}, {{"JANGADA_PROFILE", "production"}})->bootstrap,
            (Nodes{"log1:7092", "log2:7092"}));
  EXPECT_EQ(Choose({})->profile, "local") << "the file's default";
  Write("profiles: {}");
  EXPECT_EQ(Choose({})->bootstrap, Nodes{"127.0.0.1:7092"});
}

TEST_F(ProfileTest, WithoutAFileThereIsStillANode) {
  EXPECT_EQ(Choose({})->bootstrap, Nodes{"127.0.0.1:7092"});
}

TEST_F(ProfileTest, AProfileMayBringItsPatience) {
  Write(kGood);
  EXPECT_EQ(Choose({.bootstrap = {}, .profile = "production"})->timeout_ms, 30'000);
  EXPECT_EQ(Choose({.bootstrap = {}, .profile = "local"})->timeout_ms, std::nullopt);
}

TEST_F(ProfileTest, ABrokenFileHurtsOnlyWhoNeedsIt) {
  Write("profiles: [");
  EXPECT_TRUE(Choose({.bootstrap = {"x:1"}, .profile = {}}).ok());
  EXPECT_TRUE(Choose({}, {{"JANGADA_BOOTSTRAP", "a:1"}}).ok());
  const auto refused = Choose({});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
}

TEST_F(ProfileTest, AnUnknownProfileSuggestsTheRightOne) {
  Write(kGood);
  const auto refused = Choose({.bootstrap = {}, .profile = "prodution"});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(refused.error().message, "there is no profile 'prodution' in " + path_.string() +
                                         "; did you mean 'production'?");
}

TEST_F(ProfileTest, AMissingFileIsNamed) {
  const auto refused = Choose({.bootstrap = {}, .profile = "production"});
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message.find("there is no file " + path_.string()), std::string::npos);
}

TEST_F(ProfileTest, AFileThatCannotBeReadIsNamed) {
  std::filesystem::create_directory(path_);
  const auto refused = Choose({});
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message.find(path_.string()), std::string::npos);
}

struct BrokenFile {
  const char* text;
  const char* sentence;
};

TEST_F(ProfileTest, EveryMistakeIsToldWithItsLine) {
  for (const auto& [text, sentence] : std::initializer_list<BrokenFile>{
           {"profiles: [", "file, line 1: this is no YAML: "},
           {"just words", "file, line 1: must hold 'profiles:'"},
           {"profile:\n  a:\n    bootstrap: [x:1]\n",
            "file, line 1: 'profile' means nothing here; did you mean 'profiles'?"},
           {"profiles:\n  a:\n    bootsrap: [x:1]\n",
            "file, line 3: 'bootsrap' is no setting of a profile; did you mean 'bootstrap'?"},
           {"profiles:\n  a:\n    timeout: 3s\n", "file, line 3: profile 'a' lacks 'bootstrap:"},
           {"profiles:\n  a:\n    bootstrap: []\n", "file, line 3: 'bootstrap' is a list"},
           {"profiles:\n  a:\n    bootstrap: [x:1]\n    timeout: soon\n",
            "file, line 4: 'timeout' is a length such as 30s"},
           {"profiles:\n  a:\n    bootstrap: [x:1]\n    timeout: 100000h\n",
            "file, line 4: 'timeout' is a length such as 30s"},
           {"profiles:\n  a: x:1\n", "file, line 2: profile 'a' must hold"},
           {"profiles: 3\n", "file, line 1: 'profiles' holds profiles by name"},
           {"profiles:\n  local:\n    bootstrap: [x:1]\ndefault: locla\n",
            "file, line 4: there is no profile 'locla'; did you mean 'local'?"}}) {
    const auto refused = ParseProfiles(text, "file");
    ASSERT_FALSE(refused.ok()) << text;
    EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument) << text;
    EXPECT_TRUE(refused.error().message.starts_with(sentence)) << refused.error().message;
  }
}

TEST_F(ProfileTest, AnEmptyFileHoldsNothing) {
  EXPECT_TRUE(ParseProfiles("", "file").ok());
  EXPECT_TRUE(ParseProfiles("# nothing yet\n", "file")->by_name.empty());
}

TEST(ProfilesPath, FollowsTheEnvironment) {
  std::map<std::string, std::string> set{{"HOME", "/h"}};
  const Environment environment = [&set](const std::string& name) {
    const auto found = set.find(name);
    return found == set.end() ? std::nullopt : std::optional(found->second);
  };
  EXPECT_EQ(ProfilesPath(environment), "/h/.config/jangada/profile.yaml");
  set["XDG_CONFIG_HOME"] = "/x";
  EXPECT_EQ(ProfilesPath(environment), "/x/jangada/profile.yaml");
  set["JANGADA_PROFILES"] = "/p.yaml";
  EXPECT_EQ(ProfilesPath(environment), "/p.yaml");
}

}  // namespace
}  // namespace jangada::client
