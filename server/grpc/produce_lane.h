// ProduceLane: one partition's requests within one ProduceStream. It keeps what the stream
// promises: batches are appended in the order of their requests, and answered in that order.
//
// Requests go to the log one behind the other without waiting, where this node leads, and to a
// leader elsewhere over a stream that keeps their order (forward_stream.h). Only when the leader is
// another one does the next request wait until those under way are answered. A request that was
// surely not done, for want of a leader, waits and is tried again; those behind it wait with it. A
// request of an idempotent producer is tried again even when its fate is unknown; any other is then
// answered kTimeout.
//
// Any thread; a mutex of its own, which is not held while answers leave.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <optional>

#include "server/grpc/call_scope.h"
#include "server/grpc/forward_stream.h"
#include "server/grpc/retry.h"
#include "server/grpc/router.h"

namespace jangada::server::grpc_door {

class ProduceLane : public std::enable_shared_from_this<ProduceLane> {
 public:
  using Answer = Callback<Result<ProduceResult>>;

  ProduceLane(Router& router, TopicPartition where, CallScope scope)
      : router_(router), where_(std::move(where)), scope_(std::move(scope)) {}
  ~ProduceLane();

  /// `answer` runs once, after those of all earlier requests.
  void Add(Bytes batch, TimePoint deadline, Answer answer);

 private:
  enum class State {
    kWaiting,
    kInFlight,
    kFailed,
    kDone
  };  // kFailed: to be judged once nothing is in flight
  struct Item {
    uint64_t serial = 0;
    Bytes batch;
    bool idempotent = false;
    CallScope scope;
    TimePoint began;
    Answer answer;
    State state = State::kWaiting;
    bool fate_unknown = false;  // of some try so far
    std::optional<Result<ProduceResult>> result;
  };

  void Dispatch();
  bool ChooseTarget();
  Item* NextToSend();
  void SendOne(Item* item, std::unique_lock<std::mutex>* lock);
  bool GaveUp(Item* item);
  void OnResult(uint64_t serial, Result<ProduceResult> result);
  bool IsWorthAnotherTry(const Item& item, ErrorCode code) const;
  void JudgeFailed();
  void AnswerFront();

  Router& router_;
  const TopicPartition where_;
  const CallScope scope_;

  // Under mutex_.
  // Invariants: 1. serials in items_ grow by 1. 2. in_flight_ counts the items in kInFlight. 3.
  // while pausing_ or backing_off_, nothing is sent.
  std::mutex mutex_;
  std::deque<Item> items_;
  uint64_t next_serial_ = 0;
  size_t in_flight_ = 0;
  std::shared_ptr<Peer> target_;           // where those in flight went; null: this node
  std::shared_ptr<ForwardStream> stream_;  // to target_
  bool pausing_ = false;                   // something failed: wait until nothing is in flight
  bool backing_off_ = false;               // a timer will go on
  bool sending_ = false;                   // one thread at a time sends, so that the order holds
  bool answering_ = false;                 // one thread at a time answers, so that the order holds
  Backoff backoff_;
};

}  // namespace jangada::server::grpc_door
