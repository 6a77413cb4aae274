// ServerProcess: one jangada-server as a process of its own. Ends only what it started, and is
// ended with it: a test that dies leaves no server behind. One thread.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace jangada::integration {

class ServerProcess {
 public:
  /// What it prints is appended to `log`.
  ServerProcess(const std::vector<std::string>& arguments, const std::string& log);
  ~ServerProcess();  // SIGKILL
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  void Signal(int signal) const;
  /// SIGKILL, and waits for its end.
  void Kill();
  /// How it ended: the exit code, or 128 + the signal. nullopt: it still runs.
  std::optional<int> Wait(std::chrono::milliseconds patience);
  bool Runs() { return !Wait(std::chrono::milliseconds(0)).has_value(); }

 private:
  pid_t pid_ = -1;
  std::optional<int> ended_;
};

/// Ports of loopback that nobody listens on, below those that outgoing connections take. No two
/// calls and no two test programs that run at once get the same.
std::vector<int> FreePorts(size_t count);

/// The whole file; empty if it is not there.
std::string ReadFile(const std::string& path);

}  // namespace jangada::integration
