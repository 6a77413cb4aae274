#include "tests/sim/metadata_client.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace jangada::sim {
namespace {

using history::TopicSeen;
using Operation = history::MetadataOperation;
using Answer = Operation::Answer;
using Function = Operation::Function;

constexpr int64_t kThinkUs = 700'000;
constexpr int64_t kPatienceUs = 5'000'000;
/// Of changes of a topic of which nobody knows whether they were made. Each doubles the histories
/// to think of.
constexpr size_t kMostUnknown = 10;

}  // namespace

// ---- MetadataRecorder ----

size_t MetadataRecorder::Begin(Operation operation) {
  operation.began = operation.function == Function::kRead ? 0 : ++now_;
  operation.answer = Answer::kUnknown;
  history_.push_back(std::move(operation));
  return history_.size() - 1;
}

void MetadataRecorder::OnServed(size_t number, NodeId node, uint64_t life) {
  Operation& read = history_[number];
  Copy& copy = copies_[{node, read.topic}];
  if (copy.life != life) copy = {.life = life, .shows_since = 0, .shown = {}};
  read.began = copy.shows_since;
  read.after = std::exchange(copy.shown, {number});
}

void MetadataRecorder::End(size_t number, Answer answer) {
  history_[number].answer = answer;
  history_[number].ended = ++now_;
  world_.Mix(number << 8 | static_cast<uint64_t>(answer));
}

void MetadataRecorder::OnDone(size_t number, NodeId node, uint64_t life) {
  End(number, Answer::kDone);
  Copy& copy = copies_[{node, history_[number].topic}];
  if (copy.life > life) return;  // it has died since
  if (copy.life < life) copy = {.life = life, .shows_since = 0, .shown = {}};
  // Not what others did meanwhile and were answered for first: that may stand behind it in the log.
  copy.shows_since = std::max(copy.shows_since, history_[number].began);
  copy.shown.push_back(number);
}

void MetadataRecorder::OnRefused(size_t number, Answer answer) { End(number, answer); }

void MetadataRecorder::OnRead(size_t number, std::optional<TopicSeen> seen) {
  history_[number].seen = std::move(seen);
  End(number, Answer::kDone);
}

void MetadataRecorder::Void(size_t number) {
  Operation& operation = history_[number];
  operation.function = Function::kRead;  // one that was never answered
  operation.changes.clear();
  operation.partitions = 0;
}

void MetadataRecorder::AddRead(const std::string& topic, std::optional<TopicSeen> seen) {
  Operation read;
  read.topic = topic;
  const size_t number = Begin(std::move(read));
  history_[number].began = ++now_;
  OnRead(number, std::move(seen));
}

size_t MetadataRecorder::UnknownOf(const std::string& topic) const {
  return static_cast<size_t>(
      std::count_if(history_.begin(), history_.end(), [&](const Operation& operation) {
        return operation.topic == topic && operation.function != Function::kRead &&
               operation.answer == Answer::kUnknown;
      }));
}

std::optional<TopicSeen> SeenIn(const server::ClusterImage& image, const std::string& topic) {
  const auto found = image.FindTopic(topic);
  if (found == nullptr) return std::nullopt;
  return TopicSeen{static_cast<int32_t>(found->partitions.size()), found->configs};
}

// ---- MetadataClient ----

