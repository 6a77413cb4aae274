// A small cluster of controllers over an in-memory group 0, for the controller's tests.
#pragma once

#include <set>

#include "fakes.h"
#include "gtest/gtest.h"
#include "server/controller/controller.h"

namespace jangada::server {

inline constexpr int64_t kSecond = 1'000'000;

/// Group 0 without Raft: one log, one leader at a time, every node applies every entry a little
/// later.
class SharedLog {
 public:
  explicit SharedLog(FakeExecutor& executor) : executor(executor) {}

  FakeExecutor& executor;
  std::optional<NodeId> leader;
  raft::Index last = 0;
  raft::Membership membership;
  std::map<NodeId, ControllerMachine*> machines;  // of nodes that are up
  std::set<NodeId> cut_off;       // hear of nothing that comes after they left the membership
  std::optional<NodeId> deposed;  // was replaced, and does not know it yet
  bool lose_fates = false;        // appended, but the proposer is told kTimeout

  void Append(const Bytes& payload) {
    raft::Entry entry;
    entry.index = ++last;
    entry.term = 1;
    entry.type = raft::EntryType::kCommand;
    entry.payload = payload;
    for (auto& [node, machine] : machines) {
      if (cut_off.contains(node) && !membership.Contains(node)) continue;
      executor.After(node == leader ? 0 : 5'000, [this, node = node, entry] {
        auto it = machines.find(node);
        if (it != machines.end()) it->second->Apply(entry);
      });
    }
  }
};

class FakeGroup final : public ControllerGroup {
 public:
  FakeGroup(int self, SharedLog& log) : self_(self), log_(log) {}

  void Propose(Bytes command, Callback<Status> done) override {
    if (!IsReadyLeader()) {
      return done(Error{ErrorCode::kNotLeader, "another node leads"});
    }
    log_.Append(command);
    if (log_.lose_fates) return done(Error{ErrorCode::kTimeout, "leadership was lost"});
    log_.executor.Post([done = std::move(done)]() mutable { done(Status()); });
  }
  bool IsReadyLeader() const override { return log_.leader == self_ || log_.deposed == self_; }
  void ConfirmLeads(Callback<Status> done) override {
    log_.executor.Post([this, done = std::move(done)]() mutable {
      done(log_.leader == self_ ? Status()
                                : Status(Error{ErrorCode::kNotLeader, "it was replaced"}));
    });
  }
  raft::RaftStatus status() const override {
    raft::RaftStatus status;
    status.leader = log_.leader;
    status.role = IsReadyLeader() ? raft::Role::kLeader : raft::Role::kFollower;
    status.last.index = log_.last;
    status.membership.membership = log_.membership;
    for (const NodeId node : log_.membership.Members()) {
      status.peers.push_back({node, log_.last, true, true, false});
    }
    return status;
  }
  void ProposeMembership(const raft::MembershipTarget& target, Callback<Status> done) override {
    log_.membership = {target.voters, {}, target.learners};
    log_.executor.Post([done = std::move(done)]() mutable { done(Status()); });
  }
  Status TransferLeadership(NodeId to) override {
    log_.leader = to;
    return {};
  }

 private:
  NodeId self_;
  SharedLog& log_;
};

/// One node: image, liveness, group, controller.
class TestNode final : public ControllerHost {
 public:
  TestNode(int id, FakeExecutor& executor, FakeNetwork& network, SharedLog& log,
           std::set<GroupId>& ready)
      : id(id), liveness(NodeId(id)), ready_(ready), network_(network), log_(log) {
    transport_ = std::make_unique<FakeTransport>(NodeId(id), network);
    Controller::Options options;
    options.self = MakeNode(id);
    options.founding = MakeFounders({1, 2, 3});
    options.first_peers = Nodes({1, 2, 3});
    options.seed = static_cast<uint64_t>(id);
    controller = std::make_unique<Controller>(
        options, Controller::Context{executor, *transport_, liveness, *this});
    machine = std::make_unique<ControllerMachine>(*controller);
    group_ = std::make_unique<FakeGroup>(id, log);
  }
  ~TestNode() override { TakeDown(); }

