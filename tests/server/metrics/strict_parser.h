// StrictParser: reads Prometheus' text format 0.0.4 and complains of everything that a scraper may
// object to, and of what the rules for names forbid. Written from the format's description, not
// from our renderer. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace jangada::server::testing {

struct ParsedFamily {
  std::string type;
  std::string help;
  /// By name and sorted labels, as `name{a="x",b="y"}` with the values unescaped.
  std::map<std::string, double> series;
};

struct ParsedScrape {
  std::map<std::string, ParsedFamily> families;
  std::vector<std::string> problems;  // empty: the text is good

  /// The value of a series; NaN if there is none.
  double Value(const std::string& series) const;
  /// The sum over a family's series.
  double Sum(const std::string& family) const;
};

ParsedScrape ParseStrictly(const std::string& text);

}  // namespace jangada::server::testing
