#!/usr/bin/env bash
# Runs stock Kafka clients against three local nodes, feature by feature, and writes down what works.
#
#   scripts/interop.sh [CLIENT...] [--allow-skip] [--feature NAME]... [--no-matrix]
#
# Without a CLIENT all of them run: scripts/interop.sh --list names them, and the features. Each client is
# installed into build/interop by the package manager of its language (python3-venv and pip, npm, go, mvn,
# cargo), in the version that tests/interop/clients pins. A client that cannot be installed here is a skip.
#
#   --allow-skip     a skip does not fail the run; it is printed as a skip all the same
#   --feature NAME   only this feature (may be given several times)
#   --no-matrix      leave the matrix in docs/kafka-compatibility.md as it is
#
# The matrix is written when whole clients ran: a run of one client replaces that client's column only, and a skip
# leaves it blank. kafka-tools also writes docs/kafka-tools.md: what Kafka's own tools were asked, and what they printed.
# Exit: 0 everything worked, 1 something did not or was skipped, 2 wrong arguments.
# JANGADA_BIN names another folder of programs than build/release/bin.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

case " $* " in
  *" --help "* | *" -h "*) print_help; exit 0 ;;
  *" --list "*) ;;
  *) [[ -n "${JANGADA_BIN:-}" ]] || "$ROOT/scripts/build.sh" release jangada jangada-server ;;
esac
exec python3 "$ROOT/tests/interop/interop.py" "$@"
