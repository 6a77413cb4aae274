// Listener: the door for Kafka's clients: takes connections at one address and spreads them over
// the io_contexts that it is given, where their sessions live. Limits of connections, of bytes and
// of time are kept here and in session.cc. The methods belong to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "server/controller/cluster_image.h"
#include "server/limits.h"

namespace boost::asio {
class io_context;
}

namespace jangada::server::kafka {

class Dispatcher;

struct ListenerOptions {
  size_t max_request_bytes = 16 << 20;
  int64_t max_connections = kMaxKafkaConnections;
  int64_t max_connections_per_address = kMaxKafkaConnectionsPerAddress;
  int64_t idle_timeout_us = 600'000'000;
  int64_t slow_peer_us = kKafkaSlowPeerUs;
  int64_t stalled_us = kKafkaStalledUs;
  size_t max_request_bytes_in_flight = kMaxKafkaRequestBytesInFlight;
  /// Clients wait, their connections not taken yet, until Open.
  bool starts_closed = false;
};

class Listener {
 public:
  /// `dispatcher` outlives this. `ios`: at least one; each run by one thread from before Start
  /// until after AwaitShutdown.
  Listener(Dispatcher& dispatcher, const ListenerOptions& options,
           std::vector<boost::asio::io_context*> ios);
  /// Shuts down without grace if that was not done before.
  ~Listener();

  /// Takes the address; port 0 takes a free one. kUnavailable: the port is busy, or the address is
  /// not this machine's.
  Status Listen(const Endpoint& at);
  /// The port listened on. REQUIRES: Listen succeeded.
  uint16_t port() const;

  /// From then on clients are served, unless it starts closed. REQUIRES: Listen succeeded.
  void Start();
  /// From then on clients are served, if it started closed. REQUIRES: Start. Any thread;
  /// idempotent.
  void Open();

  /// Takes no new connections, and closes each once what it asked is answered. Returns at once.
  void BeginShutdown();
  /// Waits up to `grace_us` for that, then closes the rest. After it nothing of the listener runs.
  void AwaitShutdown(int64_t grace_us);

  int64_t connections() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace jangada::server::kafka
