#include "server/transport/peer_context.h"

#include <grpc/impl/codegen/grpc_types.h>

#include <string>
#include <utility>

#include "server/transport/outbox.h"

namespace jangada::server {
namespace {

constexpr int kConnectTimeoutMs = 2'000;
constexpr int kFirstReconnectBackoffMs = 20;
constexpr int kLongestReconnectBackoffMs = 500;
constexpr int kLeastPingIntervalMs = 500;  // a peer may ping us this often
/// Appends come by the megabyte: fewer, larger reads and frames cost less than gRPC's 8 and 16 KiB.
constexpr int kReadChunkBytes = 256 << 10;
constexpr int kHttp2FrameBytes = 1 << 20;

}  // namespace

Status PeerContext::Judge(const PeerIdentity& peer) {
  const std::string who = "node " + std::to_string(peer.node.value());
  const uint32_t version = identity().protocol_version;
  if (peer.protocol_version != version) {
    return Error{ErrorCode::kUnsupportedVersion,
                 who + " speaks version " + std::to_string(peer.protocol_version) +
                     " of the peer protocol and node " + std::to_string(self.value()) +
                     " version " + std::to_string(version) + "; run the same release on both"};
  }
  if (peer.node == self) {
    return Error{ErrorCode::kPermissionDenied, "another process also says that it is " + who +
                                                   "; give every node an id of its own"};
  }
  return sink.CheckPeer(peer);
}

void PeerContext::Deliver(NodeId from, wire::Incoming incoming) {
  messages_malformed += incoming.malformed;
  messages_received += incoming.messages.size() + incoming.statuses.size() + incoming.pulses.size();
  if (!incoming.messages.empty()) sink.OnPeerMessages(std::move(incoming.messages));
  for (const NodeStatus& status : incoming.statuses) sink.OnPeerStatus(status);
  for (Pulse& pulse : incoming.pulses) sink.OnPeerPulse(from, std::move(pulse));
}

std::vector<std::pair<const char*, int>> CommonChannelArguments() {
  constexpr int kMaxFrame = static_cast<int>(kMaxMessageBytes + kFrameOverheadBytes);
  return {
      {GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, kMaxFrame},
      {GRPC_ARG_MAX_SEND_MESSAGE_LENGTH, kMaxFrame},
      {GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveTimeMs},
      {GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs},
      {GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1},
      {GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0},  // no limit
      {GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kLeastPingIntervalMs},
      {GRPC_ARG_TCP_READ_CHUNK_SIZE, kReadChunkBytes},
      {GRPC_ARG_HTTP2_MAX_FRAME_SIZE, kHttp2FrameBytes},
  };
}

grpc::ChannelArguments DialerArguments() {
  grpc::ChannelArguments arguments;
  for (const auto& [name, value] : CommonChannelArguments()) arguments.SetInt(name, value);
  // Channels with equal arguments would share one connection, and a vote would queue behind
  // megabytes.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // gRPC's own retries would hide a refused connection behind a backoff that grows to two minutes.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kFirstReconnectBackoffMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kLongestReconnectBackoffMs);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kConnectTimeoutMs);  // is the connect timeout
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  return arguments;
}

}  // namespace jangada::server
