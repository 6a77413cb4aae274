// Founding: every combination of empty, wiped and absent founders. Simulated nodes with real
// drivers.
#include "server/controller/founding.h"

#include "fakes.h"
#include "gtest/gtest.h"
#include "server/controller/requests.h"

namespace jangada::server {
namespace {

std::vector<Founder> FoundersList(int count) {
  std::vector<Founder> founders;
  for (int id = 1; id <= count; ++id) founders.push_back({NodeId(id), PeerEndpoint(id)});
  return founders;
}

class MemoryIdentity final : public IdentityStore {
 public:
  Status SaveFounding(const std::vector<FounderDisk>& founders) override {
    if (fail) return Error{ErrorCode::kIoError, "the disk is broken"};
    identity.founding = founders;
    return {};
  }
  Status SaveCluster(const Uuid& cluster_id) override {
    identity.cluster_id = cluster_id;
    return {};
  }
  NodeIdentity identity;
  bool fail = false;
};

/// A machine room: nodes whose disks and processes come and go. A node that founded and is up
/// makes, with a majority of its fellows, the cluster's first record; that is all that is simulated
/// of Raft.
class Room {
 public:
  explicit Room(int founders) : founders_(FoundersList(founders)) {}

  void Start(int id, uint64_t disk_seed) {
    Node& node = nodes_[id];
    if (node.store.identity.disk_id.IsZero()) {
      node.store.identity.node = NodeId(id);
      node.store.identity.disk_id = MakeUuid(disk_seed);
    }
    node.result.reset();
    node.transport = std::make_unique<FakeTransport>(NodeId(id), network_);
    network_.SetHandler(NodeId(id), [this, id](NodeId, const PeerCall& call, auto reply) {
      if (call.method != kFoundingProbe) {  // registering: the log takes every disk here
        request::Answer done;
        return reply(request::EncodeAnswer(done));
      }
      const Result<ProbeQuestion> question = DecodeProbeQuestion(call.payload.view());
      ASSERT_TRUE(question.ok()) << question.error();
      const Node& asked = nodes_.at(id);
      reply(EncodeProbeAnswer(
          AnswerProbe(asked.store.identity, founders_, asked.image.get(), *question)));
    });
    if (!node.store.identity.IsEmpty()) return;
    node.driver = std::make_unique<FoundingDriver>(executor_, *node.transport, node.store,
                                                   node.store.identity, founders_);
    node.driver->Start([&node](Result<NodeIdentity> result) { node.result = std::move(result); });
  }

  void Stop(int id) {
    network_.TakeDown(NodeId(id));
    nodes_[id].driver.reset();
    nodes_[id].image.reset();
  }

  void Wipe(int id) {
    Stop(id);
    nodes_[id].store = MemoryIdentity();
  }

  /// The founders' group decides its first record; those of `members` learn it.
  void FormCluster(std::initializer_list<int> members) {
    auto image = std::make_shared<ClusterImage>();
    MustFold(record::FoundCluster{MakeUuid(7), nodes_.at(*members.begin()).store.identity.founding},
             image.get());
    SetImage(members, image);
  }
  void SetImage(std::initializer_list<int> members, std::shared_ptr<const ClusterImage> image) {
    for (const int id : members) {
      nodes_.at(id).image = image;
      nodes_.at(id).store.identity.cluster_id = image->cluster_id;
    }
  }

  void RunForSeconds(int seconds) { executor_.RunFor(seconds * 1'000'000LL); }

  bool Founded(int id) { return nodes_.at(id).result && nodes_.at(id).result->ok(); }
  bool Waits(int id) { return !nodes_.at(id).result.has_value(); }
  std::string Refusal(int id) {
    const auto& result = nodes_.at(id).result;
    return result && !result->ok() ? result->error().message : "";
  }
  NodeIdentity identity(int id) { return nodes_.at(id).store.identity; }
  MemoryIdentity& store(int id) { return nodes_[id].store; }
  ClusterImage image(int id) { return *nodes_.at(id).image; }

 private:
  struct Node {
    MemoryIdentity store;
    std::unique_ptr<FakeTransport> transport;
    std::unique_ptr<FoundingDriver> driver;
    std::optional<Result<NodeIdentity>> result;
    std::shared_ptr<const ClusterImage> image;
  };

