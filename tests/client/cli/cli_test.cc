// The command line's parts: formats, starts, lines, keys, tables, exit codes.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <thread>

#include "client/cli/base64.h"
#include "client/cli/exit_code.h"
#include "client/cli/line_source.h"
#include "client/cli/produce_command.h"
#include "client/cli/record_format.h"
#include "client/cli/start_position.h"
#include "client/cli/stop_signal.h"
#include "client/cli/table.h"
#include "client/cli/values.h"

namespace jangada::client {
namespace {

// ---- --format ----

std::string Format(std::string_view format, const Record& record) {
  const auto parsed = RecordFormat::Parse(format);
  EXPECT_TRUE(parsed.ok()) << format;
  std::string out;
  if (parsed.ok()) parsed->Append(&out, 3, record);
  return out;
}

TEST(RecordFormat, EveryFieldIsPrinted) {
  const Record record{.offset = 12,
                      .timestamp_ms = 1700000000000,
                      .key = "k",
                      .value = "v",
                      .headers = {{"a", "1"}, {"b", std::nullopt}}};
  EXPECT_EQ(Format("%k|%v|%o|%p|%t|%T|%h|%%\\n\\t\\r\\\\", record),
            "k|v|12|3|1700000000000|2023-11-14T22:13:20.000Z|a=1,b=|%\n\t\r\\");
}

TEST(RecordFormat, BytesGoOutAsTheyAre) {
  const std::string bytes("\0\xff\r\n%v\\n", 8);
  EXPECT_EQ(Format("%v", {.key = std::nullopt, .value = bytes, .headers = {}}), bytes);
  EXPECT_EQ(Format("a\\0b", {}), std::string("a\0b", 3));
}

TEST(RecordFormat, MissingKeysAndValuesPrintNothing) {
  EXPECT_EQ(Format("[%k][%v][%h]", {}), "[][][]");
}

TEST(RecordFormat, UnknownPiecesAreRefused) {
  for (const char* bad : {"%x", "%", "a\\", "\\q", "%v %z"}) {
    const auto parsed = RecordFormat::Parse(bad);
    ASSERT_FALSE(parsed.ok()) << bad;
    EXPECT_EQ(parsed.error().code, ErrorCode::kInvalidArgument);
  }
}

// ---- --from ----

int64_t TimeOf(std::string_view text) {
  const auto parsed = ParseStartPosition(text);
  EXPECT_TRUE(parsed.ok()) << text;
  if (!parsed.ok()) return -1;
  EXPECT_EQ(parsed->kind, StartPosition::Kind::kTime);
  return parsed->time_ms;
}

TEST(StartPosition, WordsAndOffsets) {
  EXPECT_EQ(ParseStartPosition("beginning")->kind, StartPosition::Kind::kBeginning);
  EXPECT_EQ(ParseStartPosition("end")->kind, StartPosition::Kind::kEnd);
  EXPECT_EQ(ParseStartPosition("42")->kind, StartPosition::Kind::kOffset);
  EXPECT_EQ(ParseStartPosition("42")->offset, 42);
  EXPECT_EQ(ParseStartPosition("-5")->kind, StartPosition::Kind::kLast);
  EXPECT_EQ(ParseStartPosition("-5")->offset, 5);
}

TEST(StartPosition, KafkasWordsForTheEndsAreUnderstood) {
  EXPECT_EQ(ParseStartPosition("earliest")->kind, StartPosition::Kind::kBeginning);
  EXPECT_EQ(ParseStartPosition("latest")->kind, StartPosition::Kind::kEnd);
}

TEST(StartPosition, Times) {
  EXPECT_EQ(TimeOf("@1700000000123"), 1700000000123);
  EXPECT_EQ(TimeOf("2023-11-14T22:13:20Z"), 1700000000000);
  EXPECT_EQ(TimeOf("2023-11-14t22:13:20.5z"), 1700000000500);
  EXPECT_EQ(TimeOf("2023-11-15 00:13:20.123456+02:00"), 1700000000123);
  EXPECT_EQ(TimeOf("2023-11-14T17:43:20-04:30"), 1700000000000);
  EXPECT_EQ(TimeOf("2024-02-29T00:00:00Z"), 1709164800000);
}

TEST(StartPosition, NonsenseIsRefused) {
  for (const char* bad :
       {"", "-0", "--1", "-", "1x", "@", "@-5", "start", "2023-11-14", "2023-11-14T22:13:20",
        "2023-13-01T00:00:00Z", "2023-02-30T00:00:00Z", "2023-11-14T25:00:00Z",
        "2023-11-14T22:13:20Zx", "2023-11-14T22:13:20.Z", "99999999999999999999"}) {
    EXPECT_FALSE(ParseStartPosition(bad).ok()) << bad;
  }
}

// ---- lines ----

class LineSourceTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(pipe2(pipe_, O_CLOEXEC), 0); }
  void TearDown() override {
    close(pipe_[0]);
    if (pipe_[1] >= 0) close(pipe_[1]);
  }

