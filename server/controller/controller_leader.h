// ControllerLeader: what a node does while it leads group 0. It turns requests into records
// (checked against its image, which is current there; the fold checks again) and does the chores:
// founds the cluster, seats nodes in group 0, empties removed nodes and forgets them, fills up
// partitions. Everything it knows is in the image, in group 0's status and in liveness, so that a
// new leader just goes on. Runs on group 0's shard.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/random.h"
#include "server/controller/controller.h"
#include "server/controller/placement.h"
#include "server/controller/records.h"
#include "server/controller/requests.h"

namespace jangada::server {

class ControllerLeader {
 public:
  /// Partitions changed by one record of a chore.
  static constexpr size_t kChangesPerRecord = 100;

  ControllerLeader(const Controller::Options& options, const Controller::Context& context,
                   ControllerGroup& group, ControllerMachine& machine);

  /// Answers once the request's record is folded here; kNotLeader where group 0 is not led.
  void Handle(const request::Request& request, Callback<request::Answer> done);

  /// One look at what is to do; starts at most one record and one step of group 0's membership.
  /// `news`: something changed. Otherwise it is time to look again, also at what failed before.
  void DoChores(bool news);

 private:
  struct State {
    bool chore_under_way = false;
    bool chore_failed = false;
    bool seat_under_way = false;
    size_t partitions_under_way = 0;  // proposed and not applied
  };

  Status CheckRoomFor(size_t partitions) const;
  Result<record::Body> Plan(const request::CreateTopic& request) const;
  Result<record::Body> Plan(const request::DeleteTopic& request) const;
  Result<record::Body> Plan(const request::CreatePartitions& request) const;
  Result<record::Body> Plan(const request::AlterTopicConfigs& request) const;
  Result<record::Body> Plan(const request::AllotProducerIds& request) const;
  Result<record::Body> Plan(const request::MovePartition& request) const;
  Result<record::Body> Plan(const request::AddNode& request) const;
  Result<record::Body> Plan(const request::RemoveNode& request) const;
  Result<record::Body> Plan(const request::RegisterNode& request) const;
  Result<record::Body> Plan(const request::SettleReplicas& request) const;
  Result<record::Body> Plan(const request::CreateGroupsTopic& request) const;

  using Answered = Callback<request::Answer>;
  void Handle(const request::Request& request, bool confirmed, Answered done);
  void Propose(record::Body body, Callback<Result<int64_t>> done);
  std::optional<record::Body> NextChore();
  void SeatGroup();

  const ClusterImage& image() const { return *machine_.image(); }
  std::vector<Candidate> FitCandidates() const;

  const Controller::Options& options_;
  const Controller::Context context_;
  ControllerGroup& group_;
  ControllerMachine& machine_;
  Random random_;
  std::shared_ptr<State> state_ = std::make_shared<State>();  // callbacks may outlive this
};

}  // namespace jangada::server
