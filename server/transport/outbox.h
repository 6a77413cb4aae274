// Outbox: what waits to leave for one peer on one lane. Bounded in bytes; what does not fit is
// dropped, and the caller is told, for a transport that blocks or grows would take its node down
// with a slow peer. What one group sends leaves in its order; a group of which little waits need
// not wait for the megabytes of others. Any thread; the small mutex is one of the stated places
// where threads meet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "raft/message.h"
#include "server/transport/transport.h"

namespace jangada::server {

/// Each lane has a connection of its own, so that a vote never queues behind megabytes.
enum class Lane : uint8_t { kControl = 0, kBulk = 1, kSnapshot = 2 };

inline constexpr Lane kLanes[] = {Lane::kControl, Lane::kBulk, Lane::kSnapshot};
inline constexpr size_t kLaneCount = std::size(kLanes);

const char* LaneName(Lane lane);

/// A frame is closed at this size; a larger message has a frame to itself.
inline constexpr size_t kFrameBytes = 256 << 10;
/// The largest message between nodes; gRPC is told so on both sides.
inline constexpr size_t kMaxMessageBytes = 64 << 20;
/// What the frame around one largest message may add to it.
inline constexpr size_t kFrameOverheadBytes = 1 << 20;

/// What a lane may hold. Control messages are small and stale within a second; appends are bounded
/// by the windows of the groups long before this; a checkpoint is kilobytes as a rule.
constexpr size_t LaneBytes(Lane lane) {
  switch (lane) {
    case Lane::kControl: return 16 << 20;
    case Lane::kBulk:
    case Lane::kSnapshot: return 128 << 20;
  }
  return 0;
}
static_assert(LaneBytes(Lane::kBulk) >= kMaxMessageBytes, "the largest append must fit");
static_assert(LaneBytes(Lane::kSnapshot) >= kMaxMessageBytes, "the largest checkpoint must fit");
static_assert(kFrameBytes <= kMaxMessageBytes);

/// One message on its way out. The payload bytes are shared with whoever else holds them.
struct Outgoing {
  GroupId group;
  std::variant<raft::Message, NodeStatus, Pulse> content;
};

Lane LaneOf(const raft::Message& message);
/// About the bytes that it takes on the wire; never less.
size_t WireBytes(const Outgoing& item);

class Outbox {
 public:
  enum class Pushed {
    kQueued,
    kFull,    // dropped: the bound
    kClosed,  // dropped: the peer is not connected
  };

  explicit Outbox(size_t max_bytes) : max_bytes_(max_bytes) {}

  Pushed Push(Outgoing item);
  /// Messages for one frame of about `max_bytes`: those of light groups, as many as fit, and then
  /// those of heavy groups, one of each in turn; at least one message of either where there is one.
  std::vector<Outgoing> Take(size_t max_bytes);

  /// From now on messages wait here (a connection is being made, or stands).
  void Open();
  /// From now on messages are dropped; what waits is dropped too. Returns how many.
  size_t Close();

  size_t bytes() const;

 private:
  /// Once so much of a group waits, it is heavy until nothing of it does.
  static constexpr size_t kHeavyBytes = 64 << 10;

  struct Waiting {
    std::deque<Outgoing> items;
    size_t bytes = 0;
    bool heavy = false;
  };
  using Groups = std::unordered_map<GroupId, Waiting>;

  /// The next message of the group at the front of `line`, if no more than `room` bytes.
  std::optional<Outgoing> TakeNext(std::deque<GroupId>* line, size_t room);

  const size_t max_bytes_;

  mutable std::mutex mutex_;
  bool open_ = true;
  // 1. bytes_ is the sum of WireBytes over all that waits, and that of each group over its own.
  // 2. bytes_ <= max_bytes_. 3. Nothing waits unless open_. 4. A group is here while something of
  // it waits, and then once in light_ or, if it is heavy, once in heavy_.
  size_t bytes_ = 0;
  Groups groups_;
  std::deque<GroupId> light_;
  std::deque<GroupId> heavy_;
};

}  // namespace jangada::server
