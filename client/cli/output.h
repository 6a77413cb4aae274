// Output: how to speak to whoever called: tables or JSON, colours, a line of progress. And the
// clock of the commands. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace jangada::client {

struct Output {
  bool json = false;
  bool color = false;     // on stdout
  bool progress = false;  // stderr is a terminal

  /// Whole and at once to stdout. kIoError.
  Status Print(std::string_view text) const;
};

/// As the environment says: colours only on a terminal that has them, and not with NO_COLOR
/// (no-color.org).
Output OutputFor(bool json);

bool StdinIsTerminal();
bool StdoutIsTerminal();

/// Microseconds of a clock that never goes back.
int64_t NowUs();
/// Microseconds since 1970.
int64_t WallNowUs();

/// One line on stderr that is written over and over, and is gone when the Progress is.
class Progress {
 public:
  explicit Progress(const Output& output) : shown_(output.progress) {}
  ~Progress() { Wipe(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Is it time for a new line? At most ten times a second, and never if nobody sees it.
  bool Due() const;
  void Show(const std::string& line);
  void Wipe();

 private:
  const bool shown_;
  bool written_ = false;
  int64_t next_us_ = 0;
};

}  // namespace jangada::client
