#include "server/runtime/shard.h"

#include <pthread.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <memory>
#include <utility>

#include "base/check.h"

namespace jangada::server {
namespace {

namespace asio = boost::asio;

/// The shard whose thread this is.
thread_local const Shard* current_shard = nullptr;

}  // namespace

Shard::Shard(std::string name) : name_(std::move(name)) {}

Shard::~Shard() { Stop(); }

void Shard::SetEndOfTurn(Callback<> hook) {
  CHECK(!thread_.joinable());
  turns_.SetEndOfTurn(std::move(hook));
}

void Shard::Start() {
  CHECK(!thread_.joinable());
  thread_ = std::thread([this] { Run(); });
  CHECK_EQ(pthread_getcpuclockid(thread_.native_handle(), &cpu_clock_), 0);
  pthread_setname_np(thread_.native_handle(), name_.substr(0, 15).c_str());
}

void Shard::Stop() {
  CHECK(!IsCurrent());
  io_.stop();
  if (thread_.joinable()) thread_.join();
}

void Shard::Post(Callback<> task) {
  posted_.fetch_add(1, std::memory_order_relaxed);
  asio::post(io_, [this, task = std::move(task)]() mutable {
    run_.store(run_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    task();
  });
}

void Shard::Defer(Callback<> task) {
  CHECK(IsCurrent());
  turns_.Defer(std::move(task));
}

Executor::TimerId Shard::After(int64_t delay_us, Callback<> task) {
  CHECK(IsCurrent());
  const TimerId id = turns_.timers().Add(NowUs() + delay_us, std::move(task));
  ArmTimer();
  return id;
}

void Shard::Cancel(TimerId timer) {
  CHECK(MayTouch());
  turns_.timers().Cancel(timer);  // a wake-up for nothing costs less than arming anew
}

int64_t Shard::NowUs() const {
  using namespace std::chrono;
  return duration_cast<microseconds>(steady_clock::now().time_since_epoch()).count();
}

int64_t Shard::WallNowMs() const {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

ShardStats Shard::stats() const {
  // In this order: what is posted in between makes the queue look longer, never negative.
  const uint64_t run = run_.load(std::memory_order_relaxed);
  const uint64_t posted = posted_.load(std::memory_order_relaxed);
  return {.queue = posted > run ? posted - run : 0, .tasks = run, .cpu_us = ThreadCpuUs()};
}

int64_t Shard::ThreadCpuUs() const {
  timespec spent{};
  if (clock_gettime(cpu_clock_, &spent) != 0) return 0;  // the thread has ended
  return int64_t{spent.tv_sec} * 1'000'000 + spent.tv_nsec / 1'000;
}

bool Shard::IsCurrent() const { return current_shard == this; }

void Shard::Run() {
  current_shard = this;
  const auto work = asio::make_work_guard(io_);
  while (io_.run_one() > 0) {
    for (int i = 1; i < Turns::kTasksPerTurn && io_.poll_one() > 0; ++i) {
    }
    if (turns_.EndTurn()) Post([] {});  // so that the next turn comes at once
  }
  current_shard = nullptr;
}

void Shard::ArmTimer() {
  const std::optional<int64_t> next = turns_.timers().NextDeadline();
  if (!next || (armed_for_us_ >= 0 && armed_for_us_ <= *next)) return;
  armed_for_us_ = *next;
  wakeup_.expires_at(asio::steady_timer::time_point(std::chrono::microseconds(*next)));
  wakeup_.async_wait([this](const boost::system::error_code& error) {
    if (!error) FireTimers();  // an error: armed anew for an earlier deadline
  });
}

void Shard::FireTimers() {
  armed_for_us_ = -1;
  turns_.FireTimers(NowUs());
  ArmTimer();
}

}  // namespace jangada::server
