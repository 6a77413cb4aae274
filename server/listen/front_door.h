// FrontDoor: the listening end of a gRPC port. gRPC bounds neither the number of connections nor
// how long one may stay silent, and to somebody who speaks something else it says nothing that he
// understands. So the door accepts connections itself and looks at their first bytes: those that
// begin as HTTP/2 does are handed on to gRPC, the others get one sentence. A connection is a
// stranger until it was handed on or, where the door waits for more, admitted. Strangers are
// bounded, in all and by address, and in time; where there is no room the oldest one is cut, so
// that whoever opens connections and says nothing keeps nobody out.
//
// Its own thread accepts, looks and cuts. Open, Start, Stop: whoever owns the door, in that order;
// OnAdmitted: any thread.
#pragma once

#include <poll.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "server/listen/first_bytes.h"
#include "server/listen/notices.h"
#include "server/listen/sockets.h"

namespace jangada::server {

class FrontDoor {
 public:
  struct Options {
    std::string name;    // of the port, for the log: "peer"
    std::string answer;  // one sentence for whoever speaks something else
    /// A connection that was handed over stays a stranger until OnAdmitted.
    bool waits_for_admission = false;
    size_t strangers = 1024;
    size_t strangers_of_address = 1024;
    int64_t patience_us = 10'000'000;
  };

  explicit FrontDoor(Options options) : options_(std::move(options)) {}
  ~FrontDoor();  // Stop()
  FrontDoor(const FrontDoor&) = delete;
  FrontDoor& operator=(const FrontDoor&) = delete;

  /// Listens on every address of the host's name that this machine has (port 0: any free one).
  /// The error is the reason alone (sockets.h).
  Status Open(const std::string& host, uint16_t port);
  uint16_t port() const { return listening_.port; }

  /// From now on each new connection that begins as HTTP/2 does is given to `hand_over`, which owns
  /// the descriptor then; nothing of it was read.
  void Start(std::function<void(int fd)> hand_over);
  /// No connection is accepted or handed over after this; those that were stay. Idempotent.
  void Stop();

  /// The connection whose far end gRPC calls `peer` ("ipv4:127.0.0.1:4711") is no stranger.
  void OnAdmitted(const std::string& peer);

  size_t strangers() const;

 private:
  enum class State : uint8_t {
    kSilent,      // we wait for its first bytes
    kHandedOver,  // it is gRPC's, and not admitted yet
    kAnswered,    // it has its sentence; we wait until it leaves
  };
  struct Stranger {
    int fd = -1;  // the connection's own; of one handed over a second one, to cut it with
    State state = State::kSilent;
    FarEnd far_end;
    int64_t since_us = 0;
    size_t polled = 0;  // its place in what the thread waits for; 0: none
  };
  using Strangers = std::list<Stranger>;  // oldest first

  void Run();
  /// What there is to wait for; fills in `polled`. Takes `timeout_ms` until the next one's time is
  /// over; -1: there is none.
  std::vector<pollfd> WhatToAwait(int* timeout_ms);
  void AcceptAll(int socket);
  void AwaitDescriptors();
  void Remember(int fd);
  /// Descriptors to hand over, of those strangers that have spoken.
  std::vector<int> LookAtSpeakers(const std::vector<pollfd>& awaited);

  // REQUIRES: mutex_ held.
  /// Its descriptor is to be handed over; -1: not (it may be gone).
  int LookAt(Strangers::iterator stranger);
  int HandOver(Strangers::iterator stranger);
  void Answer(Strangers::iterator stranger, Spoken spoken);
  void Drain(Strangers::iterator stranger);
  void Cut(Strangers::iterator stranger, const char* why);
  void Forget(Strangers::iterator stranger);
  void CutLate(int64_t now_us);

  const Options options_;
  // Constant after Open (after Start: wake_fd_, hand_over_).
  Listening listening_;
  int wake_fd_ = -1;
  std::function<void(int fd)> hand_over_;
  std::thread thread_;
  Notices notices_;

  // Added, and changed in state, by the door's thread alone; those handed over are forgotten by
  // any.
  mutable std::mutex mutex_;
  Strangers strangers_;
  std::map<FarEnd, Strangers::iterator> by_far_end_;
  std::map<std::string, size_t> by_address_;
  bool stopping_ = false;
};

}  // namespace jangada::server
