// PeerDoor: the listening end of the peer port. It accepts connections itself and hands them on to
// gRPC, which bounds neither their number nor how long one may stay silent. A connection is a
// stranger until it has said who it is and was let in. Strangers are bounded, in all and by
// address, and in time; where there is no room the oldest one is cut, so that whoever opens
// connections and says nothing keeps no peer out.
//
// Its own thread accepts and cuts. Open, Start, Stop: whoever owns the door, in that order;
// OnAdmitted: any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/result.h"
#include "server/controller/cluster_image.h"  // Endpoint
#include "server/transport/notices.h"

namespace jangada::server {

class PeerDoor {
 public:
  struct Limits {
    size_t strangers = 256;
    size_t strangers_of_address = 64;
    /// A hello takes milliseconds; dialers give up after two seconds.
    int64_t patience_us = 5'000'000;
  };

  PeerDoor() : PeerDoor(Limits()) {}
  explicit PeerDoor(const Limits& limits) : limits_(limits) {}
  ~PeerDoor();  // Stop()
  PeerDoor(const PeerDoor&) = delete;
  PeerDoor& operator=(const PeerDoor&) = delete;

  /// Listens on every address of the host's name that this machine has (port 0: any free one).
  /// kFailedPrecondition: it has none of them, or one cannot be had (its port is in use, ...).
  Status Open(const Endpoint& listen);
  uint16_t port() const { return port_; }

  /// From now on each new connection is given to `hand_over`, which owns the descriptor then.
  void Start(std::function<void(int fd)> hand_over);
  /// No connection is accepted or handed over after this; those that were stay. Idempotent.
  void Stop();

  /// The connection whose far end gRPC calls `peer` ("ipv4:127.0.0.1:4711") is no stranger.
  void OnAdmitted(const std::string& peer);

  size_t strangers() const;

 private:
  struct Stranger {
    int fd = -1;  // a second descriptor of the connection, to cut it with
    std::string address;
    uint16_t port = 0;
    int64_t since_us = 0;
  };
  using Strangers = std::list<Stranger>;  // oldest first

  Status Listen(const Endpoint& listen, std::vector<int>* sockets);
  void Run();
  void AcceptAll(int socket);
  void AwaitDescriptors();
  void Remember(int fd);
  /// REQUIRES: mutex_ held.
  void Cut(Strangers::iterator stranger, const char* why);
  void Forget(Strangers::iterator stranger);
  int CutLate();

  const Limits limits_;
  // Constant after Open (after Start: hand_over_).
  std::vector<int> sockets_;
  int wake_fd_ = -1;
  uint16_t port_ = 0;
  std::function<void(int fd)> hand_over_;
  std::thread thread_;
  Notices notices_;

  mutable std::mutex mutex_;
  Strangers strangers_;
  std::map<std::pair<std::string, uint16_t>, Strangers::iterator> by_far_end_;
  std::map<std::string, size_t> by_address_;
  bool stopping_ = false;
};

}  // namespace jangada::server
