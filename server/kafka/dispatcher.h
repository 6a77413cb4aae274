// Dispatcher: a frame of the Kafka protocol in, a frame out. It knows keys and versions, but no
// socket, and no clock but the one that it is given, so that the simulator can drive it. What it
// cannot serve closes the connection, as Kafka does; only ApiVersions of an unknown version is
// answered, in version 0, so that a newer client learns what it may speak. Any thread.
#pragma once

#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/callback.h"
#include "server/kafka/call.h"
#include "server/kafka/door.h"

namespace jangada::server::kafka {

class Dispatcher {
 public:
  /// `broker` outlives the calls. This outlives whatever the broker still holds of them.
  explicit Dispatcher(Broker& broker, const DoorOptions& options = {}) : door_(broker, options) {}

  /// `frame`: a request without its length. `gone`: set when nobody waits for the reply any more.
  /// `done`: called once, possibly before this returns, on an unspecified thread. `client_address`:
  /// without its port. True: the call may wait for minutes, but its frame is let go.
  bool Dispatch(Bytes frame, std::shared_ptr<const Abandonment> gone, Callback<Reply> done,
                std::string client_address = {});

  Door& door() { return door_; }
  /// Any thread.
  KafkaDoorStats stats() const { return door_.meter.Stats(); }

 private:
  Door door_;
};

}  // namespace jangada::server::kafka
