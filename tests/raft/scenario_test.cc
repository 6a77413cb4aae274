// Golden scenarios: each testdata/*.txt is a script of commands, and under each command's "----"
// the full trace of what the nodes did. JANGADA_REWRITE=1 writes the present behaviour into the
// files; the difference is then read as a review. A line of the trace is a Ready that a node's Raft
// asked for, a sync that finished, or (indented) a message that left.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "tests/raft/cluster.h"

namespace jangada::raft::test {
namespace {

using Words = std::vector<std::string>;

Words Split(const std::string& text, char separator) {
  Words words;
  std::istringstream in(text);
  for (std::string word; std::getline(in, word, separator);) {
    if (!word.empty()) words.push_back(word);
  }
  return words;
}

std::string Answer(const Result<Position>& result) {
  std::ostringstream out;
  if (result.ok()) {
    out << "at " << *result;
  } else {
    out << result.error();
  }
  return out.str() + "\n";
}

/// Runs the commands of one script on one cluster.
class Script {
 public:
  Script() : cluster_(MakeOptions()) {}

  std::string Run(const std::string& line) {
    Words words = Split(line, ' ');
    const std::string name = words.front();
    words.erase(words.begin());
    const auto command = commands_.find(name);
    if (command == commands_.end()) return "no such command: " + name + "\n";
    std::string answer = command->second(words);
    answer = cluster_.TakeTrace() + answer;
    return answer.empty() ? "ok\n" : answer;
  }

 private:
  static Options MakeOptions() {
    Options options;
    options.seed = 1;
    options.heartbeat_ticks = 10;
    options.election_ticks = 50;
    options.disk_stall_ticks = 100;
    options.max_inflight_entries = 4;
    options.max_append_bytes = 100;
    return options;
  }

  static int Number(const std::string& word) { return std::stoi(word); }

  /// "1 2 3 learners 4 5"
  static void Members(const Words& words, size_t from, std::vector<int>* voters,
                      std::vector<int>* learners) {
    std::vector<int>* list = voters;
    for (size_t i = from; i < words.size(); ++i) {
      if (words[i] == "learners") {
        list = learners;
      } else {
        list->push_back(Number(words[i]));
      }
    }
  }

  /// "options max_append_bytes=1": of the nodes that follow.
  std::string SetOptions(const Words& words) {
    Options options = MakeOptions();
    for (const std::string& word : words) {
      const Words option = Split(word, '=');
      if (option[0] == "max_append_bytes") options.max_append_bytes = std::stoull(option[1]);
      if (option[0] == "eager_commit") options.eager_commit = true;
    }
    cluster_.set_options(options);
    return "";
  }

  std::string Found(const Words& words) {
    std::vector<int> voters;
    std::vector<int> learners;
    Members(words, 0, &voters, &learners);
    cluster_.Found(voters, learners);
    return "";
  }

  /// "disk 1 term=6 log=1,1,4 voters=1,2,3": entries from index 1 on, given by their terms.
  std::string WithDisk(const Words& words) {
    Disk disk;
    for (size_t i = 1; i < words.size(); ++i) {
      const Words option = Split(words[i], '=');
      if (option[0] == "term") disk.hard_state.term = std::stoull(option[1]);
      if (option[0] == "voters") {
        for (const std::string& id : Split(option[1], ',')) {
          disk.snapshot.membership.membership.voters.push_back(NodeId(Number(id)));
        }
      }
      if (option[0] == "log" && option.size() > 1) {
        for (const std::string& term : Split(option[1], ',')) {
          const Index index = disk.entries.size() + 1;
          disk.entries.push_back({.index = index,
                                  .term = std::stoull(term),
                                  .type = EntryType::kCommand,
                                  .payload = Bytes("p" + std::to_string(index) + "t" + term)});
        }
      }
    }
    cluster_.AddWithDisk(Number(words[0]), disk);
    return "";
  }

  /// "deliver 1->2": the first message that is under way on this link; "deliver 1->2 all".
  std::string Deliver(const Words& words, bool lose) {
    const Words link = Split(words[0], '-');
    const NodeId from(Number(link[0]));
    const NodeId to(Number(link[1].substr(1)));
    const bool all = words.size() > 1;
    auto& network = cluster_.network();
    std::string answer;
    for (size_t place = 0; place < network.size();) {
      if (network[place].from != from || network[place].to != to) {
        ++place;
        continue;
      }
      answer += (lose ? "lost " : "delivered ") + Describe(network[place]) + "\n";
      lose ? cluster_.LoseMessage(place) : cluster_.Deliver(place);
      if (!all) break;
    }
    return answer.empty() ? "nothing is under way there\n" : answer;
  }

  std::string Log(int id) {
    std::string answer;
    for (const Entry& entry : cluster_.node(id).visible.entries) answer += Describe(entry) + "\n";
    return answer.empty() ? "empty\n" : answer;
  }

  std::string Status(const Words& words) {
    if (words.empty()) return cluster_.DescribeAll();
    std::string answer;
    for (const std::string& word : words) answer += cluster_.DescribeNode(Number(word));
    return answer;
  }

  std::string Network() {
    std::string answer;
    for (const Message& message : cluster_.network()) answer += Describe(message) + "\n";
    return answer.empty() ? "empty\n" : answer;
  }

  std::string Change(const Words& words) {
    std::vector<int> voters;
    std::vector<int> learners;
    Members(words, 1, &voters, &learners);
    return Answer(cluster_.Change(Number(words[0]), voters, learners));
  }

