#!/usr/bin/env bash
# The main promise, shown and checked: a leader is killed while it is written to, and no acknowledged record is
# lost, doubled, altered or moved.
#
#   scripts/demo.sh [FILE]
#
# Sets up, builds, starts three nodes, makes a topic of 6 partitions with 3 replicas and produces FILE (default:
# this machine's /var/log/dpkg.log, or 5,000 generated lines), a record a line, keyed by the line's third word.
# While that runs it kills (SIGKILL) the leader of a partition that is being written. Then it reads everything
# back through another node, and tests/tools/check_history.py judges it against the recorded acknowledgements.
# The dead node is started again and catches up.
#
#   --dir D       where the cluster and the records of the run live (default: build/demo)
#   --offset K    add K to every port, where the usual ones (9092.., 7092.., 6092.., 8092..) are taken
#
# The last line says what was proven. Exit: 0 proven, 1 not, 2 wrong arguments.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

readonly TOPIC=demo PARTITIONS=6 NODES=3
readonly PRODUCE_SECONDS=8     # how long the producing shall take
readonly MIN_LINES=60          # fewer show nothing
readonly CATCH_UP_SECONDS=60

dir="$ROOT/build/demo" offset=0 file=""
while (($#)); do
  case "$1" in
    -h | --help) print_help; exit 0 ;;
    --dir | --offset)
      (($# >= 2)) || usage_error "$1 needs a value."
      if [[ "$1" == --dir ]]; then dir="$2"; else offset="$2"; fi
      shift
      ;;
    -*) usage_error "$1 is not an option of this command." ;;
    *) [[ -z "$file" ]] || usage_error "one file at a time."; file="$1" ;;
  esac
  shift
