// Driver: runs many seeds in processes of their own, as many at once as there are jobs, so that a
// seed that crashes or hangs the program is a finding like any other. Gathers what they report.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "tests/sim/run.h"
#include "tests/sim/swarm.h"

namespace jangada::sim {

struct SeedsOptions {
  uint64_t first_seed = 1;
  uint64_t count = 0;   // 0: until the time is up
  int64_t seconds = 0;  // 0: until the seeds are through
  int jobs = 1;
  bool faults = true;
  bool progress = true;                  // on stderr
  std::vector<FaultKind> without_kinds;  // faults of these kinds are left out
};

struct Tally {
  uint64_t seeds = 0;
  uint64_t events = 0;
  int64_t virtual_us = 0;
  double wall_seconds = 0;
  std::array<uint64_t, kFaultKinds> faults{};
  Reached reached;
  std::vector<uint64_t> events_of;  // of each seed
  std::vector<uint64_t> acknowledged_of;
  std::vector<uint64_t> faults_of;
  std::vector<Outcome> failures;  // in the order in which they were found
};

/// The ids of the seed's faults of these kinds, for RunOptions::without.
std::set<int> FaultsOf(uint64_t seed, const std::vector<FaultKind>& kinds);

/// The first seed and every hundredth run twice; a second run that differs is a failure
/// ("determinism").
Tally RunSeeds(const SeedsOptions& options);

/// One seed in a process of its own. A crash is the checker "crash", a run that does not end
/// "hang".
Outcome RunApart(const RunOptions& options);

/// The ids of the faults without which the seed does not fail in this way, or nearly so: found by
/// leaving out ever more of them. `without`: those that it failed without.
std::vector<int> Shrink(const Outcome& failed, const std::set<int>& without);

}  // namespace jangada::sim
