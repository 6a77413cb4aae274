// check_history: judges a history in EDN (edn.h), of clients and of members of a group, and prints
// every kind of anomaly with its first cases. Exit: 0 none, 1 some, 2 the file cannot be read.
#include <fstream>
#include <iostream>
#include <map>
#include <vector>

#include "tests/history/checker.h"
#include "tests/history/edn.h"
#include "tests/history/members.h"
#include "tests/history/numbering.h"

namespace {

constexpr size_t kShownOfAKind = 5;

using jangada::history::Anomaly;
using jangada::history::Numbering;

int Judge(const char* path) {
  std::ifstream in(path);
  if (!in) {
    std::cerr << "check_history: " << path << " cannot be read\n";
    return 2;
  }
  const auto history = jangada::history::ReadEdn(in);
  if (!history.ok()) {
    std::cerr << "check_history: " << path << ": " << history.error().message << "\n";
    return 2;
  }
  std::map<std::string, std::vector<std::string>> kinds;
  const Numbering numbering(*history);
  size_t sent_twice = 0;
  const auto add = [&](const std::vector<Anomaly>& anomalies) {
    for (const Anomaly& anomaly : anomalies) kinds[anomaly.name].push_back(anomaly.what);
  };
  add(Check(*history, {.numbering = &numbering, .sent_twice = &sent_twice}));
  add(CheckMembers(*history));
  add(numbering.found());
  for (const auto& [name, cases] : kinds) {
    std::cout << name << ": " << cases.size() << "\n";
    for (size_t i = 0; i < cases.size() && i < kShownOfAKind; ++i)
      std::cout << "  " << cases[i] << "\n";
  }
  if (sent_twice > 0) {
    std::cout << sent_twice
              << " values are at two offsets because their client sent them again under "
                 "a new epoch (tests/history/numbering.h)\n";
  }
  std::cout << history->size() << " operations, " << kinds.size() << " kinds of anomalies\n";
  return kinds.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 || argv[1][0] == '-') {
    std::cerr << "usage: check_history FILE\nJudges a history of clients in EDN. "
                 "Exit: 0 no anomaly, 1 some, 2 the file cannot be read.\n";
    return argc == 2 && std::string(argv[1]) == "--help" ? 0 : 2;
  }
  return Judge(argv[1]);
}
