// RequestRouter: the way of a request from any node to group 0's leader and its answer back. Tries
// again, here or elsewhere, while the request is surely not done and time is left; a request whose
// fate is unknown is sent again only if that changes nothing more. Runs on group 0's shard.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/callback.h"
#include "base/executor.h"
#include "base/ids.h"
#include "server/controller/controller_leader.h"
#include "server/controller/requests.h"
#include "server/transport/transport.h"

namespace jangada::server {

inline constexpr const char* kControllerRequestMethod = "controller.request";

class RequestRouter : public std::enable_shared_from_this<RequestRouter> {
 public:
  /// `first_peers`: whom to ask while neither a leader nor an image is known.
  RequestRouter(NodeId self, std::vector<NodeId> first_peers, Executor& executor,
                Transport& transport);

  /// This node has a replica of group 0 from now on; both outlive the router.
  void Attach(ControllerGroup& group, ControllerLeader& leader);
  /// The nodes of the cluster, to be asked one after the other when no leader is known.
  void SetNodes(const ClusterImage& image);

  /// `done` once: the leader's answer; at the deadline kUnavailable if the request is surely not
  /// done (kPermissionDenied if the others did not even let this node connect), else kTimeout;
  /// kShuttingDown after Stop.
  void Submit(request::Request request, int64_t timeout_us, Callback<request::Answer> done);
  void Stop();

 private:
  struct Pending {
    request::Request request;
    int64_t deadline_us = 0;
    Callback<request::Answer> done;
    Executor::TimerId deadline_timer = 0;
    bool under_way = false;             // somebody may be acting on it
    bool unknown_before = false;        // the fate of an earlier attempt is unknown
    std::optional<Error> last_refusal;  // why it is not done yet
  };
  using PendingPtr = std::shared_ptr<Pending>;

  void Try(const PendingPtr& asked);
  void Ask(const PendingPtr& asked, NodeId whom);
  void TryLater(const PendingPtr& asked);
  void OnReply(const PendingPtr& asked, NodeId from, const Result<Bytes>& reply);
  void OnAnswer(const PendingPtr& asked, request::Answer answer);
  void OnDeadline(const PendingPtr& asked);
  void Finish(const PendingPtr& asked, request::Answer answer);
  std::optional<NodeId> WhomToAsk();

  // Constant after construction (group, leader: after Attach).
  const NodeId self_;
  const std::vector<NodeId> first_peers_;
  Executor& executor_;
  Transport& transport_;
  ControllerGroup* group_ = nullptr;
  ControllerLeader* leader_ = nullptr;

  // Owned by the executor.
  std::list<PendingPtr> pending_;
  std::vector<NodeId> peers_;
  std::optional<NodeId> hint_;  // who was said to lead
  size_t turns_ = 0;            // of asking around
  bool stopped_ = false;
};

}  // namespace jangada::server
