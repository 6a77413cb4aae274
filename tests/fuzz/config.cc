// The configuration file and the settings of the command line. What is accepted, written out again,
// is accepted again and says the same.
#include "server/config.h"

#include <fstream>
#include <iterator>

#include "base/check.h"
#include "tests/fuzz/target.h"

namespace jangada::fuzz {
namespace {

/// Stands between the file and the settings, and between settings.
constexpr char kBetween = '\0';

}  // namespace

void Run(std::string_view bytes) {
  std::vector<std::string> parts(1);
  for (const char byte : bytes) {
    if (byte == kBetween) {
      parts.emplace_back();
    } else {
      parts.back().push_back(byte);
    }
  }
  const std::string yaml = std::move(parts.front());
  parts.erase(parts.begin());
  const server::LoadedConfig loaded = server::ParseConfig(yaml, "input", parts);
  if (!loaded.ok()) return;
  const std::string text = server::ConfigToText(loaded.config);
  std::vector<std::string> settings;
  for (const server::ConfigOption& option : server::DescribeConfig(loaded.config)) {
    CHECK(!option.key.empty());
  }
  const server::LoadedConfig again = server::ParseConfig(text, "again", {});
  CHECK_MSG(again.ok(), again.problems.front() + "\n" + text);
  CHECK_EQ(server::ConfigToText(again.config), text);
}

std::vector<std::string> Seeds() {
  std::ifstream file(JANGADA_YAML);
  const std::string all(std::istreambuf_iterator<char>(file), {});
  CHECK(!all.empty());
  const std::string settings = std::string("node:\n  id: 2\n") + kBetween +
                               "raft.heartbeat_ms=100" + kBetween + "cluster.founders=1@a:1,2@b:2";
  return {all, server::ConfigToText({}), settings,
          "kafka: {listen: '[::1]:9092', advertised: h:1}\nlog: {level: debug}\n",
          "cluster:\n  founders:\n    - {id: 1, address: a:1}\n    - {id: 2, address: b:2}\n"};
}

}  // namespace jangada::fuzz
