#!/usr/bin/env bash
# Compares Jangada with a rival on this machine, both driven by the same clients in one run.
#
#   scripts/bench.sh --against kafka [--rounds N] [--seconds S] [...]
#
#   --against kafka   Apache Kafka 4.3.0 from Maven Central, three nodes each, one after the other on the same ports;
#                     prints one table of ratios and draws latency against rate (--against kafka --help)
#
# Installs what that needs beside scripts/setup.sh (Java 17, Maven), where it is missing. Takes a quarter of an
# hour a round, of which there are three, and a machine that nobody else uses.
# Exit: 0 measured, 1 not (or void: the machine was busy), 2 wrong arguments.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

case "${1:-}" in
  -h | --help) print_help; exit 0 ;;
  --against) ;;
  "") usage_error "say against whom." ;;
  *) usage_error "$1 is not an option of this command." ;;
esac
[[ "${2:-}" == kafka ]] || usage_error "${2:-nobody} is no rival that is known here; there is: kafka."
shift 2
for word in "$@"; do
  [[ "$word" != -h && "$word" != --help ]] || exec python3 "$ROOT/tests/tools/against_kafka.py" --help
done

"$ROOT/scripts/setup.sh" --kafka
"$ROOT/scripts/build.sh" release jangada jangada-server kafka_load
exec python3 "$ROOT/tests/tools/against_kafka.py" "$@"
