// What a fuzz target is: one decoder of bytes from outside, driven by one input. Each target is a
// file of this folder that defines the two functions below; libfuzzer_main.cc lets libFuzzer call
// them (scripts/fuzz.sh), replay_main.cc replays inputs and mutated seeds in every test run, with
// any compiler. A target returns, whatever the bytes are; what it finds wrong it says by CHECK.
// One thread.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace jangada::fuzz {

/// One input. Keeps nothing for the next one.
void Run(std::string_view input);

/// Inputs to begin with, made by the product's own encoders.
std::vector<std::string> Seeds();

/// Takes an input apart: first what chooses, then the bytes to decode. At the end of the input all
/// choices are 0.
class Input {
 public:
  explicit Input(std::string_view bytes) : bytes_(bytes) {}

  uint8_t Byte() {
    if (bytes_.empty()) return 0;
    const auto byte = static_cast<uint8_t>(bytes_.front());
    bytes_.remove_prefix(1);
    return byte;
  }
  std::string_view Take(size_t size) {
    const std::string_view taken = bytes_.substr(0, size);
    bytes_.remove_prefix(taken.size());
    return taken;
  }
  std::string_view Rest() { return std::exchange(bytes_, {}); }
  bool AtEnd() const { return bytes_.empty(); }

 private:
  std::string_view bytes_;
};

/// The seed that makes a target read `choice` and then `bytes`.
inline std::string Seed(uint8_t choice, std::string_view bytes) {
  std::string seed(1, static_cast<char>(choice));
  seed.append(bytes);
  return seed;
}

}  // namespace jangada::fuzz
