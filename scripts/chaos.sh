#!/usr/bin/env bash
# Fault injection on real processes: starts a cluster in network namespaces, strikes it, and judges what its
# clients saw, over gRPC and over Kafka's protocol.
#
#   scripts/chaos.sh [--faults WORD[,WORD...]] [--minutes M] [--nodes 3|5] [--seed N] [--workload grpc|kafka|both] ...
#
# All options: scripts/chaos.sh --help. Needs root on one Linux machine; touches nothing but what it makes itself:
# namespaces, loop devices and files below build/chaos. docs/fault-injection.md says how to read the verdict.
# JANGADA_BIN names another folder of programs than build/release/bin.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

case " $* " in *" --help "* | *" -h "*) exec python3 "$ROOT/tests/chaos/chaos.py" --help ;; esac
((EUID == 0)) || die "chaos.sh makes network namespaces and mounts disks: run it as root."
[[ -n "${JANGADA_BIN:-}" ]] || "$ROOT/scripts/build.sh" release jangada jangada-server chaos_client kafka_client check_history steady_timers
exec python3 "$ROOT/tests/chaos/chaos.py" "$@"