done
[[ "$offset" =~ ^[0-9]+$ ]] || usage_error "--offset must be a number."
[[ "$dir" == /* ]] || dir="$PWD/$dir"
[[ -z "$file" || -r "$file" ]] || die "$file cannot be read"

jangada="${JANGADA_BIN:-$ROOT/build/release/bin}/jangada"
cluster() { "$ROOT/scripts/cluster.sh" "$@" --dir "$dir/cluster"; }
address() { echo "127.0.0.1:$((7091 + $1 + offset))"; }
everyone="$(address 1),$(address 2),$(address 3)"

producer=""
clean_up() {
  [[ -z "$producer" ]] || kill "$producer" 2>/dev/null || true
  [[ ! -f "$dir/cluster/cluster" ]] || cluster stop >/dev/null 2>&1 || true
}
trap clean_up EXIT
trap 'exit 1' INT TERM

# ---- the records to send ----

generate_lines() {
  awk 'BEGIN { for (i = 1; i <= 5000; i++)
    printf "2000-01-01 00:%02d:%02d name-%d event %d of a generated file\n", i / 60 % 60, i % 60, i * 7 % 97, i }'
}

prepare_source() {
  local log=/var/log/dpkg.log
  if [[ -z "$file" && -r "$log" ]] && (($(wc -l <"$log") >= MIN_LINES)); then file="$log"; fi
  if [[ -n "$file" ]]; then
    python3 "$ROOT/tests/tools/keyed_lines.py" <"$file" >"$dir/source"
  else
    file="5,000 generated lines"
    generate_lines | python3 "$ROOT/tests/tools/keyed_lines.py" >"$dir/source"
  fi
  lines="$(wc -l <"$dir/source")"
  ((lines >= MIN_LINES)) || die "$file has only $lines lines; at least $MIN_LINES are needed to show anything"
}

# ---- looking at the cluster ----

acks_so_far() { wc -l <"$dir/acks"; }

# The node that leads partition $1, or nothing.
leader_of() {
  "$jangada" -b "$everyone" cluster leaders 2>/dev/null |
    awk -v topic="$TOPIC" -v partition="$1" '$1 == topic && $2 == partition && $3 ~ /^[0-9]+$/ { print $3 }'
}

# Succeeds if every partition's leader counts node $1 among the replicas that hold what it holds.
caught_up() {
  "$jangada" -b "$everyone" topic describe "$TOPIC" >"$dir/describe" 2>&1 || return 1
  awk -v node="$1" -v partitions="$PARTITIONS" '
    $1 == "PARTITION" { for (i = 1; i <= NF; i++) if ($i == "CAUGHT-UP") column = i; next }
    column && index("," $column ",", "," node ",") { good++ }
    END { exit good != partitions }' "$dir/describe"
}

# wait_for SECONDS WHAT COMMAND...
wait_for() {
  local deadline=$((SECONDS + $1)) what="$2"
  shift 2
  until "$@"; do
    ((SECONDS < deadline)) || die "waited in vain for $what"
    sleep 0.05
  done
}

# ---- the acts ----

kill_a_leader() {
  local enough=$((lines * 3 / 10))
  enough_acks() { (($(acks_so_far) >= enough)) || ! kill -0 "$producer" 2>/dev/null; }
  wait_for 60 "acknowledgements" enough_acks
  kill -0 "$producer" 2>/dev/null || die "the producer ended early: $(cat "$dir/produce-errors")"
  watched="$(tail -n 2 "$dir/acks" | head -n 1 | cut -d ' ' -f 1)"  # the last line may be half written
  victim="$(leader_of "$watched")"
  [[ -n "$victim" ]] || die "partition $watched has no leader before any fault"
  cluster kill "$victim"
  acks_before="$(acks_so_far)"
  say "killed node $victim (SIGKILL), leader of partition $watched, after $acks_before acknowledgements"
}

consume_everything() {
  local partition
  rm -rf "$dir/consumed"
  mkdir -p "$dir/consumed"
  for ((partition = 0; partition < PARTITIONS; partition++)); do
    "$jangada" -b "$(address "$1")" consume "$TOPIC" --partition "$partition" --from beginning \
      --timeout 60 --format '%o\t%k\t%v\n' >"$dir/consumed/$partition.txt"
  done
}

[[ -n "${JANGADA_BIN:-}" ]] || "$ROOT/scripts/build.sh" release jangada jangada-server

if [[ -f "$dir/cluster/cluster" ]]; then
  cluster stop >/dev/null || true
  cluster wipe >/dev/null
fi
rm -rf "$dir"
mkdir -p "$dir"
prepare_source

cluster start --nodes "$NODES" --offset "$offset"
"$jangada" -b "$everyone" topic create "$TOPIC" --partitions "$PARTITIONS" --replicas 3

rate=$(((lines + PRODUCE_SECONDS - 1) / PRODUCE_SECONDS))
say "producing $file: $lines lines, $rate per second"
"$jangada" -b "$everyone" produce "$TOPIC" "$dir/source" --key-separator $'\t' --rate "$rate" --timeout 60 \
  --print-offsets >"$dir/acks" 2>"$dir/produce-errors" &
producer=$!
kill_a_leader
wait "$producer" || die "the producer failed: $(cat "$dir/produce-errors")"
producer=""
say "all $lines lines are acknowledged; the others took over from node $victim"

reader=$((victim % NODES + 1))
say "reading everything back through node $reader"
consume_everything "$reader"
python3 "$ROOT/tests/tools/check_history.py" --client "$dir/source" "$dir/acks" --consumed "$dir/consumed" \
  --acks-before "$acks_before" --watched "$watched" --all-acked || die "NOT proven: see the findings above"

say "starting node $victim again"
cluster restart "$victim"
wait_for "$CATCH_UP_SECONDS" "node $victim to catch up" caught_up "$victim"
say "node $victim has caught up in every partition"
cluster status
cluster stop
trap - EXIT

say "proven: all $lines lines were acknowledged, $acks_before before and $((lines - acks_before)) after node $victim" \
  "was killed while it led partition $watched, and node $reader gave every one back exactly once, unchanged, at its" \
  "acknowledged offset and in its key's order"