  std::string Stabilize(const Words&) {
    cluster_.Stabilize();
    return "";
  }

  /// "tick 30": time passes and everything that it brings about happens.
  std::string Tick(const Words& words) {
    for (int i = 0; i < Number(words[0]); ++i) {
      cluster_.TickAll();
      cluster_.Stabilize();
    }
    return "";
  }

  std::string Transfer(const Words& words) {
    const auto result =
        cluster_.raft(Number(words[0])).TransferLeadership(NodeId(Number(words[1])));
    if (result.ok()) return "";
    std::ostringstream out;
    out << result.error() << "\n";
    return out.str();
  }

  std::string Read(int id) {
    const auto read = cluster_.raft(id).ReadIndex();
    if (read.ok()) return "read " + std::to_string(*read) + "\n";
    std::ostringstream out;
    out << read.error() << "\n";
    return out.str();
  }

  template <class Call>
  static std::function<std::string(const Words&)> Do(Call call) {
    return [call](const Words& words) {
      call(words);
      return std::string();
    };
  }

  Cluster cluster_;
  std::map<std::string, std::function<std::string(const Words&)>> commands_{
      {"options", [this](const Words& w) { return SetOptions(w); }},
      {"found", [this](const Words& w) { return Found(w); }},
      {"empty", Do([this](const Words& w) { cluster_.AddEmpty(Number(w[0])); })},
      {"disk", [this](const Words& w) { return WithDisk(w); }},
      {"tick", [this](const Words& w) { return Tick(w); }},
      {"time", Do([this](const Words& w) { cluster_.TickAll(Ticks(Number(w[0]))); })},
      {"campaign", Do([this](const Words& w) { cluster_.raft(Number(w[0])).Campaign(); })},
      {"propose", [this](const Words& w) { return Answer(cluster_.Propose(Number(w[0]), w[1])); }},
      {"change", [this](const Words& w) { return Change(w); }},
      {"transfer", [this](const Words& w) { return Transfer(w); }},
      {"read", [this](const Words& w) { return Read(Number(w[0])); }},
      {"stabilize", [this](const Words& w) { return Stabilize(w); }},
      {"ready", Do([this](const Words& w) { cluster_.HandleReady(Number(w[0])); })},
      {"sync", Do([this](const Words& w) { cluster_.FinishWrite(Number(w[0])); })},
      {"deliver", [this](const Words& w) { return Deliver(w, false); }},
      {"lose", [this](const Words& w) { return Deliver(w, true); }},
      {"hang", Do([this](const Words& w) { cluster_.node(Number(w[0])).disk_hangs = true; })},
      {"unhang", Do([this](const Words& w) { cluster_.node(Number(w[0])).disk_hangs = false; })},
      {"cut", Do([this](const Words& w) { cluster_.Cut(Number(w[0]), Number(w[1])); })},
      {"isolate", Do([this](const Words& w) { cluster_.Isolate(Number(w[0])); })},
      {"heal", Do([this](const Words&) { cluster_.Heal(); })},
      {"crash", Do([this](const Words& w) { cluster_.Crash(Number(w[0])); })},
      {"restart", Do([this](const Words& w) { cluster_.Restart(Number(w[0])); })},
      {"damage",
       Do([this](const Words& w) { cluster_.Damage(Number(w[0]), Index(Number(w[1]))); })},
      {"forget", Do([this](const Words& w) { cluster_.Forget(Number(w[0])); })},
      {"trim", Do([this](const Words& w) { cluster_.Trim(Number(w[0]), Index(Number(w[1]))); })},
      {"unreachable", Do([this](const Words& w) {
         cluster_.raft(Number(w[0])).OnUnreachable(NodeId(Number(w[1])));
       })},
      {"status", [this](const Words& w) { return Status(w); }},
      {"log", [this](const Words& w) { return Log(Number(w[0])); }},
      {"network", [this](const Words&) { return Network(); }},
  };
};

/// The whole file with what the commands really gave in place of what stands there.
std::string Replay(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream out;
  Script script;
  bool in_output = false;
  std::vector<std::string> commands;
  for (std::string line; std::getline(in, line);) {
    if (in_output) {
      in_output = !line.empty();
      if (!in_output) out << "\n";
    } else if (line == "----") {
      out << line << "\n";
      for (const std::string& command : commands) out << script.Run(command);
      commands.clear();
      in_output = true;
    } else {
      out << line << "\n";
      if (!line.empty() && line[0] != '#') commands.push_back(line);
    }
  }
  EXPECT_TRUE(commands.empty()) << "a command without ---- under it";
  return out.str();
}

std::string ReadFile(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::vector<std::string> Scripts() {
  std::vector<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(JANGADA_TESTDATA)) {
    if (file.path().extension() == ".txt") names.push_back(file.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

class RaftScenario : public testing::TestWithParam<std::string> {};

TEST_P(RaftScenario, GoesAsWrittenDown) {
  const std::string path = std::string(JANGADA_TESTDATA) + "/" + GetParam() + ".txt";
  const std::string expected = ReadFile(path);
  const std::string actual = Replay(path);
  ASSERT_FALSE(HasFailure()) << "a safety property was broken";
  if (std::getenv("JANGADA_REWRITE") != nullptr) {
    std::ofstream(path) << actual;
  } else {
    EXPECT_EQ(expected, actual) << "JANGADA_REWRITE=1 writes what is now; read the difference";
  }
}

INSTANTIATE_TEST_SUITE_P(Golden, RaftScenario, testing::ValuesIn(Scripts()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace jangada::raft::test
