// Core: what the producers, consumers and admin calls of one client share. Its parts live on the
// loop.
#pragma once

#include <memory>

#include "client/event_loop.h"
#include "client/metadata.h"
#include "client/node_ring.h"
#include "client/wire.h"
#include "jangada/options.h"

namespace jangada::client {

struct Core {
  explicit Core(ClientOptions client_options)
      : options(std::move(client_options)),
        wire(MakeGrpcWire(loop)),
        nodes(options.bootstrap),
        metadata(loop, *wire, nodes, options) {}

  /// First the loop: then no task can meet what is being destroyed.
  ~Core() { loop.Stop(); }

  const ClientOptions options;
  EventLoop loop;
  std::unique_ptr<Wire> wire;
  NodeRing nodes;
  Metadata metadata;
};

}  // namespace jangada::client
