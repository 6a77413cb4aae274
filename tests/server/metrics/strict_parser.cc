#include "tests/server/metrics/strict_parser.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <regex>
#include <set>
#include <sstream>

namespace jangada::server::testing {
namespace {

const std::regex kMetricName("[a-zA-Z_:][a-zA-Z0-9_:]*");
const std::regex kLabelName("[a-zA-Z_][a-zA-Z0-9_]*");
/// The base units of the naming rules, and the plurals of what is counted here.
const std::set<std::string> kTypes = {"counter", "gauge", "histogram"};

struct Line {
  std::string name;
  std::map<std::string, std::string> labels;
  double value = 0;
};

std::optional<double> ReadNumber(const std::string& text) {
  if (text == "NaN") return std::nan("");
  if (text == "+Inf") return std::numeric_limits<double>::infinity();
  if (text == "-Inf") return -std::numeric_limits<double>::infinity();
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// `at` stands behind the opening quote; afterwards behind the closing one.
std::optional<std::string> ReadQuoted(const std::string& text, size_t* at) {
  std::string value;
  for (; *at < text.size(); ++*at) {
    if (text[*at] == '"') {
      ++*at;
      return value;
    }
    if (text[*at] != '\\') {
      value += text[*at];
      continue;
    }
    if (++*at == text.size()) return std::nullopt;
    switch (text[*at]) {
      case '\\': value += '\\'; break;
      case '"': value += '"'; break;
      case 'n': value += '\n'; break;
      default: return std::nullopt;
    }
  }
  return std::nullopt;
}

/// `name{label="value",...} number`, without blanks but the one before the number.
std::optional<Line> ReadLine(const std::string& text) {
  Line line;
  size_t at = text.find_first_of("{ ");
  if (at == std::string::npos) return std::nullopt;
  line.name = text.substr(0, at);
  if (text[at] == '{') {
    do {
      const size_t equals = text.find('=', ++at);
      if (equals == std::string::npos || text.size() <= equals + 1 || text[equals + 1] != '"') {
        return std::nullopt;
      }
      const std::string label = text.substr(at, equals - at);
      at = equals + 2;
      const auto value = ReadQuoted(text, &at);
      if (!value || !std::regex_match(label, kLabelName)) return std::nullopt;
      if (!line.labels.emplace(label, *value).second) return std::nullopt;
      if (at >= text.size()) return std::nullopt;
    } while (text[at] == ',');
    if (text[at++] != '}') return std::nullopt;
  }
  if (at >= text.size() || text[at] != ' ') return std::nullopt;
  const auto value = ReadNumber(text.substr(at + 1));
  if (!value || !std::regex_match(line.name, kMetricName)) return std::nullopt;
  line.value = *value;
  return line;
}

std::string KeyOf(const std::string& name, const std::map<std::string, std::string>& labels) {
  std::string key = name;
  char before = '{';
  for (const auto& [label, value] : labels) {
    key += before + label + "=\"" + value + "\"";
    before = ',';
  }
  return labels.empty() ? key : key + "}";
}

/// The family that a line belongs to: its name, or that of its histogram.
std::string FamilyOf(const Line& line, const std::map<std::string, ParsedFamily>& families) {
  for (const char* suffix : {"_bucket", "_sum", "_count"}) {
    if (!line.name.ends_with(suffix)) continue;
    const std::string stem = line.name.substr(0, line.name.size() - std::string(suffix).size());
    const auto found = families.find(stem);
    if (found != families.end() && found->second.type == "histogram") return stem;
  }
  return line.name;
}

class Reader {
 public:
  ParsedScrape Read(const std::string& text) {
    if (!text.empty() && text.back() != '\n') Complain("the last line does not end");
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with("# ")) {
        ReadComment(line);
      } else {
        ReadSample(line);
      }
    }
    for (const auto& [name, family] : scrape_.families) CheckFamily(name, family);
    return std::move(scrape_);
  }

 private:
  void Complain(std::string what) { scrape_.problems.push_back(std::move(what)); }

