#include "server/controller/founding.h"

#include <algorithm>
#include <utility>

#include "server/controller/fields.h"

namespace jangada::server {
namespace {

std::string Name(NodeId node) { return "node " + std::to_string(node.value()); }

std::string Name(const Founder& founder) {
  return Name(founder.node) + " at " + founder.peer.ToString();
}

const FounderDisk* Find(const std::vector<FounderDisk>& founders, NodeId node) {
  for (const FounderDisk& founder : founders) {
    if (founder.node == node) return &founder;
  }
  return nullptr;
}

std::string HowToReplaceDisk(NodeId node) {
  const std::string number = std::to_string(node.value());
  return "run `jangada node remove " + number + "`, then `jangada node add " + number +
         "`, then start it again";
}

FoundingRefuse Denied(std::string sentence) {
  return {{ErrorCode::kPermissionDenied, std::move(sentence)}};
}

}  // namespace

std::string EncodeFounding(const std::vector<FounderDisk>& founders) {
  return founders.empty() ? std::string() : fields::Encode(founders).ToString();
}

Result<std::vector<FounderDisk>> DecodeFounding(std::string_view bytes) {
  if (bytes.empty()) return std::vector<FounderDisk>();
  return fields::Decode<std::vector<FounderDisk>>(bytes);
}

Bytes EncodeProbeQuestion(const ProbeQuestion& question) { return fields::Encode(question); }
Result<ProbeQuestion> DecodeProbeQuestion(std::string_view bytes) {
  return fields::Decode<ProbeQuestion>(bytes);
}
Bytes EncodeProbeAnswer(const ProbeAnswer& answer) { return fields::Encode(answer); }
Result<ProbeAnswer> DecodeProbeAnswer(std::string_view bytes) {
  return fields::Decode<ProbeAnswer>(bytes);
}

ProbeAnswer AnswerProbe(const NodeIdentity& self, const std::vector<Founder>& founders,
                        const ClusterImage* image, const ProbeQuestion& question) {
  ProbeAnswer answer;
  answer.node = self.node;
  answer.disk_id = self.disk_id;
  answer.founders = founders;
  answer.founding = self.founding;
  answer.cluster_id = self.cluster_id;
  if (image == nullptr || image->cluster_id.IsZero()) return answer;
  answer.cluster_id = image->cluster_id;
  answer.founding = image->founders;
  answer.image_version = image->version;
  const NodeInfo* asker = image->FindNode(question.node);
  if (asker == nullptr) {
    answer.standing = Standing::kUnknown;
  } else if (asker->removing) {
    answer.standing = Standing::kRemoving;
  } else if (asker->disk_id.IsZero()) {
    answer.standing = Standing::kAdmitted;
  } else {
    answer.standing =
        asker->disk_id == question.disk_id ? Standing::kSameDisk : Standing::kOtherDisk;
  }
  return answer;
}

Founding::Founding(NodeIdentity self, std::vector<Founder> founders)
    : self_(std::move(self)), founders_(std::move(founders)) {
  CHECK(self_.IsEmpty());
}

std::vector<Founder> Founding::Peers() const {
  std::vector<Founder> peers = founders_;
  std::erase_if(peers, [this](const Founder& founder) { return founder.node == self_.node; });
  return peers;
}

ProbeQuestion Founding::Question() const { return {self_.node, self_.disk_id, founders_}; }

FoundingDecision Founding::DecideRound(const std::map<NodeId, ProbeAnswer>& answers) {
  FoundingDecision decision = Decide(answers);
  const auto* refusal = std::get_if<FoundingRefuse>(&decision);
  if (refusal == nullptr) {
    refusals_ = 0;
  } else if (++refusals_ < kRefusalRounds) {
    return FoundingWait{refusal->error.message};
  }
  return decision;
}

FoundingDecision Founding::Decide(const std::map<NodeId, ProbeAnswer>& answers) const {
  for (const auto& [node, answer] : answers) {
    if (answer.node != node) {
      return Denied("cluster.founders says " + Name(node) + ", but the process there is " +
                    Name(answer.node) + ": correct the list");
    }
  }
  const auto has_cluster = [](const auto& entry) { return !entry.second.cluster_id.IsZero(); };
  const bool cluster_exists = std::any_of(answers.begin(), answers.end(), has_cluster);
  return cluster_exists ? DecideToJoin(answers) : DecideToFound(answers);
}

/// Nobody who answered belongs to a cluster. Only if *everybody* answered is there none: whoever is
/// silent may hold the cluster that this node lost.
FoundingDecision Founding::DecideToFound(const std::map<NodeId, ProbeAnswer>& answers) const {
  std::vector<FounderDisk> disks;
  for (const Founder& founder : founders_) {
    if (founder.node == self_.node) {
      disks.push_back({self_.node, founder.peer, self_.disk_id});
      continue;
    }
    auto it = answers.find(founder.node);
    if (it == answers.end()) {
      return FoundingWait{Name(founder) +
                          " has not answered: every founder must, before a cluster is founded"};
    }
    if (it->second.founders != founders_) {
      return FoundingWait{Name(founder) +
                          " has another list cluster.founders: make the lists equal and restart"};
    }
    disks.push_back({founder.node, founder.peer, it->second.disk_id});
  }
  if (Find(disks, self_.node) == nullptr) {
    return FoundingWait{
        "none of cluster.founders belongs to a cluster yet, and this node is not "
        "one of them"};
  }
  // Who already founds has fixed the disks that vote in group 0. An empty disk that came later
  // under a founder's id must not vote a second time in its name.
  for (const auto& [node, answer] : answers) {
    if (answer.founding.empty() || answer.founding == disks) continue;
    return FoundingWait{Name(node) +
                        " began to found the cluster with other disks than those that answer now: "
                        "start the nodes with those disks, or, if no cluster came of it, empty "
                        "data_dir on all of them"};
  }
  return FoundingFound{std::move(disks), Uuid()};
}

FoundingDecision Founding::DecideToJoin(const std::map<NodeId, ProbeAnswer>& answers) const {
  const ProbeAnswer* best = nullptr;  // of those in a cluster, the one that knows most of it
  for (const auto& [node, answer] : answers) {
    if (answer.cluster_id.IsZero()) continue;
    if (best != nullptr && best->cluster_id != answer.cluster_id) {
      return Denied(Name(best->node) + " and " + Name(node) +
                    " belong to different clusters: correct cluster.founders");
    }
    if (best == nullptr || answer.image_version > best->image_version) best = &answer;
  }
  if (best->image_version == 0) {
    return FoundingWait{Name(best->node) +
                        " belongs to a cluster, but can't tell yet whether this node does"};
  }
  switch (best->standing) {
    case Standing::kAdmitted: return FoundingJoin{best->cluster_id};
    case Standing::kSameDisk: {
      // A founder that was slower than the others. Its disk never voted: had it founded, it would
      // say so.
      const FounderDisk* founder = Find(best->founding, self_.node);
      if (founder != nullptr && founder->disk_id == self_.disk_id) {
        return FoundingFound{best->founding, best->cluster_id};
      }
      return FoundingJoin{best->cluster_id};
    }
    case Standing::kOtherDisk:
      return Denied(Name(self_.node) +
                    " belongs to this cluster with another disk, and its data_dir here is empty: "
                    "if its data is lost, " +
                    HowToReplaceDisk(self_.node));
    case Standing::kRemoving:
      return Denied(Name(self_.node) +
                    " is still being removed from this cluster: wait until `jangada cluster nodes` "
                    "no longer lists it, then run `jangada node add " +
                    std::to_string(self_.node.value()) + "` and start it again");
    case Standing::kUnknown: break;
  }
  return Denied(Name(self_.node) + " is not a member of this cluster: run `jangada node add " +
                std::to_string(self_.node.value()) + "`, then start it again");
}

Status AdmitPeer(const NodeIdentity& self, const ClusterImage* image, const PeerIdentity& peer) {
  constexpr uint32_t kProtocolVersion = PeerIdentity().protocol_version;
  const auto denied = [](std::string sentence) {
    return Error{ErrorCode::kPermissionDenied, std::move(sentence)};
  };
  if (peer.protocol_version != kProtocolVersion) {
    return Error{ErrorCode::kUnsupportedVersion,
                 Name(peer.node) + " speaks version " + std::to_string(peer.protocol_version) +
                     " of the protocol between nodes, " + Name(self.node) + " speaks " +
                     std::to_string(kProtocolVersion) + ": run versions that match"};
  }
  if (peer.node == self.node) {
    return denied("two processes call themselves " + Name(self.node) +
                  ": give each its own node.id");
  }
  if (peer.cluster_id.IsZero()) return {};
  if (!self.cluster_id.IsZero() && self.cluster_id != peer.cluster_id) {
    return denied(Name(peer.node) + " belongs to cluster " + peer.cluster_id.ToString() + ", " +
                  Name(self.node) + " to " + self.cluster_id.ToString() +
                  ": correct cluster.founders, or the data_dir of one of them");
  }
  if (image != nullptr && !image->cluster_id.IsZero()) {
    const NodeInfo* known = image->FindNode(peer.node);
    if (known == nullptr) {
      return denied(Name(peer.node) +
                    " is not a member of this cluster (any more): run `jangada node add " +
                    std::to_string(peer.node.value()) + "` to admit it");
    }
    if (!known->disk_id.IsZero() && known->disk_id != peer.disk_id) {
      return denied(Name(peer.node) +
                    " belongs to this cluster with another disk: " + HowToReplaceDisk(peer.node));
    }
    return {};
  }
  if (!self.cluster_id.IsZero()) return {};
  const FounderDisk* founder = Find(self.founding, peer.node);
  if (founder != nullptr && founder->disk_id != peer.disk_id) {
    return denied(Name(peer.node) + " has another disk than the one that " + Name(self.node) +
                  " founds a cluster with");
  }
  return {};
}

}  // namespace jangada::server
