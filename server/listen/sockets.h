// What the listening ends of the gRPC ports ask of the system: sockets on all addresses of a name,
// and who is at the other end of a connection.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace jangada::server {

/// The address as text, an IPv4 address that came in on an IPv6 socket like any other, and the
/// port.
using FarEnd = std::pair<std::string, uint16_t>;

/// nullopt: the connection is gone.
std::optional<FarEnd> FarEndOf(int fd);

/// What gRPC calls a peer: "ipv4:10.0.0.3:4711" or "ipv6:%5B::1%5D:4711", in older ones with plain
/// brackets.
std::optional<FarEnd> ParseFarEnd(const std::string& peer);

struct Listening {
  std::vector<int> sockets;  // do not block; the caller closes them
  uint16_t port = 0;         // the same of all of them
};

/// On every address of the host's name that this machine has (port 0: any free one). The error is
/// the reason alone: the machine has none of them, or one can't be had ("port 7092 is in use by
/// another process").
Result<Listening> ListenOn(const std::string& host, uint16_t port);

void SetOption(int fd, int level, int name, int value);

}  // namespace jangada::server
