#include "jangada/producer.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/murmur2.h"
#include "client/core.h"
#include "client/intake.h"
#include "client/partition_queue.h"
#include "client/produce_lanes.h"
#include "client/waits.h"
#include "jangada/client.h"

namespace jangada::client {
namespace {

/// What a record costs beside its bytes: its callback, its place in the batch.
constexpr size_t kRecordOverhead = 96;
/// A node may not have heard yet of a topic that was made a moment ago.
constexpr int64_t kUnknownTopicGraceUs = 1'000'000;
/// What a request has beside its batch: names and numbers.
constexpr size_t kRequestOverhead = 4 << 10;

size_t ChargeFor(const Record& record) {
  size_t bytes = kRecordOverhead + record.key.value_or("").size();
  if (record.value.has_value()) bytes += record.value->size();
  for (const RecordHeader& header : record.headers) {
    bytes += header.key.size() + header.value.value_or("").size();
  }
  return bytes;
}

}  // namespace

class Producer::Impl : public std::enable_shared_from_this<Producer::Impl> {
 public:
  Impl(Core& core, ProducerOptions options)
      : core_(core),
        options_(options),
        options_are_good_(Check(options)),
        intake_(options.buffer_bytes),
        lanes_(
            core.loop, *core.wire,
            {.on_answer = [this](
                              const TopicPartition& where, int64_t number,
                              const Reply<ProduceAck>& reply) { OnAnswer(where, number, reply); },
             .on_node_failed = [this](const std::string& node) { core_.metadata.NodeFailed(node); },
             .on_slow =
                 [this](const TopicPartition& where) { core_.metadata.Want(where.topic); }}) {}

  // ---- any thread ----
  Intake::Pending MakePending(const std::string& topic, Record record,
                              Callback<Result<Delivery>> done, std::optional<int32_t> partition);
  /// Takes it, or tells it why not.
  void Submit(Intake::Pending pending);
  /// False: there is no room, and `pending` is as it was.
  bool TrySubmit(Intake::Pending* pending);
  bool Flush(int64_t timeout_ms);
  void Shut() { intake_.Shut(); }
  int64_t under_way() const { return intake_.under_way(); }
  int64_t acknowledged_requests() const { return acknowledged_requests_.load(); }

  // ---- the loop ----
  void Open();
  void Close();

 private:
  struct Partition {
    Partition(TopicPartition its_where, const ProducerOptions& options)
        : where(std::move(its_where)), queue(options) {}
    const TopicPartition where;
    PartitionQueue queue;
    Executor::TimerId timer = 0;
    uint64_t identity_generation = 0;
  };
  struct Topic {
    std::vector<std::unique_ptr<Partition>> partitions;
    std::deque<Intake::Pending> waiting;  // until the number of partitions is known
    size_t sticky = 0;                    // where records without a key go at present
  };

  bool Admit(Intake::Pending* pending, int64_t wait_ms);
  void Refuse(Intake::Pending pending, Error error);
  void TakeIn();
  void OnMetadata(const std::string& name);
  void PlaceWaiting(const std::string& name, Topic* topic);
  bool MayBeNew(int32_t count, const Intake::Pending& pending) const;
  void Place(Topic* topic, Intake::Pending pending);
  Partition* Choose(Topic* topic, const Intake::Pending& pending);
  size_t NextSticky(const Topic& topic) const;
  void FailWaiting(Topic* topic, bool all, const Error& error);
  void Pump(Partition* partition);
  void Deliver(Partition* partition);
  void OnAnswer(const TopicPartition& where, int64_t number, const Reply<ProduceAck>& reply);
  void GiveIdentity(Partition* partition);
  void OnIdentity(const std::string& node, const Reply<ProducerIdentity>& reply);

  Core& core_;
  const ProducerOptions options_;
  const Status options_are_good_;

  Intake intake_;
  std::atomic<int64_t> acknowledged_requests_ = 0;

