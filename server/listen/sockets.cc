#include "server/listen/sockets.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>

#include "base/check.h"

namespace jangada::server {
namespace {

constexpr int kBacklog = 1024;

/// A listening socket, or the errno that says why there is none, negated.
int ListenOn(const addrinfo& address) {
  const int fd = socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -errno;
  SetOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (address.ai_family == AF_INET6) SetOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
  const bool listening =
      bind(fd, address.ai_addr, address.ai_addrlen) == 0 && listen(fd, kBacklog) == 0;
  if (listening) return fd;
  const int error = errno;
  close(fd);
  return -error;
}

/// "localhost" has an IPv6 address in many a /etc/hosts of a machine that has no IPv6.
bool IsNotHere(int error) { return error == EAFNOSUPPORT || error == EADDRNOTAVAIL; }

uint16_t PortOf(int fd) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  CHECK_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length), 0);
  const bool v4 = storage.ss_family == AF_INET;
  return ntohs(v4 ? reinterpret_cast<const sockaddr_in*>(&storage)->sin_port
                  : reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_port);
}

void SetPort(addrinfo* address, uint16_t port) {
  if (address->ai_family == AF_INET) {
    reinterpret_cast<sockaddr_in*>(address->ai_addr)->sin_port = htons(port);
  } else {
    reinterpret_cast<sockaddr_in6*>(address->ai_addr)->sin6_port = htons(port);
  }
}

/// Adds to `listening`; the errno of an address that is here and can't be had, or 0.
int ListenOnAll(addrinfo* addresses, Listening* listening, int* not_here) {
  for (addrinfo* address = addresses; address != nullptr; address = address->ai_next) {
    // One port for all of the name's addresses.
    if (!listening->sockets.empty()) SetPort(address, listening->port);
    const int fd = ListenOn(*address);
    if (fd < 0 && !IsNotHere(-fd)) return -fd;
    if (fd < 0) {
      *not_here = -fd;
      continue;
    }
    listening->sockets.push_back(fd);
    listening->port = PortOf(fd);
  }
  return 0;
}

}  // namespace

std::optional<FarEnd> FarEndOf(int fd) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return std::nullopt;
  char text[INET6_ADDRSTRLEN] = {};
  if (storage.ss_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(&storage);
    inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text);
    return FarEnd{text, ntohs(v4->sin_port)};
  }
  const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&storage);
  if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
    inet_ntop(AF_INET, v6->sin6_addr.s6_addr + 12, text, sizeof text);
  } else {
    inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text);
  }
  return FarEnd{text, ntohs(v6->sin6_port)};
}

std::optional<FarEnd> ParseFarEnd(const std::string& peer) {
  const size_t scheme = peer.find(':');
  const size_t colon = peer.rfind(':');
  if (scheme == std::string::npos || colon <= scheme) return std::nullopt;
  uint16_t port = 0;
  const char* last = peer.data() + peer.size();
  const auto parsed = std::from_chars(peer.data() + colon + 1, last, port);
  if (parsed.ec != std::errc() || parsed.ptr != last) return std::nullopt;
  std::string address = peer.substr(scheme + 1, colon - scheme - 1);
  for (const char* bracket : {"%5B", "%5D", "[", "]"}) {
    const size_t at = address.find(bracket);
    if (at != std::string::npos) address.erase(at, std::strlen(bracket));
  }
  return FarEnd{address, port};
}

Result<Listening> ListenOn(const std::string& host, uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found)) {
    return Error{ErrorCode::kFailedPrecondition, gai_strerror(error)};
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> addresses(found, freeaddrinfo);
  Listening listening;
  int not_here = 0;
  int error = ListenOnAll(found, &listening, &not_here);
  if (error == 0 && listening.sockets.empty()) error = not_here;
  if (error == 0) return listening;
  for (const int fd : listening.sockets) close(fd);
  return Error{ErrorCode::kFailedPrecondition,
               error == EADDRINUSE
                   ? "port " + std::to_string(port) + " is in use by another process"
                   : std::strerror(error)};
}

void SetOption(int fd, int level, int name, int value) {
  setsockopt(fd, level, name, &value, sizeof value);
}

}  // namespace jangada::server
