// CuttingProxy: a TCP relay on loopback that can cut all its connections at once, as the end of a
// process or of a cable does.
#pragma once

#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace jangada::server::testing {

class CuttingProxy {
 public:
  explicit CuttingProxy(uint16_t target_port);
  ~CuttingProxy();
  uint16_t port() const { return port_; }
  /// Ends every connection, and refuses new ones.
  void Cut();

 private:
  void Accept();
  void Relay(int from, int to);

  const uint16_t target_port_;
  uint16_t port_ = 0;
  int listener_ = -1;
  std::thread acceptor_;
  std::mutex mutex_;
  bool cut_ = false;
  std::vector<int> sockets_;
  std::vector<std::thread> relays_;
};

}  // namespace jangada::server::testing
