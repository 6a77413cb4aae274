// A target without libFuzzer, built by any compiler: runs the files that it is given, or, given
// none, every seed, every seed cut short, and a few thousand mutated ones (always the same). Ends
// only if the decoder survived all of them.
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/random.h"
#include "tests/fuzz/target.h"

namespace jangada::fuzz {
namespace {

constexpr int kMutants = 4000;
constexpr size_t kCuts = 64;  // of each seed

/// Flips, overwrites, removes or repeats a few bytes.
std::string Mutate(std::string bytes, Random& random) {
  for (uint64_t changes = 1 + random.Below(4); changes > 0 && !bytes.empty(); --changes) {
    const size_t at = random.Below(bytes.size());
    switch (random.Below(5)) {
      case 0: bytes[at] = static_cast<char>(bytes[at] ^ (1 << random.Below(8))); break;
      case 1: bytes[at] = static_cast<char>(random.Below(256)); break;
      case 2: bytes[at] = static_cast<char>(random.Below(2) == 0 ? 0x7f : 0xff); break;
      case 3: bytes.erase(at, 1 + random.Below(8)); break;
      case 4: bytes.insert(at, bytes.substr(at, 1 + random.Below(16))); break;
    }
  }
  return bytes;
}

void RunSeeds() {
  const std::vector<std::string> seeds = Seeds();
  for (const std::string& seed : seeds) {
    Run(seed);
    const size_t step = seed.size() / kCuts + 1;
    for (size_t size = 0; size < seed.size(); size += step) Run(seed.substr(0, size));
  }
  Random random(1);
  for (int i = 0; i < kMutants; ++i) Run(Mutate(seeds[random.Below(seeds.size())], random));
  std::printf("%zu seeds and %d mutants\n", seeds.size(), kMutants);
}

}  // namespace
}  // namespace jangada::fuzz

int main(int argc, char** argv) {
  if (argc == 1) jangada::fuzz::RunSeeds();
  for (int i = 1; i < argc; ++i) {
    std::ifstream file(argv[i], std::ios::binary);
    if (!file) {
      std::fprintf(stderr, "%s can't be read\n", argv[i]);
      return 1;
    }
    jangada::fuzz::Run(std::string(std::istreambuf_iterator<char>(file), {}));
    std::printf("%s: survived\n", argv[i]);
  }
  return 0;
}