  std::vector<std::string> LinesOf(const std::string& bytes) {
    std::thread writer([&] {
      size_t at = 0;
      while (at < bytes.size()) {
        const ssize_t put = write(pipe_[1], bytes.data() + at, bytes.size() - at);
        if (put <= 0) break;
        at += static_cast<size_t>(put);
      }
      close(pipe_[1]);
      pipe_[1] = -1;
    });
    LineSource source(pipe_[0], stop_);
    std::vector<std::string> lines;
    for (;;) {
      const auto line = source.Next();
      EXPECT_TRUE(line.ok());
      if (!line.ok() || !line->has_value()) break;
      lines.push_back(**line);
    }
    writer.join();
    return lines;
  }

  int pipe_[2] = {-1, -1};
  StopSignal stop_;
};

using Lines = std::vector<std::string>;

TEST_F(LineSourceTest, TheLastLineNeedsNoNewlineAndEmptyLinesCount) {
  EXPECT_EQ(LinesOf("a\n\nb"), (Lines{"a", "", "b"}));
}

TEST_F(LineSourceTest, ANewlineAtTheEndIsNoLineOfItsOwn) { EXPECT_EQ(LinesOf("a\n"), Lines{"a"}); }

TEST_F(LineSourceTest, NothingIsNoLine) { EXPECT_EQ(LinesOf(""), Lines{}); }

TEST_F(LineSourceTest, OneEmptyLine) { EXPECT_EQ(LinesOf("\n"), Lines{""}); }

TEST_F(LineSourceTest, BytesAreKept) {
  const std::string odd("\0\xfe\r", 3);
  EXPECT_EQ(LinesOf(odd + "\n" + odd), (Lines{odd, odd}));
}

