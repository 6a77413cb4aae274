#include "server/drain.h"

#include <spdlog/spdlog.h>

#include <atomic>
#include <utility>

namespace jangada::server {
namespace {

struct Rounds {
  Drain::Context context;
  Callback<> done;
  int64_t deadline_us = 0;
  int round = 0;
};

/// Whether this node still leads group 0 though another could.
bool HandOverController(ControllerRoom& room, bool try_now) {
  if (!room.IsReadyLeader()) return false;
  const std::optional<NodeId> to = Successor(room.status());
  if (!to) return false;
  // Refused (another transfer is under way): the next round tries again.
  if (try_now) (void)room.TransferLeadership(*to);
  return true;
}

void RunRound(const std::shared_ptr<Rounds>& rounds);

void FinishRound(const std::shared_ptr<Rounds>& rounds, size_t led) {
  Executor& executor = rounds->context.executor;
  const bool late = executor.NowUs() >= rounds->deadline_us;
  if (led > 0 && !late) {
    executor.After(Drain::kRoundUs, [rounds] { RunRound(rounds); });
    return;
  }
  if (led > 0) spdlog::warn("stops while it leads groups={}", led);
  rounds->done();
}

void RunRound(const std::shared_ptr<Rounds>& rounds) {
  const bool try_now = rounds->round++ % Drain::kRoundsPerTry == 0;
  const size_t own = HandOverController(rounds->context.room, try_now) ? 1 : 0;
  rounds->context.replicas.HandOver(try_now, [rounds, own](size_t led) {
    rounds->context.executor.Post([rounds, own, led] { FinishRound(rounds, own + led); });
  });
}

}  // namespace

void Drain::Start(const Context& context, Callback<> done) {
  auto rounds = std::make_shared<Rounds>(Rounds{context, std::move(done), 0, 0});
  rounds->deadline_us = context.executor.NowUs() + kPatienceUs;
  RunRound(rounds);
}

}  // namespace jangada::server
