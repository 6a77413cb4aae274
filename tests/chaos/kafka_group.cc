#include "tests/chaos/kafka_group.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <sstream>
#include <vector>

namespace jangada::chaos {
namespace {

using history::Function;
using history::Operation;
using history::Type;

constexpr int64_t kFirstMember = 2'000'000;  // processes of the history
constexpr size_t kStaticMember = 0;          // which of the members is one

std::vector<std::string> WordsFor(const KafkaOptions& options, int64_t process, bool is_static) {
  return {"kafka_client",
          "-b",
          options.bootstrap,
          "--topic",
          options.topic,
          "--partitions",
          std::to_string(options.partitions),
          "--history",
          options.history,
          "--member",
          std::to_string(process),
          "--grpc",
          "none",
          "--instance",
          is_static ? "1" : "0"};
}

}  // namespace

KafkaGroup::KafkaGroup(const KafkaOptions& options, HistoryFile& history, KafkaCounts& counts)
    : options_(options),
      history_(history),
      counts_(counts),
      random_(options.seed * 7919 + 17),
      last_process_(kFirstMember - 1),
      thread_([this] { Run(); }) {}

KafkaGroup::~KafkaGroup() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void KafkaGroup::Calm() {
  const std::lock_guard lock(mutex_);
  calm_ = true;
  changed_.notify_all();
}

std::string KafkaGroup::WhyNotConverged() const {
  const std::lock_guard lock(mutex_);
  std::set<int64_t> held;
  size_t parts = 0;
  std::set<int32_t> generations;
  for (const Member& member : members_) {
    const std::string name = "member " + std::to_string(member.process);
    if (member.pid == 0) return name + " does not live";
    if (!member.assignment) return name + " has no assignment";
    generations.insert(member.assignment->generation);
    held.insert(member.assignment->keys.begin(), member.assignment->keys.end());
    parts += member.assignment->keys.size();
  }
  if (generations.size() != 1) return "members are in different generations";
  if (held.size() != parts) return "a partition has two owners";
  if (static_cast<int32_t>(held.size()) != options_.partitions) return "a partition has no owner";
  return "";
}

std::string KafkaGroup::Story() const {
  const std::lock_guard lock(mutex_);
  std::ostringstream text;
  text << generations_.size() << " generations";
  for (const auto& [what, count] : story_) text << ", " << what << " " << count;
  return text.str();
}

void KafkaGroup::Run() {
  for (size_t which = 0; which < kMembers; ++which) Start(which);
  while (Wait(2'000, 7'000)) Trouble(random_.Below(kMembers));
  for (;;) {
    for (size_t which = 0; which < kMembers; ++which) Reap(which);
    std::unique_lock lock(mutex_);
    if (over_) break;
    changed_.wait_for(lock, std::chrono::milliseconds(200));
  }
  for (size_t which = 0; which < kMembers; ++which) {
    // They are not said to have left: the run is over, and they live.
    kill(members_[which].pid, SIGKILL);
    waitpid(members_[which].pid, nullptr, 0);
    members_[which].reader.join();
  }
}

bool KafkaGroup::Wait(int64_t least_ms, int64_t most_ms) {
  const auto ms =
      least_ms + static_cast<int64_t>(random_.Below(static_cast<uint64_t>(most_ms - least_ms)));
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, std::chrono::milliseconds(ms), [this] { return calm_ || over_; });
}

/// A member that ended by itself begins anew, as whoever runs members sees to.
void KafkaGroup::Reap(size_t which) {
  int status = 0;
  if (waitpid(members_[which].pid, &status, WNOHANG) != members_[which].pid) return;
  std::cerr << "member " << members_[which].process << " ended by itself" << std::endl;
  Stop(which, 0);
  Start(which);
}

void KafkaGroup::Trouble(size_t which) {
  Reap(which);
  const pid_t pid = members_[which].pid;
  switch (random_.Below(3)) {
    case 0:
      Stop(which, SIGKILL);
      Wait(0, 8'000);
      return Start(which);
    case 1:
      Stop(which, SIGTERM);
      Wait(0, 4'000);
      return Start(which);
    default:
      kill(pid, SIGSTOP);
      Wait(1'000, 12'000);
      kill(pid, SIGCONT);
      const std::lock_guard lock(mutex_);
      ++story_["paused"];
  }
}

void KafkaGroup::Start(size_t which) {
  Member& member = members_[which];
  int pipe_ends[2];
  if (pipe2(pipe_ends, O_CLOEXEC) != 0) std::abort();
  const int64_t process = ++last_process_;
  std::vector<std::string> words = WordsFor(options_, process, which == kStaticMember);
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  pid_t pid = 0;
  if (posix_spawn(&pid, "/proc/self/exe", &actions, nullptr, arguments.data(), environ) != 0) {
    std::cerr << "kafka_client: a member could not be started" << std::endl;
    std::abort();
  }
  posix_spawn_file_actions_destroy(&actions);
  close(pipe_ends[1]);
  const std::lock_guard lock(mutex_);
  member.pid = pid;
  member.process = process;
  member.assignment.reset();
  member.reader = std::thread([this, which, end = pipe_ends[0]] { Read(which, end); });
}

/// Signal 0: it has ended already.
void KafkaGroup::Stop(size_t which, int signal) {
  Member& member = members_[which];
  int status = 0;
  if (signal != 0) {
    kill(member.pid, signal);
    waitpid(member.pid, &status, 0);
  }
  member.reader.join();
  if (signal != SIGTERM) {  // else it said so itself
    Operation left;
    left.process = member.process;
    left.function = Function::kLeave;
    history_.End(left, Type::kOk);
  }
  const std::lock_guard lock(mutex_);
  member.pid = 0;
  member.assignment.reset();
  ++story_[signal == SIGKILL ? "killed" : signal == SIGTERM ? "left" : "ended by itself"];
}

void KafkaGroup::Read(size_t which, int pipe) {
  FILE* const lines = fdopen(pipe, "r");
  char* line = nullptr;
  size_t size = 0;
  while (getline(&line, &size, lines) > 0) Heard(which, line);
  std::free(line);
  fclose(lines);
}

void KafkaGroup::Heard(size_t which, const std::string& line) {
  std::istringstream in(line);
  std::string word;
  in >> word;
  if (word == "read") {
    int64_t count = 0;
    in >> count;
    counts_.polled += count;
    return;
  }
  const std::lock_guard lock(mutex_);
  Member& member = members_[which];
  member.assignment.reset();
  if (word != "assigned") return;
  Assignment assignment;
  in >> assignment.generation;
  for (int64_t key = 0; in >> key;) assignment.keys.insert(key);
  generations_.insert(assignment.generation);
  member.assignment = assignment;
}

}  // namespace jangada::chaos
