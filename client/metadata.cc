#include "client/metadata.h"

#include <algorithm>
#include <utility>

namespace jangada::client {
namespace {

/// Metadata are answered from memory: a node that takes longer hangs, and another is asked.
constexpr int64_t kAskTimeoutMs = 500;
/// A topic that was not asked for so long is asked for at once.
constexpr int64_t kQuietUs = 1'000'000;

}  // namespace

Metadata::Metadata(Executor& loop, Wire& wire, NodeRing& nodes, const ClientOptions& options)
    : loop_(loop), wire_(wire), nodes_(nodes), options_(options) {}

std::optional<int32_t> Metadata::PartitionCount(const std::string& topic) const {
  const auto it = topics_.find(topic);
  if (it == topics_.end() || !it->second.known) return std::nullopt;
  return static_cast<int32_t>(it->second.leaders.size());
}

std::string Metadata::LeaderOf(const TopicPartition& where) const {
  const auto it = topics_.find(where.topic);
  if (it == topics_.end()) return {};
  const auto& leaders = it->second.leaders;
  const auto partition = static_cast<size_t>(where.partition);
  return partition < leaders.size() ? leaders[partition] : std::string();
}

int64_t Metadata::AsOfUs(const std::string& topic) const {
  const auto it = topics_.find(topic);
  return it == topics_.end() ? 0 : it->second.as_of_us;
}

std::string Metadata::TopicId(const std::string& topic) const {
  const auto it = topics_.find(topic);
  return it == topics_.end() ? std::string() : it->second.id;
}

int64_t Metadata::UnknownSinceUs(const std::string& topic) const {
  const auto it = topics_.find(topic);
  return it == topics_.end() ? 0 : it->second.unknown_since_us;
}

void Metadata::Want(const std::string& name) {
  Topic& topic = topics_[name];
  if (topic.asking || topic.timer != 0) return;
  const int64_t now_us = loop_.NowUs();
  if (now_us - topic.asked_at_us > kQuietUs) topic.backoff_us = 0;
  if (topic.backoff_us == 0) {
    topic.backoff_us = options_.retry_backoff_ms * 1000;
    Ask(name);
    return;
  }
  topic.timer = loop_.After(topic.backoff_us, [this, name] {
    topics_[name].timer = 0;
    Ask(name);
  });
  topic.backoff_us = std::min(topic.backoff_us * 2, options_.max_retry_backoff_ms * 1000);
}

void Metadata::Follow(const std::string& name) {
  if (topics_[name].followers++ == 0) RefreshLater(name);
}

void Metadata::Unfollow(const std::string& name) {
  Topic& topic = topics_[name];
  if (--topic.followers == 0) loop_.Cancel(topic.refresh);
}

void Metadata::RefreshLater(const std::string& name) {
  topics_[name].refresh = loop_.After(options_.metadata_refresh_ms * 1000, [this, name] {
    const Topic& topic = topics_[name];
    if (!topic.asking && topic.timer == 0) Ask(name);
    RefreshLater(name);
  });
}

void Metadata::Ask(const std::string& name) {
  Topic& topic = topics_[name];
  topic.asking = true;
  topic.asked_at_us = loop_.NowUs();
  const std::string node = nodes_.Next();
  wire_.DescribeTopics(node, {name}, kAskTimeoutMs, [this, name, node](Reply<TopicsView> reply) {
    OnAnswer(name, node, std::move(reply));
  });
}

void Metadata::OnAnswer(const std::string& name, const std::string& node, Reply<TopicsView> reply) {
  Topic& topic = topics_[name];
  topic.asking = false;
  if (reply.ok()) {
    nodes_.Answered(node);
    Adopt(&topic, reply.value());
  } else if (reply.failure().error.code == ErrorCode::kUnknownTopic) {
    nodes_.Answered(node);
    topic.known = false;
    topic.leaders.clear();
    if (topic.unknown_since_us == 0) topic.unknown_since_us = loop_.NowUs();
  } else {
    nodes_.Failed(node);
    if (!nodes_.AllFailed()) {
      Ask(name);  // another node, at once
      return;
    }
  }
  Tell(name);
}

void Metadata::Adopt(Topic* topic, const TopicsView& view) {
  std::map<int32_t, std::string> addresses;
  std::vector<std::string> all;
  for (const NodeView& node : view.nodes) {
    addresses[node.id] = node.grpc_address;
    all.push_back(node.grpc_address);
  }
  nodes_.Learn(all);
  if (view.topics.empty()) return;
  topic->known = true;
  topic->unknown_since_us = 0;
  topic->id = view.topics.front().id;
  topic->as_of_us = topic->asked_at_us;
  topic->leaders.clear();
  for (const TopicView::Partition& partition : view.topics.front().partitions) {
    const auto leader = addresses.find(partition.leader);
    topic->leaders.push_back(leader == addresses.end() ? std::string() : leader->second);
  }
}

void Metadata::LearnLeader(const TopicPartition& where, const std::string& address) {
  const auto it = topics_.find(where.topic);
  if (it == topics_.end()) return;
  const auto partition = static_cast<size_t>(where.partition);
  if (partition < it->second.leaders.size()) it->second.leaders[partition] = address;
}

void Metadata::NodeFailed(const std::string& address) {
  nodes_.Failed(address);
  for (auto& [name, topic] : topics_) {
    for (std::string& leader : topic.leaders) {
      if (leader == address) leader.clear();
    }
  }
}

Metadata::ListenerId Metadata::Listen(Callback<const std::string&> listener) {
  listeners_.emplace(++last_listener_, std::move(listener));
  return last_listener_;
}

void Metadata::StopListening(ListenerId id) { listeners_.erase(id); }

void Metadata::Tell(const std::string& name) {
  for (auto& [id, listener] : listeners_) listener(name);
}

}  // namespace jangada::client
