#include "server/transport/outbox.h"

#include <utility>

#include "base/check.h"

namespace jangada::server {
namespace {

constexpr size_t kMessageBytes = 96;   // the fields of any message, without payload
constexpr size_t kEntryBytes = 48;     // fields of one entry, tags and lengths included
constexpr size_t kHintBytes = 26;      // group, leader and term of one leader hint
constexpr size_t kLedBytes = 20;       // group and term, packed
constexpr size_t kFollowedBytes = 30;  // and commit
constexpr size_t kMemberBytes = 5;
constexpr size_t kGroupBytes = 10;

struct BodyBytes {
  size_t operator()(const raft::AppendRequest& body) const {
    size_t bytes = 0;
    for (const raft::Entry& entry : body.entries) bytes += kEntryBytes + entry.payload.size();
    return bytes;
  }
  size_t operator()(const raft::InstallSnapshot& body) const {
    const raft::Membership& members = body.meta.membership.membership;
    return body.data.size() + kMemberBytes * (members.voters.size() + members.outgoing.size() +
                                              members.learners.size());
  }
  template <class Small>
  size_t operator()(const Small&) const {
    return 0;
  }
};

}  // namespace

const char* LaneName(Lane lane) {
  switch (lane) {
    case Lane::kControl: return "control";
    case Lane::kBulk: return "bulk";
    case Lane::kSnapshot: return "snapshot";
  }
  return "unknown";
}

Lane LaneOf(const raft::Message& message) {
  if (std::holds_alternative<raft::AppendRequest>(message.body)) return Lane::kBulk;
  if (std::holds_alternative<raft::InstallSnapshot>(message.body)) return Lane::kSnapshot;
  return Lane::kControl;
}

size_t WireBytes(const Outgoing& item) {
  if (const auto* message = std::get_if<raft::Message>(&item.content)) {
    return kMessageBytes + std::visit(BodyBytes{}, message->body);
  }
  if (const auto* pulse = std::get_if<Pulse>(&item.content)) {
    return kMessageBytes + kLedBytes * pulse->led.size() + kFollowedBytes * pulse->followed.size();
  }
  const auto& status = std::get<NodeStatus>(item.content);
  return kMessageBytes + kHintBytes * status.leaders.size() +
         kGroupBytes * status.condition.refilling.size() + status.condition.version.size();
}

Outbox::Pushed Outbox::Push(Outgoing item) {
  const size_t size = WireBytes(item);
  const std::lock_guard lock(mutex_);
  if (!open_) return Pushed::kClosed;
  if (size > max_bytes_ - bytes_) return Pushed::kFull;
  bytes_ += size;
  items_.push_back(std::move(item));
  return Pushed::kQueued;
}

std::vector<Outgoing> Outbox::Take(size_t max_bytes) {
  std::vector<Outgoing> taken;
  const std::lock_guard lock(mutex_);
  size_t taken_bytes = 0;
  while (!items_.empty()) {
    const size_t size = WireBytes(items_.front());
    if (!taken.empty() && size > max_bytes - taken_bytes) break;
    taken_bytes += size;
    bytes_ -= size;
    taken.push_back(std::move(items_.front()));
    items_.pop_front();
    if (taken_bytes >= max_bytes) break;
  }
  DCHECK(!items_.empty() || bytes_ == 0);
  return taken;
}

void Outbox::Open() {
  const std::lock_guard lock(mutex_);
  open_ = true;
}

size_t Outbox::Close() {
  std::deque<Outgoing> dropped;  // declared first: destroyed when the mutex is free again
  const std::lock_guard lock(mutex_);
  open_ = false;
  bytes_ = 0;
  dropped.swap(items_);
  return dropped.size();
}

size_t Outbox::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace jangada::server
