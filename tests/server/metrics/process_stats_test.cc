// What the system says of a process: of this test's own, where the truth is known.
#include "server/metrics/process_stats.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <latch>
#include <thread>
#include <vector>

namespace jangada::server {
namespace {

TEST(ProcessStatsTest, TheyArePlausibleForThisProcess) {
  const auto now =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch());
  const ProcessStats stats = ReadProcessStats();
  EXPECT_GT(stats.resident_bytes, 1 << 20);
  EXPECT_GT(stats.virtual_bytes, stats.resident_bytes);
  EXPECT_GT(stats.start_time_seconds, now.count() - 3600);
  EXPECT_LT(stats.start_time_seconds, now.count() + 2);
  EXPECT_GE(stats.open_fds, 3);
  EXPECT_GT(stats.max_fds, stats.open_fds);
  EXPECT_GE(stats.threads, 1);
}

TEST(ProcessStatsTest, OpenDescriptorsThreadsAndCpuAreCounted) {
  // With the first thread a sanitizer starts one of its own. The first lives until the end of the
  // test, for the kernel may still count a thread that has been joined.
  std::latch end(1);
  std::jthread first([&end] { end.wait(); });
  const ProcessStats before = ReadProcessStats();
  std::vector<int> fds;
  for (int i = 0; i < 7; ++i) fds.push_back(open("/dev/null", O_RDONLY));
  std::atomic<bool> stop = false;
  std::thread busy([&stop] {
    while (!stop) {
    }
  });
  ProcessStats during = ReadProcessStats();
  EXPECT_EQ(during.open_fds, before.open_fds + 7);
  EXPECT_EQ(during.threads, before.threads + 1);
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (during.cpu_seconds <= before.cpu_seconds && std::chrono::steady_clock::now() < until) {
    during = ReadProcessStats();
  }
  EXPECT_GT(during.cpu_seconds, before.cpu_seconds);
  stop = true;
  busy.join();
  end.count_down();
  for (const int fd : fds) close(fd);
}

TEST(ProcessStatsTest, ConnectionsToAPortAreCountedOnTheListenersSide) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(listener, 8), 0);
  socklen_t size = sizeof address;
  getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  const uint16_t port = ntohs(address.sin_port);
  EXPECT_EQ(CountConnections(port), 0u);
  std::vector<int> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(socket(AF_INET, SOCK_STREAM, 0));
    ASSERT_EQ(connect(clients.back(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  EXPECT_EQ(CountConnections(port), 3u);
  for (const int client : clients) close(client);
  close(listener);
}

}  // namespace
}  // namespace jangada::server
