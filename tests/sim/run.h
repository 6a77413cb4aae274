// SimRun: one seed, from the founding of its cluster to the verdict. Phases: the cluster is founded
// and topics are made; safety (anything may fail, clients work); liveness (what is broken is
// mended, a random minority stays dead: the rest must serve and agree); the end (everything is read
// once more, and judged). One thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/history/history.h"
#include "tests/sim/reached.h"
#include "tests/sim/swarm.h"

namespace jangada::sim {

struct Outcome {
  uint64_t seed = 0;
  std::string checker;  // empty: all is well
  std::string what;
  int64_t failed_at_us = 0;

  uint64_t hash = 0;
  uint64_t events = 0;
  uint64_t committed = 0;     // entries, all groups
  uint64_t acknowledged = 0;  // records
  int64_t virtual_us = 0;
  std::array<uint64_t, kFaultKinds> faults{};
  std::vector<int> fault_ids;  // that struck
  Reached reached;

  bool ok() const { return checker.empty(); }
  uint64_t fault_count() const;
};

struct RunOptions {
  uint64_t seed = 1;
  bool faults = true;
  std::set<int> without;  // ids of faults that are left out
};

/// `history`: what the clients saw (optional).
Outcome RunSeed(const RunOptions& options, std::vector<history::Operation>* history = nullptr);

}  // namespace jangada::sim
