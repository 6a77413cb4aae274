// The commands that stream, as scripts see them: what they say when they could not do the whole of
// what was asked.
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "client/cli/consume_command.h"
#include "client/cli/produce_command.h"
#include "client/cli/stop_signal.h"
#include "tests/client/client_fixture.h"

namespace jangada::client {
namespace {

class StreamCommandsTest : public ClientTest {
 protected:
  /// A file of so many lines; gone with the test.
  std::string FileOfLines(int count) {
    file_ = testing::TempDir() + "/stream_commands_test." + std::to_string(getpid());
    std::ofstream out(file_);
    for (int i = 0; i < count; ++i) out << i << "\n";
    return file_;
  }

  void TearDown() override {
    if (!file_.empty()) unlink(file_.c_str());
    ClientTest::TearDown();
  }

  Context context() { return {.client = *client_, .timeout_ms = kCallTimeoutMs}; }

 private:
  std::string file_;
};

/// While it lives, whatever is written to stdout fails as on a full disk.
class FullStdout {
 public:
  FullStdout() : kept_(dup(STDOUT_FILENO)) {
    std::fflush(stdout);
    const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    dup2(full, STDOUT_FILENO);
    close(full);
  }
  ~FullStdout() {
    std::fflush(stdout);
    std::clearerr(stdout);
    dup2(kept_, STDOUT_FILENO);
    close(kept_);
  }
  FullStdout(const FullStdout&) = delete;
  FullStdout& operator=(const FullStdout&) = delete;

 private:
  const int kept_;
};

TEST_F(StreamCommandsTest, AProduceThatIsInterruptedHasNotSucceeded) {
  cluster_.AddTopic("t", 1, NodeId(1));
  ProduceOptions options;
  options.topic = "t";
  options.file = FileOfLines(100'000);
  options.rate = 100;
  std::thread interrupter([&] {
    EXPECT_TRUE(Eventually([&] { return !cluster_.Records(At("t", 0)).empty(); }));
    raise(SIGINT);
  });
  const Status status = ProduceCommand(context(), options);
  interrupter.join();
  ASSERT_FALSE(status.ok()) << "most of the file was never sent";
  EXPECT_EQ(status.error().code, ErrorCode::kInternal);
}

TEST_F(StreamCommandsTest, AProduceThatReachesTheEndOfItsInputHasSucceeded) {
  cluster_.AddTopic("t", 1, NodeId(1));
  ProduceOptions options;
  options.topic = "t";
  options.file = FileOfLines(100);
  EXPECT_TRUE(ProduceCommand(context(), options).ok());
  EXPECT_EQ(cluster_.Records(At("t", 0)).size(), 100U);
}

TEST_F(StreamCommandsTest, OffsetsThatCannotBePrintedAreAFailure) {
  cluster_.AddTopic("t", 1, NodeId(1));
  ProduceOptions options;
  options.topic = "t";
  options.file = FileOfLines(10);
  options.print_offsets = true;
  Status status;
  {
    const FullStdout full;
    status = ProduceCommand(context(), options);
  }
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kIoError);
}

TEST_F(StreamCommandsTest, ACountThatIsInterruptedIsUnmet) {
  cluster_.AddTopic("t", 1, NodeId(1));
  ConsumeOptions options;
  options.topic = "t";
  options.count = 5;
  std::thread interrupter([&] {
    EXPECT_TRUE(Eventually([&] { return nodes_[1]->broker.fetches > 0; }));
    raise(SIGINT);
  });
  const auto started = std::chrono::steady_clock::now();
  const Status status = ConsumeCommand(context(), options);
  interrupter.join();
  EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::milliseconds(kCallTimeoutMs));
  ASSERT_FALSE(status.ok());
}

TEST_F(StreamCommandsTest, AnInterruptIsRemembered) {
  cluster_.AddTopic("t", 1, NodeId(1));
  ConsumeOptions options;
  options.topic = "t";
  options.follow = true;
  std::thread interrupter([&] {
    EXPECT_TRUE(Eventually([&] { return nodes_[1]->broker.fetches > 0; }));
    raise(SIGTERM);
  });
  EXPECT_TRUE(ConsumeCommand(context(), options).ok()) << "--follow ends in no other way";
  interrupter.join();
  EXPECT_EQ(StopSignal::caught(), SIGTERM);
}

TEST_F(StreamCommandsTest, AnEmptyInputDoesNotHideThatTheTopicIsUnknown) {
  ProduceOptions options;
  options.topic = "nowhere";
  options.file = FileOfLines(0);
  const Status status = ProduceCommand(context(), options);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kUnknownTopic);
}

TEST_F(StreamCommandsTest, APartitionThatIsNotThereIsRefusedBeforeAnythingIsSent) {
  cluster_.AddTopic("t", 2, NodeId(1));
  ProduceOptions options;
  options.topic = "t";
  options.values = {"a"};
  options.partition = 2;
  const Status status = ProduceCommand(context(), options);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(nodes_[1]->broker.produces, 0);
}

TEST_F(StreamCommandsTest, ValuesKeysHeadersAndTombstonesArriveAsGiven) {
  cluster_.AddTopic("t", 2, NodeId(1));
  ProduceOptions options;
  options.topic = "t";
  options.values = {"a", ""};
  options.has_key = true;
  options.headers = {"h=1=2"};
  options.null_values = true;
  options.partition = 1;
  ASSERT_TRUE(ProduceCommand(context(), options).ok());
  const auto records = cluster_.Records(At("t", 1));
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[0].key, "");
  EXPECT_EQ(records[0].value, "a");
  EXPECT_EQ(records[0].headers, (std::vector<RecordHeader>{{"h", "1=2"}}));
  EXPECT_EQ(records[1].value, std::nullopt);
}

TEST_F(StreamCommandsTest, ARangeWhoseRecordsWereDeletedMeanwhileIsThrough) {
  cluster_.AddTopic("t", 1, NodeId(1));
  ProduceOptions produce;
  produce.topic = "t";
  produce.file = FileOfLines(10);
  ASSERT_TRUE(ProduceCommand(context(), produce).ok());
  // Retention empties the partition after the command has read where it ends.
  cluster_.SetLogStart(At("t", 0), 10);
  ConsumeOptions options;
  options.topic = "t";
  const auto started = std::chrono::steady_clock::now();
  const Status status =
      PrintRanges(context(), options, {{{"t", 0}, {.start = 0, .end = 10}}}, true);
  EXPECT_TRUE(status.ok());
  EXPECT_LT(std::chrono::steady_clock::now() - started,
            std::chrono::milliseconds(kCallTimeoutMs / 2));
}

}  // namespace
}  // namespace jangada::client
