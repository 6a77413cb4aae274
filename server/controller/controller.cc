#include "server/controller/controller.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <list>
#include <utility>

#include "server/controller/controller_leader.h"
#include "server/controller/placement.h"
#include "server/controller/request_router.h"

namespace jangada::server {
namespace {

using request::Answer;

constexpr int64_t kWaitPollUs = 20'000;  // leaders' readiness is looked at this often
constexpr int64_t kRegisterPatienceUs = 10'000'000;
/// A removed node that holds nothing any more ends after this: what it knows of the cluster grows
/// stale.
constexpr int64_t kRemovedGraceUs = 5'000'000;
constexpr int64_t kRegisterAgainUs = 100'000;
constexpr int64_t kProducerIdsPerBlock = 1'000;

}  // namespace

struct Controller::Impl : std::enable_shared_from_this<Controller::Impl> {
  /// A done change that this node's image and leader table must show before it is answered.
  struct Waiting {
    uint64_t version = 0;
    int64_t deadline_us = 0;
    std::function<bool()> shows;  // beyond the version; empty: nothing
    Callback<bool> done;          // false: the deadline passed first
  };

  Impl(Options options, const Context& context)
      : options(std::move(options)),
        context(context),
        router(std::make_shared<RequestRouter>(this->options.self.id, this->options.first_peers,
                                               context.executor, context.transport)),
        random(this->options.seed) {}

  // Constant after construction (group, machine, leader: after Start).
  const Options options;
  const Context context;
  const std::shared_ptr<RequestRouter> router;
  ControllerGroup* group = nullptr;
  std::unique_ptr<ControllerLeader> leader;

  // Owned by the executor.
  Random random;
  ClusterImagePtr image = std::make_shared<const ClusterImage>();
  std::list<Waiting> waiting;
  Executor::TimerId wait_timer = 0;
  Executor::TimerId chore_timer = 0;
  bool chores_posted = false;
  std::optional<NodeId> hint;                               // who was said to lead
  size_t turns = 0;                                         // of asking around
  std::list<Callback<Result<ProducerIdentity>>> producers;  // waiting for a block of ids
  int64_t next_producer_id = 0;
  int64_t producer_ids_end = 0;
  bool block_asked = false;
  bool registered = false;
  uint64_t current_from = 0;  // the version that this node's registration is in
  std::atomic<bool> current = false;
  uint64_t replay_until = std::numeric_limits<uint64_t>::max();  // until Start: nothing is current
  bool ending = false;                                           // removed: the process will end
  bool stopped = false;

  int64_t Now() const { return context.executor.NowUs(); }

  // what follows it
  void SubmitAndShow(request::Request request, int64_t timeout_us, std::function<bool()> shows,
                     const char* unfinished, Callback<Status> done);
  void WaitFor(Waiting wait);
  void CheckWaiting();
  bool HasLeaders(const TopicInfo& topic) const;
  bool ShowsTopic(const Uuid& id, size_t partitions) const;

  void InitProducer(Callback<Result<ProducerIdentity>> done);
  void OnBlock(const Answer& answer);
  void Register();
  void RegisterIfAddedAnew();
  void NoteVersion();
  bool IsRemoved() const;
  void EndIfRemoved();
  void PostChores();
  void ArmChores();
  void Stop();

