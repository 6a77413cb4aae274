#!/usr/bin/env bash
# Sets up, builds and runs every test.
#
#   scripts/test.sh [release|debug|asan|tsan] [CTEST-OPTION...]
#
# Options after the preset go to ctest: -R NAME runs a part, -j N sets how many run at once (default: one
# per core). Tests use loopback, free ports and temporary folders only.
# With CI=true in the environment a skipped test is a failure, unless its reason is listed in
# tests/allowed-skips.txt. The last line is "N passed, N failed", counted in single tests.
# Exit: 0 all passed, 1 not, 2 wrong arguments.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

preset=release
case "${1:-}" in
  -h | --help) print_help; exit 0 ;;
  release | debug | asan | tsan) preset="$1"; shift ;;
  "" | -*) ;;
  *) usage_error "$1 is not a preset." ;;
esac

# ctest says nothing of an option that it does not know, and runs everything. (Not there yet on a bare machine: no check.)
known="$(ctest --help 2>/dev/null | sed -nE '/^ +-/p' | grep -oE '(^| |,)-[A-Za-z-]+' | tr -d ' ,' || true)"
for argument in "$@"; do
  [[ "$argument" == -* && -n "$known" ]] || continue
  name="${argument%%=*}"
  [[ "$argument" =~ ^-j[0-9]+$ ]] || grep -qxF -e "$name" <<<"$known" ||
    usage_error "$argument is not an option of this command or of ctest."
done

[[ "$preset" == asan || "$preset" == tsan ]] || "$ROOT/scripts/setup.sh" --docs
"$ROOT/scripts/build.sh" "$preset"

build="$ROOT/build/$preset"
results="$build/test-results"
rm -rf "$results"
mkdir -p "$results"
# A report a program of its own: the report tool counts single tests and finds the reasons of skips.
export GTEST_OUTPUT="xml:$results/"
# Makes a leak, a race or undefined behaviour fail the test that met it.
export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=0}"
export UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1}"
export TSAN_OPTIONS="${TSAN_OPTIONS:-halt_on_error=1:second_deadlock_stack=1}"

part=()
[[ "$preset" != tsan ]] || part=(-R "$(cat "$build/tsan-tests.txt")")
status=0
ctest --test-dir "$build" --output-on-failure --no-tests=error -j "$(nproc)" \
  --output-junit "$results/ctest.xml" ${part[@]+"${part[@]}"} "$@" || status=$?
python3 "$ROOT/scripts/lib/test_report.py" --results "$results" \
  --allowed-skips "$ROOT/tests/allowed-skips.txt" || status=1
((status == 0)) || exit 1
