#include "tests/sim/run.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <utility>

#include "tests/history/checker.h"
#include "tests/sim/choice.h"
#include "tests/sim/clients.h"
#include "tests/sim/cluster.h"
#include "tests/sim/group_member.h"
#include "tests/sim/group_watch.h"
#include "tests/sim/leader_prober.h"
#include "tests/sim/metadata_client.h"
#include "tests/sim/nemesis.h"
#include "tests/sim/recorder.h"

namespace jangada::sim {
namespace {

constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kSetupUs = 60 * kSecond;
/// After everything was mended: elections, restarts, refills.
constexpr int64_t kConvergeUs = 60 * kSecond;
/// By then whoever holds a dead connection knows that.
constexpr int64_t kNoticeUs = 5 * kSecond;
constexpr int64_t kReadUs = 120 * kSecond;
constexpr int64_t kRetryUs = 200'000;
constexpr uint64_t kAllEvents = std::numeric_limits<uint64_t>::max();
/// Of clients and faults together: a world that is as busy as that has seen enough, and what it
/// costs to compare states grows with them.
constexpr uint64_t kSafetyEvents = 300'000;

class SimRun final : public Judge {
 public:
  explicit SimRun(const RunOptions& options)
      : options_(options),
        swarm_(MakeSwarm(options.seed, options.faults)),
        world_(options.seed),
        recorder_(world_),
        cluster_(world_, swarm_, *this, outcome_.reached),
        nemesis_(cluster_, swarm_),
        random_(world_.Stream(0x72756e)),
        metadata_(world_),
        group_watch_(world_, recorder_, *this, outcome_.reached),
        clients_{world_,
                 cluster_.door(),
                 recorder_,
                 *this,
                 outcome_.reached,
                 swarm_,
                 [this](const server::TopicPartition& where) {
                   return cluster_.LeaderOf(GroupOf(where));
                 },
                 [this](const server::TopicPartition& where) {
                   const GroupId group = GroupOf(where);
                   return group == GroupId() ? std::numeric_limits<int64_t>::max()
                                             : cluster_.checker().end(group);
                 }} {
    outcome_.seed = options.seed;
    cluster_.checker().SetGroupsHook(
        [this](const server::groups::Command& command) { group_watch_.OnCommand(command); });
  }

  Outcome Run() {
    spdlog::warn("==== {}", swarm_.Describe());
    SetUp() && Safety() && Liveness() && End();
    outcome_.hash = world_.hash();
    outcome_.events = world_.events();
    outcome_.committed = cluster_.checker().total_committed();
    outcome_.acknowledged = recorder_.acknowledged();
    outcome_.virtual_us = world_.now_us();
    outcome_.faults = nemesis_.struck();
    outcome_.fault_ids = nemesis_.struck_ids();
    return std::move(outcome_);
  }

  const std::vector<history::Operation>& history() const { return recorder_.history(); }

  void Fail(const std::string& checker, const std::string& what) override {
    if (!outcome_.checker.empty()) return;
    spdlog::critical("==== {}: {}", checker, what);
    outcome_.checker = checker;
    outcome_.what = what;
    outcome_.failed_at_us = world_.now_us();
    world_.Stop();
  }

 private:
  bool SetUp();
  bool Safety();
  bool Liveness();
  bool End();

  /// Or until so many events were.
  bool RunFor(int64_t us, uint64_t events = kAllEvents);
  /// False: it did not come to be in time, or the run has failed.
  bool RunUntil(int64_t limit_us, const std::function<bool()>& condition);
  bool Elect();
  bool Converge(const char* when);
  void StartGroups(uint64_t* number);
  bool SettleGroups();
  std::string WhyGroupsNotSettled();
  GroupId GroupOf(const server::TopicPartition& where);
  void CreateTopic(size_t number);
  std::vector<server::TopicPartition> Partitions() const;
  std::set<NodeId> ChooseDead();
  void JudgeHistory();
  void JudgeMetadata();

