#include "client/cli/suggest.h"

#include <algorithm>
#include <cctype>

namespace jangada::client {
namespace {

/// What begins a candidate is a good guess from so many letters on.
constexpr size_t kPrefixLetters = 3;
/// A typo in every so many letters is believed, and at least one.
constexpr size_t kLettersPerTypo = 3;

char Small(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

}  // namespace

size_t EditDistance(std::string_view one, std::string_view other) {
  // Row i: the distances of one's first i letters to each beginning of other.
  std::vector<size_t> before_last, last(other.size() + 1), row(other.size() + 1);
  for (size_t j = 0; j <= other.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= one.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= other.size(); ++j) {
      const bool same = Small(one[i - 1]) == Small(other[j - 1]);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && Small(one[i - 1]) == Small(other[j - 2]) &&
                           Small(one[i - 2]) == Small(other[j - 1]);
      if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    before_last = last;
    last = row;
  }
  return last[other.size()];
}

std::string ClosestTo(const std::string& word, const std::vector<std::string>& candidates) {
  std::string best;
  size_t best_distance = std::max<size_t>(1, word.size() / kLettersPerTypo) + 1;
  for (const std::string& candidate : candidates) {
    const size_t distance = EditDistance(word, candidate);
    if (distance < best_distance && distance < candidate.size()) {
      best = candidate;
      best_distance = distance;
    }
  }
  if (!best.empty() || word.size() < kPrefixLetters) return best;
  const auto found = std::find_if(candidates.begin(), candidates.end(),
                                  [&](const auto& whole) { return whole.starts_with(word); });
  return found == candidates.end() ? best : *found;
}

std::string DidYouMean(const std::string& word, const std::vector<std::string>& candidates,
                       const std::string& otherwise) {
  const std::string closest = ClosestTo(word, candidates);
  return closest.empty() ? otherwise : "; did you mean '" + closest + "'?";
}

}  // namespace jangada::client
