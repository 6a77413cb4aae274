// What the peer transport costs, both ends in one process over loopback: the heartbeats of an idle
// cluster per group, and appends per gigabyte. Prints; judges nothing. Usage: transport_bench
// [gigabytes]
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>

#include "base/check.h"
#include "base/random.h"
#include "server/transport/peer_transport.h"

namespace jangada::server {
namespace {

constexpr int64_t kHeartbeatMs = 200;

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) { return double(t.tv_sec) + double(t.tv_usec) / 1e6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

PeerIdentity IdentityOf(int node) {
  Random random(static_cast<uint64_t>(node));
  return {.cluster_id = {}, .node = NodeId(node), .disk_id = Uuid::Make(random)};
}

/// Counts what arrives; answers each heartbeat as a follower's core would, in one go per frame.
class Sink final : public PeerSink {
 public:
  Status CheckPeer(const PeerIdentity&) override { return {}; }
  void OnPeerMessage(GroupId group, raft::Message message) override {
    if (std::holds_alternative<raft::Heartbeat>(message.body)) {
      transport->Send(group, {.from = message.to,
                              .to = message.from,
                              .term = message.term,
                              .body = raft::HeartbeatReply{.read_id = 0, .last = 1'000'000}});
    }
    Add(1);
  }
  void OnPeerStatus(const NodeStatus&) override {}
  void OnPeerCall(NodeId, PeerCall, Callback<Result<Bytes>>) override {}
  void OnPeerUnreachable(NodeId, bool) override {}
  void OnPeerConnected(NodeId) override { Add(1); }

  void WaitFor(uint64_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return count_ >= count; });
  }

  PeerTransport* transport = nullptr;

 private:
  void Add(uint64_t n) {
    const std::lock_guard lock(mutex_);
    count_ += n;
    changed_.notify_one();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t count_ = 0;
};

struct Pair {
  Pair() : a(IdentityOf(1), sink_a), b(IdentityOf(2), sink_b) {
    sink_a.transport = &a;
    sink_b.transport = &b;
    CHECK(a.Start({"127.0.0.1", 0}).ok());
    CHECK(b.Start({"127.0.0.1", 0}).ok());
    a.SetPeers({{NodeId(2), {"127.0.0.1", b.port()}}});
    b.SetPeers({{NodeId(1), {"127.0.0.1", a.port()}}});
    sink_a.WaitFor(1);
    sink_b.WaitFor(1);
  }
  Sink sink_a, sink_b;
  PeerTransport a, b;
};

void Heartbeats(int groups) {
  Pair pair;
  constexpr int kRounds = 25;
  const double before = CpuSeconds();
  for (int round = 1; round <= kRounds; ++round) {
    for (int group = 1; group <= groups; ++group) {
      pair.a.Send(
          GroupId(static_cast<uint64_t>(group)),
          {.from = NodeId(1), .to = NodeId(2), .term = 12, .body = raft::Heartbeat{1'000'000, 0}});
    }
    pair.a.Flush();
    pair.sink_a.WaitFor(1 + static_cast<uint64_t>(round) * static_cast<uint64_t>(groups));
    std::this_thread::sleep_for(std::chrono::milliseconds(kHeartbeatMs));
  }
  const double cpu = CpuSeconds() - before;
  std::printf(
      "heartbeats: %6d groups: %7.1f us a round, both ends, %6.3f us a group, %.2f %% of a core; "
      "%.1f frames a round out, %.1f back\n",
      groups, cpu / kRounds * 1e6, cpu / kRounds * 1e6 / groups,
      100 * cpu / (kRounds * kHeartbeatMs / 1e3), double(pair.a.stats().frames_sent) / kRounds,
      double(pair.b.stats().frames_sent) / kRounds);
}

void Appends(size_t entry_bytes, double gigabytes) {
  Pair pair;
  const Bytes payload(std::string(entry_bytes, 'x'));
  constexpr size_t kWindow = 16 << 20;
  const auto total = static_cast<uint64_t>(gigabytes * 1e9 / double(entry_bytes));
  const double cpu_before = CpuSeconds();
  const auto before = std::chrono::steady_clock::now();
  for (uint64_t index = 1; index <= total; ++index) {
    raft::AppendRequest append{.prev = {index - 1, 1}, .entries = {}, .commit = index - 1};
    append.entries.push_back({.index = index,
                              .term = 1,
                              .type = raft::EntryType::kRecords,
                              .base_offset = static_cast<int64_t>(index),
                              .record_count = 1,
                              .payload = payload});
    pair.a.Send(GroupId(1),
                {.from = NodeId(1), .to = NodeId(2), .term = 1, .body = std::move(append)});
    const uint64_t window = std::max<uint64_t>(1, kWindow / entry_bytes);
    if (index % std::max<uint64_t>(1, window / 16) == 0) {
      pair.a.Flush();
      if (index > window) pair.sink_b.WaitFor(1 + index - window);
    }
  }
  pair.a.Flush();
  pair.sink_b.WaitFor(1 + total);
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - before).count();
  std::printf("appends of %7zu bytes: %.2f CPU s/GB both ends, %.0f MB/s, %.1f entries a frame\n",
              entry_bytes, (CpuSeconds() - cpu_before) / gigabytes, gigabytes * 1e3 / seconds,
              double(total) / double(pair.a.stats().frames_sent));
}

}  // namespace
}  // namespace jangada::server

int main(int argc, char** argv) {
  const double gigabytes = argc > 1 ? std::atof(argv[1]) : 2;
  for (int groups : {0, 1, 100, 1'000, 10'000}) jangada::server::Heartbeats(groups);
  for (size_t bytes : {size_t{1} << 10, size_t{16} << 10, size_t{64} << 10, size_t{1} << 20}) {
    jangada::server::Appends(bytes, bytes < 16384 ? gigabytes / 4 : gigabytes);
  }
  return 0;
}
