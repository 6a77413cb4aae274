#include "tests/integration/server_process.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <thread>

#include "base/check.h"

namespace jangada::integration {
namespace {

constexpr std::chrono::milliseconds kPollEvery{2};
constexpr int kFirstPort = 20'000;
constexpr int kBlocks = 110;  // up to 31,000: Linux takes outgoing ports from 32,768 on
constexpr int kPortsInBlock = 100;

/// The one that was built with this test; JANGADA_BIN names another folder of programs.
std::string ServerProgram() {
  const char* folder = std::getenv("JANGADA_BIN");
  return folder == nullptr ? JANGADA_SERVER : std::string(folder) + "/jangada-server";
}

/// In the child, between fork and exec: only what is safe there.
[[noreturn]] void BecomeServer(const std::vector<char*>& arguments, const char* log) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
  const int in = open("/dev/null", O_RDONLY);
  if (out < 0 || in < 0) _exit(126);
  dup2(in, STDIN_FILENO);
  dup2(out, STDOUT_FILENO);
  dup2(out, STDERR_FILENO);
  execv(arguments[0], arguments.data());
  _exit(127);
}

bool IsFree(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool bound = bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  close(fd);
  return bound;
}

/// The first port of a block that no other test program takes until this one ends: it holds a name
/// for it. To look whether a port is free would not do: a node that is down leaves its own behind.
int HoldBlock() {
  const int start = static_cast<int>(std::random_device()() % kBlocks);
  for (int i = 0; i < kBlocks; ++i) {
    const int block = (start + i) % kBlocks;
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un name{.sun_family = AF_UNIX, .sun_path = {}};  // begins with 0: no file
    const std::string text = "jangada-test-ports-" + std::to_string(block);
    std::copy(text.begin(), text.end(), name.sun_path + 1);
    if (bind(fd, reinterpret_cast<sockaddr*>(&name), sizeof name) == 0) {
      return kFirstPort + block * kPortsInBlock;
    }
    close(fd);
  }
  CHECK_MSG(false, "other test programs hold all ports");
  return 0;
}

}  // namespace

ServerProcess::ServerProcess(const std::vector<std::string>& arguments, const std::string& log) {
  std::string program = ServerProgram();
  std::vector<std::string> texts = arguments;
  std::vector<char*> argv{program.data()};
  for (std::string& text : texts) argv.push_back(text.data());
  argv.push_back(nullptr);
  pid_ = fork();
  CHECK(pid_ >= 0);
  if (pid_ == 0) BecomeServer(argv, log.c_str());
}

ServerProcess::~ServerProcess() { Kill(); }

void ServerProcess::Signal(int signal) const {
  if (!ended_) kill(pid_, signal);
}

void ServerProcess::Kill() {
  Signal(SIGKILL);
  CHECK(Wait(std::chrono::seconds(60)).has_value());
}

std::optional<int> ServerProcess::Wait(std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!ended_) {
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_) {
      ended_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    } else if (std::chrono::steady_clock::now() >= deadline) {
      break;
    } else {
      std::this_thread::sleep_for(kPollEvery);
    }
  }
  return ended_;
}

std::vector<int> FreePorts(size_t count) {
  static const int first = HoldBlock();
  static int next = 0;  // in turn: clusters that are gone leave theirs to later ones
  std::vector<int> free;
  for (int tried = 0; free.size() < count; ++tried) {
    CHECK_MSG(tried < kPortsInBlock, "this test program has no free port left");
    const int port = first + next++ % kPortsInBlock;
    if (IsFree(port)) free.push_back(port);
  }
  return free;
}

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace jangada::integration