  // The loop's.
  std::map<std::string, Topic> topics_;
  std::optional<ProducerIdentity> identity_;
  uint64_t identity_generation_ = 0;
  bool identity_asked_ = false;
  Metadata::ListenerId listener_ = 0;
  bool closed_ = false;
  ProduceLanes lanes_;
};

Intake::Pending Producer::Impl::MakePending(const std::string& topic, Record record,
                                            Callback<Result<Delivery>> done,
                                            std::optional<int32_t> partition) {
  if (record.timestamp_ms <= 0) record.timestamp_ms = core_.loop.WallNowMs();
  const size_t charged_bytes = ChargeFor(record);
  return {.topic = topic,
          .record = std::move(record),
          .done = std::move(done),
          .partition = partition,
          .charged_bytes = charged_bytes,
          .expires_us = core_.loop.NowUs() + BoundedMs(options_.delivery_timeout_ms) * 1000};
}

void Producer::Impl::Submit(Intake::Pending pending) {
  if (Admit(&pending, options_.max_block_ms)) return;
  Refuse(std::move(pending), {ErrorCode::kThrottled,
                              "no room came free within " + std::to_string(options_.max_block_ms) +
                                  " ms, for " + std::to_string(options_.buffer_bytes) +
                                  " bytes wait for acknowledgement; this record was not sent"});
}

bool Producer::Impl::TrySubmit(Intake::Pending* pending) { return Admit(pending, 0); }

/// False: there is no room, and `pending` is as it was.
bool Producer::Impl::Admit(Intake::Pending* pending, int64_t wait_ms) {
  if (!options_are_good_.ok()) {
    Refuse(std::move(*pending), options_are_good_.error());
    return true;
  }
  // A callback that sends must not wait for itself.
  const bool may_wait = wait_ms == 0 || !core_.loop.IsCurrent();
  switch (may_wait ? intake_.Admit(pending, wait_ms) : intake_.AdmitAnyway(pending)) {
    case Intake::Admission::kTaken: return true;
    case Intake::Admission::kTakenFirst:
      core_.loop.Post([self = shared_from_this()] { self->TakeIn(); });
      return true;
    case Intake::Admission::kClosed:
      Refuse(std::move(*pending),
             {ErrorCode::kShuttingDown, "the producer is closed; this record was not sent"});
      return true;
    case Intake::Admission::kNoRoom: return false;
  }
  return false;
}

void Producer::Impl::Refuse(Intake::Pending pending, Error error) {
  core_.loop.Post([done = std::move(pending.done), error = std::move(error)]() mutable {
    done(std::move(error));
  });
}

bool Producer::Impl::Flush(int64_t timeout_ms) {
  CHECK(!core_.loop.IsCurrent());
  core_.loop.Post([self = shared_from_this()] {
    for (auto& [name, topic] : self->topics_) {
      for (const auto& partition : topic.partitions) {
        partition->queue.Flush();
        self->Pump(partition.get());
      }
    }
  });
  return intake_.AwaitAllThrough(timeout_ms);
}

void Producer::Impl::Open() {
  listener_ = core_.metadata.Listen([this](const std::string& topic) { OnMetadata(topic); });
}

void Producer::Impl::Close() {
  if (closed_) return;
  closed_ = true;
  core_.metadata.StopListening(listener_);
  for (const auto& [name, topic] : topics_) core_.metadata.Unfollow(name);
  const Error error{ErrorCode::kShuttingDown,
                    "the producer was closed before the record was acknowledged"};
  TakeIn();
  for (auto& [name, topic] : topics_) {
    FailWaiting(&topic, true, error);
    for (const auto& partition : topic.partitions) {
      core_.loop.Cancel(partition->timer);
      partition->queue.FailAll(error);
      Deliver(partition.get());
    }
  }
}

void Producer::Impl::TakeIn() {
  Intake::Taken taken = intake_.TakeAll();
  std::vector<std::string> touched;
  for (Intake::Pending& pending : taken.records) {
    if (pending.charged_bytes + kRequestOverhead > options_.max_request_bytes) {
      pending.done(Error{ErrorCode::kRecordTooLarge,
                         "the record has " + std::to_string(pending.charged_bytes) +
                             " bytes, more than a request of " +
                             std::to_string(options_.max_request_bytes) + " can carry"});
      intake_.Through(1, pending.charged_bytes);
      continue;
    }
    if (touched.empty() || touched.back() != pending.topic) touched.push_back(pending.topic);
    const auto [topic, is_new] = topics_.try_emplace(pending.topic);
    if (is_new && !closed_) core_.metadata.Follow(pending.topic);
    topic->second.waiting.push_back(std::move(pending));
  }
  for (const std::string& name : touched) {
    Topic& topic = topics_[name];
    PlaceWaiting(name, &topic);
    for (const auto& partition : topic.partitions) {
      if (taken.in_a_hurry) partition->queue.Flush();
      if (!closed_ && !partition->queue.empty()) Pump(partition.get());
    }
  }
}

void Producer::Impl::OnMetadata(const std::string& name) {
  const auto it = topics_.find(name);
  if (it == topics_.end()) return;
  Topic& topic = it->second;
  PlaceWaiting(name, &topic);
  for (const auto& partition : topic.partitions) {
    const std::string leader = core_.metadata.LeaderOf(partition->where);
    if (!leader.empty()) lanes_.LeaderIs(partition->where, leader);
    if (!partition->queue.empty()) Pump(partition.get());
  }
}

void Producer::Impl::PlaceWaiting(const std::string& name, Topic* topic) {
  if (topic->waiting.empty()) return;
  const std::optional<int32_t> count = core_.metadata.PartitionCount(name);
  if (count.has_value() && *count > 0) {
    for (auto i = static_cast<int32_t>(topic->partitions.size()); i < *count; ++i) {
      topic->partitions.push_back(std::make_unique<Partition>(TopicPartition{name, i}, options_));
    }
    std::deque<Intake::Pending> waiting;
    waiting.swap(topic->waiting);
    for (Intake::Pending& pending : waiting) {
      if (MayBeNew(*count, pending)) {
        topic->waiting.push_back(std::move(pending));
      } else {
        Place(topic, std::move(pending));
      }
    }
    if (topic->waiting.empty()) return;
  }
  const int64_t unknown_since_us = core_.metadata.UnknownSinceUs(name);
  if (unknown_since_us != 0 && core_.loop.NowUs() - unknown_since_us > kUnknownTopicGraceUs) {
    FailWaiting(topic, true,
                {ErrorCode::kUnknownTopic, "there is no topic '" + name + "'; create it first"});
    return;
  }
  FailWaiting(topic, false,
              {ErrorCode::kUnavailable, "no node could be asked about topic '" + name +
                                            "' in time; is the cluster running there?"});
  if (!topic->waiting.empty()) core_.metadata.Want(name);
}

/// A partition that we know nothing of may have been made since we last asked.
bool Producer::Impl::MayBeNew(int32_t count, const Intake::Pending& pending) const {
  const int64_t sent_us = pending.expires_us - options_.delivery_timeout_ms * 1000;
  return pending.partition.value_or(0) >= count && core_.metadata.AsOfUs(pending.topic) < sent_us;
}

void Producer::Impl::FailWaiting(Topic* topic, bool all, const Error& error) {
  const int64_t now_us = core_.loop.NowUs();
  while (!topic->waiting.empty() && (all || topic->waiting.front().expires_us <= now_us)) {
    Intake::Pending failed = std::move(topic->waiting.front());
    topic->waiting.pop_front();
    failed.done(error);
    intake_.Through(1, failed.charged_bytes);
  }
}

/// Kafka's default for records without a key: stay with one partition until its batch is full or
/// sent. One whose leader is known is preferred.
size_t Producer::Impl::NextSticky(const Topic& topic) const {
  const size_t count = topic.partitions.size();
  for (size_t step = 1; step <= count; ++step) {
    const size_t next = (topic.sticky + step) % count;
    if (!core_.metadata.LeaderOf(topic.partitions[next]->where).empty()) return next;
  }
  return (topic.sticky + 1) % count;
}

Producer::Impl::Partition* Producer::Impl::Choose(Topic* topic, const Intake::Pending& pending) {
  const auto count = static_cast<int32_t>(topic->partitions.size());
  if (pending.partition.has_value()) {
    if (*pending.partition < 0 || *pending.partition >= count) return nullptr;
    return topic->partitions[static_cast<size_t>(*pending.partition)].get();
  }
  if (pending.record.key.has_value()) {
    return topic->partitions[static_cast<size_t>(PartitionOfKey(*pending.record.key, count))].get();
  }
  if (topic->sticky >= topic->partitions.size() ||
      !topic->partitions[topic->sticky]->queue.HasRoomFor(pending.charged_bytes)) {
    topic->sticky = NextSticky(*topic);
  }
  return topic->partitions[topic->sticky].get();
}

void Producer::Impl::Place(Topic* topic, Intake::Pending pending) {
  Partition* partition = Choose(topic, pending);
  if (partition == nullptr) {
    pending.done(Error{ErrorCode::kUnknownTopic, "topic '" + pending.topic + "' has no partition " +
                                                     std::to_string(*pending.partition) +
                                                     "; they count from 0 to " +
                                                     std::to_string(topic->partitions.size() - 1)});
    intake_.Through(1, pending.charged_bytes);
    return;
  }
  partition->queue.Add(
      pending.record, pending.charged_bytes,
      [done = std::move(pending.done),
       number = partition->where.partition](Result<int64_t> offset) mutable {
        if (offset.ok()) {
          done(Delivery{.partition = number, .offset = *offset});
        } else {
          done(offset.error());
        }
      },
      core_.loop.NowUs(), pending.expires_us);
}

void Producer::Impl::Pump(Partition* partition) {
  if (closed_) return;
  PartitionQueue& queue = partition->queue;
  const int64_t now_us = core_.loop.NowUs();
  queue.Expire(now_us);
  if (queue.needs_identity()) GiveIdentity(partition);
  const std::string leader = core_.metadata.LeaderOf(partition->where);
  if (!leader.empty()) {
    while (const auto what = queue.Next(now_us)) lanes_.Send(leader, partition->where, *what);
  } else if (!queue.empty()) {
    queue.NoteTrouble({ErrorCode::kUnavailable, "no leader is known for partition " +
                                                    std::to_string(partition->where.partition) +
                                                    " of '" + partition->where.topic + "'"});
    core_.metadata.Want(partition->where.topic);
  }
  Deliver(partition);
  core_.loop.Cancel(partition->timer);
  const int64_t due_us = queue.NextDueUs(now_us);
  if (due_us != INT64_MAX) {
    partition->timer = core_.loop.After(due_us - now_us, [self = weak_from_this(), partition] {
      if (const auto impl = self.lock()) impl->Pump(partition);
    });
  }
}

void Producer::Impl::Deliver(Partition* partition) {
  for (PartitionQueue::Finished& finished : partition->queue.TakeFinished()) {
    if (finished.base_offset.ok()) ++acknowledged_requests_;
    int64_t index = 0;
    for (DeliveryCallback& done : finished.callbacks) {
      if (!finished.base_offset.ok()) {
        done(finished.base_offset.error());
      } else {
        done(*finished.base_offset < 0 ? int64_t{-1} : *finished.base_offset + index);
      }
      ++index;
    }
    intake_.Through(index, finished.charged_bytes);
  }
}

void Producer::Impl::OnAnswer(const TopicPartition& where, int64_t number,
                              const Reply<ProduceAck>& reply) {
  Partition* partition =
      topics_[where.topic].partitions[static_cast<size_t>(where.partition)].get();
  if (reply.ok()) {
    partition->queue.OnAck(number, reply.value());
  } else {
    const Failure& failure = reply.failure();
    if (failure.error.code == ErrorCode::kNotLeader) {
      core_.metadata.LearnLeader(where, failure.leader_address);
    }
    // Whatever went wrong, news of the leader can only help.
    core_.metadata.Want(where.topic);
    partition->queue.OnFailure(number, failure, core_.loop.NowUs());
  }
  Pump(partition);
}

void Producer::Impl::GiveIdentity(Partition* partition) {
  if (identity_.has_value() && partition->identity_generation < identity_generation_) {
    partition->identity_generation = identity_generation_;
    partition->queue.SetIdentity(*identity_);
    return;
  }
  if (identity_asked_) return;
  identity_asked_ = true;
  const std::string node = core_.nodes.Next();
  core_.wire->InitProducer(node, core_.options.try_timeout_ms,
                           [self = weak_from_this(), node](const Reply<ProducerIdentity>& reply) {
                             if (const auto impl = self.lock()) impl->OnIdentity(node, reply);
                           });
}

void Producer::Impl::OnIdentity(const std::string& node, const Reply<ProducerIdentity>& reply) {
  if (closed_) return;
  identity_asked_ = false;
  if (reply.ok()) {
    core_.nodes.Answered(node);
    identity_ = reply.value();
    ++identity_generation_;
  } else if (reply.failure().disconnected) {
    core_.nodes.Failed(node);
  }
  const auto pump = [](Impl& impl) {
    for (auto& [name, topic] : impl.topics_) {
      for (const auto& partition : topic.partitions) {
        if (partition->queue.needs_identity()) impl.Pump(partition.get());
      }
    }
  };
  if (reply.ok() || (reply.failure().disconnected && !core_.nodes.AllFailed())) {
    pump(*this);
    return;
  }
  identity_asked_ = true;  // until the pause is over
  core_.loop.After(options_.max_retry_backoff_ms * 1000, [self = weak_from_this(), pump] {
    const auto impl = self.lock();
    if (impl == nullptr || impl->closed_) return;
    impl->identity_asked_ = false;
    pump(*impl);
  });
}

Producer::Producer(Client& client, ProducerOptions options)
    : loop_(client.core().loop), impl_(std::make_shared<Impl>(client.core(), options)) {
  loop_.RunAndWait([this] { impl_->Open(); });
}

Producer::~Producer() {
  impl_->Shut();
  loop_.RunAndWait([this] {
    impl_->Close();
    impl_.reset();  // its streams and timers belong to the loop
  });
}

void Producer::Send(const std::string& topic, Record record, Callback<Result<Delivery>> done,
                    std::optional<int32_t> partition) {
  impl_->Submit(impl_->MakePending(topic, std::move(record), std::move(done), partition));
}

std::future<Result<Delivery>> Producer::Send(const std::string& topic, Record record,
                                             std::optional<int32_t> partition) {
  std::promise<Result<Delivery>> promise;
  auto future = promise.get_future();
  Send(
      topic, std::move(record),
      [promise = std::move(promise)](Result<Delivery> delivery) mutable {
        promise.set_value(std::move(delivery));
      },
      partition);
  return future;
}

bool Producer::TrySend(const std::string& topic, Record&& record, Callback<Result<Delivery>>&& done,
                       std::optional<int32_t> partition) {
  auto pending = impl_->MakePending(topic, std::move(record), std::move(done), partition);
  if (impl_->TrySubmit(&pending)) return true;
  record = std::move(pending.record);
  done = std::move(pending.done);
  return false;
}

bool Producer::Flush(int64_t timeout_ms) { return impl_->Flush(timeout_ms); }

bool Producer::Close(int64_t timeout_ms) {
  impl_->Shut();
  const bool through = impl_->Flush(timeout_ms);
  loop_.RunAndWait([this] { impl_->Close(); });
  return through;
}

int64_t Producer::under_way() const { return impl_->under_way(); }

int64_t Producer::acknowledged_requests() const { return impl_->acknowledged_requests(); }

}  // namespace jangada::client
