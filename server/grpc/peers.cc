#include "server/grpc/peers.h"

#include <algorithm>

#include "server/limits.h"

namespace jangada::server::grpc_door {

grpc::ChannelArguments ChannelSettings(size_t max_message_bytes) {
  constexpr int kMinReconnectMs = 50;
  constexpr int kMaxReconnectMs = 1'000;
  constexpr int kKeepaliveMs = 10'000;
  constexpr int kKeepaliveTimeoutMs = 5'000;
  grpc::ChannelArguments settings;
  settings.SetMaxReceiveMessageSize(
      static_cast<int>(std::max(max_message_bytes, kMaxGrpcMessageBytes)));
  settings.SetMaxSendMessageSize(static_cast<int>(max_message_bytes));
  settings.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kMinReconnectMs);
  settings.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kMaxReconnectMs);
  settings.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kMaxReconnectMs);
  settings.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  settings.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  settings.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // A proxy of the environment is meant for the web, not for the nodes of a cluster.
  settings.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return settings;
}

std::shared_ptr<Peer> Peers::At(NodeId node, const std::string& address) {
  const std::lock_guard lock(mutex_);
  Entry& entry = peers_[node];
  if (entry.peer == nullptr || entry.address != address) {
    entry.address = address;
    entry.peer = std::make_shared<Peer>(
        grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(),
                                  ChannelSettings(max_message_bytes_)),
        max_message_bytes_);
  }
  return entry.peer;
}

}  // namespace jangada::server::grpc_door
