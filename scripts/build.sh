#!/usr/bin/env bash
# Builds Jangada: installs what is missing, configures with Ninja, builds.
#
#   scripts/build.sh [release|debug|asan|tsan|fuzz|coverage] [TARGET...]
#
#   release   optimised, with line numbers (default)
#   debug     not optimised, DCHECK on
#   asan      AddressSanitizer and UndefinedBehaviorSanitizer over everything of ours
#   tsan      ThreadSanitizer, only the targets that link neither gRPC nor RocksDB
#   fuzz      clang's libFuzzer with the sanitizers of asan, only the fuzz targets (scripts/fuzz.sh runs them)
#   coverage  counts which lines the simulator reaches; builds only what scripts/sim.sh --coverage needs
#
# Without a TARGET everything of the preset is built. Binaries land in build/PRESET/bin/.
# JOBS=N sets the number of compilers; by default one per core, fewer where memory is short.
# Exit: 0 built, 1 not, 2 wrong arguments.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

case "${1:-}" in
  -h | --help) print_help; exit 0 ;;
  release | debug | asan | tsan | fuzz | coverage) preset="$1"; shift ;;
  "") preset=release ;;
  *) usage_error "$1 is not a preset." ;;
esac

# A file that includes gRPC's headers takes about this much memory to compile.
kib_per_compiler=$((1536 * 1024))

default_jobs() {
  local cores available by_memory
  cores="$(nproc)"
  available="$(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo)"
  by_memory=$((available / kib_per_compiler))
  ((by_memory >= 1)) || by_memory=1
  echo $((cores < by_memory ? cores : by_memory))
}

if [[ "$preset" == fuzz ]]; then "$ROOT/scripts/setup.sh" --fuzz; else "$ROOT/scripts/setup.sh"; fi

# The cache serves every checkout on the machine: paths below the checkout do not count.
export CCACHE_BASEDIR="${CCACHE_BASEDIR:-$ROOT}"
export CCACHE_NOHASHDIR=1
export CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime

options=(-DCMAKE_BUILD_TYPE=RelWithDebInfo)
targets=("$@")
case "$preset" in
  debug) options=(-DCMAKE_BUILD_TYPE=Debug) ;;
  asan) options+=(-DJANGADA_ASAN=ON) ;;
  tsan)
    options+=(-DJANGADA_TSAN=ON)
    ((${#targets[@]})) || targets=(jangada_tsan)
    ;;
  fuzz)
    options+=(-DJANGADA_FUZZ=ON -DCMAKE_CXX_COMPILER=clang++-14)
    ((${#targets[@]})) || targets=(fuzzers)
    ;;
  coverage)
    options+=(-DJANGADA_COVERAGE=ON)
    ((${#targets[@]})) || targets=(sim jangada_runtime)
    ;;
esac

build="$ROOT/build/$preset"
started=$SECONDS
if ! output="$(cmake -S "$ROOT" -B "$build" -G Ninja "${options[@]}" 2>&1)"; then
  printf '%s\n' "$output" >&2
  die "CMake could not configure the build, see above."
fi
jobs="${JOBS:-$(default_jobs)}"
ninja -C "$build" -j "$jobs" ${targets[@]+"${targets[@]}"} || die "the build failed, see above."
say "$preset is built in $((SECONDS - started)) s (-j $jobs); binaries are in build/$preset/bin/"
