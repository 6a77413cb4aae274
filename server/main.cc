// jangada-server: one node of a cluster. Reads its configuration, starts the Node, and waits for
// SIGTERM or SIGINT (a clean stop: drains and hands over; exit 0) or for a reason to end at once
// (exit 1, the reason as one sentence on stderr and in the log).
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdlib>
#include <future>
#include <iostream>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/version.h"
#include "server/config.h"
#include "server/log_level.h"
#include "server/node.h"

namespace {

using jangada::Error;
using jangada::Status;
using jangada::server::Config;
using jangada::server::LoadedConfig;
using jangada::server::Node;

/// Why the process should end: an error, or nothing (it was asked to).
class EndSignal {
 public:
  void Raise(std::optional<Error> why) {
    const std::lock_guard lock(mutex_);
    if (!raised_) why_.set_value(std::move(why));
    raised_ = true;
  }
  std::optional<Error> Wait() { return why_.get_future().get(); }

 private:
  std::mutex mutex_;
  bool raised_ = false;
  std::promise<std::optional<Error>> why_;
};

/// SIGTERM and SIGINT go to a thread of their own; call before any other thread starts.
void WatchSignals(EndSignal& end) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::thread([signals, &end] {
    int signal = 0;
    sigwait(&signals, &signal);
    spdlog::info("received signal={}", signal == SIGTERM ? "SIGTERM" : "SIGINT");
    end.Raise(std::nullopt);
    sigwait(&signals, &signal);  // a second one: whoever sent it does not want to wait
    spdlog::warn("ends without finishing its stop signal={}", signal);
    _exit(1);
  }).detach();
}

bool SetUpLog(const Config& config) {
  try {
    std::shared_ptr<spdlog::logger> logger;
    if (config.log.file.empty()) {
      logger = std::make_shared<spdlog::logger>("jangada",
                                                std::make_shared<spdlog::sinks::stderr_sink_mt>());
    } else {
      logger = std::make_shared<spdlog::logger>(
          "jangada", std::make_shared<spdlog::sinks::basic_file_sink_mt>(config.log.file));
    }
    spdlog::set_default_logger(std::move(logger));
  } catch (const spdlog::spdlog_ex& error) {
    std::cerr << "log.file: cannot be opened: " << error.what() << "\n";
    return false;
  }
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
  return jangada::server::SetLogLevel(config.log.level)
      .ok();  // the loader let no other word through
}

[[noreturn]] void EndAtOnce(const Error& error) {
  spdlog::critical("the node ends reason=\"{}\"", error.message);
  spdlog::default_logger()->flush();
  std::cerr << "jangada-server: " << error.message << std::endl;
  _exit(1);  // no destructors: after a failed sync nothing more may be written
}

int Run(const Config& config) {
  // Whoever reads stderr may go away (a pager, a log collector that restarts): lines are lost then,
  // not the node.
  std::signal(SIGPIPE, SIG_IGN);
  if (!SetUpLog(config)) return 1;
  // Lives as long as the process: the signal thread refers to it.
  static EndSignal end;
  WatchSignals(end);
  Node node(config, [](const Error& error) { end.Raise(error); });
  if (const Status started = node.Start(); !started.ok()) EndAtOnce(started.error());
  if (const auto why = end.Wait()) EndAtOnce(*why);
  node.Stop();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("A node of a Jangada cluster: a Raft-replicated, partitioned log.",
               "jangada-server");
  app.set_version_flag("--version", std::string(jangada::Version()));
  std::string file;
  std::vector<std::string> settings;
  bool print = false;
  app.add_option("--config", file, "YAML file; without one, a one-node cluster at default ports");
  app.add_option("--set", settings,
                 "one option, key=value; may be repeated, and wins over the file")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  app.add_flag("--print-config", print,
               "print every option as the node would run with it, and end");
  app.footer([] { return "Options of the configuration:\n" + jangada::server::ConfigHelp(); });
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  const LoadedConfig loaded =
      jangada::server::LoadConfig(file.empty() ? std::nullopt : std::optional(file), settings);
  if (!loaded.ok()) {
    for (const std::string& problem : loaded.problems) std::cerr << problem << "\n";
    return 1;
  }
  if (print) {
    std::cout << jangada::server::ConfigToText(loaded.config);
    return 0;
  }
  return Run(loaded.config);
}
