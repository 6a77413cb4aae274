#include "client/cli/output.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

namespace jangada::client {
namespace {

constexpr int64_t kProgressEveryUs = 100'000;
constexpr size_t kUsualWidth = 80;

bool IsSet(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0';
}

size_t TerminalWidth() {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kUsualWidth;
  return size.ws_col;
}

}  // namespace

Status Output::Print(std::string_view text) const {
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0) {
    return {};
  }
  return Error{ErrorCode::kIoError, "stdout can't be written to"};
}

Output OutputFor(bool json) {
  const char* term = std::getenv("TERM");
  const bool dumb = term == nullptr || std::string_view(term) == "dumb";
  return {.json = json,
          .color = !json && !dumb && !IsSet("NO_COLOR") && StdoutIsTerminal(),
          .progress = !dumb && isatty(STDERR_FILENO) != 0};
}

bool StdinIsTerminal() { return isatty(STDIN_FILENO) != 0; }
bool StdoutIsTerminal() { return isatty(STDOUT_FILENO) != 0; }

int64_t NowUs() {
  using std::chrono::steady_clock;
  const auto now = steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

int64_t WallNowUs() {
  using std::chrono::system_clock;
  const auto now = system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

bool Progress::Due() const { return shown_ && NowUs() >= next_us_; }

void Progress::Show(const std::string& line) {
  if (!shown_) return;
  std::fprintf(stderr, "\r%s\x1b[K", line.substr(0, TerminalWidth() - 1).c_str());
  std::fflush(stderr);
  written_ = true;
  next_us_ = NowUs() + kProgressEveryUs;
}

void Progress::Wipe() {
  if (!written_) return;
  std::fputs("\r\x1b[K", stderr);
  std::fflush(stderr);
  written_ = false;
}

}  // namespace jangada::client
