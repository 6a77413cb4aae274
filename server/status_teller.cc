#include "server/status_teller.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "base/version.h"

namespace jangada::server {

StatusTeller::StatusTeller(const Context& context, std::function<void()> on_round)
    : context_(context), on_round_(std::move(on_round)) {}

void StatusTeller::Start() {
  stopped_ = false;
  Round();
}

void StatusTeller::Stop() { stopped_ = true; }

void StatusTeller::OnInCluster() {
  if (stopped_) return;
  first_rounds_left_ = kFirstRounds;
  rounds_since_full_ = kFullEveryRounds;
  context_.executor.Cancel(round_timer_);
  Round();
}

void StatusTeller::OnReadyToLead(const LeaderHint& hint) {
  if (stopped_) return;
  news_.push_back(hint);
  if (news_.size() == 1) context_.executor.After(kGatherUs, [this] { TellNews(); });
}

void StatusTeller::Drain() {
  draining_ = true;
  TellEveryone(Full());
  on_round_();
}

void StatusTeller::OnRefill(GroupId group, RefillEvent event) {
  if (event == RefillEvent::kBegan) {
    ++refills_begun_;
    refilling_.insert(group);
    return;
  }
  if (event == RefillEvent::kEnded) ++refills_ended_;
  refilling_.erase(group);
}

void StatusTeller::TellAll(NodeId to) {
  if (!stopped_) context_.transport.SendStatus(to, Full());
}

void StatusTeller::Round() {
  if (stopped_) return;
  LogRoom();
  // A list of all that is led is long, and nearly always the same.
  const uint64_t changes = context_.leaders.changes();
  const bool full = changes != told_changes_ || ++rounds_since_full_ >= kFullEveryRounds;
  if (full) {
    told_changes_ = changes;
    rounds_since_full_ = 0;
  }
  // The lag first: of a group that changed hands since, the newer term stands in the other news.
  if (!full) news_.insert(news_.begin(), lag_news_.begin(), lag_news_.end());
  lag_news_.clear();
  TellEveryone(full ? Full() : News());
  on_round_();
  const bool first = first_rounds_left_ > 0;
  if (first) --first_rounds_left_;
  round_timer_ = context_.executor.After(first ? kFirstRoundUs : kRoundUs, [this] { Round(); });
}

/// Producers hear of a full disk from the refusals, whoever runs the node from its log.
void StatusTeller::LogRoom() {
  const storage::LogStore::Usage usage = context_.store.usage();
  if (usage.accepts_produce == had_room_) return;
  had_room_ = usage.accepts_produce;
  if (had_room_) {
    spdlog::info("disk has room again; produce is accepted free_bytes={}", usage.disk_free_bytes);
  } else {
    spdlog::error(
        "disk has less free space than storage.min_free_bytes; produce is refused, reads are "
        "served free_bytes={}",
        usage.disk_free_bytes);
  }
}

void StatusTeller::TellNews() {
  if (stopped_) return;
  TellEveryone(News());
}

NodeStatus StatusTeller::News() {
  return {.from = context_.self,
          .full = false,
          .leaders = std::exchange(news_, {}),
          .condition = Condition()};
}

NodeCondition StatusTeller::Condition() const {
  const storage::LogStore::Usage usage = context_.store.usage();
  NodeCondition condition{.disk_free_bytes = usage.disk_free_bytes,
                          .disk_total_bytes = usage.disk_total_bytes,
                          .accepts_produce = usage.accepts_produce,
                          .draining = draining_,
                          .refilling = {},
                          .refilled = refills_ended_,
                          .version = std::string(Version())};
  for (const GroupId group : refilling_) {
    if (condition.refilling.size() == kMaxRefillingTold) break;
    condition.refilling.push_back(group);
  }
  return condition;
}

NodeStatus StatusTeller::Full() const {
  return {.from = context_.self,
          .full = true,
          .leaders = context_.leaders.LedBy(context_.self),
          .condition = Condition()};
}

void StatusTeller::TellEveryone(const NodeStatus& status) {
  const ClusterImagePtr image = context_.image.Get();
  for (const auto& [id, node] : image->nodes) {
    if (id != context_.self) context_.transport.SendStatus(id, status);
  }
  context_.transport.Flush();
}

}  // namespace jangada::server