  /// Runs `task(*this)` on the executor, unless the controller is gone.
  template <class F>
  void Post(F task) {
    context.executor.Post([weak = weak_from_this(), task = std::move(task)]() mutable {
      if (auto self = weak.lock()) task(*self);
    });
  }
  template <class F>
  Executor::TimerId After(int64_t delay_us, F task) {
    return context.executor.After(delay_us, [weak = weak_from_this(), task = std::move(task)] {
      auto self = weak.lock();
      if (self && !self->stopped) task(*self);
    });
  }
};

// ---- what follows it ----

/// Answers `done` when the change is visible here and `shows` says so too. The deadline is the
/// request's. `unfinished`: the sentence for a change that was made but did not show in time;
/// nullptr: that is success.
void Controller::Impl::SubmitAndShow(request::Request request, int64_t timeout_us,
                                     std::function<bool()> shows, const char* unfinished,
                                     Callback<Status> done) {
  const int64_t deadline_us = Now() + timeout_us;
  router->Submit(std::move(request), timeout_us,
                 [this, deadline_us, shows = std::move(shows), unfinished,
                  done = std::move(done)](Answer answer) mutable {
                   if (answer.error) return done(Error{*answer.error, std::move(answer.message)});
                   Waiting wait;
                   wait.version = answer.version;
                   wait.deadline_us = deadline_us;
                   wait.shows = std::move(shows);
                   wait.done = [unfinished, done = std::move(done)](bool shown) mutable {
                     if (shown || unfinished == nullptr) return done(Status());
                     done(Error{ErrorCode::kTimeout, unfinished});
                   };
                   WaitFor(std::move(wait));
                 });
}

void Controller::Impl::WaitFor(Waiting wait) {
  waiting.push_back(std::move(wait));
  CheckWaiting();
}

void Controller::Impl::CheckWaiting() {
  std::list<std::pair<Callback<bool>, bool>> finished;  // called when the list is no longer walked
  for (auto it = waiting.begin(); it != waiting.end();) {
    const bool shown = image->version >= it->version && (!it->shows || it->shows());
    if (shown || Now() >= it->deadline_us) {
      finished.emplace_back(std::move(it->done), shown);
      it = waiting.erase(it);
    } else {
      ++it;
    }
  }
  if (!waiting.empty() && wait_timer == 0) {
    wait_timer = After(kWaitPollUs, [](Impl& self) {
      self.wait_timer = 0;
      self.CheckWaiting();
    });
  }
  for (auto& [done, shown] : finished) done(shown);
}

bool Controller::Impl::HasLeaders(const TopicInfo& topic) const {
  return std::all_of(topic.partitions.begin(), topic.partitions.end(),
                     [this](const PartitionInfo& partition) {
                       return context.host.HasReadyLeader(partition.group);
                     });
}

/// At least so many partitions, all with leaders; or the topic is gone again, so that waiting is
/// useless.
bool Controller::Impl::ShowsTopic(const Uuid& id, size_t partitions) const {
  for (const auto& [name, topic] : image->topics) {
    if (topic->id == id) return topic->partitions.size() >= partitions && HasLeaders(*topic);
  }
  return true;
}

// ---- producers ----

void Controller::Impl::InitProducer(Callback<Result<ProducerIdentity>> done) {
  if (next_producer_id < producer_ids_end) {
    return done(ProducerIdentity{next_producer_id++, 0});
  }
  producers.push_back(std::move(done));
  if (std::exchange(block_asked, true)) return;
  router->Submit(request::AllotProducerIds{{}, kProducerIdsPerBlock}, options.default_timeout_us,
                 [this](const Answer& answer) { OnBlock(answer); });
}

void Controller::Impl::OnBlock(const Answer& answer) {
  block_asked = false;
  std::list<Callback<Result<ProducerIdentity>>> waiters = std::exchange(producers, {});
  if (answer.error) {
    for (auto& done : waiters) done(Error{*answer.error, answer.message});
    return;
  }
  next_producer_id = answer.value;
  producer_ids_end = answer.value + kProducerIdsPerBlock;
  for (auto& done : waiters) InitProducer(std::move(done));
}

// ---- this node in the cluster ----

/// Until the cluster has it, or refuses it for good: that ends the process.
void Controller::Impl::Register() {
  router->Submit(request::RegisterNode{{}, options.self}, kRegisterPatienceUs,
                 [this](const Answer& answer) {
                   if (!answer.error) {
                     registered = true;
                     current_from = answer.version;
                     NoteVersion();
                     spdlog::info("registered node={} disk={}", options.self.id.value(),
                                  options.self.disk_id.ToString());
                     return;
                   }
                   if (*answer.error == ErrorCode::kPermissionDenied) {
                     return context.host.OnRefused({*answer.error, answer.message});
                   }
                   if (*answer.error == ErrorCode::kShuttingDown) return;
                   spdlog::info("still registering node={} reason=\"{}\"", options.self.id.value(),
                                answer.message);
                   // Submitted anew from a timer: a fate unknown at the end of patience must not
                   // recurse.
                   After(kRegisterAgainUs, [](Impl& self) { self.Register(); });
                 });
}

/// A node that was removed, and added again before it noticed and ended, is waited for: nothing is
/// placed on it until it registers.
void Controller::Impl::RegisterIfAddedAnew() {
  if (!registered || image->version < current_from) return;
  const NodeInfo* known = image->FindNode(options.self.id);
  if (known == nullptr || !known->disk_id.IsZero()) return;
  registered = false;
  Register();
}

/// A leader that had applied all that was committed before its term answered the registration. So
/// an image of that version lacks nothing of what was decided before this node started.
void Controller::Impl::NoteVersion() {
  if (registered && image->version >= current_from) current = true;
}

/// The last image that a removed node sees says so: it is not in it, or holds nothing and leads
/// nobody any more.
bool Controller::Impl::IsRemoved() const {
  const NodeId self = options.self.id;
  const NodeInfo* known = image->FindNode(self);
  if (known == nullptr) return registered && image->version >= current_from;
  return known->removing && known->disk_id == options.self.disk_id &&
         image->version >= replay_until && !HoldsPartitions(*image, self);
}

void Controller::Impl::EndIfRemoved() {
  if (ending || !IsRemoved()) return;
  ending = true;
  spdlog::info("removed from the cluster, ending soon node={}", options.self.id.value());
  After(kRemovedGraceUs, [](Impl& self) {
    self.ending = false;
    if (!self.IsRemoved()) return;
    if (self.group->status().leader == self.options.self.id) return self.EndIfRemoved();
    const std::string name = "node " + std::to_string(self.options.self.id.value());
    self.context.host.OnRefused(
        {ErrorCode::kPermissionDenied,
         name + " was removed from the cluster and holds nothing any more: its data_dir can go"});
  });
}

void Controller::Impl::PostChores() {
  if (!leader || std::exchange(chores_posted, true)) return;
  Post([](Impl& self) {
    self.chores_posted = false;
    if (!self.stopped) self.leader->DoChores(/*news=*/true);
  });
}

void Controller::Impl::ArmChores() {
  chore_timer = After(options.chores_us, [](Impl& self) {
    self.leader->DoChores(/*news=*/false);
    self.ArmChores();
  });
}

void Controller::Impl::Stop() {
  if (std::exchange(stopped, true)) return;
  context.executor.Cancel(wait_timer);
  context.executor.Cancel(chore_timer);
  router->Stop();
  for (Waiting& wait : std::exchange(waiting, {})) wait.done(false);
}

// ---- the outside ----

Controller::Controller(Options options, const Context& context)
    : impl_(std::make_shared<Impl>(std::move(options), context)) {}

Controller::~Controller() { Stop(); }

void Controller::Start(ControllerGroup& group, ControllerMachine& machine) {
  impl_->group = &group;
  impl_->leader =
      std::make_unique<ControllerLeader>(impl_->options, impl_->context, group, machine);
  impl_->replay_until = group.status().last.index;
  impl_->router->Attach(group, *impl_->leader);
  impl_->ArmChores();
  impl_->Register();
}

void Controller::Stop() { impl_->Stop(); }

void Controller::CreateTopic(server::CreateTopic create, Callback<Result<Uuid>> done) {
  impl_->Post([create = std::move(create), done = std::move(done)](Impl& self) mutable {
    const Uuid id = Uuid::Make(self.random);
    request::CreateTopic asked;
    asked.name = std::move(create.name);
    asked.id = id;
    asked.partitions = create.partitions;
    asked.replication_factor = create.replication_factor;
    asked.assignment = std::move(create.assignment);
    asked.configs = std::move(create.configs);
    asked.validate_only = create.validate_only;
    request::Request request = std::move(asked);
    if (create.kind == TopicKind::kGroups) {
      request = request::CreateGroupsTopic{{}, id, create.partitions};
    }
    auto shows = [&self, id] { return self.ShowsTopic(id, 1); };
    self.SubmitAndShow(std::move(request), create.timeout_us, std::move(shows),
                       "the topic was created, but not all of its partitions have a leader yet: "
                       "see `jangada topic describe`",
                       [id, done = std::move(done)](Status status) mutable {
                         if (status.ok()) return done(id);
                         done(status.error());
                       });
  });
}

void Controller::DeleteTopic(std::string name, Callback<Status> done) {
  impl_->Post([name = std::move(name), done = std::move(done)](Impl& self) mutable {
    self.SubmitAndShow(request::DeleteTopic{{}, std::move(name)}, self.options.default_timeout_us,
                       nullptr, nullptr, std::move(done));
  });
}

void Controller::CreatePartitions(NewPartitions request, Callback<Status> done) {
  impl_->Post([request = std::move(request), done = std::move(done)](Impl& self) mutable {
    auto shows = [&self, topic = request.topic, total = static_cast<size_t>(request.total)] {
      const auto info = self.image->FindTopic(topic);
      return !info || (info->partitions.size() >= total && self.HasLeaders(*info));
    };
    self.SubmitAndShow(
        request::CreatePartitions{
            {}, std::move(request.topic), request.total, std::move(request.assignment)},
        self.options.default_timeout_us, std::move(shows),
        "the partitions were created, but not all of them have a leader yet: see "
        "`jangada topic describe`",
        std::move(done));
  });
}

void Controller::AlterTopicConfigs(std::string topic,
                                   std::map<std::string, std::optional<std::string>> changes,
                                   Callback<Status> done) {
  impl_->Post([topic = std::move(topic), changes = std::move(changes),
               done = std::move(done)](Impl& self) mutable {
    self.SubmitAndShow(request::AlterTopicConfigs{{}, std::move(topic), std::move(changes)},
                       self.options.default_timeout_us, nullptr, nullptr, std::move(done));
  });
}

void Controller::InitProducer(Callback<Result<ProducerIdentity>> done) {
  impl_->Post([done = std::move(done)](Impl& self) mutable { self.InitProducer(std::move(done)); });
}

void Controller::MovePartition(TopicPartition where, std::vector<NodeId> replicas,
                               Callback<Status> done) {
  impl_->Post([where = std::move(where), replicas = std::move(replicas),
               done = std::move(done)](Impl& self) mutable {
    self.SubmitAndShow(
        request::MovePartition{{}, std::move(where.topic), where.partition, std::move(replicas)},
        self.options.default_timeout_us, nullptr, nullptr, std::move(done));
  });
}

void Controller::AddNode(NodeId node, Callback<Status> done) {
  impl_->Post([node, done = std::move(done)](Impl& self) mutable {
    self.SubmitAndShow(request::AddNode{{}, node}, self.options.default_timeout_us, nullptr,
                       nullptr, std::move(done));
  });
}

void Controller::RemoveNode(NodeId node, Callback<Status> done) {
  impl_->Post([node, done = std::move(done)](Impl& self) mutable {
    auto shows = [&self, node] {
      // The node that is removed sees no more of the log once it holds nothing.
      return self.image->FindNode(node) == nullptr ||
             (node == self.options.self.id && self.IsRemoved());
    };
    self.SubmitAndShow(request::RemoveNode{{}, node}, self.options.default_timeout_us,
                       std::move(shows),
                       "the removal is under way but not complete: it goes on, and `jangada "
                       "cluster nodes` lists the node until it is out of every group",
                       std::move(done));
  });
}

void Controller::ReportSettled(GroupId group, uint64_t revision, Callback<Status> done) {
  impl_->router->Submit(request::SettleReplicas{{}, group, revision},
                        impl_->options.default_timeout_us,
                        [done = std::move(done)](Answer answer) mutable {
                          if (!answer.error) return done(Status());
                          done(Error{*answer.error, std::move(answer.message)});
                        });
}

void Controller::OnPeerCall(NodeId from, const PeerCall& call, Callback<Result<Bytes>> reply) {
  if (call.method != kControllerRequestMethod) {
    return reply(Error{ErrorCode::kUnsupportedVersion,
                       "this node knows no call '" + call.method + "': run one version on all"});
  }
  const Result<request::Request> asked = request::DecodeRequest(call.payload.view());
  if (!asked.ok()) return reply(asked.error());
  const auto* registration = std::get_if<request::RegisterNode>(&*asked);
  if (registration != nullptr && registration->node.id != from) {
    return reply(Error{ErrorCode::kPermissionDenied, "a node can register only itself"});
  }
  if (!impl_->leader || impl_->stopped) {
    return reply(request::EncodeAnswer(request::Refusal(
        {ErrorCode::kNotLeader, "this node has no replica of the controller yet"})));
  }
  impl_->leader->Handle(*asked, [reply = std::move(reply)](const Answer& answer) mutable {
    reply(request::EncodeAnswer(answer));
  });
}

Uuid Controller::disk_id() const { return impl_->options.self.disk_id; }

uint64_t Controller::replay_until() const { return impl_->replay_until; }

bool Controller::registered() const { return impl_->registered; }

bool Controller::is_current() const { return impl_->current; }

std::optional<NodeId> Controller::leader() const {
  return impl_->group == nullptr ? std::nullopt : impl_->group->status().leader;
}

void Controller::OnImage(ClusterImagePtr image) {
  impl_->image = image;
  impl_->NoteVersion();
  if (impl_->group != nullptr) {
    // A tail that was never committed may be cut off: no image will ever speak of it.
    impl_->replay_until =
        std::min<uint64_t>(impl_->replay_until, impl_->group->status().last.index);
  }
  impl_->router->SetNodes(*image);
  impl_->context.host.OnImage(std::move(image));
  // After the fold: what waits may ask for more.
  impl_->Post([](Impl& self) {
    if (self.stopped) return;
    self.CheckWaiting();
    self.EndIfRemoved();
    self.RegisterIfAddedAnew();
  });
  impl_->PostChores();
}

void Controller::OnLeading(bool ready) {
  spdlog::info("controller leadership node={} leading={}", impl_->options.self.id.value(), ready);
  if (ready) impl_->PostChores();
}

void Controller::OnCannotFold(const Error& error) { impl_->context.host.OnRefused(error); }

}  // namespace jangada::server
