// The core is pure: it includes base/ and a few std headers, and its library calls nothing that
// reads a clock, a file, a socket or a random device, or that starts a thread. Two looks: at what
// the sources include, and at what the compiled library leaves for others to define.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
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

std::vector<std::string> UndefinedSymbols() {
  std::vector<std::string> symbols;
  const std::string command = "nm -u -C --no-sort '" JANGADA_RAFT_LIBRARY "' 2>/dev/null";
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  std::array<char, 4096> line{};
  while (pipe && std::fgets(line.data(), line.size(), pipe.get()) != nullptr) {
    std::string text(line.data());
    const size_t symbol = text.find_first_of("Uwv");
    if (symbol == std::string::npos || text.find_first_not_of(' ') != symbol) continue;
    text = text.substr(symbol + 1);
    const size_t begin = text.find_first_not_of(' ');
    const size_t end = text.find_last_not_of(" \n");
    if (begin != std::string::npos) symbols.push_back(text.substr(begin, end - begin + 1));
  }
  return symbols;
}

TEST(RaftPurity, LibraryCallsNoClockThreadRandomDeviceOrFile) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer adds calls of its own";
#endif
  const std::vector<std::string> symbols = UndefinedSymbols();
  ASSERT_GT(symbols.size(), 10u) << "nm saw nothing of " JANGADA_RAFT_LIBRARY;
  // Memory, strings and the text of a failed CHECK (an ostringstream): no way to reach the world.
  const std::regex allowed(
      "jangada::raft::.*|jangada::CheckFailed\\(.*|"
      "(vtable|VTT|typeinfo|construction vtable) for .*|"
      "operator (new|delete).*|mem(cpy|move|set|cmp)|strlen|strcmp|abort|_GLOBAL_OFFSET_TABLE_|"
      "std::(__cxx11::)?basic_(string|ostringstream|stringbuf|ostream|ios|streambuf|stringstream)<."
      "*|"
      "std::ostream.*|std::basic_ostream<.*|"
      "std::ios_base::(ios_base|~ios_base|Init).*|std::locale::.*|std::__ostream_insert.*|"
      ".*std::__throw_[a-z_]+\\(.*|std::__cxx11::to_string.*|std::terminate\\(\\)|"
      "std::_Rb_tree_.*|std::__detail::.*|std::_Sp_.*|std::.*bad_.*|"
      "std::exception::.*|"
      "(bool |void )?std::.*(operator<<|operator==|char_traits).*|"
      "__cxa_.*|_Unwind_Resume|__gxx_personality_v0|__stack_chk_fail|__libc_single_threaded|"
      "__dso_handle|__gthread.*|__pthread_key_create");
  for (const std::string& symbol : symbols) {
    EXPECT_TRUE(std::regex_match(symbol, allowed)) << "the core calls " << symbol;
  }
}

}  // namespace
}  // namespace jangada::raft::test
