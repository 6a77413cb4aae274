#include "client/cli/completion.h"

#include <gtest/gtest.h>

#include "client/cli/command_line.h"
#include "tests/client/cli/table_of_commands.h"

namespace jangada::client {
namespace {

using Words = std::vector<std::string>;

class CompletionTest : public testing::Test {
 protected:
  Candidates At(const Words& words) { return Complete(table_, globals_, words); }
  Words WordsAt(const Words& words) { return At(words).words; }

  const Command table_ = WholeTable();
  GlobalOptions values_;
  const std::vector<Option> globals_ = OptionsOf(&values_);
};

TEST_F(CompletionTest, CommandsAreOffered) {
  EXPECT_EQ(WordsAt({"par"}), Words{"partition"});
  EXPECT_EQ(WordsAt({"partition", ""}), (Words{"list", "move", "transfer-leader"}));
  EXPECT_EQ(WordsAt({"-b", "localhost:7092", "topic", "de"}), (Words{"describe", "delete"}));
}

TEST_F(CompletionTest, OptionsAreOfferedBehindADash) {
  EXPECT_EQ(WordsAt({"topic", "create", "t", "--part"}), Words{"--partitions"});
  EXPECT_EQ(WordsAt({"topic", "create", "t", "--out"}), Words{"--output"}) << "of every command";
  EXPECT_EQ(WordsAt({"--boot"}), Words{"--bootstrap"});
}

TEST_F(CompletionTest, WordsOfAnOptionAreOffered) {
  EXPECT_EQ(WordsAt({"topic", "list", "-o", ""}), (Words{"table", "json"}));
  EXPECT_EQ(WordsAt({"topic", "list", "--output", "=", "j"}), Words{"json"}) << "as bash cuts it";
  EXPECT_EQ(WordsAt({"topic", "list", "--output", "="}), (Words{"table", "json"}));
  EXPECT_EQ(WordsAt({"produce", "t", "--compression", "z"}), Words{"zstd"});
}

TEST_F(CompletionTest, AnAddressThatBashCutIsOneWord) {
  EXPECT_EQ(JoinedAtColons({"-b", "a", ":", "7092,b", ":", "7093", "topic", ""}),
            (Words{"-b", "a:7092,b:7093", "topic", ""}));
  EXPECT_EQ(JoinedAtColons({"-b", "a", ":"}), (Words{"-b", "a:"}));
  EXPECT_EQ(JoinedAtColons({":"}), Words{":"});
}

TEST_F(CompletionTest, TopicsNodesFilesAndProfilesAreAskedFor) {
  EXPECT_EQ(At({"topic", "describe", "ev"}).dynamic, Completion::kTopics);
  EXPECT_EQ(At({"topic", "describe", "ev"}).prefix, "ev");
  EXPECT_EQ(At({"produce", "--rate", "5", "events", ""}).dynamic, Completion::kFiles);
  EXPECT_EQ(At({"node", "remove", ""}).dynamic, Completion::kNodes);
  EXPECT_EQ(At({"partition", "transfer-leader", "t", "0", ""}).dynamic, Completion::kNodes);
  EXPECT_EQ(At({"--profile", ""}).dynamic, Completion::kProfiles);
}

TEST_F(CompletionTest, NothingIsOfferedWhereNothingFits) {
  const Candidates behind = At({"topic", "describe", "events", ""});
  EXPECT_EQ(behind.words, Words{});
  EXPECT_EQ(behind.dynamic, Completion::kNothing) << "it takes one topic";
  EXPECT_EQ(At({"topic", "create", ""}).dynamic, Completion::kNothing) << "a new name";
  EXPECT_EQ(WordsAt({"produce", "t", "--rate", ""}), Words{});
  EXPECT_EQ(At({"partition", "list", "a", ""}).dynamic, Completion::kTopics) << "it takes many";
  EXPECT_EQ(WordsAt({}), Words{});
}

TEST_F(CompletionTest, HiddenCommandsStayHidden) {
  for (const std::string& word : WordsAt({""})) EXPECT_FALSE(word.starts_with("__"));
}

}  // namespace
}  // namespace jangada::client
