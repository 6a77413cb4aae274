// Peers: this node's gRPC clients to the other nodes' doors for clients, over which calls are
// passed on to the leader. One channel an address, made when first needed. Any thread.
#pragma once

#include <grpcpp/grpcpp.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/ids.h"
#include "jangada/v1/admin.grpc.pb.h"
#include "jangada/v1/group.grpc.pb.h"
#include "jangada/v1/log.grpc.pb.h"

namespace jangada::server::grpc_door {

struct Peer {
  explicit Peer(const std::shared_ptr<grpc::Channel>& channel)
      : log(channel), admin(channel), groups(channel) {}
  v1::Log::Stub log;
  v1::Admin::Stub admin;
  v1::ConsumerGroup::Stub groups;
};

class Peers {
 public:
  explicit Peers(size_t max_message_bytes) : max_message_bytes_(max_message_bytes) {}

  /// `node` listens at `address`. Its older address, if another, is forgotten once its calls have
  /// ended.
  std::shared_ptr<Peer> At(NodeId node, const std::string& address);

 private:
  struct Entry {
    std::string address;
    std::shared_ptr<Peer> peer;
  };
  const size_t max_message_bytes_;
  std::mutex mutex_;
  std::map<NodeId, Entry> peers_;
};

/// The settings of a channel between nodes or from a client; gRPC's own suit a cluster badly:
/// reconnect waits grow to two minutes, and a dead connection is not noticed.
grpc::ChannelArguments ChannelSettings(size_t max_message_bytes);

}  // namespace jangada::server::grpc_door
