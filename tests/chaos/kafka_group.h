// KafkaGroup: keeps three members of the Kafka workload's group, each a process (kafka_member.h),
// and makes them trouble: one leaves, is killed, or stands still for shorter or longer than its
// session, and comes again. One of them is a static member. A thread of its own does all of it, and
// another one a member reads what it says.
#pragma once

#include <sys/types.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "base/random.h"
#include "tests/chaos/history_file.h"
#include "tests/chaos/kafka_senders.h"
#include "tests/chaos/kafka_settings.h"

namespace jangada::chaos {

class KafkaGroup {
 public:
  KafkaGroup(const KafkaOptions& options, HistoryFile& history, KafkaCounts& counts);
  /// Kills the members as they are: the history ends with them living.
  ~KafkaGroup();

  /// From now on all three live and are left in peace.
  void Calm();
  /// Why the members do not divide the partitions in one generation; empty: they do.
  std::string WhyNotConverged() const;
  /// For people: what the group went through.
  std::string Story() const;

 private:
  static constexpr size_t kMembers = 3;
  struct Assignment {
    int32_t generation = -1;
    std::set<int64_t> keys;
  };
  struct Member {
    pid_t pid = 0;  // 0: does not live
    int64_t process = 0;
    std::thread reader;
    std::optional<Assignment> assignment;
  };

  void Run();
  void Trouble(size_t which);
  void Start(size_t which);
  void Stop(size_t which, int signal);
  void Reap(size_t which);
  void Read(size_t which, int pipe);
  void Heard(size_t which, const std::string& line);
  /// False: it is to end.
  bool Wait(int64_t least_ms, int64_t most_ms);

  const KafkaOptions& options_;
  HistoryFile& history_;
  KafkaCounts& counts_;
  Random random_;         // the thread's
  int64_t last_process_;  // the thread's

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool calm_ = false;
  bool over_ = false;
  std::array<Member, kMembers> members_;
  std::map<std::string, int> story_;
  std::set<int32_t> generations_;
  std::thread thread_;
};

}  // namespace jangada::chaos
