#!/usr/bin/env bash
# Runs whole clusters in virtual time, on one thread each, and judges them.
#
#   scripts/sim.sh --seed N [--verbose]              # replay this one world; --verbose prints all that happens in it
#   scripts/sim.sh --seeds N [--first-seed S]        # so many worlds, one after the other, in as many processes as there are cores
#   scripts/sim.sh --minutes M [--first-seed S]      # as many as fit
#
# More: --jobs N, --no-faults, --without-kinds KIND[,KIND...] (such as read-errors), and with --seed also --only IDS,
# --without IDS and --history FILE. build/release/bin/sim --help lists them; docs/fault-injection.md says what the output means.
# Exit: 0 all is well, 1 something failed, 2 wrong arguments.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

case "${1:-}" in
  -h | --help) print_help; exit 0 ;;
  "") usage_error "Say --seed N, --seeds N or --minutes M." ;;
esac
"$ROOT/scripts/build.sh" release sim >&2
exec "$ROOT/build/release/bin/sim" "$@"