  FakeExecutor executor_;
  FakeNetwork network_{executor_};
  std::vector<Founder> founders_;
  std::map<int, Node> nodes_;
};

TEST(Founding, AOneNodeClusterFoundsAtOnce) {
  Room room(1);
  room.Start(1, 11);
  EXPECT_TRUE(room.Founded(1)) << "before any time has passed";
  ASSERT_EQ(room.identity(1).founding.size(), 1u);
  EXPECT_EQ(room.identity(1).founding[0].disk_id, MakeUuid(11));
}

TEST(Founding, ThreeEmptyNodesFoundTheSameCluster) {
  Room room(3);
  for (const int id : {1, 2, 3}) room.Start(id, 10 + id);
  room.RunForSeconds(2);
  for (const int id : {1, 2, 3}) {
    EXPECT_TRUE(room.Founded(id));
    EXPECT_EQ(room.identity(id).founding, room.identity(1).founding);
    EXPECT_TRUE(room.identity(id).cluster_id.IsZero()) << "group 0 decides the id, not a node";
  }
}

TEST(Founding, NothingIsFoundedWhileAFounderIsAbsentHoweverLong) {
  for (const int absent : {1, 2, 3}) {
    Room room(3);
    for (const int id : {1, 2, 3}) {
      if (id != absent) room.Start(id, 10 + id);
    }
    room.RunForSeconds(3600);
    for (const int id : {1, 2, 3}) {
      if (id != absent) {
        EXPECT_TRUE(room.Waits(id));
      }
    }
    room.Start(absent, 10 + absent);
    room.RunForSeconds(2);
    for (const int id : {1, 2, 3}) EXPECT_TRUE(room.Founded(id));
  }
}

TEST(Founding, AWipedNodeOfThreeIsRefusedWithTheSentenceThatHelps) {
  for (const int wiped : {1, 2, 3}) {
    Room room(3);
    for (const int id : {1, 2, 3}) room.Start(id, 10 + id);
    room.RunForSeconds(2);
    room.FormCluster({1, 2, 3});
    room.Wipe(wiped);
    room.Start(wiped, 20 + wiped);
    room.RunForSeconds(5);
    const std::string number = std::to_string(wiped);
    EXPECT_NE(room.Refusal(wiped).find("`jangada node remove " + number + "`"), std::string::npos);
    EXPECT_NE(room.Refusal(wiped).find("`jangada node add " + number + "`"), std::string::npos);
    EXPECT_TRUE(room.identity(wiped).IsEmpty()) << "nothing may be stored of it";
  }
}

TEST(Founding, TwoWipedNodesOfThreeFoundNothingWhileTheThirdIsDown) {
  Room room(3);
  for (const int id : {1, 2, 3}) room.Start(id, 10 + id);
  room.RunForSeconds(2);
  room.FormCluster({1, 2, 3});
  room.Wipe(1);
  room.Wipe(2);
  room.Stop(3);
  room.Start(1, 21);
  room.Start(2, 22);
  room.RunForSeconds(3600);
  EXPECT_TRUE(room.Waits(1));
  EXPECT_TRUE(room.Waits(2));
}

TEST(Founding, TwoWipedNodesOfThreeAreRefusedWhenTheThirdSaysThatAClusterExists) {
  Room room(3);
  for (const int id : {1, 2, 3}) room.Start(id, 10 + id);
  room.RunForSeconds(2);
  room.FormCluster({1, 2, 3});
  room.Wipe(1);
  room.Wipe(2);
  room.Start(1, 21);
  room.Start(2, 22);
  room.RunForSeconds(5);
  EXPECT_NE(room.Refusal(1), "");
  EXPECT_NE(room.Refusal(2), "");
}

TEST(Founding, TwoWipedNodesWaitForAThirdThatKnowsItsClusterButNotYetItsImage) {
  Room room(3);
  for (const int id : {1, 2, 3}) room.Start(id, 10 + id);
  room.RunForSeconds(2);
  room.FormCluster({1, 2, 3});
  room.Wipe(1);
  room.Wipe(2);
  room.Stop(3);  // forgets its image, as a restart does until group 0 has a leader
  room.Start(1, 21);
  room.Start(2, 22);
  room.Start(3, 13);
  room.RunForSeconds(60);
  EXPECT_TRUE(room.Waits(1));
  EXPECT_TRUE(room.Waits(2));
}

TEST(Founding, AllWipedNodesFoundANewCluster) {
  Room room(3);
  for (const int id : {1, 2, 3}) room.Start(id, 10 + id);
  room.RunForSeconds(2);
  room.FormCluster({1, 2, 3});
  for (const int id : {1, 2, 3}) room.Wipe(id);
  for (const int id : {1, 2, 3}) room.Start(id, 20 + id);
  room.RunForSeconds(2);
  for (const int id : {1, 2, 3}) EXPECT_TRUE(room.Founded(id));
}

TEST(Founding, ANodeWipedBetweenItsAnswerAndItsFoundingDoesNotFoundInItsOldName) {
  Room room(3);
  for (const int id : {1, 2, 3}) room.Start(id, 10 + id);
  room.RunForSeconds(2);  // all founded; no record is decided yet
  room.Wipe(2);
  room.Start(2, 22);
  room.RunForSeconds(60);
  EXPECT_TRUE(room.Waits(2)) << "the others count votes in the name of the disk that is gone";
}

TEST(Founding, AFounderSlowerThanTheClusterJoinsItsFounding) {
  Room room(3);
  for (const int id : {1, 2, 3}) room.Start(id, 10 + id);
  room.RunForSeconds(2);
  room.FormCluster({1, 2, 3});
  // Node 3 with the very disk that it was counted with, but stopped before it stored anything.
  room.Stop(3);
  room.store(3).identity.founding.clear();
  room.store(3).identity.cluster_id = Uuid();
  room.Start(3, 13);
  room.RunForSeconds(5);
  EXPECT_TRUE(room.Founded(3)) << room.Refusal(3);
  EXPECT_EQ(room.identity(3).founding, room.identity(1).founding);
  EXPECT_EQ(room.identity(3).cluster_id, MakeUuid(7));
}

TEST(Founding, AnAdmittedNodeJoinsAndAStrangerIsToldHow) {
  Room room(3);
  for (const int id : {1, 2, 3}) room.Start(id, 10 + id);
  room.RunForSeconds(2);
  room.FormCluster({1, 2, 3});
  room.Start(4, 14);
  room.RunForSeconds(5);
  EXPECT_NE(room.Refusal(4).find("`jangada node add 4`"), std::string::npos);
  EXPECT_EQ(room.Refusal(4).find("remove"), std::string::npos);

  auto image = std::make_shared<ClusterImage>(room.image(1));
  MustFold(record::AdmitNode{NodeId(4)}, image.get());
  room.SetImage({1, 2, 3}, image);
  room.Start(4, 14);
  room.RunForSeconds(5);
  EXPECT_TRUE(room.Founded(4)) << room.Refusal(4);
  EXPECT_TRUE(room.identity(4).founding.empty()) << "it founded nothing, so it bootstraps nothing";
  EXPECT_EQ(room.identity(4).cluster_id, MakeUuid(7));
}

TEST(Founding, ANodeThatOneLaggingMemberDoesNotKnowYetIsNotRefused) {
  Room room(3);
  for (const int id : {1, 2, 3}) room.Start(id, 10 + id);
  room.RunForSeconds(2);
  room.FormCluster({1, 2, 3});
  auto image = std::make_shared<ClusterImage>(room.image(1));
  MustFold(record::AdmitNode{NodeId(4)}, image.get());
  room.SetImage({2}, image);  // 1 and 3 lag
  room.Start(4, 14);
  room.RunForSeconds(5);
  EXPECT_TRUE(room.Founded(4)) << room.Refusal(4);
}

TEST(Founding, ANodeBeingRemovedIsAskedToWait) {
  Room room(3);
  for (const int id : {1, 2, 3}) room.Start(id, 10 + id);
  room.RunForSeconds(2);
  room.FormCluster({1, 2, 3});
  auto image = std::make_shared<ClusterImage>(room.image(1));
  MustFold(record::RemoveNode{NodeId(3)}, image.get());
  room.SetImage({1, 2}, image);
  room.Wipe(3);
  room.Start(3, 23);
  room.RunForSeconds(5);
  EXPECT_NE(room.Refusal(3).find("still being removed"), std::string::npos);
}

TEST(Founding, AFailureToStoreTheDecisionIsReported) {
  Room room(1);
  room.store(1).fail = true;
  room.Start(1, 11);
  EXPECT_EQ(room.Refusal(1), "the disk is broken");
}

// ---- the decision alone ----

ProbeAnswer EmptyAnswer(int id, const std::vector<Founder>& founders) {
  ProbeAnswer answer;
  answer.node = NodeId(id);
  answer.disk_id = DiskOf(id);
  answer.founders = founders;
  return answer;
}

Founding MakeFounding(const std::vector<Founder>& founders) {
  return Founding({NodeId(1), DiskOf(1), {}, Uuid()}, founders);
}

TEST(Founding, AnotherListOfFoundersIsNoAgreement) {
  const auto founders = FoundersList(2);
  Founding founding = MakeFounding(founders);
  const auto decision = founding.DecideRound({{NodeId(2), EmptyAnswer(2, FoundersList(3))}});
  ASSERT_TRUE(std::holds_alternative<FoundingWait>(decision));
  EXPECT_NE(std::get<FoundingWait>(decision).why.find("another list"), std::string::npos);
  EXPECT_TRUE(std::holds_alternative<FoundingFound>(
      founding.DecideRound({{NodeId(2), EmptyAnswer(2, founders)}})));
}

TEST(Founding, APeerThatCallsItselfAnotherNodeIsRefused) {
  Founding founding = MakeFounding(FoundersList(2));
  FoundingDecision decision;
  for (int i = 0; i < Founding::kRefusalRounds; ++i) {
    decision = founding.DecideRound({{NodeId(2), EmptyAnswer(3, FoundersList(2))}});
  }
  EXPECT_TRUE(std::holds_alternative<FoundingRefuse>(decision));
}

TEST(Founding, MembersOfTwoClustersAreRefused) {
  Founding founding = MakeFounding(FoundersList(3));
  ProbeAnswer two = EmptyAnswer(2, FoundersList(3));
  two.cluster_id = MakeUuid(1);
  ProbeAnswer three = EmptyAnswer(3, FoundersList(3));
  three.cluster_id = MakeUuid(2);
  FoundingDecision decision;
  for (int i = 0; i < Founding::kRefusalRounds; ++i) {
    decision = founding.DecideRound({{NodeId(2), two}, {NodeId(3), three}});
  }
  ASSERT_TRUE(std::holds_alternative<FoundingRefuse>(decision));
}

TEST(Founding, ARefusalMustBeRepeatedToCount) {
  Founding founding = MakeFounding(FoundersList(2));
  ProbeAnswer member = EmptyAnswer(2, FoundersList(2));
  member.cluster_id = MakeUuid(1);
  member.image_version = 5;
  member.standing = Standing::kOtherDisk;
  for (int i = 1; i < Founding::kRefusalRounds; ++i) {
    EXPECT_TRUE(std::holds_alternative<FoundingWait>(founding.DecideRound({{NodeId(2), member}})));
  }
  EXPECT_TRUE(std::holds_alternative<FoundingRefuse>(founding.DecideRound({{NodeId(2), member}})));
}

TEST(Founding, TheStoredFoundingSurvivesItsBytes) {
  const auto founders = MakeFounders({1, 2, 3});
  const auto back = DecodeFounding(EncodeFounding(founders));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(*back, founders);
  EXPECT_TRUE(DecodeFounding(EncodeFounding({}))->empty());
  EXPECT_FALSE(DecodeFounding("\x07stranger").ok());
}

// ---- connections ----

TEST(AdmitPeer, RefusesAnotherClusterAnotherDiskAndOneselfWithSentences) {
  const ClusterImage image = MakeCluster({1, 2, 3});
  const NodeIdentity self{NodeId(1), DiskOf(1), {}, MakeUuid(7)};
  const PeerIdentity good{1, MakeUuid(7), NodeId(2), DiskOf(2)};
  EXPECT_TRUE(AdmitPeer(self, &image, good).ok());

  PeerIdentity other_cluster = good;
  other_cluster.cluster_id = MakeUuid(8);
  PeerIdentity other_disk = good;
  other_disk.disk_id = MakeUuid(9);
  PeerIdentity stranger = good;
  stranger.node = NodeId(4);
  PeerIdentity twin = good;
  twin.node = NodeId(1);
  for (const PeerIdentity& bad : {other_cluster, other_disk, stranger, twin}) {
    const Status status = AdmitPeer(self, &image, bad);
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, ErrorCode::kPermissionDenied);
  }
  EXPECT_NE(AdmitPeer(self, &image, other_disk).error().message.find("jangada node remove 2"),
            std::string::npos);
  PeerIdentity newer = good;
  newer.protocol_version = 2;
  EXPECT_EQ(AdmitPeer(self, &image, newer).error().code, ErrorCode::kUnsupportedVersion);
}

TEST(AdmitPeer, ANodeWithoutAClusterMayAsk) {
  const ClusterImage image = MakeCluster({1, 2, 3});
  const NodeIdentity self{NodeId(1), DiskOf(1), {}, MakeUuid(7)};
  EXPECT_TRUE(AdmitPeer(self, &image, {1, Uuid(), NodeId(2), MakeUuid(9)}).ok());
}

TEST(AdmitPeer, ANodeThatDoesNotKnowWhatIsCurrentShutsNobodyOfItsClusterOut) {
  const NodeIdentity self{NodeId(1), DiskOf(1), {}, MakeUuid(7)};
  EXPECT_TRUE(AdmitPeer(self, nullptr, {1, MakeUuid(7), NodeId(4), DiskOf(4)}).ok());
  EXPECT_FALSE(AdmitPeer(self, nullptr, {1, MakeUuid(8), NodeId(4), DiskOf(4)}).ok());
}

TEST(AdmitPeer, WhileFoundingOnlyTheFoundersDisksAreWelcome) {
  const NodeIdentity self{NodeId(1), DiskOf(1), MakeFounders({1, 2, 3}), Uuid()};
  EXPECT_TRUE(AdmitPeer(self, nullptr, {1, MakeUuid(7), NodeId(2), DiskOf(2)}).ok());
  EXPECT_FALSE(AdmitPeer(self, nullptr, {1, MakeUuid(7), NodeId(2), MakeUuid(5)}).ok());
}

}  // namespace
}  // namespace jangada::server
