#include "server/node_rooms.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "server/drain.h"

namespace jangada::server {
namespace {

Endpoint Advertised(const Config::Listener& listener) {
  return listener.advertised.value_or(listener.listen);
}

}  // namespace

NodeRooms::NodeRooms(const Config& config, IdentityKeeper& identity, uint64_t seed,
                     std::function<void(const Error&)> on_fatal)
    : config_(config),
      identity_(identity),
      seed_(seed),
      on_fatal_(std::move(on_fatal)),
      router_(config, identity, image_, leaders_) {}

NodeRooms::~NodeRooms() = default;

void NodeRooms::Furnish(const Surroundings& surroundings, std::vector<storage::GroupState> loaded) {
  store_ = &surroundings.store;
  network_ = &surroundings.network;
  on_status_round_ = surroundings.on_status_round;
  on_in_cluster_ = surroundings.on_in_cluster;
  replicas_ = std::make_unique<ReplicaRouter>(ReplicaRouter::Context{.config = config_,
                                                                     .store = *store_,
                                                                     .transport = *network_,
                                                                     .observer = *this,
                                                                     .image = image_,
                                                                     .seed = seed_,
                                                                     .shards = surroundings.shards,
                                                                     .base = surroundings.base},
                                              std::move(loaded));
  broker_ = std::make_unique<LocalBroker>(LocalBroker::Context{.config = config_,
                                                               .replicas = *replicas_,
                                                               .leaders = leaders_,
                                                               .image = image_,
                                                               .store = *store_,
                                                               .transport = *network_});
  teller_ = std::make_unique<StatusTeller>(StatusTeller::Context{.self = config_.self(),
                                                                 .executor = controller_shard(),
                                                                 .transport = *network_,
                                                                 .leaders = leaders_,
                                                                 .image = image_,
                                                                 .store = *store_},
                                           [this] { OnStatusRound(); });
  router_.Attach(*replicas_, *teller_, *broker_);
}

void NodeRooms::OnStatusRound() {
  if (on_status_round_) on_status_round_();
  if (!room_) return;
  room_->NoteCurrency();
  std::map<NodeId, NodeView> nodes = room_->liveness().Nodes(controller_shard().NowUs());
  nodes[config_.self()] = {.live = true, .condition = teller_->Condition()};
  broker_->SetNodes(std::move(nodes));
  if (store_->may_have_lost_groups()) CheckIfWholeAgain();
}

void NodeRooms::Open() {
  network_->SetPeers(FounderPeers());
  teller_->Start();
  FindCluster();
}

void NodeRooms::FindCluster() {
  const NodeIdentity known = identity_.Get();
  if (!known.IsEmpty()) {
    StartController(known);
    return;
  }
  founding_ = std::make_unique<FoundingDriver>(controller_shard(), *network_, identity_, known,
                                               config_.cluster.founders);
  founding_->Start([this](const Result<NodeIdentity>& decided) {
    if (!decided.ok()) {
      Fatal(decided.error());
      return;
    }
    StartController(*decided);
  });
}

void NodeRooms::StartController(const NodeIdentity& known) {
  network_->SetIdentity(IdentityForPeers());
  room_ = std::make_unique<ControllerRoom>(ControllerRoom::Context{.config = config_,
                                                                   .transport = *network_,
                                                                   .replicas = *replicas_,
                                                                   .leaders = leaders_,
                                                                   .image = image_,
                                                                   .observer = *this},
                                           Self(), known, config_.cluster.founders, seed_);
  router_.SetRoom(room_.get());
  room_->Start(replicas_->TakeLoaded(kControllerGroup));
  broker_->SetController(&room_->controller());
}

void NodeRooms::CheckIfWholeAgain() {
  if (room_->status().refilling || !room_->controller().registered()) return;
  const ClusterImagePtr now = image_.Get();
  const auto here = static_cast<size_t>(
      std::count_if(now->groups.begin(), now->groups.end(), [&](const auto& group) {
        const std::vector<NodeId>& replicas = now->FindGroup(group.first)->replicas;
        return std::find(replicas.begin(), replicas.end(), config_.self()) != replicas.end();
      }));
  replicas_->AreWhole(here, [this](bool whole) {
    if (!whole) return;
    store_->ForgetLostGroups(controller_shard(), [this](const Status& status) {
      if (!status.ok()) return Fatal(status.error());
      spdlog::info("every replica of this node is whole again node={}", config_.node.id);
    });
  });
}

void NodeRooms::Drain(Callback<> done) {
  teller_->Drain();
  if (!room_) {
    done();
    return;
  }
  server::Drain::Start({.executor = controller_shard(), .replicas = *replicas_, .room = *room_},
                       std::move(done));
}

void NodeRooms::Close(Callback<> done) {
  closed_ = true;
  teller_->Stop();
  router_.SetRoom(nullptr);
  broker_->SetController(nullptr);
  founding_.reset();
  if (room_) {
    room_->Stop(std::move(done));
  } else {
    done();
  }
}

void NodeRooms::Fatal(const Error& error) {
  if (fatal_said_.exchange(true)) return;
  on_fatal_(error);
}

NodeInfo NodeRooms::Self() const {
  NodeInfo self;
  self.id = config_.self();
  self.disk_id = identity_.Get().disk_id;
  self.rack = config_.node.rack;
  self.peer = Advertised(config_.peer);
  self.grpc = Advertised(config_.grpc);
  self.kafka = Advertised(config_.kafka);
  self.http = Advertised(config_.http);
  return self;
}

PeerIdentity NodeRooms::IdentityForPeers() const {
  const NodeIdentity known = identity_.Get();
  return {.protocol_version = kPeerProtocolVersion,
          .cluster_id = known.cluster_id,
          .node = known.node,
          .disk_id = known.disk_id};
}

std::map<NodeId, Endpoint> NodeRooms::FounderPeers() const {
  std::map<NodeId, Endpoint> peers;
  for (const Founder& founder : config_.cluster.founders) peers[founder.node] = founder.peer;
  peers.erase(config_.self());
  return peers;
}

void NodeRooms::OnLeadership(GroupId group, const raft::RoleChange& change, bool ready) {
  const LeaderHint self_leads{.group = group, .leader = config_.self(), .term = change.term};
  if (ready) {
    leaders_.Learn(self_leads);
  } else {
    leaders_.Forget(group, change.term, config_.self());
  }
  controller_shard().Post([this, group, ready, self_leads] {
    if (room_) room_->OnLeadership(group, ready);
    if (ready) teller_->OnReadyToLead(self_leads);
  });
}

void NodeRooms::OnLagging(GroupId group, raft::Term term, const std::vector<NodeId>& nodes) {
  const LeaderHint hint{.group = group, .leader = config_.self(), .term = term, .lagging = nodes};
  leaders_.Learn(hint);
  controller_shard().Post([this, hint] { teller_->OnLagging(hint); });
}

void NodeRooms::OnControllerLeadership(const raft::RoleChange& change, bool ready) {
  const LeaderHint self_leads{
      .group = kControllerGroup, .leader = config_.self(), .term = change.term};
  if (ready) {
    leaders_.Learn(self_leads);
    teller_->OnReadyToLead(self_leads);
  } else if (change.leader && *change.leader != config_.self()) {
    leaders_.Learn(LeaderHint{kControllerGroup, *change.leader, change.term});
  } else if (const auto known = leaders_.Find(kControllerGroup)) {
    leaders_.Forget(kControllerGroup, change.term, known->leader);
  }
}

void NodeRooms::OnNewImage(const ClusterImage& next) {
  if (identity_.Get().cluster_id.IsZero() && !next.cluster_id.IsZero()) {
    if (const Status saved = identity_.SaveCluster(next.cluster_id); !saved.ok()) {
      Fatal(saved.error());
      return;
    }
    network_->SetIdentity(IdentityForPeers());
    spdlog::info("belongs to cluster cluster={}", next.cluster_id.ToString());
  }
  std::map<NodeId, Endpoint> peers = FounderPeers();
  for (const auto& [id, node] : next.nodes) {
    if (node.peer.port != 0) peers[id] = node.peer;
  }
  peers.erase(config_.self());
  network_->SetPeers(peers);
  leaders_.EraseIf([&next](GroupId group) {
    return group.value() < next.next_group && group != kControllerGroup &&
           !next.groups.contains(group);
  });
  if (!in_cluster_ && next.nodes.contains(config_.self())) {
    in_cluster_ = true;
    teller_->OnInCluster();
    if (on_in_cluster_) on_in_cluster_();
  }
}

}  // namespace jangada::server
