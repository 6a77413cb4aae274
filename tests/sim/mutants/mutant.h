// Mutant: which seeded bug is in force. The patches in this folder put bugs into a copy of the
// product's sources, each behind Mutant("its name"); `sim --mutant NAME` chooses one of them before
// the first world begins. The product itself never includes this: scripts/lib/mutants.py puts the
// #include into the copy. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace jangada {
namespace mutants {

inline std::string chosen;
inline uint64_t reached = 0;  // how often the place of the chosen one was come to
inline bool program_has_any = false;

#ifdef JANGADA_MUTATED
namespace {
[[maybe_unused]] const bool kNoted = (program_has_any = true);
}  // namespace
#endif

}  // namespace mutants

/// Is this bug in force?
inline bool Mutant(std::string_view name) {
  if (mutants::chosen != name) return false;
  ++mutants::reached;
  return true;
}

}  // namespace jangada
