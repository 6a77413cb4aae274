// Controller: requests from any node, racing and failing, over a small in-memory group 0.
#include "server/controller/controller.h"

#include <set>

#include "fakes.h"
#include "gtest/gtest.h"
#include "server/controller/requests.h"

namespace jangada::server {
namespace {

constexpr int64_t kSecond = 1'000'000;

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
  bool lose_fates = false;                        // appended, but the proposer is told kTimeout

  void Append(const Bytes& payload) {
    raft::Entry entry;
    entry.index = ++last;
    entry.term = 1;
    entry.type = raft::EntryType::kCommand;
    entry.payload = payload;
    for (auto& [node, machine] : machines) {
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
  bool IsReadyLeader() const override { return log_.leader == self_; }
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
  Status ValidateTopicConfigs(const std::map<std::string, std::string>& configs) const override {
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

TEST_F(ControllerTest, TheFirstLeaderFoundsTheClusterAndEveryNodeRegisters) {
  BootThree();
  for (const int id : {1, 2, 3}) {
    EXPECT_FALSE(node(id).image->cluster_id.IsZero());
    EXPECT_EQ(node(id).image->cluster_id, node(1).image->cluster_id);
    EXPECT_EQ(node(id).image->founders, MakeFounders({1, 2, 3}));
    EXPECT_EQ(node(1).image->FindNode(NodeId(id))->grpc, MakeNode(id).grpc);
  }
}

TEST_F(ControllerTest, ALaterLeaderFoundsNothingAnew) {
  BootThree();
  const Uuid cluster_id = node(1).image->cluster_id;
  Lead(2);
  RunForSeconds(3);
  EXPECT_EQ(node(3).image->cluster_id, cluster_id);
}

TEST_F(ControllerTest, RegisteringAgainUnchangedWritesNothing) {
  BootThree();
  const raft::Index before = log_.last;
  node(2).TakeDown();
  nodes_.erase(2);
  Boot(2);
  RunForSeconds(2);
  EXPECT_TRUE(node(2).controller->registered());
  EXPECT_EQ(log_.last, before);
}

TEST_F(ControllerTest, ATopicCreatedAnywhereIsVisibleThereWhenAnswered) {
  BootThree();
  for (const int at : {1, 2, 3}) {
    const std::string name = "t" + std::to_string(at);
    const Result<Uuid> id = CreateTopic(at, Topic(name, 6, 3));
    ASSERT_TRUE(id.ok()) << id.error();
    ASSERT_TRUE(node(at).image->FindTopic(name));
    EXPECT_EQ(node(at).image->FindTopic(name)->id, *id);
  }
}

TEST_F(ControllerTest, ACreationIsAnsweredOnlyWhenEveryPartitionHasAReadyLeader) {
  BootThree();
  ready_.erase(GroupId(2));
  std::optional<Result<Uuid>> answer;
  node(2).controller->CreateTopic(Topic("t", 2, 3), [&](auto result) { answer = result; });
  RunForSeconds(3);
  EXPECT_FALSE(answer.has_value());
  ready_.insert(GroupId(2));
  RunForSeconds(0.2);
  ASSERT_TRUE(answer.has_value());
  EXPECT_TRUE(answer->ok());
}

TEST_F(ControllerTest, ACreationWhoseLeadersNeverComeTimesOut) {
  BootThree();
  ready_.clear();
  server::CreateTopic request = Topic("t", 1, 1);
  request.timeout_us = 2 * kSecond;
  EXPECT_EQ(CodeOfCreation(3, request), ErrorCode::kTimeout);
  EXPECT_TRUE(node(3).image->FindTopic("t"));
}

TEST_F(ControllerTest, BadCreationsAreRefusedAndChangeNothing) {
  BootThree();
  EXPECT_EQ(CodeOfCreation(2, Topic("t", 1, 4)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOfCreation(2, Topic("t", 0, 1)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOfCreation(2, Topic("t", 1, 0)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOfCreation(2, Topic("bad name", 1, 1)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOfCreation(2, Topic("t", 10'001, 1)), ErrorCode::kInvalidArgument);
  server::CreateTopic bad_config = Topic("t", 1, 1);
  bad_config.configs = {{"nonsense", "1"}};
  EXPECT_EQ(CodeOfCreation(2, bad_config), ErrorCode::kInvalidArgument);
  server::CreateTopic uneven = Topic("t", 1, 1);
  uneven.assignment = {Nodes({1, 2}), Nodes({3})};
  EXPECT_EQ(CodeOfCreation(2, uneven), ErrorCode::kInvalidArgument);
  server::CreateTopic stranger = Topic("t", 1, 1);
  stranger.assignment = {Nodes({1, 9})};
  EXPECT_EQ(CodeOfCreation(2, stranger), ErrorCode::kInvalidArgument);
  server::CreateTopic rehearsal = Topic("t", 1, 1);
  rehearsal.validate_only = true;
  EXPECT_TRUE(CreateTopic(2, rehearsal).ok());
  EXPECT_TRUE(node(1).image->topics.empty());
}

TEST_F(ControllerTest, ReplicasNeedLiveNodes) {
  BootThree();
  node(3).TakeDown();
  RunForSeconds(5);
  const Result<Uuid> refused = CreateTopic(1, Topic("t", 1, 3));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(refused.error().message.find("only 2"), std::string::npos) << refused.error();
  EXPECT_TRUE(CreateTopic(1, Topic("t", 1, 2)).ok());
}

TEST_F(ControllerTest, OfCreationsThatRaceFromAllNodesOneWins) {
  BootThree();
  int made = 0;
  int refused = 0;
  for (const int at : {1, 2, 3}) {
    node(at).controller->CreateTopic(Topic("t", 2, 1), [&](Result<Uuid> result) {
      if (result.ok()) {
        ++made;
      } else {
        EXPECT_EQ(result.error().code, ErrorCode::kAlreadyExists);
        ++refused;
      }
    });
  }
  RunForSeconds(2);
  EXPECT_EQ(made, 1);
  EXPECT_EQ(refused, 2);
  EXPECT_EQ(node(1).image->next_group, 3u);
}

TEST_F(ControllerTest, ACreationWhoseAnswerWasLostIsRepeatedAndMadeOnce) {
  BootThree();
  network_.LoseAnswers(1);
  const Result<Uuid> id = CreateTopic(2, Topic("t", 1, 1));
  ASSERT_TRUE(id.ok()) << id.error();
  EXPECT_EQ(node(2).image->topics.size(), 1u);
}

TEST_F(ControllerTest, ADeletionWhoseAnswerWasLostIsOfUnknownFate) {
  BootThree();
  ASSERT_TRUE(CreateTopic(1, Topic("t", 1, 1)).ok());
  network_.LoseAnswers(1);
  const Status status =
      Wait([&](auto done) { node(2).controller->DeleteTopic("t", std::move(done)); });
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kTimeout);
}

TEST_F(ControllerTest, WithoutALeaderARequestIsSurelyNotDone) {
  BootThree();
  log_.leader.reset();
  EXPECT_EQ(CodeOfCreation(2, Topic("t", 1, 1)), ErrorCode::kUnavailable);
}

TEST_F(ControllerTest, ARequestWaitsForANewLeaderWhileTimeIsLeft) {
  BootThree();
  log_.leader.reset();
  std::optional<Result<Uuid>> answer;
  node(2).controller->CreateTopic(Topic("t", 1, 1), [&](auto result) { answer = result; });
  RunForSeconds(3);
  EXPECT_FALSE(answer.has_value());
  Lead(3);
  RunForSeconds(1);
  ASSERT_TRUE(answer.has_value());
  EXPECT_TRUE(answer->ok());
}

TEST_F(ControllerTest, ALeaderThatDiesWithTheRequestIsReplaced) {
  BootThree();
  log_.leader = NodeId(1);
  std::optional<Result<Uuid>> answer;
  node(2).controller->CreateTopic(Topic("t", 1, 1), [&](auto result) { answer = result; });
  node(1).TakeDown();
  RunForSeconds(1);
  Lead(3);
  RunForSeconds(2);
  ASSERT_TRUE(answer.has_value());
  EXPECT_TRUE(answer->ok()) << answer->error();
}

TEST_F(ControllerTest, TopicsAreDeletedGrownAndConfigured) {
  BootThree();
  ASSERT_TRUE(CreateTopic(1, Topic("t", 2, 3)).ok());
  EXPECT_TRUE(
      Wait([&](auto done) { node(2).controller->CreatePartitions("t", 5, std::move(done)); }).ok());
  EXPECT_EQ(node(2).image->FindTopic("t")->partitions.size(), 5u);
  EXPECT_FALSE(
      Wait([&](auto done) { node(2).controller->CreatePartitions("t", 5, std::move(done)); }).ok());
  EXPECT_TRUE(
      Wait([&](auto done) {
        node(3).controller->AlterTopicConfigs("t", {{"retention.ms", "7"}}, std::move(done));
      }).ok());
  EXPECT_EQ(node(3).image->FindTopic("t")->configs.at("retention.ms"), "7");
  EXPECT_FALSE(Wait([&](auto done) {
                 node(3).controller->AlterTopicConfigs(
                     "t", {{"retention.ms", std::nullopt}, {"nonsense", "7"}}, std::move(done));
               }).ok());
  EXPECT_EQ(node(3).image->FindTopic("t")->configs.size(), 1u) << "all or nothing";
  EXPECT_TRUE(Wait([&](auto done) { node(2).controller->DeleteTopic("t", std::move(done)); }).ok());
  EXPECT_FALSE(node(2).image->FindTopic("t"));
  const Status again =
      Wait([&](auto done) { node(2).controller->DeleteTopic("t", std::move(done)); });
  EXPECT_EQ(again.error().code, ErrorCode::kUnknownTopic);
}

TEST_F(ControllerTest, ProducerIdsAreUniqueAndMostCostNoRecord) {
  BootThree();
  const raft::Index before = log_.last;
  std::set<int64_t> ids;
  for (int i = 0; i < 2500; ++i) {
    for (const int at : {1, 2, 3}) {
      node(at).controller->InitProducer([&](Result<ProducerIdentity> result) {
        ASSERT_TRUE(result.ok()) << result.error();
        ids.insert(result->producer_id);
      });
    }
    if (i % 500 == 0) RunForSeconds(0.1);
  }
  RunForSeconds(2);
  EXPECT_EQ(ids.size(), 7500u);
  EXPECT_LE(log_.last - before, 9u);
}

TEST_F(ControllerTest, AProducerWithoutALeaderIsToldSo) {
  BootThree();
  log_.leader.reset();
  std::optional<Result<ProducerIdentity>> answer;
  node(2).controller->InitProducer([&](auto result) { answer = result; });
  RunForSeconds(12);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->error().code, ErrorCode::kUnavailable);
}

TEST_F(ControllerTest, APartitionMovesOnlyToLiveNodesAndAsManyAsItHas) {
  BootThree();
  server::CreateTopic request = Topic("t", 1, 1);
  request.assignment = {Nodes({1, 2})};
  ASSERT_TRUE(CreateTopic(1, request).ok());
  const auto move = [&](std::vector<NodeId> replicas) {
    return Wait([&](auto done) {
      node(2).controller->MovePartition({"t", 0}, replicas, std::move(done));
    });
  };
  EXPECT_EQ(move(Nodes({3})).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(move(Nodes({3, 9})).error().code, ErrorCode::kInvalidArgument);
  ASSERT_TRUE(move(Nodes({3, 2})).ok());
  EXPECT_EQ(node(2).image->FindTopic("t")->partitions[0].replicas, Nodes({3, 2}));
  EXPECT_EQ(move(Nodes({1, 2})).error().code, ErrorCode::kFailedPrecondition) << "1 is leaving";
}

TEST_F(ControllerTest, AWipedNodeIsRemovedAddedAndFilledUpAgain) {
  BootThree();
  ASSERT_TRUE(CreateTopic(1, Topic("t", 4, 3)).ok());
  node(3).TakeDown();
  RunForSeconds(5);
  // The partitions' leaders settle what changes, as reconcilers do.
  const auto settle_all = [&] {
    for (const PartitionInfo& partition : node(1).image->FindTopic("t")->partitions) {
      if (partition.leaving.empty()) continue;
      node(1).controller->ReportSettled(partition.group, partition.revision, [](const Status&) {});
    }
  };
  std::optional<Status> removed;
  node(2).controller->RemoveNode(NodeId(3), [&](Status status) { removed = status; });
  RunForSeconds(2);
  EXPECT_FALSE(removed.has_value()) << "the groups still have it";
  const Status too_early =
      Wait([&](auto done) { node(2).controller->AddNode(NodeId(3), std::move(done)); });
  EXPECT_EQ(too_early.error().code, ErrorCode::kFailedPrecondition);
  settle_all();
  RunForSeconds(3);
  ASSERT_TRUE(removed.has_value());
  EXPECT_TRUE(removed->ok()) << removed->error();
  EXPECT_EQ(log_.membership.Members(), Nodes({1, 2}));
  for (const PartitionInfo& partition : node(1).image->FindTopic("t")->partitions) {
    EXPECT_EQ(partition.replicas.size(), 2u);
  }

  ASSERT_TRUE(
      Wait([&](auto done) { node(2).controller->AddNode(NodeId(3), std::move(done)); }).ok());
  nodes_.erase(3);
  Boot(3);
  for (raft::Index i = 0; i < 1; ++i) RunForSeconds(3);
  EXPECT_TRUE(node(3).controller->registered());
  EXPECT_EQ(log_.membership.voters, Nodes({1, 2, 3}));
  for (const PartitionInfo& partition : node(1).image->FindTopic("t")->partitions) {
    EXPECT_EQ(partition.replicas.size(), 3u) << "filled up";
  }
}

TEST_F(ControllerTest, ADeadNodeThatAPartitionCannotSpareIsNotRemoved) {
  BootThree();
  server::CreateTopic request = Topic("t", 1, 1);
  request.assignment = {Nodes({3})};
  ASSERT_TRUE(CreateTopic(1, request).ok());
  node(3).TakeDown();
  RunForSeconds(5);
  const Status refused =
      Wait([&](auto done) { node(1).controller->RemoveNode(NodeId(3), std::move(done)); });
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_NE(refused.error().message.find("t/0"), std::string::npos) << refused.error();
  EXPECT_FALSE(node(1).image->FindNode(NodeId(3))->removing);
}

TEST_F(ControllerTest, ARefusedRegistrationStopsTheNode) {
  BootThree();
  nodes_[4] = std::make_unique<TestNode>(4, executor_, network_, log_, ready_);
  node(4).Start();
  RunForSeconds(3);
  ASSERT_TRUE(node(4).refused.has_value());
  EXPECT_EQ(node(4).refused->code, ErrorCode::kPermissionDenied);
  EXPECT_NE(node(4).refused->message.find("jangada node add 4"), std::string::npos);
}

TEST_F(ControllerTest, ANewNodeCanRegisterBeforeItHasAReplicaOfTheController) {
  BootThree();
  ASSERT_TRUE(
      Wait([&](auto done) { node(1).controller->AddNode(NodeId(4), std::move(done)); }).ok());
  nodes_[4] = std::make_unique<TestNode>(4, executor_, network_, log_, ready_);
  const Status registered = Wait([&](auto done) { node(4).controller->Register(std::move(done)); });
  ASSERT_TRUE(registered.ok()) << registered.error();
  EXPECT_EQ(node(1).image->FindNode(NodeId(4))->disk_id, DiskOf(4));
  RunForSeconds(2);
  EXPECT_EQ(log_.membership.learners, Nodes({4}));
}

TEST_F(ControllerTest, ANodeCanRegisterOnlyItself) {
  BootThree();
  request::RegisterNode forged{{}, MakeNode(3)};
  forged.node.grpc.port = 1;
  std::optional<Result<Bytes>> answer;
  network_.Call(NodeId(2), NodeId(1), {"controller.request", request::EncodeRequest(forged)},
                kSecond, [&](auto result) { answer = result; });
  RunForSeconds(1);
  ASSERT_TRUE(answer.has_value());
  EXPECT_FALSE(answer->ok());
  EXPECT_EQ(node(1).image->FindNode(NodeId(3))->grpc, MakeNode(3).grpc);
}

TEST_F(ControllerTest, StoppingAnswersEveryRequest) {
  BootThree();
  log_.leader.reset();
  int answers = 0;
  node(2).controller->CreateTopic(Topic("t", 1, 1), [&](Result<Uuid> result) {
    EXPECT_EQ(result.error().code, ErrorCode::kShuttingDown);
    ++answers;
  });
  node(2).controller->InitProducer([&](Result<ProducerIdentity> result) {
    EXPECT_EQ(result.error().code, ErrorCode::kShuttingDown);
    ++answers;
  });
  RunForSeconds(1);
  node(2).controller->Stop();
  EXPECT_EQ(answers, 2);
  node(2).controller->DeleteTopic("t", [&](Status status) {
    EXPECT_EQ(status.error().code, ErrorCode::kShuttingDown);
    ++answers;
  });
  RunForSeconds(0.1);
  EXPECT_EQ(answers, 3);
}

TEST_F(ControllerTest, AProposalOfUnknownFateIsNotCalledUndone) {
  BootThree();
  ASSERT_TRUE(CreateTopic(1, Topic("t", 1, 1)).ok());
  log_.lose_fates = true;
  const Status status =
      Wait([&](auto done) { node(1).controller->DeleteTopic("t", std::move(done)); });
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kTimeout);
}

// ---- the messages ----

TEST(Requests, EveryKindSurvivesItsBytesAndMutilatedOnesAreRefused) {
  request::CreateTopic create;
  create.name = "t";
  create.id = MakeUuid(1);
  create.assignment = {Nodes({1, 2}), {}};
  create.configs = {{"a", "b"}};
  request::AlterTopicConfigs alter;
  alter.topic = "t";
  alter.changes = {{"a", std::nullopt}, {"b", "c"}};
  const std::vector<request::Request> requests = {create,
                                                  request::DeleteTopic{{}, "t"},
                                                  request::CreatePartitions{{}, "t", 5},
                                                  alter,
                                                  request::AllotProducerIds{{}, -1},
                                                  request::MovePartition{{}, "t", 1, Nodes({3})},
                                                  request::AddNode{{}, NodeId(4)},
                                                  request::RemoveNode{{}, NodeId(5)},
                                                  request::RegisterNode{{}, MakeNode(6, "rack")},
                                                  request::SettleReplicas{{}, GroupId(7), 8}};
  ASSERT_EQ(requests.size(), std::variant_size_v<request::Request>);
  for (size_t i = 0; i < requests.size(); ++i) {
    ASSERT_EQ(requests[i].index(), i);
    const Bytes bytes = request::EncodeRequest(requests[i]);
    const auto back = request::DecodeRequest(bytes.view());
    ASSERT_TRUE(back.ok()) << back.error();
    EXPECT_EQ(back->index(), i);
    EXPECT_EQ(request::EncodeRequest(*back), bytes);
    for (size_t cut = 0; cut < bytes.size(); ++cut) {
      EXPECT_FALSE(request::DecodeRequest(bytes.view().substr(0, cut)).ok()) << i << " " << cut;
    }
    EXPECT_FALSE(request::DecodeRequest(bytes.ToString() + "x").ok());
  }
  std::string unknown_kind;
  unknown_kind.push_back(1);   // the version
  unknown_kind.push_back(98);  // kind 49
  EXPECT_FALSE(request::DecodeRequest(unknown_kind).ok());
}

}  // namespace
}  // namespace jangada::server
