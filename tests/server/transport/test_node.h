// TestNode: a PeerTransport on a free loopback port, with a sink that remembers, for tests in one
// process.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "server/transport/peer_transport.h"
#include "tests/server/transport/recording_sink.h"

namespace jangada::server {

/// All of one cluster; the disk id depends on the node alone.
inline PeerIdentity IdentityOf(int node) {
  Random random(static_cast<uint64_t>(node));
  Random cluster(42);
  return {.cluster_id = Uuid::Make(cluster), .node = NodeId(node), .disk_id = Uuid::Make(random)};
}

struct TestNode {
  explicit TestNode(int id) : TestNode(IdentityOf(id)) {}
  explicit TestNode(const PeerIdentity& identity)
      : id(identity.node), transport(std::make_unique<PeerTransport>(identity, sink)) {
    Listen(0);
  }

  void Listen(uint16_t port) {
    const Status started = transport->Start({"127.0.0.1", port});
    ASSERT_TRUE(started.ok()) << started.error();
    endpoint = {"127.0.0.1", transport->port()};
  }
  /// The same node, as a new process at the same address.
  void Restart(const PeerIdentity& identity) {
    transport = std::make_unique<PeerTransport>(identity, sink);
    Listen(endpoint.port);
  }

  Result<Bytes> Ask(NodeId to, const std::string& method, const std::string& payload,
                    std::chrono::milliseconds timeout = std::chrono::milliseconds(5'000)) {
    auto promise = std::make_shared<std::promise<Result<Bytes>>>();
    std::future<Result<Bytes>> answer = promise->get_future();
    transport->Call(to, {method, Bytes(payload)}, timeout.count() * 1000,
                    [promise](Result<Bytes> result) { promise->set_value(std::move(result)); });
    if (answer.wait_for(kPatience) != std::future_status::ready) {
      return Error{ErrorCode::kInternal, "the call did not end"};
    }
    return answer.get();
  }

  NodeId id;
  RecordingSink sink;
  std::unique_ptr<PeerTransport> transport;
  Endpoint endpoint;
};

/// Everyone knows everyone.
inline void Introduce(const std::vector<TestNode*>& nodes) {
  std::map<NodeId, Endpoint> peers;
  for (const TestNode* node : nodes) peers[node->id] = node->endpoint;
  for (TestNode* node : nodes) node->transport->SetPeers(peers);
}

inline void ConnectAll(const std::vector<TestNode*>& nodes) {
  Introduce(nodes);
  for (TestNode* node : nodes) {
    for (TestNode* other : nodes) {
      if (node != other) {
        ASSERT_TRUE(node->sink.WaitForConnected(other->id));
      }
    }
  }
}

}  // namespace jangada::server
