// HistoryFile: the file of operations that a workload of the chaos lab writes, one EDN map a line
// (tests/history/edn.h). Several processes may write one file: each line is one appended write, so
// lines are whole, stand in the order in which they were added, and are there when a process is
// killed a moment later. Any thread.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <string>

#include "tests/history/edn.h"

namespace jangada::chaos {

class HistoryFile {
 public:
  explicit HistoryFile(const std::string& path)
      : file_(open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)) {}
  ~HistoryFile() {
    if (file_ >= 0) close(file_);
  }
  HistoryFile(const HistoryFile&) = delete;
  HistoryFile& operator=(const HistoryFile&) = delete;

  void Add(const history::Operation& operation) {
    const std::string line = history::ToEdn(operation) + "\n";
    if (write(file_, line.data(), line.size()) != static_cast<ssize_t>(line.size())) broken_ = true;
  }

  /// Adds how an operation ended: as `began`, but of that type.
  void End(history::Operation began, history::Type type, const std::string& error = "") {
    began.type = type;
    for (const char c : error) began.error += c == '"' ? '\'' : c;
    Add(began);
  }

  /// False: something could not be written, so the file is no history.
  bool good() const { return file_ >= 0 && !broken_; }

 private:
  const int file_;
  std::atomic<bool> broken_{false};
};

}  // namespace jangada::chaos
