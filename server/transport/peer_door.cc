#include "server/transport/peer_door.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "base/check.h"

namespace jangada::server {
namespace {

constexpr int kBacklog = 1024;
/// Where no descriptor is left, so long between two looks whether there is one again.
constexpr int kNoDescriptorsMs = 100;

int64_t NowUs() {
  using namespace std::chrono;
  return duration_cast<microseconds>(steady_clock::now().time_since_epoch()).count();
}

struct FarEnd {
  std::string address;
  uint16_t port = 0;
};

/// As text, an IPv4 address that came in on an IPv6 socket like any other.
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

/// What gRPC calls a peer: "ipv4:10.0.0.3:4711" or "ipv6:%5B::1%5D:4711", in older ones with plain
/// brackets.
std::optional<FarEnd> ParseFarEnd(const std::string& peer) {
  const size_t scheme = peer.find(':');
  const size_t colon = peer.rfind(':');
  if (scheme == std::string::npos || colon <= scheme) return std::nullopt;
  FarEnd end;
  const char* last = peer.data() + peer.size();
  const auto parsed = std::from_chars(peer.data() + colon + 1, last, end.port);
  if (parsed.ec != std::errc() || parsed.ptr != last) return std::nullopt;
  end.address = peer.substr(scheme + 1, colon - scheme - 1);
  for (const char* bracket : {"%5B", "%5D", "[", "]"}) {
    const size_t at = end.address.find(bracket);
    if (at != std::string::npos) end.address.erase(at, std::strlen(bracket));
  }
  return end;
}

void SetOption(int fd, int level, int name, int value) {
  setsockopt(fd, level, name, &value, sizeof value);
}

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

Error CannotListen(const Endpoint& listen, const std::string& why) {
  return {ErrorCode::kFailedPrecondition,
          "cannot listen for peers on " + listen.ToString() + " (" + why +
              "); stop the process that holds the port, or set another one"};
}

}  // namespace

PeerDoor::~PeerDoor() { Stop(); }

// ---- listening ----

Status PeerDoor::Open(const Endpoint& listen) {
  CHECK(sockets_.empty());
  std::vector<int> sockets;
  if (const Status listening = Listen(listen, &sockets); !listening.ok()) {
    for (const int fd : sockets) close(fd);
    return listening.error();
  }
  sockets_ = std::move(sockets);
  return {};
}

Status PeerDoor::Listen(const Endpoint& listen, std::vector<int>* sockets) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(listen.port);
  if (const int error = getaddrinfo(listen.host.c_str(), port.c_str(), &hints, &found)) {
    return CannotListen(listen, gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> addresses(found, freeaddrinfo);
  int not_here = 0;
  for (addrinfo* address = found; address != nullptr; address = address->ai_next) {
    if (!sockets->empty()) SetPort(address, port_);  // one port for all of the name's addresses
    const int fd = ListenOn(*address);
    if (fd < 0 && !IsNotHere(-fd)) return CannotListen(listen, std::strerror(-fd));
    if (fd < 0) {
      not_here = -fd;
      continue;
    }
    sockets->push_back(fd);
    port_ = PortOf(fd);
  }
  if (sockets->empty()) return CannotListen(listen, std::strerror(not_here));
  return {};
}

void PeerDoor::Start(std::function<void(int fd)> hand_over) {
  CHECK(!sockets_.empty() && !thread_.joinable());
  hand_over_ = std::move(hand_over);
  wake_fd_ = eventfd(0, EFD_CLOEXEC);
  CHECK_GE(wake_fd_, 0);
  thread_ = std::thread([this] { Run(); });
  pthread_setname_np(thread_.native_handle(), "peer-door");
}

void PeerDoor::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  if (thread_.joinable()) {
    const uint64_t one = 1;
    CHECK_EQ(write(wake_fd_, &one, sizeof one), static_cast<ssize_t>(sizeof one));
    thread_.join();
    close(std::exchange(wake_fd_, -1));
  }
  for (const int fd : std::exchange(sockets_, {})) close(fd);
  const std::lock_guard lock(mutex_);
  while (!strangers_.empty()) Forget(strangers_.begin());
}

void PeerDoor::Run() {
  std::vector<pollfd> waited{{wake_fd_, POLLIN, 0}};
  for (const int fd : sockets_) waited.push_back({fd, POLLIN, 0});
  while (true) {
    poll(waited.data(), waited.size(), CutLate());
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
    }
    for (size_t i = 1; i < waited.size(); ++i) {
      if (waited[i].revents != 0) AcceptAll(waited[i].fd);
    }
  }
}

