#include "server/transport/outbox.h"

#include <algorithm>
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
  const GroupId group = item.group;
  Waiting& waiting = groups_[group];
  if (waiting.items.empty()) light_.push_back(group);
  waiting.items.push_back(std::move(item));
  waiting.bytes += size;
  if (!waiting.heavy && waiting.bytes >= kHeavyBytes) {
    waiting.heavy = true;
    std::erase(light_, group);
    heavy_.push_back(group);
  }
  return Pushed::kQueued;
}

std::vector<Outgoing> Outbox::Take(size_t max_bytes) {
  std::vector<Outgoing> taken;
  const std::lock_guard lock(mutex_);
  size_t left = max_bytes;
  for (std::deque<GroupId>* line : {&light_, &heavy_}) {
    // The first of each line goes, however large it is: so neither waits for the other for ever.
    size_t room = SIZE_MAX;
    while (std::optional<Outgoing> next = TakeNext(line, room)) {
      left -= std::min(left, WireBytes(*next));
      room = left;
      taken.push_back(std::move(*next));
    }
  }
  DCHECK(!groups_.empty() || bytes_ == 0);
  return taken;
}

std::optional<Outgoing> Outbox::TakeNext(std::deque<GroupId>* line, size_t room) {
  if (line->empty()) return std::nullopt;
  const GroupId group = line->front();
  Waiting& waiting = groups_.at(group);
  const size_t size = WireBytes(waiting.items.front());
  if (size > room) return std::nullopt;
  Outgoing item = std::move(waiting.items.front());
  waiting.items.pop_front();
  waiting.bytes -= size;
  bytes_ -= size;
  line->pop_front();
  if (waiting.items.empty()) {
    groups_.erase(group);
  } else {
    line->push_back(group);
  }
  return item;
}

void Outbox::Open() {
  const std::lock_guard lock(mutex_);
  open_ = true;
}

size_t Outbox::Close() {
  Groups dropped;  // declared first: destroyed when the mutex is free again
  const std::lock_guard lock(mutex_);
  open_ = false;
  bytes_ = 0;
  dropped.swap(groups_);
  light_.clear();
  heavy_.clear();
  size_t count = 0;
  for (const auto& [group, waiting] : dropped) count += waiting.items.size();
  return count;
}

size_t Outbox::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace jangada::server
