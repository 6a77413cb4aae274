// sim: the simulator's program. scripts/sim.sh builds and runs it; docs/fault-injection.md says
// what its output means. Exit: 0 all is well, 1 something failed, 2 wrong arguments.
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cinttypes>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/history/edn.h"
#include "tests/sim/driver.h"
#include "tests/sim/mutants/mutant.h"
#include "tests/sim/swarm.h"
#include "tests/sim/world.h"

namespace jangada::sim {
namespace {

/// From this length on a run must have come to every rare place.
constexpr int64_t kLongSeconds = 600;
/// Failures whose faults are shrunk; each takes up to a minute and a half.
constexpr std::ptrdiff_t kReplaysShown = 3;

struct Arguments {
  uint64_t seed = 0;
  uint64_t seeds = 0;
  uint64_t first_seed = 1;
  double minutes = 0;
  int jobs = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  bool verbose = false;
  bool no_faults = false;
  std::vector<int> without;
  std::vector<int> only;
  std::vector<FaultKind> without_kinds;
  std::string history_file;
  std::string listed_theme;  // empty: run them
};

/// The virtual time, and on which virtual thread.
class WhenAndWhere final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg&, const std::tm&, spdlog::memory_buf_t& out) override {
    char text[64];
    const int size = std::snprintf(text, sizeof text, "%11.6f %-10s",
                                   static_cast<double>(World::traced_now_us()) / 1e6,
                                   World::traced_name().c_str());
    out.append(text, text + size);
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return spdlog::details::make_unique<WhenAndWhere>();
  }
};

void TraceToStdout() {
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  formatter->add_flag<WhenAndWhere>('*').set_pattern("%* %L %v");
  auto logger = spdlog::stdout_logger_st("sim");
  logger->set_formatter(std::move(formatter));
  spdlog::set_default_logger(std::move(logger));
  spdlog::set_level(spdlog::level::debug);
}

void Print(const Outcome& outcome) {
  std::printf("seed %" PRIu64 ": %s; %" PRIu64 " events, %.1f s, %" PRIu64
              " entries committed, %" PRIu64 " records acknowledged, %" PRIu64
              " faults, hash %016" PRIx64 "\n",
              outcome.seed, outcome.ok() ? "good" : "FAILED", outcome.events,
              static_cast<double>(outcome.virtual_us) / 1e6, outcome.committed,
              outcome.acknowledged, outcome.fault_count(), outcome.hash);
  if (outcome.ok()) return;
  std::printf("  %s at %.6f s: %s\n", outcome.checker.c_str(),
              static_cast<double>(outcome.failed_at_us) / 1e6, outcome.what.c_str());
}