  const RunOptions options_;
  const Swarm swarm_;
  Outcome outcome_;
  World world_;
  Recorder recorder_;
  Cluster cluster_;
  Nemesis nemesis_;
  Random random_;
  MetadataRecorder metadata_;
  GroupWatch group_watch_;
  ClientContext clients_;
  size_t topics_made_ = 0;
  std::vector<std::unique_ptr<ProducerLane>> lanes_;
  std::vector<std::unique_ptr<Consumer>> consumers_;
  std::vector<std::unique_ptr<MetadataClient>> metadata_clients_;
  std::vector<std::unique_ptr<GroupMember>> members_;
  std::optional<LeaderProber> prober_;
};

bool SimRun::RunFor(int64_t us, uint64_t events) {
  const int64_t end_us = world_.now_us() + us;
  const uint64_t last = world_.events() + std::min(events, kAllEvents - world_.events());
  while (world_.events() < last && world_.Step(end_us)) {
  }
  return !world_.stopped();
}

bool SimRun::RunUntil(int64_t limit_us, const std::function<bool()>& condition) {
  constexpr int64_t kLookEveryUs = 50'000;
  const int64_t end_us = world_.now_us() + limit_us;
  while (world_.now_us() < end_us) {
    if (!RunFor(kLookEveryUs)) return false;
    if (condition()) return true;
  }
  return false;
}

std::vector<server::TopicPartition> SimRun::Partitions() const {
  std::vector<server::TopicPartition> partitions;
  for (const TopicPlan& topic : swarm_.topics) {
    for (int32_t i = 0; i < topic.partitions; ++i) partitions.push_back({topic.name, i});
  }
  return partitions;
}

// ---- the phases ----

void SimRun::CreateTopic(size_t number) {
  if (number == swarm_.topics.size()) return;
  const TopicPlan& topic = swarm_.topics[number];
  const auto ids = cluster_.ids();
  server::CreateTopic request;
  request.name = topic.name;
  request.partitions = topic.partitions;
  request.replication_factor = topic.replicas;
  request.configs = topic.configs;
  cluster_.door().Ask<Uuid>(
      OneOf(ids, random_), 10 * kSecond,
      [request](server::Broker& broker, Callback<Result<Uuid>> reply) {
        broker.CreateTopic(request, std::move(reply));
      },
      [this, number](const Result<Uuid>& made) {
        if (made.ok() || made.error().code == ErrorCode::kAlreadyExists) {
          topics_made_ = number + 1;
          return CreateTopic(number + 1);
        }
        world_.After(kRetryUs, [this, number] { CreateTopic(number); });
      });
}

bool SimRun::SetUp() {
  for (const NodeId id : cluster_.ids()) {
    world_.After(static_cast<int64_t>(random_.Below(kSecond)), [this, id] {
      if (!cluster_.node(id).IsUp()) cluster_.node(id).Start();
    });
  }
  world_.After(kSecond, [this] { CreateTopic(0); });
  const bool made = RunUntil(kSetupUs, [this] { return topics_made_ == swarm_.topics.size(); });
  if (!made) Fail("liveness", "no cluster and topics within a minute of the first start");
  return made;
}

bool SimRun::Safety() {
  const std::vector<server::TopicPartition> partitions = Partitions();
  uint64_t number = 0;
  const auto add = [&](const server::TopicPartition& where, bool idempotent) {
    lanes_.push_back(std::make_unique<ProducerLane>(
        clients_, ProducerLane::Options{.where = where,
                                        .idempotent = idempotent,
                                        .number = ++number,
                                        .by_kafka = swarm_.kafka_producers && number % 2 == 0}));
    lanes_.back()->Start();
  };
  for (const server::TopicPartition& where : partitions) {
    for (int i = 0; i < swarm_.producers; ++i) add(where, true);
    for (int i = 0; i < swarm_.plain_producers; ++i) add(where, false);
  }
  for (int i = 0; i < swarm_.consumers; ++i) {
    consumers_.push_back(std::make_unique<Consumer>(clients_, partitions, ++number));
    consumers_.back()->Start();
  }
  for (int i = 0; i < swarm_.metadata_clients; ++i) {
    metadata_clients_.push_back(std::make_unique<MetadataClient>(clients_, metadata_, ++number));
    metadata_clients_.back()->Start();
  }
  StartGroups(&number);
  prober_.emplace(clients_, cluster_, partitions);
  prober_->Start();
  nemesis_.Start(options_.without);
  return RunFor(swarm_.safety_us, kSafetyEvents);
}

/// Nodes that may stay dead although everybody else must go on: each group keeps a majority.
std::set<NodeId> SimRun::ChooseDead() {
  std::set<NodeId> dead;
  if (!options_.faults) return dead;
  if (random_.Chance(1, 2) || !nemesis_.Unfinished().empty()) return dead;
  for (const NodeId id : cluster_.ids()) {
    if (cluster_.checker().IsDamaged(id)) return dead;  // it waits for the others to be filled
  }
  const server::ClusterImagePtr image = cluster_.Image();
  for (const TopicPlan& topic : swarm_.topics) {
    if (image->FindTopic(topic.name) == nullptr) return dead;  // nobody up knows of it yet
  }
  std::vector<std::vector<NodeId>> electorates;
  for (const auto& [group, place] : image->groups) {
    electorates.push_back(image->FindGroup(group)->replicas);
    std::sort(electorates.back().begin(), electorates.back().end());
    if (cluster_.VotersOf(group) != electorates.back()) return dead;  // a change is under way
  }
  const auto controllers = cluster_.VotersOf(kControllerGroup);
  if (!controllers) return dead;
  electorates.push_back(*controllers);
  for (size_t tries = 0; tries < 4; ++tries) {
    const NodeId next = OneOf(cluster_.ids(), random_);
    if (!dead.insert(next).second) continue;
    const bool fits = std::all_of(electorates.begin(), electorates.end(), [&](const auto& voters) {
      const auto lost = std::count_if(voters.begin(), voters.end(),
                                      [&](NodeId voter) { return dead.contains(voter); });
      return static_cast<size_t>(lost) * 2 < voters.size();
    });
    if (!fits) dead.erase(next);
  }
  return dead;
}

/// Once the last disk moves again, and dead connections can be known to be dead, ten election
/// timeouts bring every group a leader.
bool SimRun::Elect() {
  const auto hangs = [this](NodeId id) { return cluster_.node(id).IsDiskHung(); };
  const auto led = [this](GroupId group) { return cluster_.LeaderOf(group).has_value(); };
  const auto ids = cluster_.ids();
  if (!RunUntil(kConvergeUs, [&] { return std::none_of(ids.begin(), ids.end(), hangs); })) {
    return false;
  }
  const int64_t limit_us = kNoticeUs + 10 * swarm_.config.raft.election_timeout_ms * 1000;
  GroupId waiting;
  const bool all = RunUntil(limit_us, [&] {
    if (!led(waiting = kControllerGroup)) return false;
    for (const auto& [group, place] : cluster_.Image()->groups) {
      if (!led(waiting = group)) return false;
    }
    return true;
  });
  if (!all) {
    Fail("liveness", "group " + std::to_string(waiting.value()) +
                         " has no leader within ten election timeouts of the mending");
  }
  return all;
}

bool SimRun::Converge(const char* when) {
  std::string why;
  const bool converged = RunUntil(kConvergeUs, [&] {
    why = nemesis_.Unfinished();
    if (why.empty()) why = nemesis_.WhoIsDown();
    if (why.empty()) why = cluster_.WhyNotConverged();
    return why.empty();
  });
  if (!converged) Fail("liveness", std::string("not at rest ") + when + ": " + why);
  return converged;
}

bool SimRun::Liveness() {
  const std::set<NodeId> dead = ChooseDead();
  nemesis_.HealAllBut(dead);
  spdlog::warn("==== all is mended; {} nodes stay dead", dead.size());
  for (const auto& member : members_) member->Settle();
  if (!Elect()) return false;
  // Clients go on for a while: everything must be served again.
  const auto acknowledged_by_all = [this](const std::vector<uint64_t>& before) {
    for (size_t i = 0; i < lanes_.size(); ++i) {
      if (lanes_[i]->acknowledged() == before[i]) return false;
    }
    return true;
  };
  std::vector<uint64_t> before;
  for (const auto& lane : lanes_) before.push_back(lane->acknowledged());
  const bool served =
      RunUntil(swarm_.patience_us + kConvergeUs, [&] { return acknowledged_by_all(before); });
  if (!served) {
    for (size_t i = 0; i < lanes_.size(); ++i) {
      if (lanes_[i]->acknowledged() == before[i]) {
        spdlog::warn("==== not served: {}", lanes_[i]->Describe());
      }
    }
    Fail("liveness", "a producer was not served again after everything was mended; " +
                         cluster_.WhyNotConverged());
    return false;
  }
  for (const auto& lane : lanes_) lane->Finish();
  for (const auto& consumer : consumers_) consumer->Finish();
  for (const auto& client : metadata_clients_) client->Finish();
  prober_->Finish();
  const bool idle = RunUntil(swarm_.patience_us + kConvergeUs, [this] {
    return std::all_of(lanes_.begin(), lanes_.end(),
                       [](const auto& lane) { return lane->IsIdle(); });
  });
  if (!idle) Fail("liveness", "a batch was not answered after everything was mended");
  if (!idle || !SettleGroups() || !Converge("on the nodes that live")) return false;
  if (dead.empty()) return true;
  nemesis_.HealAllBut({});
  return Converge("after the last nodes came back");
}

// ---- consumer groups ----

void SimRun::StartGroups(uint64_t* number) {
  Random random = world_.Stream(0x67726f75'70);
  for (int group = 0; group < swarm_.groups; ++group) {
    const bool is_static = random.Chance(1, 3);
    for (int i = 0; i < swarm_.group_members; ++i) {
      members_.push_back(std::make_unique<GroupMember>(
          clients_, group_watch_,
          GroupMember::Options{.group = "group-" + std::to_string(group),
                               .number = ++*number,
                               .is_static = is_static && random.Chance(2, 3),
                               .may_go = i > 0}));
      members_.back()->Start();
    }
  }
}

GroupId SimRun::GroupOf(const server::TopicPartition& where) {
  const auto topic = cluster_.Image()->FindTopic(where.topic);
  return topic == nullptr ? GroupId()
                          : topic->partitions[static_cast<size_t>(where.partition)].group;
}

/// Every member that lives knows its part of one generation, each partition has its reader, and all
/// there is was read and committed. Empty: it is so.
std::string SimRun::WhyGroupsNotSettled() {
  std::map<std::string, GroupMember::Part> groups;
  for (const auto& member : members_) {
    if (member->IsGone()) continue;
    const auto part = member->Reads();
    if (!part) return "a member has no part: " + member->Describe();
    const auto [group, is_first] = groups.try_emplace(member->group(), *part);
    if (is_first) continue;
    if (part->generation != group->second.generation) {
      return "members go by different generations: " + member->Describe();
    }
    for (const server::TopicPartition& where : part->partitions) {
      if (!group->second.partitions.insert(where).second) {
        return "a partition has two readers: " + member->Describe();
      }
    }
  }
  for (const server::TopicPartition& where : Partitions()) {
    const int64_t end = cluster_.checker().end(GroupOf(where));
    for (const auto& [id, group] : groups) {
      const std::string what = where.topic + "/" + std::to_string(where.partition);
      if (!group.partitions.contains(where)) return "nobody in " + id + " reads " + what;
      const int64_t committed = group_watch_.Committed(id, recorder_.KeyOf(where));
      if (committed < end) {
        return id + " has committed " + std::to_string(committed) + " of " + std::to_string(end) +
               " in " + what;
      }
    }
  }
  return "";
}

bool SimRun::SettleGroups() {
  std::string why;
  const bool settled = RunUntil(kConvergeUs, [&] {
    why = WhyGroupsNotSettled();
    return why.empty();
  });
  if (!settled) {
    for (const auto& member : members_) spdlog::warn("==== {}", member->Describe());
    Fail("rebalance", "the groups have not come to rest: " + why);
  }
  for (const auto& member : members_) member->Finish();
  return settled;
}

bool SimRun::End() {
  if (world_.stopped()) return false;
  Consumer last(clients_, Partitions(), 1'000'000);
  bool read = false;
  last.ReadToTheEnd([&read] { read = true; });
  if (!RunUntil(kReadUs, [&read] { return read; })) {
    Fail("liveness", "what was written could not be read to its end");
    return false;
  }
  JudgeHistory();
  JudgeMetadata();
  return !world_.stopped();
}

void SimRun::JudgeMetadata() {
  for (const NodeId id : cluster_.ids()) {
    for (uint64_t number = 0; number < MetadataClient::kTopics; ++number) {
      const std::string topic = MetadataClient::TopicName(number);
      metadata_.AddRead(topic, SeenIn(*cluster_.node(id).broker().image(), topic));
    }
  }
  const std::vector<history::Anomaly> anomalies = history::CheckMetadata(metadata_.history());
  if (!anomalies.empty()) Fail(anomalies.front().name, anomalies.front().what);
}

void SimRun::JudgeHistory() {
  history::Expectations expectations;
  std::map<history::Key, history::Offset> ends;
  for (const auto& [where, key] : recorder_.keys()) {
    const server::ClusterImagePtr image = cluster_.Image();
    const auto topic = image->FindTopic(where.topic);
    if (topic == nullptr) continue;
    const GroupId group = topic->partitions[static_cast<size_t>(where.partition)].group;
    const int64_t log_start = cluster_.checker().log_start(group);
    expectations.log_start[key] = log_start;
    ends[key] = cluster_.checker().end(group);
    const bool retains =
        !topic->configs.contains("retention.ms") && !topic->configs.contains("retention.bytes");
    const auto asked = nemesis_.trims().find(where);
    const int64_t most = asked == nemesis_.trims().end() ? 0 : asked->second;
    if (retains && log_start > most) {
      Fail("trim", "records up to " + std::to_string(log_start) + " were deleted, asked for was " +
                       std::to_string(most));
    }
  }
  group_watch_.End(ends, expectations.log_start);
  const std::vector<history::Anomaly> anomalies = history::Check(recorder_.history(), expectations);
  if (!anomalies.empty()) {
    Fail(anomalies.front().name,
         anomalies.front().what + " (" + std::to_string(anomalies.size()) + " anomalies)");
  }
}

}  // namespace

uint64_t Outcome::fault_count() const {
  uint64_t sum = 0;
  for (const uint64_t count : faults) sum += count;
  return sum;
}

Outcome RunSeed(const RunOptions& options, std::vector<history::Operation>* history) {
  SimRun run(options);
  Outcome outcome = run.Run();
  if (history != nullptr) *history = run.history();
  return outcome;
}

}  // namespace jangada::sim
