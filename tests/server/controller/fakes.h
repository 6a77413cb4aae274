// What the controller's tests share: an executor with a virtual clock, a transport that delivers
// calls to handlers, and images built by folding records, as real ones are.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/executor.h"
#include "base/uuid.h"
#include "gtest/gtest.h"
#include "raft/raft.h"
#include "server/controller/fold.h"
#include "server/controller/records.h"
#include "server/transport/transport.h"

namespace jangada::server {

/// Runs tasks in the order of their virtual time. Nothing happens outside Run().
class FakeExecutor final : public Executor {
 public:
  void Post(Callback<> task) override { Add(0, std::move(task)); }
  void Defer(Callback<> task) override { Add(0, std::move(task)); }
  TimerId After(int64_t delay_us, Callback<> task) override {
    return Add(delay_us, std::move(task));
  }
  void Cancel(TimerId timer) override {
    std::erase_if(tasks_, [timer](const auto& entry) { return entry.first.second == timer; });
  }
  int64_t NowUs() const override { return now_us_; }
  int64_t WallNowMs() const override { return now_us_ / 1000; }
  bool IsCurrent() const override { return true; }

  /// Everything that is due within the next `us`.
  void RunFor(int64_t us) {
    const int64_t end_us = now_us_ + us;
    while (!tasks_.empty() && tasks_.begin()->first.first <= end_us) {
      now_us_ = std::max(now_us_, tasks_.begin()->first.first);
      Callback<> task = std::move(tasks_.begin()->second);
      tasks_.erase(tasks_.begin());
      task();
    }
    now_us_ = end_us;
  }
  /// Everything that is due now.
  void Run() { RunFor(0); }

 private:
  TimerId Add(int64_t delay_us, Callback<> task) {
    const TimerId id = ++last_id_;
    tasks_.emplace(std::pair(now_us_ + delay_us, id), std::move(task));
    return id;
  }

  int64_t now_us_ = 1'000'000;
  TimerId last_id_ = 0;
  std::map<std::pair<int64_t, TimerId>, Callback<>> tasks_;
};

/// The calls of all nodes: each node has a handler, or none while it is down.
class FakeNetwork {
 public:
  using Handler = std::function<void(NodeId from, const PeerCall&, Callback<Result<Bytes>>)>;

  explicit FakeNetwork(Executor& executor) : executor_(executor) {}

  void SetHandler(NodeId node, Handler handler) { handlers_[node] = std::move(handler); }
  void TakeDown(NodeId node) { handlers_.erase(node); }
  /// The next `count` calls reach their node, but the answers are lost.
  void LoseAnswers(int count) { answers_to_lose_ = count; }
  int calls() const { return calls_; }

  void Call(NodeId from, NodeId to, PeerCall call, int64_t timeout_us,
            Callback<Result<Bytes>> done) {
    ++calls_;
    const bool lose = answers_to_lose_ > 0 && answers_to_lose_-- > 0;
    executor_.Post([this, from, to, call = std::move(call), timeout_us, lose,
                    done = std::move(done)]() mutable {
      auto it = handlers_.find(to);
      if (it == handlers_.end()) {
        return done(Error{ErrorCode::kUnavailable, "nobody listens there"});
      }
      if (!lose) return it->second(from, call, std::move(done));
      it->second(from, call, [](const Result<Bytes>&) {});
      executor_.After(timeout_us, [done = std::move(done)]() mutable {
        done(Error{ErrorCode::kTimeout, "no answer in time"});
      });
    });
  }

 private:
  Executor& executor_;
  std::map<NodeId, Handler> handlers_;
  int answers_to_lose_ = 0;
  int calls_ = 0;
};

class FakeTransport final : public Transport {
 public:
  FakeTransport(NodeId self, FakeNetwork& network) : self_(self), network_(network) {}
  void Send(GroupId, raft::Message) override {}
  void SendStatus(NodeId, const NodeStatus&) override {}
  void Call(NodeId to, PeerCall call, int64_t timeout_us, Callback<Result<Bytes>> done) override {
    network_.Call(self_, to, std::move(call), timeout_us, std::move(done));
  }

 private:
  NodeId self_;
  FakeNetwork& network_;
};

inline Uuid MakeUuid(uint64_t seed) {
  Random random(seed);
  return Uuid::Make(random);
}

inline Uuid DiskOf(int32_t node) { return MakeUuid(static_cast<uint64_t>(1000 + node)); }

inline std::vector<NodeId> Nodes(std::initializer_list<int32_t> ids) {
  std::vector<NodeId> nodes;
  for (const int32_t id : ids) nodes.emplace_back(id);
  return nodes;
}

inline Endpoint PeerEndpoint(int32_t node) {
  return {"127.0.0.1", static_cast<uint16_t>(6091 + node)};
}

inline NodeInfo MakeNode(int32_t id, const std::string& rack = "") {
  NodeInfo node;
  node.id = NodeId(id);
  node.disk_id = DiskOf(id);
  node.rack = rack;
  node.peer = PeerEndpoint(id);
  node.grpc = {"127.0.0.1", static_cast<uint16_t>(7091 + id)};
  return node;
}

inline std::vector<FounderDisk> MakeFounders(std::initializer_list<int32_t> ids) {
  std::vector<FounderDisk> founders;
  for (const int32_t id : ids) founders.push_back({NodeId(id), PeerEndpoint(id), DiskOf(id)});
  return founders;
}

/// Folds a record that must be valid.
inline int64_t MustFold(const record::Body& body, ClusterImage* image) {
  const Result<int64_t> outcome = Fold(body, image);
  EXPECT_TRUE(outcome.ok()) << outcome.error();
  ++image->version;
  return outcome.ok() ? *outcome : -1;
}

/// A founded cluster whose founders have registered.
inline ClusterImage MakeCluster(std::initializer_list<int32_t> ids) {
  ClusterImage image;
  MustFold(record::FoundCluster{MakeUuid(7), MakeFounders(ids)}, &image);
  for (const int32_t id : ids) MustFold(record::RegisterNode{MakeNode(id)}, &image);
  return image;
}

inline record::CreateTopic MakeTopic(const std::string& name,
                                     std::vector<std::vector<NodeId>> assignment) {
  record::CreateTopic body;
  body.name = name;
  body.id = MakeUuid(std::hash<std::string>()(name));
  body.replication_factor = static_cast<int32_t>(assignment.front().size());
  body.assignment = std::move(assignment);
  return body;
}

inline ErrorCode CodeOf(const Result<int64_t>& outcome) {
  return outcome.ok() ? ErrorCode::kInternal : outcome.error().code;
}

}  // namespace jangada::server
