// The consumers of clients.h.
#include <algorithm>
#include <charconv>

#include "base/check.h"
#include "tests/sim/clients.h"

namespace jangada::sim {
namespace {

using history::Function;
using history::Type;
using server::Broker;
using server::FetchResult;
using server::ListedOffset;

constexpr int64_t kBackoffUs = 100'000;
constexpr int64_t kLongPollUs = 300'000;

}  // namespace

history::Value ValueOf(const storage::Record& record) {
  const std::string text = record.value.value_or("0:");
  history::Value value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

Consumer::Consumer(ClientContext& context, std::vector<server::TopicPartition> partitions,
                   uint64_t number)
    : context_(context), random_(context.world.Stream(0x636f6e73'00 + number)) {
  for (server::TopicPartition& where : partitions) {
    const history::Key key = context.recorder.KeyOf(where);
    places_.push_back({std::move(where), key,
                       LeaderGuess(context.swarm.nodes, Random(random_.Next())), 0, false});
  }
  Assign();
}

/// From here on a new process reads, from places of its own choice.
void Consumer::Assign() {
  process_ = context_.recorder.NewProcess();
  history::Operation operation;
  operation.process = process_;
  operation.function = Function::kAssign;
  for (const Place& place : places_) operation.keys.push_back(place.key);
  operation.type = Type::kInvoke;
  context_.recorder.Add(operation);
  operation.type = Type::kOk;
  context_.recorder.Add(operation);
}

void Consumer::Think() {
  context_.world.After(
      static_cast<int64_t>(random_.Below(static_cast<uint64_t>(2 * context_.swarm.think_us))),
      [this] {
        if (finishing_) return;
        Place& place = places_[random_.Below(places_.size())];
        if (random_.Chance(1, 8)) {
          AskForEnd(place, [this] { Think(); });
        } else {
          Poll(place, [this] { Think(); });
        }
      });
}

void Consumer::Poll(Place& place, std::function<void()> then) {
  history::Operation operation;
  operation.process = process_;
  operation.function = Function::kPoll;
  context_.recorder.Add(operation);
  server::FetchRequest request{.where = place.where, .offset = place.position};
  request.max_bytes = random_.Chance(1, 2) ? 1 << 20 : 1 + random_.Below(4'000);
  if (random_.Chance(1, 2)) {
    request.min_bytes = 1;
    request.max_wait_us = kLongPollUs;
  }
  auto hint = std::make_shared<std::optional<NodeId>>();
  context_.door.Ask<FetchResult>(
      place.leader.Get(), context_.swarm.call_timeout_us,
      [request, hint](Broker& broker, Callback<Result<FetchResult>> reply) {
        broker.Fetch(request, [&broker, where = request.where, hint,
                               reply = std::move(reply)](Result<FetchResult> result) mutable {
          if (!result.ok()) *hint = broker.LeaderOf(where);
          reply(std::move(result));
        });
      },
      [this, &place, hint, then = std::move(then)](const Result<FetchResult>& fetched) {
        OnFetched(place, fetched);
        if (fetched.ok()) return then();
        if (fetched.error().code == ErrorCode::kOffsetOutOfRange) {
          context_.reached.Count(Rare::kReadOutOfRange);
          return SeekToStart(place, then);
        }
        place.leader.OnRefused(*hint);
        context_.world.After(static_cast<int64_t>(random_.Below(kBackoffUs)), then);
      });
}

void Consumer::OnFetched(Place& place, const Result<FetchResult>& fetched) {
  history::Operation operation;
  operation.process = process_;
  operation.function = Function::kPoll;
  operation.type = fetched.ok() ? Type::kOk : Type::kFail;
  if (!fetched.ok()) {
    operation.error = ErrorCodeName(fetched.error().code);
    return context_.recorder.Add(std::move(operation));
  }
  std::vector<history::Polled>& polled = operation.polled[place.key];
  for (const server::FetchedBatch& batch : fetched->batches) {
    const auto records = storage::DecodeRecords(batch.bytes.view(), batch.base_offset);
    if (!records.ok()) {
      context_.judge.Fail("records",
                          "a batch that was served cannot be read: " + records.error().message);
      return;
    }
    for (const storage::Record& record : *records) {
      if (record.offset < place.position) continue;
      polled.push_back({record.offset, ValueOf(record)});
    }
  }
  if (!polled.empty()) place.position = polled.back().offset + 1;
  place.at_end = place.position >= fetched->high_watermark;
  context_.recorder.Add(std::move(operation));
}

void Consumer::SeekToStart(Place& place, std::function<void()> then) {
  auto hint = std::make_shared<std::optional<NodeId>>();
  context_.door.Ask<ListedOffset>(
      place.leader.Get(), context_.swarm.call_timeout_us,
      [where = place.where, hint](Broker& broker, Callback<Result<ListedOffset>> reply) {
        broker.ListOffset(
            where, server::kEarliestOffset,
            [&broker, where, hint, reply = std::move(reply)](Result<ListedOffset> result) mutable {
              if (!result.ok()) *hint = broker.LeaderOf(where);
              reply(std::move(result));
            });
      },
      [this, &place, hint, then = std::move(then)](const Result<ListedOffset>& listed) {
        if (listed.ok()) {
          place.position = listed->offset;
          Assign();
          return then();
        }
        place.leader.OnRefused(*hint);
        context_.world.After(static_cast<int64_t>(random_.Below(kBackoffUs)), then);
      });
}

void Consumer::AskForEnd(Place& place, std::function<void()> then) {
  history::Operation operation;
  operation.process = process_;
  operation.function = Function::kListOffsets;
  context_.recorder.Add(operation);
  auto hint = std::make_shared<std::optional<NodeId>>();
  context_.door.Ask<ListedOffset>(
      place.leader.Get(), context_.swarm.call_timeout_us,
      [where = place.where, hint](Broker& broker, Callback<Result<ListedOffset>> reply) {
        broker.ListOffset(
            where, server::kLatestOffset,
            [&broker, where, hint, reply = std::move(reply)](Result<ListedOffset> result) mutable {
              if (!result.ok()) *hint = broker.LeaderOf(where);
              reply(std::move(result));
            });
      },
      [this, &place, hint, then = std::move(then)](const Result<ListedOffset>& listed) {
        history::Operation ended;
        ended.process = process_;
        ended.function = Function::kListOffsets;
        ended.type = listed.ok() ? Type::kOk : Type::kFail;
        if (listed.ok()) {
          ended.ends[place.key] = listed->offset;
          context_.reached.Count(Rare::kReadGranted);
        } else {
          ended.error = ErrorCodeName(listed.error().code);
          place.leader.OnRefused(*hint);
        }
        context_.recorder.Add(std::move(ended));
        then();
      });
}

void Consumer::ReadToTheEnd(std::function<void()> done) {
  for (Place& place : places_) place.position = 0;
  Assign();
  ReadNext(0, std::move(done));
}

void Consumer::ReadNext(size_t at, std::function<void()> done) {
  if (at == places_.size()) return done();
  Place& place = places_[at];
  place.at_end = false;
  Poll(place,
       [this, at, done = std::move(done)] { ReadNext(places_[at].at_end ? at + 1 : at, done); });
}

}  // namespace jangada::sim