uint64_t Median(std::vector<uint64_t> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<long>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

void PrintTally(const Tally& tally) {
  std::printf("seeds %" PRIu64 ", failed %zu, simulated days %.2f, events %" PRIu64
              " (%.0f a second), wall %.0f s\n",
              tally.seeds, tally.failures.size(), static_cast<double>(tally.virtual_us) / 86'400e6,
              tally.events, static_cast<double>(tally.events) / std::max(0.001, tally.wall_seconds),
              tally.wall_seconds);
  std::printf("median seed: %" PRIu64 " events, %" PRIu64 " records acknowledged, %" PRIu64
              " faults\n",
              Median(tally.events_of), Median(tally.acknowledged_of), Median(tally.faults_of));
  std::printf("faults:");
  for (size_t i = 0; i < kFaultKinds; ++i) {
    std::printf(" %s %" PRIu64 "%s", kFaultNames[i], tally.faults[i],
                i + 1 < kFaultKinds ? "," : "\n");
  }
  std::printf("reached:\n");
  for (size_t i = 0; i < kRareNames.size(); ++i) {
    std::printf("  %10" PRIu64 "  %s\n", tally.reached.all()[i], kRareNames[i]);
  }
}

std::string Words(const Arguments& arguments) {
  std::string words = arguments.no_faults ? " --no-faults" : "";
  for (const FaultKind kind : arguments.without_kinds) {
    words += (words.empty() ? " --without-kinds " : ",") +
             std::string(kFaultNames[static_cast<size_t>(kind)]);
  }
  return words;
}

/// How to see this failure again, with all its faults and with those that matter.
void PrintReplay(const Outcome& failed, const Arguments& arguments) {
  std::printf("seed %" PRIu64 ":\n", failed.seed);
  if (failed.checker == "determinism") {  // the first seed of a call runs twice
    std::printf("  replay: scripts/sim.sh --seeds 1 --first-seed %" PRIu64 "%s\n", failed.seed,
                Words(arguments).c_str());
    return;
  }
  std::printf("  replay: scripts/sim.sh --seed %" PRIu64 "%s --verbose\n", failed.seed,
              Words(arguments).c_str());
  std::fflush(stdout);
  if (arguments.no_faults) return;
  const Swarm swarm = MakeSwarm(failed.seed);
  const std::vector<int> kept = Shrink(failed, FaultsOf(failed.seed, arguments.without_kinds));
  std::string ids;
  std::printf("  faults that matter (%zu of %zu):\n", kept.size(), swarm.faults.size());
  for (const int id : kept) {
    const Fault& fault = swarm.faults[static_cast<size_t>(id) - 1];
    std::printf("    %4d  %-14s at %.3f s of the faults' phase, for %.3f s\n", id,
                kFaultNames[static_cast<size_t>(fault.kind)],
                static_cast<double>(fault.at_us) / 1e6, static_cast<double>(fault.for_us) / 1e6);
    ids += (ids.empty() ? "" : ",") + std::to_string(id);
  }
  if (ids.empty()) ids = "0";
  std::printf("  with these alone: scripts/sim.sh --seed %" PRIu64 " --only %s --verbose\n",
              failed.seed, ids.c_str());
}

int RunOne(const Arguments& arguments) {
  if (arguments.verbose) TraceToStdout();
  RunOptions options{.seed = arguments.seed,
                     .faults = !arguments.no_faults,
                     .without = FaultsOf(arguments.seed, arguments.without_kinds)};
  options.without.insert(arguments.without.begin(), arguments.without.end());
  if (!arguments.only.empty()) {
    for (const Fault& fault : MakeSwarm(arguments.seed, options.faults).faults) {
      const auto& only = arguments.only;
      if (std::find(only.begin(), only.end(), fault.id) == only.end()) {
        options.without.insert(fault.id);
      }
    }
  }
  std::vector<history::Operation> history;
  const Outcome outcome = RunSeed(options, &history);
  Print(outcome);
  if (!mutants::chosen.empty()) {
    std::printf("  mutant %s: its place was come to %" PRIu64 " times\n", mutants::chosen.c_str(),
                mutants::reached);
  }
  if (!arguments.history_file.empty()) {
    std::ofstream out(arguments.history_file);
    for (const history::Operation& operation : history) out << history::ToEdn(operation) << "\n";
    if (!out.flush()) {
      std::fprintf(stderr, "cannot write %s\n", arguments.history_file.c_str());
      return 1;
    }
  }
  const bool whole = arguments.only.empty() && arguments.without.empty();
  if (!outcome.ok() && whole && !arguments.verbose && mutants::chosen.empty()) {
    PrintReplay(outcome, arguments);
  }
  return outcome.ok() ? 0 : 1;
}

int RunMany(const Arguments& arguments) {
  SeedsOptions options{.first_seed = arguments.first_seed,
                       .count = arguments.seeds,
                       .seconds = static_cast<int64_t>(std::ceil(arguments.minutes * 60)),
                       .jobs = arguments.jobs,
                       .faults = !arguments.no_faults,
                       .without_kinds = arguments.without_kinds};
  const Tally tally = RunSeeds(options);
  PrintTally(tally);
  for (const Outcome& failed : tally.failures) Print(failed);
  for (const Outcome& failed : tally.failures) {
    if (&failed - tally.failures.data() < kReplaysShown) PrintReplay(failed, arguments);
  }
  if (!tally.failures.empty()) return 1;
  if (options.seconds < kLongSeconds || !options.faults) return 0;
  int missing = 0;
  for (size_t i = 0; i < kRareNames.size(); ++i) {
    if (tally.reached.all()[i] > 0) continue;
    std::printf("never reached: %s\n", kRareNames[i]);
    ++missing;
  }
  return missing == 0 ? 0 : 1;
}

/// So many worlds of the theme, by their seeds.
int ListSeeds(const Arguments& arguments) {
  uint64_t found = 0;
  for (uint64_t seed = arguments.first_seed; found < arguments.seeds; ++seed) {
    const auto theme = static_cast<size_t>(MakeSwarm(seed).theme);
    if (kThemeNames[theme] != arguments.listed_theme) continue;
    std::printf("%" PRIu64 "\n", seed);
    ++found;
  }
  return 0;
}

int Main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("Runs whole clusters in virtual time and judges them; see docs/fault-injection.md.");
  auto* seed = app.add_option("--seed", arguments.seed, "replay this one seed");
  auto* seeds =
      app.add_option("--seeds", arguments.seeds, "run so many seeds")->check(CLI::PositiveNumber);
  app.add_option("--first-seed", arguments.first_seed, "begin at this one")->capture_default_str();
  auto* minutes = app.add_option("--minutes", arguments.minutes, "run seeds for so long")
                      ->check(CLI::PositiveNumber);
  app.add_option("--jobs", arguments.jobs, "processes at once")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_flag("--verbose", arguments.verbose, "with --seed: print what happens")->needs(seed);
  app.add_option("--history", arguments.history_file, "with --seed: write what clients saw, as EDN")
      ->needs(seed);
  app.add_option("--without", arguments.without, "with --seed: leave these faults out")
      ->delimiter(',')
      ->needs(seed);
  app.add_option("--only", arguments.only, "with --seed: these faults alone")
      ->delimiter(',')
      ->needs(seed);
  std::map<std::string, FaultKind> kinds;
  for (size_t i = 0; i < kFaultKinds; ++i) kinds[kFaultNames[i]] = static_cast<FaultKind>(i);
  app.add_option("--without-kinds", arguments.without_kinds, "leave all faults of these kinds out")
      ->delimiter(',')
      ->transform(CLI::CheckedTransformer(kinds).description(""))
      ->type_name("KIND");
  app.add_flag("--no-faults", arguments.no_faults, "nothing goes wrong");
  const std::vector<std::string> themes(kThemeNames.begin(), kThemeNames.end());
  app.add_option("--list-theme", arguments.listed_theme,
                 "with --seeds: run nothing, print so many seeds whose worlds have this theme")
      ->check(CLI::IsMember(themes).description(""))
      ->type_name("THEME")
      ->needs(seeds);
  app.add_option("--mutant", mutants::chosen,
                 "this seeded bug is in force (sim.sh --mutants builds them in)");
  seed->excludes(seeds)->excludes(minutes);
  app.require_option(1, 0);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (!mutants::chosen.empty() && !mutants::program_has_any) {
    std::fprintf(stderr,
                 "this program has no seeded bugs; scripts/sim.sh --mutants builds one that has\n");
    return 2;
  }
  spdlog::set_level(spdlog::level::off);
  if (*seed) return RunOne(arguments);
  if (!arguments.listed_theme.empty()) return ListSeeds(arguments);
  if (*seeds || *minutes) return RunMany(arguments);
  std::fprintf(stderr, "say --seed, --seeds or --minutes; --help says more\n");
  return 2;
}

}  // namespace
}  // namespace jangada::sim

int main(int argc, char** argv) { return jangada::sim::Main(argc, argv); }
