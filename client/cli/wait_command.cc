// jangada wait: blocks until a cluster, or some topics of it, are as a script needs them.
#include <algorithm>
#include <memory>
#include <utility>

#include "client/cli/context.h"
#include "client/cli/groups.h"
#include "client/cli/health.h"
#include "client/cli/json.h"
#include "client/cli/sentences.h"
#include "client/cli/stop_signal.h"
#include "client/cli/values.h"

namespace jangada::client {
namespace {

constexpr int64_t kUsualTimeoutMs = 60'000;
constexpr int64_t kLookEveryUs = 100'000;
/// One look: it must not hang on a node that does.
constexpr int64_t kLookTimeoutMs = 5'000;
/// What is missing is told up to so many things; the rest is counted.
constexpr size_t kToldAtMost = 5;

struct WaitOptions {
  bool ready = false;
  bool caught_up = false;
  std::vector<std::string> topics;
};

/// One look. An error that may pass is something that is missing, too; `before` is what was missing
/// at the last look, which counts on where this one had no time to look.
Result<std::vector<std::string>> Look(const Context& context, const WaitOptions& options,
                                      int64_t timeout_ms, const std::vector<std::string>& before) {
  const auto judge = [&](const Error& error) -> Result<std::vector<std::string>> {
    const bool stays =
        error.code == ErrorCode::kInvalidArgument || error.code == ErrorCode::kUnsupportedVersion;
    if (stays) return error;
    if (error.code == ErrorCode::kTimeout && !before.empty()) return before;
    return std::vector<std::string>{Sentence(error.message)};
  };
  const auto cluster = context.client.DescribeCluster(timeout_ms);
  if (!cluster.ok()) return judge(cluster.error());
  const auto states = context.client.DescribePartitions(options.topics, timeout_ms);
  if (!states.ok()) return judge(states.error());
  return WhatIsMissing(*cluster, *states, options.caught_up);
}

int64_t PatienceMs(const Context& context) {
  return context.timeout_given ? context.timeout_ms : kUsualTimeoutMs;
}

std::string Told(const std::vector<std::string>& missing) {
  std::vector<std::string> first(
      missing.begin(),
      missing.begin() + static_cast<std::ptrdiff_t>(std::min(missing.size(), kToldAtMost)));
  const size_t more = missing.size() - first.size();
  return Joined(first, "; ") + (more == 0 ? "" : "; and " + std::to_string(more) + " more");
}

/// What is said in the end.
Status Conclude(const Context& context, const WaitOptions& options,
                const std::vector<std::string>& missing, int64_t waited_us) {
  const double seconds = static_cast<double>(waited_us) / 1e6;
  const std::string json = json::Ready(missing.empty(), missing, seconds);
  if (missing.empty()) {
    const std::string what = options.topics.empty() ? "the cluster" : Joined(options.topics, ", ");
    return Answer(context, json,
                  what + (options.caught_up ? " is ready, every replica caught up" : " is ready"));
  }
  if (context.output.json) TRY(context.output.Print(json));
  return Error{ErrorCode::kTimeout,
               "not ready after " + DurationText(PatienceMs(context)) + ": " + Told(missing)};
}

Status Wait(const Context& context, const WaitOptions& options) {
  if (!options.ready && !options.caught_up) {
    return Error{ErrorCode::kInvalidArgument, "say what for: --ready or --caught-up"};
  }
  const int64_t started_us = NowUs();
  const int64_t give_up_us = started_us + PatienceMs(context) * 1000;
  const StopSignal stop;
  Progress progress(context.output);
  std::vector<std::string> missing;
  for (;;) {
    const int64_t left_ms = std::clamp<int64_t>((give_up_us - NowUs()) / 1000, 1, kLookTimeoutMs);
    TRY_ASSIGN(missing, Look(context, options, left_ms, missing));
    if (missing.empty() || NowUs() >= give_up_us) break;
    if (progress.Due()) progress.Show("waiting: " + Told(missing));
    if (!stop.WaitFor(kLookEveryUs)) {
      return Error{ErrorCode::kInternal, "not awaited any longer: " + Told(missing)};
    }
  }
  progress.Wipe();
  return Conclude(context, options, missing, NowUs() - started_us);
}

}  // namespace

Command WaitRow() {
  const auto options = std::make_shared<WaitOptions>();
  return {
      .name = "wait",
      .about = "Block until the cluster, or topics of it, are ready; for scripts",
      .more =
          "Ready: the controller has a leader, all nodes are live, every partition is led. "
          "Exits with 4, and says what is missing, if that does not come true within --timeout "
          "(60s, unless given).",
      .arguments = {{.names = "TOPIC",
                     .target = &options->topics,
                     .help = "Only these topics' partitions count; they are waited for if they are "
                             "not there yet (default: all partitions)",
                     .completion = Completion::kTopics}},
      .options = {{.names = "--ready", .target = &options->ready, .help = "Wait until it is ready"},
                  {.names = "--caught-up",
                   .target = &options->caught_up,
                   .help = "Wait until, beyond that, every replica holds all of its partition: "
                           "before the next node is restarted"}},
      .examples = {{"After a start", "jangada wait --ready --timeout 2m"},
                   {"Between the restarts of two nodes", "jangada wait --caught-up"}},
      .json = R"({"ready": "boolean", "missing": ["string"], "waited_seconds": "number"})",
      .also = {"await", "ready"},
      .run = [options](const Context& context) { return Wait(context, *options); }};
}

}  // namespace jangada::client
