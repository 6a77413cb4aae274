// See cutting_proxy.h.
#include "tests/server/grpc/cutting_proxy.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"

namespace jangada::server::testing {
namespace {

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

}  // namespace

CuttingProxy::CuttingProxy(uint16_t target_port) : target_port_(target_port) {
  listener_ = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = Loopback(0);
  CHECK_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  CHECK_EQ(listen(listener_, 16), 0);
  socklen_t length = sizeof address;
  CHECK_EQ(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length), 0);
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { Accept(); });
}

CuttingProxy::~CuttingProxy() {
  Cut();
  acceptor_.join();
  for (std::thread& relay : relays_) relay.join();
  for (const int fd : sockets_) close(fd);
  close(listener_);
}

void CuttingProxy::Cut() {
  const std::lock_guard lock(mutex_);
  cut_ = true;
  shutdown(listener_, SHUT_RDWR);
  for (const int fd : sockets_) shutdown(fd, SHUT_RDWR);
}

void CuttingProxy::Accept() {
  while (true) {
    const int client = accept(listener_, nullptr, nullptr);
    if (client < 0) return;
    const int target = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address = Loopback(target_port_);
    const int connected = connect(target, reinterpret_cast<sockaddr*>(&address), sizeof address);
    const std::lock_guard lock(mutex_);
    sockets_.push_back(client);
    sockets_.push_back(target);
    if (connected != 0 || cut_) {
      shutdown(client, SHUT_RDWR);
      continue;
    }
    relays_.emplace_back([this, client, target] { Relay(client, target); });
    relays_.emplace_back([this, client, target] { Relay(target, client); });
  }
}

void CuttingProxy::Relay(int from, int to) {
  char buffer[65536];
  while (true) {
    const ssize_t got = read(from, buffer, sizeof buffer);
    if (got <= 0) break;
    for (ssize_t sent = 0; sent < got;) {
      const ssize_t part = send(to, buffer + sent, static_cast<size_t>(got - sent), MSG_NOSIGNAL);
      if (part <= 0) return;
      sent += part;
    }
  }
  shutdown(to, SHUT_RDWR);
}

}  // namespace jangada::server::testing