  void Start() {
    log_.machines[NodeId(id)] = machine.get();
    network_.SetHandler(NodeId(id), [this](NodeId from, const PeerCall& call, auto reply) {
      controller->OnPeerCall(from, call, std::move(reply));
    });
    controller->Start(*group_, *machine);
  }
  void TakeDown() {
    log_.machines.erase(NodeId(id));
    network_.TakeDown(NodeId(id));
    if (log_.leader == NodeId(id)) log_.leader.reset();
  }

  void OnImage(ClusterImagePtr next) override { image = std::move(next); }
  bool HasReadyLeader(GroupId group) const override { return ready_.contains(group); }
  Status ValidateTopicConfigs(const std::map<std::string, std::string>& configs,
                              int32_t replication_factor) const override {
    validated_factor = replication_factor;
    for (const auto& [key, value] : configs) {
      if (key != "retention.ms") return Error{ErrorCode::kInvalidArgument, "no config " + key};
    }
    return {};
  }
  void OnRefused(const Error& error) override { refused = error; }

  const int id;
  Liveness liveness;
  ClusterImagePtr image = std::make_shared<const ClusterImage>();
  std::optional<Error> refused;
  mutable int32_t validated_factor = 0;  // of the configs that came last
  std::unique_ptr<Controller> controller;
  std::unique_ptr<ControllerMachine> machine;

 private:
  std::set<GroupId>& ready_;
  FakeNetwork& network_;
  SharedLog& log_;
  std::unique_ptr<FakeTransport> transport_;
  std::unique_ptr<FakeGroup> group_;
};

class ControllerTest : public testing::Test {
 protected:
  void SetUp() override {
    log_.membership.voters = Nodes({1, 2, 3});
    for (uint64_t group = 1; group < 100; ++group) ready_.insert(GroupId(group));
  }

  TestNode& node(int id) { return *nodes_.at(id); }
  void Boot(int id) {
    nodes_[id] = std::make_unique<TestNode>(id, executor_, network_, log_, ready_);
    node(id).Start();
  }
  void Lead(int id) {
    log_.leader = NodeId(id);
    node(id).machine->OnLeaderReady(1);
  }
  /// Three nodes, founded and registered.
  void BootThree() {
    for (const int id : {1, 2, 3}) Boot(id);
    Lead(1);
    RunForSeconds(2);
    for (const int id : {1, 2, 3}) ASSERT_TRUE(node(id).controller->registered()) << id;
  }
  /// Time passes; nodes that are up hear of each other.
  void RunForSeconds(double seconds) {
    for (int64_t left_us = static_cast<int64_t>(seconds * kSecond); left_us > 0;
         left_us -= kSecond / 10) {
      for (auto& [id, hears] : nodes_) {
        for (const auto& [other, machine] : log_.machines) {
          NodeStatus status;
          status.from = other;
          hears->liveness.OnStatus(status, executor_.NowUs());
        }
      }
      executor_.RunFor(kSecond / 10);
    }
  }

  Result<Uuid> CreateTopic(int at, server::CreateTopic request) {
    std::optional<Result<Uuid>> answer;
    node(at).controller->CreateTopic(std::move(request), [&](auto result) { answer = result; });
    for (int i = 0; i < 200 && !answer; ++i) RunForSeconds(0.1);
    if (!answer) return Error{ErrorCode::kInternal, "never answered"};
    return *answer;
  }
  Status Wait(const std::function<void(Callback<Status>)>& ask) {
    std::optional<Status> answer;
    ask([&](Status status) { answer = std::move(status); });
    for (int i = 0; i < 300 && !answer; ++i) RunForSeconds(0.1);
    if (!answer) return Error{ErrorCode::kInternal, "never answered"};
    return *answer;
  }
  static server::CreateTopic Topic(const std::string& name, int partitions, int replicas) {
    server::CreateTopic request;
    request.name = name;
    request.partitions = partitions;
    request.replication_factor = replicas;
    return request;
  }
  ErrorCode CodeOfCreation(int at, server::CreateTopic request) {
    const Result<Uuid> result = CreateTopic(at, std::move(request));
    return result.ok() ? ErrorCode::kInternal : result.error().code;
  }

  FakeExecutor executor_;
  FakeNetwork network_{executor_};
  SharedLog log_{executor_};
  std::set<GroupId> ready_;  // groups whose leaders are ready
  std::map<int, std::unique_ptr<TestNode>> nodes_;
};

}  // namespace jangada::server
