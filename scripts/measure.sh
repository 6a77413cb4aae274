#!/usr/bin/env bash
# Measures Jangada on this machine; each prints its figures and the commit that they belong to.
#
#   scripts/measure.sh soak FOLDER [--minutes M]   clients write the lines of FOLDER's files while nodes are
#                                                  killed and paused; everything must come back as acknowledged
#   scripts/measure.sh failover [--kills N]        kill -9 of a leader to the partition's next acknowledgement
#   scripts/measure.sh idle                        CPU and memory per node with 100 and 1,000 partitions
#   scripts/measure.sh bench                       MB/s, requests/s, latencies and the nodes' CPU a GB under
#                                                  `jangada bench produce`; with --perf where that CPU goes
#   scripts/measure.sh burden                      memory of the nodes and latency of others under clients that
#                                                  stop reading, are slow, idle, or send more than is acknowledged
#   scripts/measure.sh cold-start                  start of one node to its first acknowledgement
#
# Each has --help with all its options. Builds first. Clusters live below build/, on ports of their own.
# Exit: 0 measured (and, where records were written, all came back as acknowledged), 1 not, 2 wrong arguments.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

what="${1:-}"
shift || true
case "$what" in
  soak | failover | idle | bench | burden | cold-start) ;;
  -h | --help) print_help; exit 0 ;;
  "") usage_error "say what to measure." ;;
  *) usage_error "$what is not something to measure." ;;
esac
[[ -n "${JANGADA_BIN:-}" ]] || "$ROOT/scripts/build.sh" release jangada jangada-server
exec python3 "$ROOT/tests/tools/${what//-/_}.py" "$@"
