#include "tests/integration/server_process.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <set>
#include <thread>

#include "base/check.h"

namespace jangada::integration {
namespace {

constexpr std::chrono::milliseconds kPollEvery{2};
constexpr int kFirstPort = 20'000;
constexpr int kLastPort = 31'000;  // Linux takes outgoing ports from 32,768 on

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
  std::random_device random;
  std::uniform_int_distribution<int> any(kFirstPort, kLastPort);
  std::set<int> found;
  while (found.size() < count) {
    const int port = any(random);
    if (IsFree(port)) found.insert(port);
  }
  return {found.begin(), found.end()};
}

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace jangada::integration
