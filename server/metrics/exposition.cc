#include "server/metrics/exposition.h"

#include <array>
#include <charconv>
#include <cmath>

#include "base/check.h"

namespace jangada::server {
namespace {

constexpr double kMicrosPerSecond = 1e6;
/// Beyond it a double no longer tells neighbouring integers apart.
constexpr double kExactIntegers = 9007199254740992.0;  // 2^53
/// Smaller numbers are written with an exponent.
constexpr double kSmallest = 1e-6;

std::string_view TypeName(MetricType type) {
  switch (type) {
    case MetricType::kCounter: return "counter";
    case MetricType::kGauge: return "gauge";
    case MetricType::kHistogram: return "histogram";
  }
  return "untyped";
}

/// Backslashes and line ends, and in label values quotes too.
void AppendEscaped(std::string& text, std::string_view raw, bool quotes) {
  for (const char c : raw) {
    if (c == '\\') {
      text += "\\\\";
    } else if (c == '\n') {
      text += "\\n";
    } else if (c == '"' && quotes) {
      text += "\\\"";
    } else {
      text += c;
    }
  }
}

void AppendNumber(std::string& text, double value) {
  if (std::isnan(value)) {
    text += "NaN";
  } else if (std::isinf(value)) {
    text += value > 0 ? "+Inf" : "-Inf";
  } else if (value == std::trunc(value) && std::fabs(value) < kExactIntegers) {
    text += std::to_string(static_cast<int64_t>(value));  // never as 1e+06
  } else {
    const bool short_enough = std::fabs(value) >= kSmallest && std::fabs(value) < kExactIntegers;
    std::array<char, 32> digits;
    const auto end =
        std::to_chars(digits.data(), digits.data() + digits.size(), value,
                      short_enough ? std::chars_format::fixed : std::chars_format::general)
            .ptr;
    text.append(digits.data(), end);
  }
}

std::string NumberText(double value) {
  std::string text;
  AppendNumber(text, value);
  return text;
}

void AppendSeries(std::string& text, std::string_view name, std::string_view suffix,
                  const Labels& labels, double value) {
  text += name;
  text += suffix;
  char before = '{';
  for (const auto& [label, label_value] : labels) {
    text += std::exchange(before, ',');
    text += label;
    text += "=\"";
    AppendEscaped(text, label_value, /*quotes=*/true);
    text += '"';
  }
  if (!labels.empty()) text += '}';
  text += ' ';
  AppendNumber(text, value);
  text += '\n';
}

/// Buckets are cumulative, and the last one holds everything.
void AppendHistogram(std::string& text, std::string_view name, const Labels& labels,
                     const LatencyCounts& counts) {
  Labels with_bound = labels;
  with_bound.emplace_back("le", "");
  uint64_t below = 0;
  for (size_t i = 0; i < counts.buckets.size(); ++i) {
    below += counts.buckets[i];
    with_bound.back().second =
        i == kLatencyBoundsUs.size()
            ? "+Inf"
            : NumberText(static_cast<double>(kLatencyBoundsUs[i]) / kMicrosPerSecond);
    AppendSeries(text, name, "_bucket", with_bound, static_cast<double>(below));
  }
  AppendSeries(text, name, "_sum", labels, static_cast<double>(counts.sum_us) / kMicrosPerSecond);
  AppendSeries(text, name, "_count", labels, static_cast<double>(below));
}

}  // namespace

Family& Family::Add(Labels labels, double value) {
  CHECK(type_ != MetricType::kHistogram);
  series_.push_back({std::move(labels), value});
  return *this;
}

Family& Family::Add(Labels labels, const LatencyCounts& counts) {
  CHECK(type_ == MetricType::kHistogram);
  histograms_.push_back({std::move(labels), counts});
  return *this;
}

void Family::AppendTo(std::string& text) const {
  text += "# HELP " + name_ + ' ';
  AppendEscaped(text, help_, /*quotes=*/false);
  text += "\n# TYPE " + name_ + ' ';
  text += TypeName(type_);
  text += '\n';
  for (const Series& series : series_) AppendSeries(text, name_, "", series.labels, series.value);
  for (const Histogram& histogram : histograms_) {
    AppendHistogram(text, name_, histogram.labels, histogram.counts);
  }
}

std::string Expose(const std::vector<Family>& families) {
  std::string text;
  for (const Family& family : families) family.AppendTo(text);
  return text;
}

}  // namespace jangada::server