  void ReadComment(const std::string& line) {
    std::istringstream words(line.substr(2));
    std::string keyword, name, rest;
    words >> keyword >> name;
    std::getline(words, rest);
    if (!rest.empty()) rest.erase(0, 1);
    if (!std::regex_match(name, kMetricName)) return Complain("bad name: " + line);
    if (keyword == "HELP") {
      if (scrape_.families.contains(name)) return Complain("HELP twice, or late: " + line);
      if (rest.empty()) Complain("HELP says nothing: " + line);
      scrape_.families[name].help = rest;
      current_ = name;
    } else if (keyword == "TYPE") {
      ParsedFamily& family = scrape_.families[name];
      if (current_ != name || !family.type.empty()) return Complain("TYPE out of place: " + line);
      if (!kTypes.contains(rest)) Complain("unknown type: " + line);
      family.type = rest;
    } else {
      Complain("neither HELP nor TYPE: " + line);
    }
  }

  void ReadSample(const std::string& text) {
    const auto line = ReadLine(text);
    if (!line) return Complain("no sample: '" + text + "'");
    const std::string family = FamilyOf(*line, scrape_.families);
    if (family != current_ || scrape_.families[family].type.empty()) {
      return Complain("a sample outside of its family: " + text);
    }
    if (line->labels.contains("le") && !line->name.ends_with("_bucket")) {
      Complain("le is for buckets: " + text);
    }
    const std::string key = KeyOf(line->name, line->labels);
    if (!scrape_.families[family].series.emplace(key, line->value).second) {
      Complain("a series twice: " + text);
    }
    if (line->name.ends_with("_bucket") && scrape_.families[family].type == "histogram") {
      auto rest = line->labels;
      const auto bound = ReadNumber(rest["le"]);
      if (!bound) return Complain("a bucket without a bound: " + text);
      rest.erase("le");
      buckets_[KeyOf(family, rest)][*bound] = line->value;
    }
  }

  void CheckFamily(const std::string& name, const ParsedFamily& family) {
    if (family.type.empty()) Complain(name + " has no TYPE");
    if ((family.type == "counter") != name.ends_with("_total")) {
      Complain(name + ": counters, and only they, end in _total");
    }
    if (family.help.empty()) Complain(name + " has no HELP");
    for (const auto& [series, value] : family.series) {
      if (family.type == "counter" && !(value >= 0)) Complain(series + " is negative");
    }
    if (family.type == "histogram") CheckHistogram(name, family);
  }

  void CheckHistogram(const std::string& name, const ParsedFamily& family) {
    for (const auto& [key, buckets] : buckets_) {
      const size_t brace = key.find('{');
      if (key.substr(0, brace) != name) continue;
      const std::string labels = brace == std::string::npos ? "" : key.substr(brace);
      double before = 0;
      for (const auto& [bound, value] : buckets) {
        if (value < before) Complain(key + ": buckets are not cumulative");
        before = value;
      }
      if (!std::isinf(buckets.rbegin()->first)) Complain(key + ": no bucket holds everything");
      const auto count = family.series.find(name + "_count" + labels);
      const auto sum = family.series.find(name + "_sum" + labels);
      if (count == family.series.end() || sum == family.series.end()) {
        Complain(key + ": lacks its count or its sum");
      } else if (count->second != before) {
        Complain(key + ": the count is not that of the last bucket");
      }
    }
  }

  ParsedScrape scrape_;
  std::string current_;                                      // the family whose lines these are
  std::map<std::string, std::map<double, double>> buckets_;  // by histogram: bound -> value
};

}  // namespace

double ParsedScrape::Value(const std::string& series) const {
  for (const auto& [name, family] : families) {
    const auto found = family.series.find(series);
    if (found != family.series.end()) return found->second;
  }
  return std::nan("");
}

double ParsedScrape::Sum(const std::string& family) const {
  const auto found = families.find(family);
  if (found == families.end()) return std::nan("");
  double sum = 0;
  for (const auto& [series, value] : found->second.series) sum += value;
  return sum;
}

ParsedScrape ParseStrictly(const std::string& text) { return Reader().Read(text); }

}  // namespace jangada::server::testing
