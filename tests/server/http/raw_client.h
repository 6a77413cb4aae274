// RawClient: one TCP connection on loopback over which a test says what it likes, byte by byte, and
// reads what comes back. Every wait is bounded. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace jangada::server::testing {

class RawClient {
 public:
  explicit RawClient(uint16_t port);
  ~RawClient();
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  bool connected() const { return fd_ >= 0; }
  /// False: the other side has closed.
  bool Send(std::string_view bytes);
  /// Says that nothing more comes; still reads.
  void EndSending();
  /// Everything up to the end of one answer (by its Content-Length), or up to the connection's end.
  std::string ReadAnswer();
  /// Reads, and throws away, until the other side closes. False: it did not within the patience.
  bool ReadsEnd(int patience_ms = 10'000);

 private:
  /// False: nothing came, or the end did.
  bool ReadSome(int patience_ms);

  int fd_ = -1;
  bool ended_ = false;
  std::string read_;
};

/// One request on a connection of its own; the whole answer.
std::string Get(uint16_t port, const std::string& path);
/// "HTTP/1.1 200 OK" of an answer.
std::string StatusLine(const std::string& answer);
/// What follows the header.
std::string Body(const std::string& answer);

}  // namespace jangada::server::testing
