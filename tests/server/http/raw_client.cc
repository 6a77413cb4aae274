#include "tests/server/http/raw_client.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

namespace jangada::server::testing {
namespace {

constexpr int kPatienceMs = 10'000;

}  // namespace

RawClient::RawClient(uint16_t port) {
  fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  if (connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return;
  close(fd_);
  fd_ = -1;
}

RawClient::~RawClient() {
  if (fd_ >= 0) close(fd_);
}

bool RawClient::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

void RawClient::EndSending() { shutdown(fd_, SHUT_WR); }

bool RawClient::ReadSome(int patience_ms) {
  pollfd waiting{.fd = fd_, .events = POLLIN, .revents = 0};
  if (ended_ || poll(&waiting, 1, patience_ms) != 1) return false;
  char buffer[4096];
  const ssize_t bytes = read(fd_, buffer, sizeof buffer);
  ended_ = bytes <= 0;
  if (!ended_) read_.append(buffer, static_cast<size_t>(bytes));
  return !ended_;
}

std::string RawClient::ReadAnswer() {
  constexpr std::string_view kLength = "Content-Length: ";
  size_t end = std::string::npos;
  do {
    const size_t header = read_.find("\r\n\r\n");
    const size_t length = read_.find(kLength);
    if (header != std::string::npos && length < header) {
      end = header + 4 + static_cast<size_t>(std::atoll(&read_[length + kLength.size()]));
    }
  } while ((end == std::string::npos || read_.size() < end) && ReadSome(kPatienceMs));
  std::string answer = read_.substr(0, end);
  read_.erase(0, answer.size());
  return answer;
}

bool RawClient::ReadsEnd(int patience_ms) {
  while (ReadSome(patience_ms)) read_.clear();
  return ended_;
}

std::string Get(uint16_t port, const std::string& path) {
  RawClient client(port);
  client.Send("GET " + path + " HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
  return client.ReadAnswer();
}

std::string StatusLine(const std::string& answer) { return answer.substr(0, answer.find("\r\n")); }

std::string Body(const std::string& answer) {
  const size_t end = answer.find("\r\n\r\n");
  return end == std::string::npos ? "" : answer.substr(end + 4);
}

}  // namespace jangada::server::testing
