#!/usr/bin/env bash
# Feeds the decoders of bytes from outside with inputs that libFuzzer makes, and says what broke.
#
#   scripts/fuzz.sh TARGET [--minutes M]       # one target; M is 1 unless told, fractions are allowed
#   scripts/fuzz.sh all [--minutes M]          # every target, one after the other, M minutes each
#   scripts/fuzz.sh TARGET --replay FILE       # one input again: what a failure prints
#   scripts/fuzz.sh --list                     # the targets
#
# Builds what it needs with clang (which it installs where it is missing) into build/fuzz, under AddressSanitizer and
# UndefinedBehaviorSanitizer. Begins with seeds that the product's own encoders make, and with whatever earlier runs
# found interesting (build/fuzz/corpus). No single allocation may exceed 16 MiB, no input may take longer than a minute, and
# nothing may leak. The tail of what libFuzzer says is kept in build/fuzz/logs. docs/fault-injection.md says more.
# Exit: 0 nothing broke, 1 something did or could not be run, 2 wrong arguments.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

readonly BUILD="$ROOT/build/fuzz"
readonly MALLOC_LIMIT_MB=16 RSS_LIMIT_MB=1024 LONGEST_SECONDS=60 LARGEST_INPUT=65536
mapfile -t TARGETS < <(sed -nE 's/^fuzz_target\(([a-z_]+) .*/\1/p' "$ROOT/tests/fuzz/CMakeLists.txt")

target="" minutes=1 replay=""
while (($#)); do
  case "$1" in
    -h | --help) print_help; exit 0 ;;
    --list) printf '%s\n' "${TARGETS[@]}"; exit 0 ;;
    --minutes) minutes="${2:-}"; shift; shift || true ;;
    --replay) replay="${2:-}"; shift; shift || true; [[ -n "$replay" ]] || usage_error "--replay needs a file." ;;
    -*) usage_error "$1 is not an option of this command." ;;
    *) [[ -z "$target" ]] || usage_error "one target at a time, or all; $1 is a second one."; target="$1"; shift ;;
  esac
done
[[ -n "$target" ]] || usage_error "say which target: all, or one of: ${TARGETS[*]}."
[[ "$target" == all || " ${TARGETS[*]} " == *" $target "* ]] ||
  usage_error "$target is not a target; there are all, or one of: ${TARGETS[*]}."
[[ "$minutes" =~ ^[0-9]+(\.[0-9]+)?$ ]] || usage_error "--minutes takes a number, such as 10 or 0.5."
seconds="$(awk -v minutes="$minutes" 'BEGIN { printf "%d", minutes * 60 }')"
((seconds > 0)) || usage_error "--minutes must be a second at least."

chosen=("$target")
if [[ "$target" == all ]]; then
  [[ -z "$replay" ]] || usage_error "say of which target the input is."
  chosen=("${TARGETS[@]}")
fi
"$ROOT/scripts/build.sh" fuzz "${chosen[@]/#/fuzz_}" >&2

export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_leaks=1}"
export UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1}"
limits=(-malloc_limit_mb=$MALLOC_LIMIT_MB -rss_limit_mb=$RSS_LIMIT_MB -timeout=$LONGEST_SECONDS -max_len=$LARGEST_INPUT)

if [[ -n "$replay" ]]; then
  [[ -r "$replay" ]] || die "$replay can't be read."
  exec "$BUILD/bin/fuzz_$target" "${limits[@]}" "$replay"
fi

# What libFuzzer says of a finished run: executions, code reached, inputs kept, memory.
tell() {
  local log="$1"
  awk -v name="$2" '
    / cov: [0-9]+ / { for (i = 1; i < NF; ++i) { if ($i == "cov:") cov = $(i + 1); if ($i == "ft:") ft = $(i + 1)
                        if ($i == "corp:") corpus = $(i + 1) } }
    /^stat::number_of_executed_units:/ { runs = $2 }
    /^stat::average_exec_per_sec:/ { rate = $2 }
    /^stat::peak_rss_mb:/ { peak = $2 }
    END { sub(/\/.*/, "", corpus)
          printf "%s: %d executions (%d a second), %d edges and %d features reached, %d inputs kept, at most %d MiB\n",
                 name, runs, rate, cov, ft, corpus, peak }' "$log"
}

broken=()
fuzz() {
  local name="$1" log="$BUILD/logs/$1.log" corpus="$BUILD/corpus/$1" seeds="$BUILD/seeds/$1" found="$BUILD/found"
  rm -rf "$seeds"
  mkdir -p "$seeds" "$corpus" "$found" "$BUILD/logs"
  "$BUILD/bin/fuzz_$name" --write-seeds "$seeds" || { broken+=("$name"); return; }
  # What libFuzzer prints may grow for ever; its end says all that matters.
  local status=0
  "$BUILD/bin/fuzz_$name" "${limits[@]}" -max_total_time="$seconds" -print_final_stats=1 -artifact_prefix="$found/$name-" \
    "$corpus" "$seeds" 2>&1 | tail -n 400 >"$log" || status=$?
  if ((status == 0)); then
    tell "$log" "$name"
    return
  fi
  broken+=("$name")
  grep -E '^(==[0-9]+==)? ?(ERROR|SUMMARY|.*runtime error)|CHECK|^#[0-9]+ .* in jangada' "$log" | head -n 20 >&2 || true
  local input
  input="$(sed -nE 's/.*Test unit written to (.*)$/\1/p' "$log" | tail -n 1)"
  if [[ -n "$input" ]]; then
    say "$name broke; this replays it: scripts/fuzz.sh $name --replay ${input#"$ROOT/"}" >&2
  else
    say "$name ended with $status; see ${log#"$ROOT/"}" >&2
  fi
}

for name in "${chosen[@]}"; do fuzz "$name"; done
((${#broken[@]} == 0)) || die "broke: ${broken[*]}"
