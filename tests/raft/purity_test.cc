// The core is pure: it includes base/ and a few harmless std headers, all by an allow-list, and
// keeps no container whose order depends on addresses. What the compiled library calls is the
// matter of tests/house/core_symbols_test.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace jangada::raft::test {
namespace {

/// Everything the core may include. What is not here is banned: above all <chrono> <thread> <mutex>
/// <atomic> <random> <iostream>, unordered containers, and any other room of the house.
const std::set<std::string> kAllowedHeaders = {
    "algorithm",   "cstddef",     "cstdint",  "deque",   "functional",
    "limits",      "map",         "optional", "ostream", "string",
    "string_view", "type_traits", "utility",  "variant", "vector"};
const std::set<std::string> kAllowedBase = {"base/bytes.h", "base/check.h",  "base/coding.h",
                                            "base/ids.h",   "base/random.h", "base/result.h"};

std::vector<std::filesystem::path> Sources() {
  std::vector<std::filesystem::path> sources;
  for (const auto& file : std::filesystem::directory_iterator(JANGADA_RAFT_SOURCE)) {
    const auto extension = file.path().extension();
    if (extension == ".h" || extension == ".cc") sources.push_back(file.path());
  }
  return sources;
}

TEST(RaftPurity, IncludesOnlyBaseAndHarmlessStandardHeaders) {
  const std::regex include("^\\s*#\\s*include\\s*([<\"])([^>\"]+)[>\"]");
  const auto sources = Sources();
  ASSERT_GT(sources.size(), 20u) << "the sources were not found";
  for (const auto& source : sources) {
    std::ifstream in(source);
    for (std::string line; std::getline(in, line);) {
      std::smatch match;
      if (!std::regex_search(line, match, include)) continue;
      const std::string name = match[2];
      const bool allowed = match[1] == "<"
                               ? kAllowedHeaders.contains(name)
                               : name.starts_with("raft/") || kAllowedBase.contains(name);
      EXPECT_TRUE(allowed) << source.filename() << " includes " << name
                           << "; the core takes time as ticks and randomness as a seed";
    }
  }
}

TEST(RaftPurity, KeepsNoContainerWhoseOrderIsNotItsOwn) {
  // Unordered containers and pointer keys differ from run to run; the same seed must give the same
  // answers.
  const std::regex banned("unordered_|std::(map|set)<[^,>]*\\*");
  for (const auto& source : Sources()) {
    std::ifstream in(source);
    for (std::string line; std::getline(in, line);) {
      EXPECT_FALSE(std::regex_search(line, banned)) << source.filename() << ": " << line;
    }
  }
}

}  // namespace
}  // namespace jangada::raft::test
