// Golden: the bytes that Kafka's own message classes wrote (golden/*.txt, made by
// golden/generate.sh), one vector for every message, version and direction, with every field set or
// with none.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace jangada::server::kafka::testing {

struct GoldenVector {
  int16_t key = 0;
  bool is_request = false;
  int16_t version = 0;
  std::string variant;  // "full" or "empty"
  std::string bytes;

  std::string Name() const {
    return "key " + std::to_string(key) + (is_request ? " request v" : " response v") +
           std::to_string(version) + " " + variant;
  }
};

inline std::string FromHex(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

inline std::vector<GoldenVector> LoadGolden() {
  std::vector<GoldenVector> vectors;
  for (const auto& entry : std::filesystem::directory_iterator(KAFKA_GOLDEN)) {
    if (entry.path().extension() != ".txt") continue;
    std::ifstream file(entry.path());
    const auto key = static_cast<int16_t>(std::stoi(entry.path().filename().string()));
    for (std::string line; std::getline(file, line);) {
      if (line.starts_with('#')) continue;
      std::istringstream words(line);
      std::string direction, hex;
      GoldenVector vector{.key = key};
      words >> direction >> vector.version >> vector.variant >> hex;
      vector.is_request = direction == "request";
      vector.bytes = FromHex(hex);
      vectors.push_back(std::move(vector));
    }
  }
  EXPECT_FALSE(vectors.empty()) << "no golden vectors in " KAFKA_GOLDEN;
  return vectors;
}

}  // namespace jangada::server::kafka::testing
