#include "tests/sim/disk_replacement.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/check.h"
#include "tests/sim/choice.h"

namespace jangada::sim {
namespace {

constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kLookEveryUs = 100'000;
constexpr int64_t kPatienceUs = 5 * kSecond;
constexpr int64_t kAskAgainUs = kSecond / 2;
constexpr int64_t kRefusalPatienceUs = 20 * kSecond;

}  // namespace

void DiskReplacement::Begin(NodeId node, Random random) {
  CHECK(!IsUnderWay());
  node_ = node;
  random_ = random;
  step_ = Step::kAwaitRefusal;
  refusals_before_ = cluster_.node(node).refusals();
  refused_ = false;
  const bool waits = random_.Chance(2, 3);
  refusal_deadline_us_ = cluster_.world().now_us() + (waits ? kRefusalPatienceUs : 0);
  asking_ = false;
  if (!std::exchange(looking_, true)) Look();
}

void DiskReplacement::Look() {
  if (!IsUnderWay()) ReturnToWhoWasRemovedLate();
  if (IsUnderWay()) {
    CountRefusal();
    if (!asking_) TakeStep();
  }
  cluster_.world().After(kLookEveryUs, [this] { Look(); });
}

/// A removal of unknown fate may be carried out when all seemed to be over.
void DiskReplacement::ReturnToWhoWasRemovedLate() {
  for (const NodeId node : replaced_) {
    node_ = node;
    if (const std::optional<Step> back = StepBack()) {
      step_ = *back;
      asking_ = false;
      return;
    }
  }
  node_.reset();
}

void DiskReplacement::CountRefusal() {
  if (refused_ || cluster_.node(*node_).refusals() == refusals_before_) return;
  refused_ = true;
  cluster_.reached().Count(Rare::kEmptyDiskRefused);
}

void DiskReplacement::TakeStep() {
  const NodeId node = *node_;
  switch (step_) {
    case Step::kAwaitRefusal:
      if (refused_ || cluster_.world().now_us() >= refusal_deadline_us_) step_ = Step::kRemove;
      return;
    case Step::kRemove:
      return Ask([node](server::Broker& broker,
                        Callback<Status> reply) { broker.RemoveNode(node, std::move(reply)); },
                 ErrorCode::kNotFound, Step::kAdd);
    case Step::kAdd:
      return Ask([node](server::Broker& broker,
                        Callback<Status> reply) { broker.AddNode(node, std::move(reply)); },
                 ErrorCode::kAlreadyExists, Step::kAwaitWhole);
    case Step::kAwaitWhole:
      if (const std::optional<Step> back = StepBack()) {
        step_ = *back;
      } else if (WhyNotWhole().empty()) {
        spdlog::warn("==== node {} is whole again, with a new disk", node.value());
        cluster_.reached().Count(Rare::kEmptyDiskReadmitted);
        replaced_.insert(node);
        node_.reset();
      }
      return;
  }
}

/// Of another node than the one concerned, again and again until it is done, or was before.
void DiskReplacement::Ask(std::function<void(server::Broker&, Callback<Status>)> ask,
                          ErrorCode done_before, Step next) {
  std::vector<NodeId> others = cluster_.ids();
  std::erase(others, *node_);
  asking_ = true;
  cluster_.door().Ask<Unit>(
      OneOf(others, random_), kPatienceUs,
      [ask = std::move(ask)](server::Broker& broker, Callback<Result<Unit>> reply) {
        ask(broker, AsUnit(std::move(reply)));
      },
      [this, done_before, next](const Result<Unit>& done) {
        if (done.ok() || done.error().code == done_before) {
          step_ = next;
          asking_ = false;
          return;
        }
        spdlog::info("replacing the disk of node {}: {}", node_->value(), done.error().message);
        cluster_.world().After(kAskAgainUs, [this] { asking_ = false; });
      });
}

std::optional<DiskReplacement::Step> DiskReplacement::StepBack() const {
  // Only where nothing newer can have been decided.
  const std::optional<NodeId> leader = cluster_.LeaderOf(kControllerGroup);
  if (!leader) return std::nullopt;
  const server::ClusterImagePtr image = cluster_.node(*leader).broker().image();
  const server::NodeInfo* const known = image->FindNode(*node_);
  if (known == nullptr) return Step::kAdd;
  if (known->removing) return Step::kRemove;
  return std::nullopt;
}

std::string DiskReplacement::WhyNotWhole() const {
  SimNode& node = cluster_.node(*node_);
  const server::ClusterImagePtr image = cluster_.Image();
  const server::NodeInfo* const known = image->FindNode(*node_);
  if (known == nullptr || known->disk_id != node.disk().identity().disk_id) {
    return "has not registered with its new disk";
  }
  const std::optional<NodeId> leader = cluster_.LeaderOf(kControllerGroup);
  if (!leader) return "waits for group 0 to have a leader";
  const raft::RaftStatus status = cluster_.node(*leader).FindReplica(kControllerGroup)->status();
  const raft::Membership& members = status.membership.membership;
  // An even voter adds nothing, so it may be left to learn.
  const size_t wanted = (cluster_.ids().size() - 1) | 1;
  if (members.IsJoint() || !members.Contains(*node_) || members.voters.size() < wanted) {
    return "is not a member of group 0" + cluster_.Describe(kControllerGroup);
  }
  for (const auto& [name, topic] : image->topics) {
    for (const server::PartitionInfo& partition : topic->partitions) {
      if (partition.replicas.size() < static_cast<size_t>(topic->replication_factor)) {
        return "is not used yet for " + name + "/" + std::to_string(partition.partition) +
               ", which lacks a replica";
      }
    }
  }
  if (cluster_.checker().IsDamaged(*node_)) return "is being filled";
  return "";
}

std::string DiskReplacement::Describe() const {
  if (!IsUnderWay()) return "";
  const std::string name = "node " + std::to_string(node_->value()) + ", whose disk was lost, ";
  switch (step_) {
    case Step::kAwaitRefusal: return name + "was not refused yet";
    case Step::kRemove: return name + "is not removed yet";
    case Step::kAdd: return name + "is not added again yet";
    case Step::kAwaitWhole: break;
  }
  return name + WhyNotWhole();
}

}  // namespace jangada::sim
