#!/usr/bin/env bash
# Runs whole clusters in virtual time, on one thread each, and judges them.
#
#   scripts/sim.sh --seed N [--verbose]              # replay this one world; --verbose prints all that happens in it
#   scripts/sim.sh --seeds N [--first-seed S]        # so many worlds, one after the other, in as many processes as there are cores
#   scripts/sim.sh --minutes M [--first-seed S]      # as many as fit
#   scripts/sim.sh --mutants [--only NAME,...]       # seeded bugs (tests/sim/mutants): does it see each of them?
#   scripts/sim.sh --coverage [--seeds N] [--missed] # the share of the product's lines that it reaches
#
# More: --jobs N, --no-faults, --without-kinds KIND[,KIND...] (such as read-errors), and with --seed also --only IDS,
# --without IDS and --history FILE. build/release/bin/sim --help lists them; docs/fault-injection.md says what the output means.
# Exit: 0 all is well, 1 something failed, 2 wrong arguments.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

mode=worlds
arguments=()
for argument in "$@"; do
  case "$argument" in
    -h | --help) print_help; exit 0 ;;
    --mutants) mode=mutants ;;
    --coverage) mode=coverage ;;
    *) arguments+=("$argument") ;;
  esac
done
(($#)) || usage_error "Say --seed N, --seeds N, --minutes M, --mutants or --coverage."

case "$mode" in
  mutants)
    # The copy lives below build/ and is built as the checkout is, so the compiler's cache serves it.
    copy="$ROOT/build/mutants/tree"
    python3 "$ROOT/scripts/lib/mutants.py" tree "$copy" ||
      die "a patch of tests/sim/mutants no longer applies, see above; make it anew for the code as it is."
    "$copy/scripts/build.sh" release sim >&2
    exec python3 "$ROOT/scripts/lib/mutants.py" run --sim "$copy/build/release/bin/sim" ${arguments[@]+"${arguments[@]}"}
    ;;
  coverage)
    "$ROOT/scripts/build.sh" coverage >&2
    exec python3 "$ROOT/scripts/lib/sim_coverage.py" --build "$ROOT/build/coverage" ${arguments[@]+"${arguments[@]}"}
    ;;
esac
"$ROOT/scripts/build.sh" release sim >&2
exec "$ROOT/build/release/bin/sim" "$@"
