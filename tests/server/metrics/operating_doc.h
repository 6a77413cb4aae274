// OperatingDoc: the metrics that docs/operating.md explains, as its tables list them, for the tests
// that hold them against what a node prints. Pure, but for reading the file.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/server/metrics/strict_parser.h"

namespace jangada::server::testing {

struct ExplainedMetric {
  std::string type;
  std::string unit;
  std::string meaning;
  std::set<std::string> labels;
};

/// By name. REQUIRES: the file is there.
std::map<std::string, ExplainedMetric> ReadOperatingDoc(const std::string& path);

/// Everything that the two do not agree on, as sentences; empty: nothing.
std::vector<std::string> Disagreements(const std::map<std::string, ExplainedMetric>& explained,
                                       const ParsedScrape& printed);

}  // namespace jangada::server::testing
