// What a replica's host needs around it where no other node and nobody else is: for tests of one
// node's replicas.
#pragma once

#include <gtest/gtest.h>

#include <vector>

#include "server/shard_host.h"

namespace jangada::server {

class NoTransport final : public Transport {
 public:
  void Send(GroupId, raft::Message) override {}
  void SendStatus(NodeId, const NodeStatus&) override {}
  void Call(NodeId, PeerCall, int64_t, Callback<Result<Bytes>>) override {}
};

class NoObserver final : public HostObserver {
 public:
  void OnLeadership(GroupId, const raft::RoleChange&, bool) override {}
  void OnRefill(GroupId, RefillEvent) override {}
  void OnLagging(GroupId, raft::Term, const std::vector<NodeId>&) override {}
  void OnStoreFailed(const Error& error) override { ADD_FAILURE() << error.message; }
};

}  // namespace jangada::server
