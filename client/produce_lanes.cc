#include "client/produce_lanes.h"

#include <utility>
#include <vector>

namespace jangada::client {
namespace {

constexpr int64_t kWatchIntervalUs = 200'000;
/// Commits take milliseconds. Who waits longer than this asks around whether the leader moved.
constexpr int64_t kSlowUs = 600'000;
/// A node that lives answers each try within the timeout that the try names, and this for the way.
constexpr int64_t kGraceUs = 500'000;

}  // namespace

ProduceLanes::~ProduceLanes() {
  for (auto& [node, lane] : lanes_) loop_.Cancel(lane.watch);
}

ProduceLanes::Lane& ProduceLanes::LaneTo(const std::string& node) {
  Lane& lane = lanes_[node];
  if (lane.stream == nullptr) {
    lane.stream = wire_.OpenProduceStream(
        node, {.on_answer = [this, node](
                                int64_t number,
                                const Reply<ProduceAck>& reply) { OnAnswer(node, number, reply); },
               .on_broken = [this, node](const Failure& failure) { Break(node, failure); }});
    Watch(node);
  }
  return lane;
}

void ProduceLanes::Send(const std::string& node, const TopicPartition& where,
                        const PartitionQueue::Try& what) {
  Lane& lane = LaneTo(node);
  const int64_t number = ++last_number_;
  lane.under_way.emplace(number, UnderWay{.where = where,
                                          .number = what.number,
                                          .sent_us = loop_.NowUs(),
                                          .timeout_us = what.timeout_ms * 1000});
  lane.stream->Send(number, where, what.batch, what.timeout_ms);
}

void ProduceLanes::OnAnswer(const std::string& node, int64_t lane_number,
                            const Reply<ProduceAck>& reply) {
  const auto lane = lanes_.find(node);
  if (lane == lanes_.end()) return;
  const auto it = lane->second.under_way.find(lane_number);
  if (it == lane->second.under_way.end()) return;
  const UnderWay done = std::move(it->second);
  lane->second.under_way.erase(it);
  events_.on_answer(done.where, done.number, reply);
}

void ProduceLanes::Break(const std::string& node, const Failure& failure) {
  auto lane = lanes_.extract(node);
  if (lane.empty()) return;
  loop_.Cancel(lane.mapped().watch);
  lane.mapped().stream.reset();
  events_.on_node_failed(node);
  for (const auto& [number, lost] : lane.mapped().under_way) {
    events_.on_answer(lost.where, lost.number, failure);
  }
}

void ProduceLanes::LeaderIs(const TopicPartition& where, const std::string& node) {
  std::vector<std::string> in_vain;
  for (const auto& [other, lane] : lanes_) {
    if (other == node) continue;
    for (const auto& [number, waiting] : lane.under_way) {
      if (waiting.where == where && loop_.NowUs() - waiting.sent_us > kSlowUs) {
        in_vain.push_back(other);
        break;
      }
    }
  }
  for (const std::string& other : in_vain) {
    Break(other, {.error = {ErrorCode::kTimeout,
                            "node " + other + " hangs, and " + node + " leads in its place"},
                  .fate_unknown = true,
                  .retriable = true,
                  .disconnected = true});
  }
}

void ProduceLanes::Watch(const std::string& node) {
  Lane& lane = lanes_[node];
  lane.watch = loop_.After(kWatchIntervalUs, [this, node] { Watch(node); });
  const int64_t now_us = loop_.NowUs();
  std::vector<TopicPartition> slow;
  for (const auto& [number, waiting] : lane.under_way) {
    const int64_t waited_us = now_us - waiting.sent_us;
    if (waited_us <= kSlowUs) break;
    if (waited_us > waiting.timeout_us + kGraceUs) {
      Break(node, {.error = {ErrorCode::kTimeout, "node " + node + " did not answer in time"},
                   .fate_unknown = true,
                   .retriable = true,
                   .disconnected = true});
      return;
    }
    slow.push_back(waiting.where);
  }
  for (const TopicPartition& where : slow) events_.on_slow(where);
}

}  // namespace jangada::client
