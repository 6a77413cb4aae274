// Clients of a simulated cluster, as programs of users would be: producers that retry until they
// are answered, idempotent ones and plain ones, consumers that read from the beginning to the end,
// and look where the end is. What they do and hear goes to the Recorder. One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "storage/record_batch.h"
#include "tests/sim/door.h"
#include "tests/sim/raft_checker.h"
#include "tests/sim/reached.h"
#include "tests/sim/recorder.h"
#include "tests/sim/swarm.h"
#include "tests/sim/world.h"

namespace jangada::sim {

/// What all clients share; all outlive them.
struct ClientContext {
  World& world;
  ClientDoor& door;
  Recorder& recorder;
  Judge& judge;
  Reached& reached;
  const Swarm& swarm;
  /// Who leads the partition in the newest term in which anybody does: what no client can know.
  std::function<std::optional<NodeId>(const server::TopicPartition&)> newest_leader;
  /// The offset after the last record that a quorum of the partition has synced; the greatest one
  /// where no node is up that knows the partition.
  std::function<int64_t(const server::TopicPartition&)> committed_end;
  /// Wall clock of the clients, milliseconds.
  int64_t NowMs() const { return NodeClock::kEpochMs + world.now_us() / 1000; }
};

/// The value that a producer of these put into the record.
history::Value ValueOf(const storage::Record& record);

/// Where a client believes a partition's leader to be: where it was last found, or sent.
class LeaderGuess {
 public:
  LeaderGuess(int nodes, Random random) : nodes_(nodes), random_(random), guess_(Any()) {}

  NodeId Get() const { return guess_; }
  /// `hint`: what the node that refused said.
  void OnRefused(std::optional<NodeId> hint) { guess_ = hint && *hint != guess_ ? *hint : Any(); }

 private:
  NodeId Any() {
    return NodeId(static_cast<int32_t>(1 + random_.Below(static_cast<uint64_t>(nodes_))));
  }

  const int nodes_;
  Random random_;
  NodeId guess_;
};

/// One producer's batches to one partition. Idempotent: up to `window` batches under way, sent
/// again, in order, until each is answered or patience ends. Plain: one at a time, and never again
/// once its fate is unknown.
class ProducerLane {
 public:
  struct Options {
    server::TopicPartition where;
    bool idempotent = true;
    uint64_t number = 0;    // of the lane
    bool by_kafka = false;  // in frames of that protocol
  };

  ProducerLane(ClientContext& context, Options options);

  void Start() { Think(); }
  /// No new batches; what is under way goes on.
  void Finish() { finishing_ = true; }
  bool IsIdle() const { return batches_.empty(); }
  /// For a person who wonders why it is not served.
  std::string Describe() const;
  uint64_t acknowledged() const { return acknowledged_; }

 private:
  struct Batch {
    int64_t process = 0;
    int64_t producer = 0;  // its identity, for the history; 0: none
    int32_t sequence = 0;
    uint64_t number = 0;  // of the lane's batches
    std::vector<history::Value> values;
    Bytes bytes;
    int64_t deadline_us = 0;
    bool first_when_sent = false;
    bool under_way = false;
    bool unknown = false;  // a try ended without its fate being known
    uint64_t tries = 0;
    std::optional<NodeId> tried_at;  // where its fate was left open
  };
  using Answer = Result<server::ProduceResult>;

  void Think();
  uint64_t Span() const;
  void MaybeBeginAnew();
  void MakeBatch();
  NodeId Target();
  void SendAll();
  void SendOne(Batch& batch);
  using Answered = std::function<void(const Answer& answer, std::optional<NodeId> hint)>;
  void Produce(NodeId to, const Batch& batch, Answered done);
  void ProduceByKafka(NodeId to, const Batch& batch, Answered done);  // producer_lane_kafka.cc
  void AskForIdentityByKafka();
  void OnIdentity(const Result<server::ProducerIdentity>& identity);
  void OnAnswer(int32_t sequence, uint64_t attempt, NodeId asked, const Answer& answer,
                std::optional<NodeId> hint);
  void OnAcknowledged(Batch& batch, NodeId asked, const server::ProduceResult& result);
  void OnError(Batch& batch, NodeId asked, const Error& error, std::optional<NodeId> hint);
  bool WasBusy() const;
  void GiveUp(const std::string& why);
  void RetryLater();
  void AskForIdentity();
  int64_t TakeProcess();
  history::Operation OperationOf(const Batch& batch, history::Type type) const;

  ClientContext& context_;
  const Options options_;
  Random random_;
  LeaderGuess leader_;
  std::deque<Batch> batches_;      // oldest first
  std::deque<int64_t> processes_;  // free
  std::optional<server::ProducerIdentity> identity_;
  bool asking_identity_ = false;
  int32_t next_sequence_ = 0;
  uint64_t next_number_ = 0;
  std::string last_error_;
  int64_t acknowledged_at_us_ = 0;  // last, of this identity
  uint64_t attempts_ = 0;
  bool retry_armed_ = false;
  bool finishing_ = false;
  uint64_t acknowledged_ = 0;
};

/// Reads one partition after the other, each from its beginning, and asks now and then where it
/// ends.
class Consumer {
 public:
  Consumer(ClientContext& context, std::vector<server::TopicPartition> partitions, uint64_t number);

  void Start() { Think(); }
  /// Reads everything once more from the log's start to its end; `done` then.
  void ReadToTheEnd(std::function<void()> done);
  void Finish() { finishing_ = true; }

 private:
  struct Place {
    server::TopicPartition where;
    history::Key key = 0;
    LeaderGuess leader;
    int64_t position = 0;
    bool at_end = false;  // of ReadToTheEnd
  };

  void Think();
  void Poll(Place& place, std::function<void()> then);
  void OnFetched(Place& place, const Result<server::FetchResult>& fetched);
  void AskForEnd(Place& place, std::function<void()> then);
  void SeekToStart(Place& place, std::function<void()> then);
  void Assign();
  void ReadNext(size_t place, std::function<void()> done);

  ClientContext& context_;
  Random random_;
  std::vector<Place> places_;
  int64_t process_ = 0;
  bool finishing_ = false;
};

}  // namespace jangada::sim