MetadataClient::MetadataClient(ClientContext& context, MetadataRecorder& recorder, uint64_t number)
    : context_(context),
      recorder_(recorder),
      random_(context.world.Stream(0x6d657461'00 + number)) {}

void MetadataClient::Think() {
  context_.world.After(static_cast<int64_t>(random_.Below(2 * kThinkUs)), [this] {
    if (finishing_) return;
    const std::string topic = TopicName(random_.Below(kTopics));
    const NodeId at(
        static_cast<int32_t>(1 + random_.Below(static_cast<uint64_t>(context_.swarm.nodes))));
    const bool may_change = recorder_.UnknownOf(topic) < kMostUnknown;
    switch (may_change ? random_.Below(12) : 12) {
      case 0:
      case 1: Create(topic, at); break;
      case 2: Delete(topic, at); break;
      case 3: Grow(topic, at); break;
      case 4:
      case 5: Alter(topic, at); break;
      default: Read(topic, at);
    }
    Think();  // calls overlap
  });
}

template <class T, class Call>
void MetadataClient::Ask(Operation operation, NodeId at, Call call) {
  const size_t number = recorder_.Begin(std::move(operation));
  auto life = std::make_shared<uint64_t>(0);
  context_.door.Ask<T>(
      at, kPatienceUs,
      [this, at, life, call = std::move(call)](server::Broker& broker, Callback<Result<T>> reply) {
        *life = context_.door.LifeOf(at);
        call(broker, std::move(reply));
      },
      [this, number, at, life](const Result<T>& done) {
        if (!done.ok()) return OnError(number, done.error());
        recorder_.OnDone(number, at, *life);
      });
}

void MetadataClient::OnError(size_t number, const Error& error) {
  switch (error.code) {
    case ErrorCode::kAlreadyExists: return recorder_.OnRefused(number, Answer::kThere);
    case ErrorCode::kUnknownTopic: return recorder_.OnRefused(number, Answer::kNotThere);
    case ErrorCode::kUnavailable:
    case ErrorCode::kNotLeader:
    case ErrorCode::kThrottled:
    case ErrorCode::kFailedPrecondition:  // changed meanwhile
    case ErrorCode::kInvalidArgument:     // too few nodes are up, or partitions to grow by
      return recorder_.Void(number);
    case ErrorCode::kTimeout:
    case ErrorCode::kShuttingDown: return;  // unknown
    default:
      context_.judge.Fail("metadata", "an admin call that does everything right was told " +
                                          std::string(ErrorCodeName(error.code)) + ": " +
                                          error.message);
  }
}

void MetadataClient::Create(const std::string& topic, NodeId at) {
  server::CreateTopic request;
  request.name = topic;
  request.partitions = 1;
  request.replication_factor = std::min(context_.swarm.nodes, 3);
  Operation operation;
  operation.topic = topic;
  operation.function = Function::kCreate;
  operation.partitions = 1;
  if (random_.Chance(1, 2)) {
    request.configs["retention.ms"] = "86400000";
    operation.changes["retention.ms"] = "86400000";
  }
  Ask<Uuid>(std::move(operation), at,
            [request](server::Broker& broker, Callback<Result<Uuid>> reply) {
              broker.CreateTopic(request, std::move(reply));
            });
}

void MetadataClient::Delete(const std::string& topic, NodeId at) {
  Operation operation;
  operation.topic = topic;
  operation.function = Function::kDelete;
  Ask<Unit>(std::move(operation), at,
            [topic](server::Broker& broker, Callback<Result<Unit>> reply) {
              broker.DeleteTopic(topic, AsUnit(std::move(reply)));
            });
}

void MetadataClient::Grow(const std::string& topic, NodeId at) {
  Operation operation;
  operation.topic = topic;
  operation.function = Function::kGrow;
  const auto total = operation.partitions = static_cast<int32_t>(2 + random_.Below(2));
  Ask<Unit>(std::move(operation), at,
            [topic, total](server::Broker& broker, Callback<Result<Unit>> reply) {
              broker.CreatePartitions({topic, total, {}}, AsUnit(std::move(reply)));
            });
}

void MetadataClient::Alter(const std::string& topic, NodeId at) {
  Operation operation;
  operation.topic = topic;
  operation.function = Function::kAlter;
  std::optional<std::string> value = std::to_string(1'000'000 + random_.Below(1'000));
  if (random_.Chance(1, 4)) value = std::nullopt;
  operation.changes[random_.Chance(1, 2) ? "max.message.bytes" : "retention.ms"] = value;
  const auto changes = operation.changes;
  Ask<Unit>(std::move(operation), at,
            [topic, changes](server::Broker& broker, Callback<Result<Unit>> reply) {
              broker.AlterTopicConfigs(topic, changes, AsUnit(std::move(reply)));
            });
}

void MetadataClient::Read(const std::string& topic, NodeId at) {
  using Seen = std::optional<TopicSeen>;
  Operation operation;
  operation.topic = topic;
  const size_t number = recorder_.Begin(std::move(operation));
  context_.door.Ask<Seen>(
      at, kPatienceUs,
      [this, number, topic, at](server::Broker& broker, Callback<Result<Seen>> reply) {
        recorder_.OnServed(number, at, context_.door.LifeOf(at));
        reply(SeenIn(*broker.image(), topic));
      },
      [this, number](Result<Seen> seen) {
        if (seen.ok()) recorder_.OnRead(number, *std::move(seen));
      });
}

}  // namespace jangada::sim
