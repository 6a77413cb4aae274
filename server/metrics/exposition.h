// Exposition: metric families as values, and the text in which Prometheus reads them (text format
// 0.0.4). Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/latency_histogram.h"

namespace jangada::server {

/// What the answer to a scrape says of itself.
inline constexpr char kExpositionType[] = "text/plain; version=0.0.4; charset=utf-8";

enum class MetricType : uint8_t { kCounter, kGauge, kHistogram };

/// (name, value); names match [a-zA-Z_][a-zA-Z0-9_]*, values are any UTF-8.
using Labels = std::vector<std::pair<std::string, std::string>>;

/// One metric with all its series. The name ends in its unit (`_bytes`, `_seconds`, ...), that of a
/// counter in `_total`.
class Family {
 public:
  Family(std::string name, MetricType type, std::string help)
      : name_(std::move(name)), type_(type), help_(std::move(help)) {}

  // REQUIRES: no two series of a family have the same labels; histograms only in a kHistogram.
  Family& Add(Labels labels, double value);
  Family& Add(double value) { return Add({}, value); }
  Family& Add(Labels labels, const LatencyCounts& counts);
  Family& Add(const LatencyCounts& counts) { return Add(Labels{}, counts); }

  const std::string& name() const { return name_; }
  MetricType type() const { return type_; }
  const std::string& help() const { return help_; }

  /// HELP and TYPE, also of a family that has no series just now, then the series.
  void AppendTo(std::string& text) const;

 private:
  struct Series {
    Labels labels;
    double value = 0;
  };
  struct Histogram {
    Labels labels;
    LatencyCounts counts;
  };

  std::string name_;
  MetricType type_;
  std::string help_;
  std::vector<Series> series_;
  std::vector<Histogram> histograms_;
};

std::string Expose(const std::vector<Family>& families);

}  // namespace jangada::server
