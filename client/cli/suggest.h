// "Did you mean": the word that somebody probably wanted to type. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace jangada::client {

/// How many letters must be changed, added, left out, or swapped with their neighbour to make one
/// word of the other (optimal string alignment); capitals count as small letters.
size_t EditDistance(std::string_view one, std::string_view other);

/// The candidate that is most like `word`: it differs by a typo or two, or begins with it. Empty:
/// none is.
std::string ClosestTo(const std::string& word, const std::vector<std::string>& candidates);

/// "; did you mean 'describe'?", or `otherwise` if nothing comes close.
std::string DidYouMean(const std::string& word, const std::vector<std::string>& candidates,
                       const std::string& otherwise);

}  // namespace jangada::client
