// FoundingDriver: asks the founders round after round on an executor, until Founding decides, and
// stores the decision before anybody acts on it.
#include <spdlog/spdlog.h>

#include <utility>

#include "server/controller/founding.h"
#include "server/controller/request_router.h"

namespace jangada::server {
namespace {

constexpr int64_t kRegisterPatienceUs = 5'000'000;

std::vector<NodeId> NodesOf(const std::vector<Founder>& founders) {
  std::vector<NodeId> nodes;
  for (const Founder& founder : founders) nodes.push_back(founder.node);
  return nodes;
}

}  // namespace

struct FoundingDriver::Impl : std::enable_shared_from_this<FoundingDriver::Impl> {
  Impl(Executor& executor, Transport& transport, IdentityStore& store, NodeIdentity self,
       const std::vector<Founder>& founders)
      : executor(executor),
        transport(transport),
        store(store),
        identity(self),
        founding(std::move(self), founders),
        router(std::make_shared<RequestRouter>(identity.node, NodesOf(founders), executor,
                                               transport)) {}

  // Constant after construction.
  Executor& executor;
  Transport& transport;
  IdentityStore& store;

  // Owned by the executor.
  NodeIdentity identity;
  Founding founding;
  Callback<Result<NodeIdentity>> done;
  uint64_t round = 0;
  size_t unanswered = 0;
  bool decided_round = false;
  std::map<NodeId, ProbeAnswer> answers;
  Executor::TimerId timer = 0;
  int64_t last_log_us = 0;
  std::shared_ptr<RequestRouter> router;  // to register when joining
  bool joining = false;
  bool finished = false;

  void StartRound();
  void OnReply(uint64_t of_round, NodeId from, const Result<Bytes>& reply);
  void OnRoundTimer();
  void DecideRound();
  void Finish(Result<NodeIdentity> result);
  void FinishFound(FoundingFound found);
  void Register(const FoundingJoin& join);
  void SaveCluster(const Uuid& cluster_id);
};

void FoundingDriver::Impl::StartRound() {
  ++round;
  answers.clear();
  decided_round = false;
  const std::vector<Founder> peers = founding.Peers();
  unanswered = peers.size();
  if (unanswered == 0) {
    DecideRound();
  } else {
    const Bytes question = EncodeProbeQuestion(founding.Question());
    for (const Founder& peer : peers) {
      transport.Call(peer.node, {kFoundingProbe, question}, kRoundUs,
                     [weak = weak_from_this(), &executor = executor, of_round = round,
                      from = peer.node](Result<Bytes> reply) {
                       executor.Post([weak, of_round, from, reply = std::move(reply)] {
                         if (auto self = weak.lock()) self->OnReply(of_round, from, reply);
                       });
                     });
    }
  }
  if (finished) return;
  timer = executor.After(kRoundUs, [weak = weak_from_this()] {
    if (auto self = weak.lock()) self->OnRoundTimer();
  });
}

void FoundingDriver::Impl::OnReply(uint64_t of_round, NodeId from, const Result<Bytes>& reply) {
  if (finished || of_round != round || decided_round) return;
  if (reply.ok()) {
    Result<ProbeAnswer> answer = DecodeProbeAnswer(reply->view());
    if (answer.ok()) {
      answers[from] = *std::move(answer);
    } else {
      spdlog::warn("founding answer refused from={} error=\"{}\"", from.value(),
                   answer.error().message);
    }
  }
  if (--unanswered == 0) DecideRound();
}

void FoundingDriver::Impl::OnRoundTimer() {
  if (finished) return;
  if (!decided_round) DecideRound();
  if (!finished) StartRound();
}

void FoundingDriver::Impl::DecideRound() {
  decided_round = true;
  if (joining) return;
  FoundingDecision decision = founding.DecideRound(answers);
  if (const auto* wait = std::get_if<FoundingWait>(&decision)) {
    const int64_t now_us = executor.NowUs();
    if (last_log_us != 0 && now_us - last_log_us < kLogEveryUs) return;
    last_log_us = now_us;
    spdlog::info("waiting to found or join a cluster node={} reason=\"{}\"", identity.node.value(),
                 wait->why);
    return;
  }
  if (auto* refuse = std::get_if<FoundingRefuse>(&decision)) return Finish(refuse->error);
  if (auto* join = std::get_if<FoundingJoin>(&decision)) return Register(*join);
  FinishFound(std::get<FoundingFound>(std::move(decision)));
}

/// Stored before anything is sent in group 0's name: from here on this node is no empty one.
void FoundingDriver::Impl::FinishFound(FoundingFound found) {
  if (const Status saved = store.SaveFounding(found.founders); !saved.ok()) {
    return Finish(saved.error());
  }
  identity.founding = std::move(found.founders);
  spdlog::info("founding a cluster node={} founders={}", identity.node.value(),
               identity.founding.size());
  if (found.cluster_id.IsZero()) return Finish(identity);
  SaveCluster(found.cluster_id);
}

/// The answers may be stale; the controller's log is not. Only a disk that it took for this node's
/// may answer to the node's name in any group. Where it listens, the node says when it runs.
void FoundingDriver::Impl::Register(const FoundingJoin& join) {
  joining = true;
  NodeInfo self;
  self.id = identity.node;
  self.disk_id = identity.disk_id;
  router->Submit(request::RegisterNode{{}, self}, kRegisterPatienceUs,
                 [weak = weak_from_this(), join](const request::Answer& answer) {
                   auto self = weak.lock();
                   if (!self || self->finished) return;
                   if (!answer.error) return self->SaveCluster(join.cluster_id);
                   if (*answer.error == ErrorCode::kPermissionDenied) {
                     return self->Finish(Error{*answer.error, answer.message});
                   }
                   spdlog::info("waiting to register node={} reason=\"{}\"",
                                self->identity.node.value(), answer.message);
                   self->joining = false;  // the next round asks again
                 });
}

void FoundingDriver::Impl::SaveCluster(const Uuid& cluster_id) {
  if (const Status saved = store.SaveCluster(cluster_id); !saved.ok()) {
    return Finish(saved.error());
  }
  identity.cluster_id = cluster_id;
  spdlog::info("joining cluster node={} cluster={}", identity.node.value(), cluster_id.ToString());
  Finish(identity);
}

void FoundingDriver::Impl::Finish(Result<NodeIdentity> result) {
  finished = true;
  executor.Cancel(timer);
  done(std::move(result));
}

FoundingDriver::FoundingDriver(Executor& executor, Transport& transport, IdentityStore& store,
                               NodeIdentity self, std::vector<Founder> founders)
    : impl_(std::make_shared<Impl>(executor, transport, store, std::move(self),
                                   std::move(founders))) {}

FoundingDriver::~FoundingDriver() {
  if (impl_->finished) return;
  impl_->finished = true;
  impl_->router->Stop();
  impl_->executor.Cancel(impl_->timer);
}

void FoundingDriver::Start(Callback<Result<NodeIdentity>> done) {
  impl_->done = std::move(done);
  impl_->StartRound();
}

}  // namespace jangada::server
