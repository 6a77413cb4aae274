// server/shard_host: to whom a leadership goes when a node stops.
#include <gtest/gtest.h>

#include "server/shard_host.h"

namespace jangada::server {
namespace {

raft::PeerStatus Peer(int32_t node, raft::Index match, bool voter, bool active) {
  return {.node = NodeId(node), .match = match, .voter = voter, .recently_active = active};
}

TEST(Successor, IsTheActiveVoterThatMatchesMost) {
  raft::RaftStatus status;
  status.peers = {Peer(2, 90, true, true), Peer(3, 95, true, true), Peer(4, 99, false, true),
                  Peer(5, 99, true, false)};
  EXPECT_EQ(Successor(status), NodeId(3));
}

TEST(Successor, IsNobodyWhereNobodyCouldLead) {
  raft::RaftStatus status;
  EXPECT_EQ(Successor(status), std::nullopt);
  status.peers = {Peer(4, 99, false, true), Peer(5, 99, true, false)};
  EXPECT_EQ(Successor(status), std::nullopt);
}

}  // namespace
}  // namespace jangada::server
