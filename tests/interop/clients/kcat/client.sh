#!/usr/bin/env bash
# kcat (Debian's, with Debian's librdkafka) against a broker: see tests/interop/interop.py for how this is run.
# Topics are made by the first record. %t in a format is avoided: formats are the same for all features.
set -euo pipefail

produce() { kcat -b "$BOOTSTRAP" -t "$TOPIC" -P "$@"; }
consume() { timeout 60 kcat -b "$BOOTSTRAP" -t "$TOPIC" -C -q "$@"; }
plain() { seq -f "value-%.0f abcabcabcabcabcabcabcabcabcabc" "$1" "$2"; }

fail() {
  echo "$*" >&2
  exit 1
}

# $1: what came, $2: what should have come
same() { [[ "$1" == "$2" ]] || fail "came as: $(head -c 300 <<<"$1")"; }

produce_with() {
  plain 1 500 | produce -z "$1"
  same "$(consume -o beginning -c 500)" "$(plain 1 500)"
}

idempotent() {
  plain 1 2000 | produce -X enable.idempotence=true
  same "$(consume -o beginning -c 2000)" "$(plain 1 2000)"
  same "$(consume -o beginning -c 2000 -f '%o\n')" "$(seq 0 1999)"
}

assignment() {
  plain 1 300 | produce
  same "$(consume -p 0 -o beginning -e)" "$(plain 1 300)"
  same "$(consume -p 0 -o -5 -e)" "$(plain 296 300)"
  same "$(consume -p 0 -o end -e)" ""
}

timestamps() {
  plain 1 5 | produce
  sleep 1.5
  local middle
  middle="$(date +%s%3N)"
  plain 6 9 | produce
  same "$(consume -o "s@$middle" -e)" "$(plain 6 9)"
  same "$(kcat -b "$BOOTSTRAP" -Q -t "$TOPIC:0:$middle")" "$TOPIC [0] offset 5"
}

headers() {
  echo v | produce -H trace=1 -H trace=2 -H empty=
  same "$(consume -o beginning -c 1 -f '%h')" "trace=1,trace=2,empty="
}

nulls() {
  printf 'only a value\n' | produce
  printf 'only a key=\n' | produce -K= -Z
  same "$(consume -o beginning -c 2 -f '%K %k %S %s\n')" "-1  12 only a value
10 only a key -1 "
}

large() {
  local big
  big="$(head -c 500000 /dev/urandom | od -An -v -tx1 | tr -d ' \n')"
  printf '%s\n%s\n' "$big" "$big" | produce -X message.max.bytes=2000000
  same "$(consume -o beginning -c 2 | md5sum)" "$(printf '%s\n%s\n' "$big" "$big" | md5sum)"
}

failover() {
  plain 1 2000 | produce
  exec 3>&1 4<&0  # the runner's; within the pipe they are the pipe
  {
    plain 2001 3000
    sleep 0.5
    echo @kill-leader >&3
    read -r _ <&4
    plain 3001 4000
  } | produce -X enable.idempotence=true
  same "$(consume -o beginning -c 4000)" "$(plain 1 4000)"
}

in_group() { timeout 60 kcat -b "$BOOTSTRAP" -G "$TOPIC-group" -q -X auto.offset.reset=earliest "$@" "$TOPIC"; }

commit() {
  plain 1 100 | produce
  same "$(in_group -c 40)" "$(plain 1 40)"
  same "$(in_group -c 60)" "$(plain 41 100)"
}

member() {
  exec kcat -b "$BOOTSTRAP" -G "$TOPIC-group" -u -f 'got %s\n' -X auto.offset.reset=earliest \
    -X session.timeout.ms=6000 -X heartbeat.interval.ms=500 "$TOPIC" \
    2> >(exec sed -un 's/.*rebalanced.*assigned: //p' | while read -r list; do echo "assigned $(grep -o '\[' <<<"$list" | wc -l)"; done)
}

case "$1" in
  produce-*) produce_with "${1#produce-}" ;;
  *) "${1//-/_}" ;;
esac
