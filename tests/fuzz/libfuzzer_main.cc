// The glue between a target and libFuzzer. One argument of our own: --write-seeds FOLDER writes the
// target's seeds there, a file each, and ends.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "tests/fuzz/target.h"

namespace {

bool WriteSeeds(const std::string& folder) {
  int number = 0;
  for (const std::string& seed : jangada::fuzz::Seeds()) {
    std::ofstream file(folder + "/seed-" + std::to_string(++number), std::ios::binary);
    file.write(seed.data(), static_cast<std::streamsize>(seed.size()));
    if (!file.good()) return false;
  }
  return number > 0;
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  if (*argc != 3 || std::string((*argv)[1]) != "--write-seeds") return 0;
  const bool written = WriteSeeds((*argv)[2]);
  if (!written) std::fprintf(stderr, "the seeds could not be written to %s\n", (*argv)[2]);
  std::exit(written ? 0 : 1);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  jangada::fuzz::Run({reinterpret_cast<const char*>(data), size});
  return 0;
}
