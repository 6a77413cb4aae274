#include "server/listen/front_door.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <iterator>
#include <utility>

#include "base/check.h"

namespace jangada::server {
namespace {

/// Where no descriptor is left, so long between two looks whether there is one again.
constexpr int kNoDescriptorsMs = 100;

int64_t NowUs() {
  using namespace std::chrono;
  return duration_cast<microseconds>(steady_clock::now().time_since_epoch()).count();
}

}  // namespace

FrontDoor::~FrontDoor() { Stop(); }

Status FrontDoor::Open(const std::string& host, uint16_t port) {
  CHECK(listening_.sockets.empty());
  TRY_ASSIGN(listening_, ListenOn(host, port));
  return {};
}

void FrontDoor::Start(std::function<void(int fd)> hand_over) {
  CHECK(!listening_.sockets.empty() && !thread_.joinable());
  hand_over_ = std::move(hand_over);
  wake_fd_ = eventfd(0, EFD_CLOEXEC);
  CHECK_GE(wake_fd_, 0);
  thread_ = std::thread([this] { Run(); });
  pthread_setname_np(thread_.native_handle(), (options_.name + "-door").substr(0, 15).c_str());
}

void FrontDoor::Stop() {
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
  for (const int fd : std::exchange(listening_.sockets, {})) close(fd);
  const std::lock_guard lock(mutex_);
  while (!strangers_.empty()) Forget(strangers_.begin());
}

// ---- the door's thread ----

void FrontDoor::Run() {
  while (true) {
    int timeout_ms = -1;
    std::vector<pollfd> awaited = WhatToAwait(&timeout_ms);
    poll(awaited.data(), awaited.size(), timeout_ms);
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
    }
    // Outside the mutex: gRPC may tell at once that it admitted one.
    for (const int fd : LookAtSpeakers(awaited)) hand_over_(fd);
    for (size_t i = 0; i < listening_.sockets.size(); ++i) {
      if (awaited[1 + i].revents != 0) AcceptAll(listening_.sockets[i]);
    }
  }
}

std::vector<pollfd> FrontDoor::WhatToAwait(int* timeout_ms) {
  std::vector<pollfd> awaited{{wake_fd_, POLLIN, 0}};
  for (const int fd : listening_.sockets) awaited.push_back({fd, POLLIN, 0});
  const std::lock_guard lock(mutex_);
  const int64_t now_us = NowUs();
  CutLate(now_us);
  for (Stranger& stranger : strangers_) {
    stranger.polled = stranger.state == State::kHandedOver ? 0 : awaited.size();
    if (stranger.polled > 0) awaited.push_back({stranger.fd, POLLIN, 0});
  }
  if (!strangers_.empty()) {
    const int64_t left_us = strangers_.front().since_us + options_.patience_us - now_us;
    *timeout_ms = static_cast<int>((left_us + 999) / 1000);
  }
  return awaited;
}

void FrontDoor::AcceptAll(int socket) {
  while (true) {
    const int fd = accept4(socket, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) {
      SetOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
      SetOption(fd, SOL_SOCKET, SO_RCVLOWAT, static_cast<int>(kTellingBytes));
      Remember(fd);
      continue;
    }
    if (errno == EINTR || errno == ECONNABORTED) continue;
    if (errno == EMFILE || errno == ENFILE) AwaitDescriptors();
    return;  // or nobody waits any more
  }
}

/// The strangers' are the first to go. The socket stays readable, so poll would not wait.
void FrontDoor::AwaitDescriptors() {
  {
    const std::lock_guard lock(mutex_);
    if (const uint64_t times = notices_.Note("no descriptors", NowUs())) {
      spdlog::error(
          "no file descriptor is left for connections to the {} port; raise the limit ("
          "ulimit -n) strangers={} times={}",
          options_.name, strangers_.size(), times);
    }
    while (!strangers_.empty()) Cut(strangers_.begin(), "no file descriptor is left");
  }
  pollfd wake{wake_fd_, POLLIN, 0};
  poll(&wake, 1, kNoDescriptorsMs);
}

void FrontDoor::Remember(int fd) {
  const std::optional<FarEnd> end = FarEndOf(fd);
  if (!end) {
    close(fd);  // it is gone already
    return;
  }
  const std::lock_guard lock(mutex_);
  if (const auto same = by_far_end_.find(*end); same != by_far_end_.end()) {
    Forget(same->second);  // an earlier connection of that port, closed long ago
  }
  const auto of_address = by_address_.find(end->first);
  if (of_address != by_address_.end() && of_address->second >= options_.strangers_of_address) {
    Cut(std::find_if(
            strangers_.begin(), strangers_.end(),
            [&](const Stranger& stranger) { return stranger.far_end.first == end->first; }),
        "too many of its address have not said who they are");
  } else if (strangers_.size() >= options_.strangers) {
    Cut(strangers_.begin(), "too many have not said who they are");
  }
  strangers_.push_back({.fd = fd, .far_end = *end, .since_us = NowUs()});
  by_far_end_[*end] = std::prev(strangers_.end());
  ++by_address_[end->first];
}

