// server/runtime: turns, timers and the end of a shard.
#include "server/runtime/shard.h"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <vector>

namespace jangada::server {
namespace {

/// Runs `task` on the shard and waits for it.
void RunOn(Shard& shard, Callback<> task) {
  std::promise<void> done;
  shard.Post([&, task = std::move(task)]() mutable {
    task();
    done.set_value();
  });
  done.get_future().wait();
}

TEST(Shard, RunsPostsInTheirOrderOnItsOwnThread) {
  Shard shard("test");
  shard.Start();
  std::vector<int> seen;
  for (int i = 0; i < 100; ++i) {
    shard.Post([&, i] {
      EXPECT_TRUE(shard.IsCurrent());
      seen.push_back(i);
    });
  }
  RunOn(shard, [] {});
  ASSERT_EQ(seen.size(), 100U);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(seen[i], i);
  EXPECT_FALSE(shard.IsCurrent());
}

TEST(Shard, DeferredTasksRunAfterWhatWasReadyWhenTheTurnBegan) {
  Shard shard("test");
  std::string order;
  std::promise<void> done;
  // Posted before Start, so that both tasks are ready in the first turn.
  shard.Post([&] {
    order += 'a';
    shard.Defer([&] { order += 'd'; });
  });
  shard.Post([&] {
    order += 'b';
    shard.Defer([&] {
      order += 'e';
      shard.Defer([&] {
        order += 'f';
        done.set_value();
      });
    });
  });
  shard.Start();
  done.get_future().wait();
  EXPECT_EQ(order, "abdef");
}

TEST(Shard, TheEndOfTurnHookRunsAfterTheDeferredTasks) {
  Shard shard("test");
  std::string order;
  std::promise<void> done;
  bool first = true;
  shard.SetEndOfTurn([&] {
    if (!std::exchange(first, false)) return;
    order += '.';
    done.set_value();
  });
  shard.Post([&] { shard.Defer([&] { order += 'd'; }); });
  shard.Start();
  done.get_future().wait();
  EXPECT_EQ(order, "d.");
}

TEST(Shard, TimersFireInTheOrderOfTheirDeadlinesAndNeverEarly) {
  Shard shard("test");
  shard.Start();
  std::string order;
  std::promise<void> done;
  RunOn(shard, [&] {
    const int64_t start = shard.NowUs();
    shard.After(30'000, [&, start] {
      EXPECT_GE(shard.NowUs(), start + 30'000);
      order += 'c';
      done.set_value();
    });
    shard.After(10'000, [&, start] {
      EXPECT_GE(shard.NowUs(), start + 10'000);
      order += 'a';
    });
    shard.After(10'000, [&] { order += 'b'; });
  });
  done.get_future().wait();
  EXPECT_EQ(order, "abc");
}

TEST(Shard, ACancelledTimerDoesNotFire) {
  Shard shard("test");
  shard.Start();
  bool fired = false;
  std::promise<void> done;
  RunOn(shard, [&] {
    const auto id = shard.After(1'000, [&] { fired = true; });
    shard.After(20'000, [&] { done.set_value(); });
    shard.Cancel(id);
    shard.Cancel(id);  // again: ignored
  });
  done.get_future().wait();
  EXPECT_FALSE(fired);
}

TEST(Shard, WhatOutlivesTheThreadMayStillCancelItsTimers) {
  Shard shard("test");
  shard.Start();
  Executor::TimerId timer = 0;
  RunOn(shard, [&] { timer = shard.After(60'000'000, [] {}); });
  shard.Stop();
  shard.Cancel(timer);
}

TEST(Shard, StopDestroysWhatWasNotRun) {
  const auto witness = std::make_shared<int>(0);
  {
    Shard shard("test");
    shard.Post([witness] {});
    shard.Stop();
  }
  EXPECT_EQ(witness.use_count(), 1);
}

}  // namespace
}  // namespace jangada::server
