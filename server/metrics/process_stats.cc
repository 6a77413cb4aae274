#include "server/metrics/process_stats.h"

#include <sys/resource.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace jangada::server {
namespace {

/// Places of /proc/self/stat (man 5 proc), counted from the state, which follows the name.
enum StatField : size_t {
  kUserTicks = 11,
  kSystemTicks = 12,
  kThreads = 17,
  kStartTicks = 19,
  kVirtualBytes = 20,
  kResidentPages = 21
};

std::vector<std::string> StatFields() {
  std::ifstream in("/proc/self/stat");
  std::string line;
  std::getline(in, line);
  // The name is in parentheses and may hold anything, parentheses and blanks too.
  const size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return {};
  std::istringstream rest(line.substr(name_end + 1));
  std::vector<std::string> fields;
  for (std::string field; rest >> field;) fields.push_back(field);
  return fields;
}

double NumberAt(const std::vector<std::string>& fields, StatField place) {
  if (place >= fields.size()) return 0;
  double number = 0;
  const std::string& text = fields[place];
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

/// When the machine started, in seconds since 1970.
double BootTime() {
  std::ifstream in("/proc/stat");
  for (std::string word; in >> word;) {
    double seconds = 0;
    if (word == "btime" && in >> seconds) return seconds;
  }
  return 0;
}

int64_t OpenFds() {
  std::error_code error;
  int64_t count = 0;
  for (std::filesystem::directory_iterator fd("/proc/self/fd", error), end; !error && fd != end;
       fd.increment(error)) {
    ++count;
  }
  return count > 0 ? count - 1 : 0;  // without the one that reads the folder
}

size_t CountConnectionsIn(const char* table, uint16_t port) {
  constexpr char kEstablished[] = "01";
  std::ifstream in(table);
  std::string line;
  std::getline(in, line);  // the headings
  size_t count = 0;
  while (std::getline(in, line)) {
    std::istringstream fields(line);
    std::string number, local, remote, state;
    if (!(fields >> number >> local >> remote >> state) || state != kEstablished) continue;
    uint16_t local_port = 0;
    const size_t colon = local.rfind(':');
    if (colon == std::string::npos) continue;
    std::from_chars(local.data() + colon + 1, local.data() + local.size(), local_port, 16);
    if (local_port == port) ++count;
  }
  return count;
}

}  // namespace

ProcessStats ReadProcessStats() {
  const std::vector<std::string> fields = StatFields();
  const auto ticks_per_second = static_cast<double>(sysconf(_SC_CLK_TCK));
  ProcessStats stats;
  stats.cpu_seconds =
      (NumberAt(fields, kUserTicks) + NumberAt(fields, kSystemTicks)) / ticks_per_second;
  stats.start_time_seconds = BootTime() + NumberAt(fields, kStartTicks) / ticks_per_second;
  stats.resident_bytes = static_cast<int64_t>(NumberAt(fields, kResidentPages)) *
                         static_cast<int64_t>(sysconf(_SC_PAGESIZE));
  stats.virtual_bytes = static_cast<int64_t>(NumberAt(fields, kVirtualBytes));
  stats.threads = static_cast<int64_t>(NumberAt(fields, kThreads));
  stats.open_fds = OpenFds();
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) stats.max_fds = static_cast<int64_t>(limit.rlim_cur);
  return stats;
}

size_t CountConnections(uint16_t port) {
  return CountConnectionsIn("/proc/self/net/tcp", port) +
         CountConnectionsIn("/proc/self/net/tcp6", port);
}

}  // namespace jangada::server