// ---- first bytes ----

std::vector<int> FrontDoor::LookAtSpeakers(const std::vector<pollfd>& awaited) {
  std::vector<int> handed_over;
  const std::lock_guard lock(mutex_);
  for (auto next = strangers_.begin(); next != strangers_.end();) {
    const auto stranger = next++;
    if (stranger->polled == 0 || awaited[stranger->polled].revents == 0) continue;
    if (stranger->state == State::kAnswered) {
      Drain(stranger);
    } else if (const int fd = LookAt(stranger); fd >= 0) {
      handed_over.push_back(fd);
    }
  }
  return handed_over;
}

int FrontDoor::LookAt(Strangers::iterator stranger) {
  char first[kTellingBytes];
  const ssize_t got = recv(stranger->fd, first, sizeof first, MSG_PEEK | MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return -1;
  if (got <= 0) {
    Forget(stranger);  // it left without a word, as probes of a port do
    return -1;
  }
  const Spoken spoken = WhatIsSpoken({first, static_cast<size_t>(got)});
  if (spoken == Spoken::kHttp2) return HandOver(stranger);
  Answer(stranger, spoken);
  return -1;
}

int FrontDoor::HandOver(Strangers::iterator stranger) {
  const int fd = stranger->fd;
  SetOption(fd, SOL_SOCKET, SO_RCVLOWAT, 1);
  stranger->fd = options_.waits_for_admission ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
  if (stranger->fd >= 0) {
    stranger->state = State::kHandedOver;
  } else {
    Forget(stranger);
  }
  return fd;
}

void FrontDoor::Answer(Strangers::iterator stranger, Spoken spoken) {
  const std::string why = LooksLike(spoken);
  if (const uint64_t times = notices_.Note(why, NowUs())) {
    spdlog::warn("connection to the {} port refused from={} times={} reason=\"{}; {}\"",
                 options_.name, stranger->far_end.first, times, why, options_.answer);
  }
  // A fresh socket has room for a sentence; to somebody whose socket has none it is lost.
  const std::string answer = AnswerTo(spoken, options_.answer);
  if (!answer.empty()) send(stranger->fd, answer.data(), answer.size(), MSG_NOSIGNAL);
  shutdown(stranger->fd, SHUT_WR);
  SetOption(stranger->fd, SOL_SOCKET, SO_RCVLOWAT, 1);
  stranger->state = State::kAnswered;
  Drain(stranger);
}

/// To close a socket of which not everything was read is a reset, which may overtake the sentence.
void FrontDoor::Drain(Strangers::iterator stranger) {
  constexpr int kAtOnce = 16;  // the others wait
  char bytes[16 << 10];
  for (int i = 0; i < kAtOnce; ++i) {
    const ssize_t got = recv(stranger->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (got > 0) continue;
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    return Forget(stranger);
  }
}

// ---- strangers ----

void FrontDoor::Cut(Strangers::iterator stranger, const char* why) {
  if (stranger->state != State::kAnswered) {
    if (const uint64_t times = notices_.Note(why, NowUs())) {
      spdlog::warn("connection to the {} port cut from={} times={} reason=\"{}\"", options_.name,
                   stranger->far_end.first, times, why);
    }
  }
  shutdown(stranger->fd, SHUT_RDWR);  // gRPC's descriptor of it reads its end
  Forget(stranger);
}

void FrontDoor::Forget(Strangers::iterator stranger) {
  if (stranger->fd >= 0) close(stranger->fd);
  by_far_end_.erase(stranger->far_end);
  const auto count = by_address_.find(stranger->far_end.first);
  if (--count->second == 0) by_address_.erase(count);
  strangers_.erase(stranger);
}

void FrontDoor::CutLate(int64_t now_us) {
  while (!strangers_.empty() && now_us - strangers_.front().since_us >= options_.patience_us) {
    Cut(strangers_.begin(), "it has not said who it is in time");
  }
}

void FrontDoor::OnAdmitted(const std::string& peer) {
  const std::optional<FarEnd> end = ParseFarEnd(peer);
  if (!end) return;
  const std::lock_guard lock(mutex_);
  const auto known = by_far_end_.find(*end);
  if (known == by_far_end_.end() || known->second->state != State::kHandedOver) return;
  Forget(known->second);
}

size_t FrontDoor::strangers() const {
  const std::lock_guard lock(mutex_);
  return strangers_.size();
}

}  // namespace jangada::server