void PeerDoor::AcceptAll(int socket) {
  while (true) {
    const int fd = accept4(socket, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) {
      SetOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
      Remember(fd);
      hand_over_(fd);
      continue;
    }
    if (errno == EINTR || errno == ECONNABORTED) continue;
    if (errno == EMFILE || errno == ENFILE) AwaitDescriptors();
    return;  // or nobody waits any more
  }
}

/// The strangers' are the first to go. The socket stays readable, so poll would not wait.
void PeerDoor::AwaitDescriptors() {
  {
    const std::lock_guard lock(mutex_);
    if (const uint64_t times = notices_.Note("no descriptors", NowUs())) {
      spdlog::error(
          "no file descriptor is left for connections to the peer port; raise the limit ("
          "ulimit -n) strangers={} times={}",
          strangers_.size(), times);
    }
    while (!strangers_.empty()) Cut(strangers_.begin(), "no file descriptor is left");
  }
  pollfd wake{wake_fd_, POLLIN, 0};
  poll(&wake, 1, kNoDescriptorsMs);
}

// ---- strangers ----

void PeerDoor::Remember(int fd) {
  const std::optional<FarEnd> end = FarEndOf(fd);
  const int second = end ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
  if (second < 0) return;  // it is gone already, or as good as
  const std::lock_guard lock(mutex_);
  if (const auto same = by_far_end_.find({end->address, end->port}); same != by_far_end_.end()) {
    Forget(same->second);  // an earlier connection of that port, closed long ago
  }
  if (by_address_[end->address] >= limits_.strangers_of_address) {
    Cut(std::find_if(strangers_.begin(), strangers_.end(),
                     [&](const Stranger& stranger) { return stranger.address == end->address; }),
        "too many of its address have not said who they are");
  } else if (strangers_.size() >= limits_.strangers) {
    Cut(strangers_.begin(), "too many have not said who they are");
  }
  strangers_.push_back({second, end->address, end->port, NowUs()});
  by_far_end_[{end->address, end->port}] = std::prev(strangers_.end());
  ++by_address_[end->address];
}

void PeerDoor::Cut(Strangers::iterator stranger, const char* why) {
  if (const uint64_t times = notices_.Note(why, NowUs())) {
    spdlog::warn("connection to the peer port cut from={} times={} reason=\"{}\"",
                 stranger->address, times, why);
  }
  shutdown(stranger->fd, SHUT_RDWR);  // gRPC's descriptor of it reads its end
  Forget(stranger);
}

void PeerDoor::Forget(Strangers::iterator stranger) {
  close(stranger->fd);
  by_far_end_.erase({stranger->address, stranger->port});
  const auto count = by_address_.find(stranger->address);
  if (--count->second == 0) by_address_.erase(count);
  strangers_.erase(stranger);
}

/// Cuts those whose time is over. Milliseconds until the next one's is; -1: there is none.
int PeerDoor::CutLate() {
  const std::lock_guard lock(mutex_);
  const int64_t now_us = NowUs();
  while (!strangers_.empty() && now_us - strangers_.front().since_us >= limits_.patience_us) {
    Cut(strangers_.begin(), "it has not said who it is in time");
  }
  if (strangers_.empty()) return -1;
  return static_cast<int>((strangers_.front().since_us + limits_.patience_us - now_us + 999) /
                          1000);
}

void PeerDoor::OnAdmitted(const std::string& peer) {
  const std::optional<FarEnd> end = ParseFarEnd(peer);
  if (!end) return;
  const std::lock_guard lock(mutex_);
  const auto known = by_far_end_.find({end->address, end->port});
  if (known != by_far_end_.end()) Forget(known->second);
}

size_t PeerDoor::strangers() const {
  const std::lock_guard lock(mutex_);
  return strangers_.size();
}

}  // namespace jangada::server
