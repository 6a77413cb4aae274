#include "server/grpc/group_lag_watch.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <string>
#include <utility>

#include "base/countdown.h"
#include "server/group_broker.h"
#include "server/grpc/door.h"
#include "server/grpc/group_lag.h"

namespace jangada::server::grpc_door {
namespace {

/// How long the leaders of one group's partitions may take.
constexpr int64_t kGroupUs = 3'000'000;

/// The sum of the records, the greatest of the ages. One that is not known makes that unknown.
GroupLagStats SumOf(const std::string& group, const v1::DescribeGroupResponse& described) {
  GroupLagStats sum{.group = group, .records = 0, .ms = 0};
  for (const auto& partition : described.partitions()) {
    const bool records_known = partition.lag_records() >= 0 && sum.records >= 0;
    const bool ms_known = partition.lag_ms() >= 0 && sum.ms >= 0;
    sum.records = records_known ? sum.records + partition.lag_records() : -1;
    sum.ms = ms_known ? std::max(sum.ms, partition.lag_ms()) : -1;
  }
  return sum;
}

}  // namespace

class GroupLagWatch::Rounds : public std::enable_shared_from_this<Rounds> {
 public:
  Rounds(Door& door, int64_t every_us) : door_(door), every_us_(every_us) {}

  void WaitForNext() {
    RunAfter(every_us_, [weak = weak_from_this()] {
      if (const auto rounds = weak.lock()) rounds->Begin();
    });
  }

  void Stop() {
    cancellation_->Cancel();
    std::unique_lock lock(mutex_);
    stopped_ = true;
    ended_.wait(lock, [this] { return !running_; });
  }

  std::vector<GroupLagStats> stats() const {
    const std::lock_guard lock(mutex_);
    return stats_;
  }

 private:
  void Begin() {
    {
      const std::lock_guard lock(mutex_);
      if (stopped_) return;
      running_ = true;
    }
    door_.broker.groups().List([self = shared_from_this()](const GroupList& list) {
      std::vector<std::string> groups;
      for (const ListedGroup& group : list.groups) groups.push_back(group.id);
      std::sort(groups.begin(), groups.end());
      groups.resize(std::min(groups.size(), kMaxWatchedGroups));
      self->left_ = std::move(groups);
      std::reverse(self->left_.begin(), self->left_.end());
      self->Next();
    });
  }

  /// Each group's answers come on other threads, one after the other.
  void Next() {
    if (left_.empty() || cancellation_->cancelled()) return End();
    std::string group = std::move(left_.back());
    left_.pop_back();
    door_.broker.groups().Fetch({.group = group, .where = std::nullopt},
                                [self = shared_from_this(), group](const FetchedOffsets& fetched) {
                                  if (fetched.error != GroupError::kNone || fetched.offsets.empty())
                                    return self->GoOn();
                                  self->Ask(group, fetched);
                                });
  }

  void Ask(const std::string& group, const FetchedOffsets& fetched) {
    auto described = std::make_shared<v1::DescribeGroupResponse>();
    for (const CommittedOffset& offset : fetched.offsets) {
      auto* partition = described->add_partitions();
      partition->set_topic(offset.where.topic);
      partition->set_partition(offset.where.partition);
      partition->set_committed_offset(offset.offset);
    }
    CallScope scope;
    scope.deadline = AfterNow(kGroupUs);
    scope.cancellation = cancellation_;
    auto countdown = std::make_shared<Countdown>(described->partitions_size(),
                                                 [self = shared_from_this(), group, described] {
                                                   self->found_.push_back(SumOf(group, *described));
                                                   self->GoOn();
                                                 });
    for (auto& partition : *described->mutable_partitions()) {
      FillLag(door_, scope, &partition, [countdown] { countdown->Done(); });
    }
  }

  /// Not from within the answer: a thousand groups would be a deep stack.
  void GoOn() {
    RunAfter(0, [self = shared_from_this()] { self->Next(); });
  }

  void End() {
    const std::lock_guard lock(mutex_);
    stats_ = std::exchange(found_, {});
    running_ = false;
    if (!stopped_) WaitForNext();
    ended_.notify_all();
  }

  Door& door_;
  const int64_t every_us_;
  const std::shared_ptr<Cancellation> cancellation_ = std::make_shared<Cancellation>();

  // The round's that is under way.
  std::vector<std::string> left_;  // the next is the last
  std::vector<GroupLagStats> found_;

  mutable std::mutex mutex_;
  std::condition_variable ended_;
  // Under mutex_.
  std::vector<GroupLagStats> stats_;
  bool running_ = false;
  bool stopped_ = false;
};

GroupLagWatch::GroupLagWatch(Door& door, int64_t every_us)
    : rounds_(std::make_shared<Rounds>(door, every_us)) {
  rounds_->WaitForNext();
}

GroupLagWatch::~GroupLagWatch() { rounds_->Stop(); }

std::vector<GroupLagStats> GroupLagWatch::stats() const { return rounds_->stats(); }

}  // namespace jangada::server::grpc_door
