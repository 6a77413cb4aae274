// What connects to a port in tests of the listening ends: plain TCP connections that say what they
// are told and notice that they are cut.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace jangada::server {

inline constexpr std::chrono::seconds kConnectionPatience{15};

/// A TCP connection to a port of this machine, from the loopback address `from`.
class Connection {
 public:
  explicit Connection(uint16_t port, const char* from = "127.0.0.1")
      : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    inet_pton(AF_INET, from, &address.sin_addr);
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    address.sin_port = htons(port);
    EXPECT_EQ(connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  Connection(Connection&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ~Connection() {
    if (fd_ >= 0) close(fd_);
  }

  void Say(const std::string& bytes) const {
    EXPECT_EQ(send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  /// Nothing more will be said.
  void Finish() const { shutdown(fd_, SHUT_WR); }
  /// All that comes until the far end closes; it may not reset the connection.
  std::string ReadToEnd() const {
    std::string all;
    char bytes[4096];
    while (true) {
      const ssize_t got = recv(fd_, bytes, sizeof bytes, 0);
      EXPECT_GE(got, 0) << "reset";
      if (got <= 0) return all;
      all.append(bytes, static_cast<size_t>(got));
    }
  }
  /// As the far end names it.
  std::string Name() const {
    sockaddr_in address{};
    socklen_t length = sizeof address;
    EXPECT_EQ(getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length), 0);
    char text[INET_ADDRSTRLEN] = {};
    inet_ntop(AF_INET, &address.sin_addr, text, sizeof text);
    return "ipv4:" + std::string(text) + ":" + std::to_string(ntohs(address.sin_port));
  }
  /// The far end has closed it.
  bool IsCut() const {
    char bytes[256];
    while (true) {
      const ssize_t got = recv(fd_, bytes, sizeof bytes, MSG_DONTWAIT);
      if (got > 0) continue;  // what gRPC says first
      return got == 0 || errno != EAGAIN;
    }
  }

 private:
  int fd_;
};

inline size_t CountCut(const std::vector<Connection>& connections) {
  return static_cast<size_t>(std::count_if(connections.begin(), connections.end(),
                                           [](const auto& one) { return one.IsCut(); }));
}

inline bool Eventually(const std::function<bool()>& condition) {
  using std::chrono::steady_clock;
  for (const auto end = steady_clock::now() + kConnectionPatience; steady_clock::now() < end;) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return condition();
}

}  // namespace jangada::server