TEST_F(LineSourceTest, LinesLongerThanAReadAreWhole) {
  const std::string line(300'000, 'x');
  EXPECT_EQ(LinesOf("a\n" + line + "\nb\n"), (Lines{"a", line, "b"}));
}

TEST_F(LineSourceTest, AStopEndsTheWaitForInput) {
  LineSource source(pipe_[0], stop_);
  ASSERT_EQ(write(pipe_[1], "a\nhalf", 6), 6);
  EXPECT_EQ(**source.Next(), "a");
  stop_.Request();
  EXPECT_FALSE(source.Next()->has_value()) << "half a line is no record";
}

TEST(StopSignal, SigintAsks) {
  const StopSignal stop;
  EXPECT_FALSE(stop.requested());
  EXPECT_TRUE(stop.WaitFor(1000));
  raise(SIGINT);
  EXPECT_TRUE(stop.requested());
  EXPECT_FALSE(stop.WaitFor(60'000'000)) << "at once";
}

// ---- keys ----

TEST(RecordOfLine, WithoutOptionsThereIsNoKey) {
  const auto record = RecordOfLine("a\tb", {});
  EXPECT_EQ(record.key, std::nullopt);
  EXPECT_EQ(record.value, "a\tb");
}

TEST(RecordOfLine, TheSeparatorSplitsOnce) {
  const ProduceOptions options{.key_separator = "::"};
  EXPECT_EQ(RecordOfLine("k::v::w", options).key, "k");
  EXPECT_EQ(RecordOfLine("k::v::w", options).value, "v::w");
  EXPECT_EQ(RecordOfLine("::v", options).key, "") << "an empty key is a key";
  EXPECT_EQ(RecordOfLine("k::", options).value, "");
  EXPECT_EQ(RecordOfLine("none", options).key, std::nullopt);
  EXPECT_EQ(RecordOfLine("none", options).value, "none");
}

TEST(RecordOfLine, AWordCanBeTheKeyOfTheWholeLine) {
  const ProduceOptions options{.key_field = 3};
  const auto record = RecordOfLine("  2026-11-22 04:00:00\t install  vim", options);
  EXPECT_EQ(record.key, "install");
  EXPECT_EQ(record.value, "  2026-11-22 04:00:00\t install  vim");
  EXPECT_EQ(RecordOfLine("only two", options).key, std::nullopt);
}

// ---- the rest ----

TEST(Table, ColumnsAreAlignedAndNeverEmpty) {
  Table table({"NODE", "STATE"});
  table.Add({"1", "live"});
  table.Add({"12345", ""});
  EXPECT_EQ(table.ToString(), "NODE   STATE\n1      live\n12345  -\n");
  EXPECT_EQ(JoinNumbers({3, 1, 2}), "3,1,2");
}

TEST(Table, ColoursDoNotShiftColumnsAndLettersCountOnce) {
  Table table({"RACK", "STATE"});
  table.Add({"jo\u00e3o", {"DEAD", Tone::kBad}});
  table.Add({"b", "live"});
  EXPECT_EQ(table.ToString(false), "RACK  STATE\njo\u00e3o  DEAD\nb     live\n");
  EXPECT_EQ(table.ToString(true),
            "\x1b[1mRACK\x1b[0m  \x1b[1mSTATE\x1b[0m\njo\u00e3o  \x1b[1;31mDEAD\x1b[0m\n"
            "b     live\n");
}

TEST(Base64, PadsAsTheRfcSays) {
  for (const auto& [bytes, text] : {std::pair{"", ""},
                                    {"f", "Zg=="},
                                    {"fo", "Zm8="},
                                    {"foo", "Zm9v"},
                                    {"foobar", "Zm9vYmFy"}}) {
    EXPECT_EQ(Base64(bytes), text);
  }
  EXPECT_EQ(Base64(std::string("\xff\x00\xfe", 3)), "/wD+");
}

TEST(Base64, Utf8IsToldFromOtherBytes) {
  for (const char* good : {"", "plain", "jo\u00e3o", "\u20ac", "\U0001f40d", "\x7f"}) {
    EXPECT_TRUE(IsUtf8(good)) << good;
  }
  EXPECT_TRUE(IsUtf8(std::string("\0", 1)));
  for (const char* bad :
       {"\x80", "\xc3", "\xc0\x80", "\xe2\x82", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xe0\x80\x80",
        "\xff", "a\xc3(", "\xf4\x90\x80\x80"}) {
    EXPECT_FALSE(IsUtf8(bad)) << testing::PrintToString(bad);
  }
}

TEST(ExitCode, IsWhatScriptsRelyOn) {
  EXPECT_EQ(ExitCodeOf(ErrorCode::kInternal), 1);
  EXPECT_EQ(ExitCodeOf(ErrorCode::kInvalidArgument), 2);
  EXPECT_EQ(ExitCodeOf(ErrorCode::kUnknownTopic), 3);
  EXPECT_EQ(ExitCodeOf(ErrorCode::kUnavailable), 4);
  EXPECT_EQ(ExitCodeOf(ErrorCode::kTimeout), 4);
  EXPECT_EQ(ExitCodeOf(ErrorCode::kAlreadyExists), 5);
}

}  // namespace
}  // namespace jangada::client
