#include "tests/server/metrics/operating_doc.h"

#include <fstream>
#include <regex>
#include <sstream>

#include "base/check.h"

namespace jangada::server::testing {
namespace {

/// | `name{label,label}` | type | unit | meaning | advice |
const std::regex kRow(
    R"(^\| `([a-z0-9_]+)(?:\{([a-z,]+)\})?` \| (\w+) \| ([^|]*?) ?\| ([^|]*?) ?\| ([^|]*?) ?\|$)");

std::set<std::string> Split(const std::string& list) {
  std::set<std::string> words;
  std::istringstream in(list);
  for (std::string word; std::getline(in, word, ',');) words.insert(word);
  return words;
}

/// The labels of `name{a="x",b="y"}`, without the bound of a bucket.
std::set<std::string> LabelsOf(const std::string& series) {
  static const std::regex kLabel(R"((?:\{|",)([a-z_]+)=")");
  std::set<std::string> labels;
  for (std::sregex_iterator at(series.begin(), series.end(), kLabel), end; at != end; ++at) {
    if ((*at)[1] != "le") labels.insert((*at)[1]);
  }
  return labels;
}

/// Names end in their unit (Prometheus' rule): what the unit column must say of them.
std::string UnitByName(const std::string& name) {
  if (name.ends_with("_time_seconds")) return "seconds since 1970";
  if (name.ends_with("_seconds") || name.ends_with("_seconds_total")) return "seconds";
  if (name.ends_with("_bytes") || name.ends_with("_bytes_total")) return "bytes";
  if (name.ends_with("_entries") || name.ends_with("_entries_total")) return "entries";
  if (name.ends_with("_offset")) return "offset";
  return "";
}

}  // namespace

std::map<std::string, ExplainedMetric> ReadOperatingDoc(const std::string& path) {
  std::ifstream in(path);
  CHECK(in.good());
  std::map<std::string, ExplainedMetric> metrics;
  for (std::string line; std::getline(in, line);) {
    std::smatch match;
    if (!std::regex_match(line, match, kRow)) continue;
    metrics[match[1]] = {
        .type = match[3], .unit = match[4], .meaning = match[5], .labels = Split(match[2])};
  }
  return metrics;
}

std::vector<std::string> Disagreements(const std::map<std::string, ExplainedMetric>& explained,
                                       const ParsedScrape& printed) {
  std::vector<std::string> wrong;
  for (const auto& [name, metric] : explained) {
    const auto found = printed.families.find(name);
    if (found == printed.families.end()) {
      wrong.push_back(name + " is explained, but not printed");
      continue;
    }
    if (metric.type != found->second.type) wrong.push_back(name + " is a " + found->second.type);
    if (metric.meaning.empty()) wrong.push_back(name + " has no meaning");
    const std::string unit = UnitByName(name);
    if (!unit.empty() && metric.unit != unit) wrong.push_back(name + " is in " + unit);
    for (const auto& [series, value] : found->second.series) {
      if (LabelsOf(series) == metric.labels) continue;
      wrong.push_back(series + " has other labels than explained");
      break;
    }
  }
  for (const auto& [name, family] : printed.families) {
    if (!explained.contains(name)) wrong.push_back(name + " is printed, but not explained");
  }
  return wrong;
}

}  // namespace jangada::server::testing
