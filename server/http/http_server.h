// HttpServer: the small door for whoever watches a node: fixed pages, read with GET or HEAD over
// HTTP/1.1. It is not for clients of the log, so every bound is tight: connections, header bytes,
// the time a request may take to arrive and an answer to leave. Garbage gets 400, other methods
// 405, other paths 404; who is slow or idle too long is closed.
//
// The methods belong to one thread. Pages are asked for on the server's own thread and may answer
// from any; no shard ever waits for a client of this door.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "base/callback.h"
#include "base/result.h"

namespace jangada::server {

struct HttpAnswer {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

/// A few lines for people.
inline HttpAnswer PlainAnswer(int status, std::string body) {
  HttpAnswer answer;
  answer.status = status;
  answer.body = std::move(body);
  return answer;
}

/// Makes a page; calls `done` once, from any thread, also after the server has stopped.
using HttpPage = std::function<void(Callback<HttpAnswer> done)>;
/// By path: "/metrics".
using HttpPages = std::map<std::string, HttpPage>;

struct HttpLimits {
  /// A connection more closes the one that has waited longest for a request, or is itself closed
  /// where all are being answered.
  size_t max_connections = 64;
  size_t max_header_bytes = 8 << 10;
  int64_t header_timeout_us = 5'000'000;  // from a request's first byte to the end of its header
  int64_t idle_timeout_us = 75'000'000;   // between two requests; longer than scrapes are apart
  int64_t page_timeout_us = 10'000'000;   // then 503
  int64_t write_timeout_us = 10'000'000;
};

class HttpServer {
 public:
  struct Stats {
    size_t connections = 0;  // now
    uint64_t requests = 0;   // answered, with whatever status
    uint64_t refused = 0;    // connections closed because of max_connections
  };

  explicit HttpServer(HttpPages pages, const HttpLimits& limits = {});
  ~HttpServer();  // Stop(), if that was not called

  /// Listens at `host` and `port`; port 0 takes a free one. kUnavailable: the port is busy, or the
  /// address is not this machine's.
  Status Start(const std::string& host, uint16_t port);
  /// The port listened on. REQUIRES: Start succeeded.
  uint16_t port() const;
  /// Closes everything and ends the thread. Idempotent.
  void Stop();

  /// Any thread.
  Stats stats() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;  // shared with the `done`s that pages still hold
};

}  // namespace jangada::server
