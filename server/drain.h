// Drain: before a node stops, each group that it leads is handed to the voter that is furthest, so
// that clients notice a redirect instead of an outage. Gives up after kPatienceUs: stopping a
// leader is safe, only slower for its clients. Runs on group 0's shard.
#pragma once

#include <cstdint>
#include <memory>

#include "server/controller_room.h"
#include "server/replica_router.h"

namespace jangada::server {

class Drain {
 public:
  struct Context {  // all outlive the drain
    Executor& executor;
    ReplicaRouter& replicas;
    ControllerRoom& room;
  };
  static constexpr int64_t kPatienceUs = 5'000'000;
  static constexpr int64_t kRoundUs = 50'000;
  /// A follower that was asked to take over has this long before another is asked.
  static constexpr int kRoundsPerTry = 10;

  /// `done` on the context's executor, once nothing is led here or patience has ended.
  static void Start(const Context& context, Callback<> done);
};

}  // namespace jangada::server
