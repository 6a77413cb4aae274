#!/usr/bin/env bash
# Runs a Jangada cluster on this machine, each node a process of its own on 127.0.0.1.
#
#   scripts/cluster.sh start [--nodes N] [--set KEY=VALUE]...   start the nodes that do not run (default: 3)
#   scripts/cluster.sh stop                  SIGTERM to all: they hand over what they lead, and end
#   scripts/cluster.sh status                processes and ports, then what the cluster says of itself
#   scripts/cluster.sh kill N                SIGKILL to node N
#   scripts/cluster.sh pause N | resume N    SIGSTOP | SIGCONT to node N
#   scripts/cluster.sh restart N             stop node N if it runs, and start it
#   scripts/cluster.sh logs N                print the log of node N
#   scripts/cluster.sh wipe [N]              delete the data of all nodes, or of node N; they must not run
#
#   --dir D       where nodes keep data, logs and pids (any command; default: build/cluster)
#   --offset K    add K to every port, for a second cluster beside the first (start only)
#   --no-wait     do not wait until the nodes serve (start and restart)
#
# Node i listens on 9091+i (Kafka clients), 7091+i (gRPC clients), 6091+i (nodes) and 8091+i (HTTP).
# start and restart return once the nodes serve. The folder remembers nodes, offset and settings, so that
# later commands need only --dir. Builds first where the programs are missing.
# Exit: 0 done, 1 not, 2 wrong arguments. JANGADA_BIN names another folder of programs than build/release/bin.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

readonly START_SECONDS=30  # for a node to serve
readonly STOP_SECONDS=30   # for a node to end after SIGTERM

bin="${JANGADA_BIN:-$ROOT/build/release/bin}"

# ---- processes: a pid counts only together with its start time, for pids are used again ----

node_dir() { echo "$dir/node-$1"; }

# Field 22 of stat; the name in field 2 may hold blanks, so count from its closing bracket.
start_time() {
  local stat
  stat="$(cat "/proc/$1/stat" 2>/dev/null)" || return 1
  stat="${stat##*) }"
  set -- $stat
  [[ "$1" != Z ]] && echo "${20}"
}

# Prints the pid of node $1 if it runs.
node_pid() {
  local pid since
  read -r pid since 2>/dev/null <"$(node_dir "$1")/pid" || return 1
  [[ "$(start_time "$pid")" == "$since" ]] && echo "$pid"
}

node_state() {
  local pid
  pid="$(node_pid "$1")" || { echo stopped; return; }
  if [[ "$(awk '/^State:/ { print $2 }' "/proc/$pid/status" 2>/dev/null)" == T ]]; then
    echo paused
  else
    echo running
  fi
}

# ---- what the folder remembers ----

load_cluster() {
  [[ -f "$dir/cluster" ]] || die "there is no cluster in $dir; begin with: scripts/cluster.sh start"
  read -r nodes offset <"$dir/cluster"
  settings=()
  while IFS= read -r line; do settings+=("$line"); done <"$dir/settings"
}

save_cluster() {
  mkdir -p "$dir"
  echo "$nodes $offset" >"$dir/cluster"
  printf '%s\n' ${settings[@]+"${settings[@]}"} | sed '/^$/d' >"$dir/settings"
}

need_node() {
  [[ "${1:-}" =~ ^[1-9][0-9]*$ ]] || usage_error "say which node, as a number from 1 on."
  load_cluster
  (($1 <= nodes)) || die "there are only $nodes nodes"
}

client_address() { echo "127.0.0.1:$((7091 + $1 + offset))"; }

founders() {
  local i list=""
  for ((i = 1; i <= nodes; i++)); do list+="${list:+,}$i@127.0.0.1:$((6091 + i + offset))"; done
  echo "$list"
}

# ---- one node ----

spawn_node() {
  local i="$1" home arguments setting pid
  home="$(node_dir "$i")"
  mkdir -p "$home"
  arguments=(
    --set "data_dir=$home/data"
    --set "node.id=$i"
    --set "cluster.founders=$(founders)"
    --set "kafka.listen=127.0.0.1:$((9091 + i + offset))"
    --set "grpc.listen=127.0.0.1:$((7091 + i + offset))"
    --set "peer.listen=127.0.0.1:$((6091 + i + offset))"
    --set "http.listen=127.0.0.1:$((8091 + i + offset))"
    --set groups.initial_rebalance_delay_ms=500
  )
  for setting in ${settings[@]+"${settings[@]}"}; do arguments+=(--set "$setting"); done
  setsid "$bin/jangada-server" "${arguments[@]}" </dev/null >>"$home/log" 2>&1 &
  pid=$!
  fresh[$i]="$pid"
  echo "$pid $(start_time "$pid" || echo gone)" >"$home/pid"
}

# A node serves when it answers clients, knows the controller, and hears every node that runs: only then does a
# topic with a replica on each of them find enough nodes.
node_serves() {
  local i answer
  answer="$(node_dir "$1")/ready"
  "$bin/jangada" -b "$(client_address "$1")" cluster status --timeout 2 >"$answer" 2>&1 || return 1
  for ((i = 1; i <= nodes; i++)); do
    [[ "$(node_state "$i")" != running ]] || awk -v node="$i" '
      $1 == node && $2 == "live" { found = 1 } END { exit !found }' "$answer" || return 1
  done
}

wait_until_serving() {
  local i="$1" deadline=$((SECONDS + START_SECONDS))
  until node_serves "$i"; do
    if ! node_pid "$i" >/dev/null; then
      tail -n 5 "$(node_dir "$i")/log" >&2
      die "node $i ended while starting; its log is $(node_dir "$i")/log"
    fi
    if ((SECONDS >= deadline)); then
      cat "$(node_dir "$i")/ready" >&2
      die "node $i does not serve after $START_SECONDS s; its log is $(node_dir "$i")/log"
    fi
    sleep 0.05
  done
}

# What was just started, and what ran before: they must have met.
wait_until_all_serve() {
  local i
  for ((i = 1; i <= nodes; i++)); do
    [[ -z "${fresh[$i]:-}" && "$(node_state "$i")" != running ]] || wait_until_serving "$i"
  done
}

signal_node() {
  local pid
  pid="$(node_pid "$2")" || die "node $2 does not run"
  kill -s "$1" "$pid"
}

wait_until_gone() {
  local i="$1" deadline=$((SECONDS + $2))
  while node_pid "$i" >/dev/null; do
    ((SECONDS < deadline)) || return 1
    sleep 0.02
  done
}

# A failed CHECK or a sanitizer's report is the last thing that a process says.
crashed_last() { tail -n 3 "$(node_dir "$1")/log" | grep -qE 'CHECK failed|Sanitizer|runtime error'; }

# Asks the named nodes to end, all at once; kills, with a word, what does not. Fails if one ended otherwise than it
# should.
stop_nodes() {
  local i pid asked=() bad=0
  for i in "$@"; do
    pid="$(node_pid "$i")" || continue
    asked+=("$i")
    kill -s CONT "$pid" 2>/dev/null || true
    kill -s TERM "$pid" 2>/dev/null || true
  done
  for i in ${asked[@]+"${asked[@]}"}; do
    if ! wait_until_gone "$i" "$STOP_SECONDS"; then
      say "node $i did not end within $STOP_SECONDS s; killing it" >&2
      signal_node KILL "$i"
      wait_until_gone "$i" 5 || true
      bad=1
    elif crashed_last "$i"; then
      say "node $i crashed while stopping: $(tail -n 1 "$(node_dir "$i")/log")" >&2
      bad=1
    fi
  done
  return "$bad"
}

# ---- commands ----

command_start() {
  local i
  if [[ -f "$dir/cluster" ]]; then
    local wanted_nodes="$nodes" wanted_offset="$offset" wanted=(${settings[@]+"${settings[@]}"})
    load_cluster
    [[ -z "$wanted_nodes" || "$wanted_nodes" == "$nodes" ]] ||
      die "$dir holds a cluster of $nodes nodes; wipe it first, or name another --dir"
    [[ -z "$wanted_offset" ]] || offset="$wanted_offset"
    ((${#wanted[@]} == 0)) || settings=("${wanted[@]}")
  fi
  nodes="${nodes:-3}" offset="${offset:-0}"
  save_cluster
  [[ -x "$bin/jangada-server" && -x "$bin/jangada" ]] || "$ROOT/scripts/build.sh" release jangada jangada-server
  for ((i = 1; i <= nodes; i++)); do
    node_pid "$i" >/dev/null && continue
    spawn_node "$i"
  done
  if $wait; then wait_until_all_serve; fi
  say "${#fresh[@]} of $nodes nodes started; clients: -b $(client_address 1)"
}

command_stop() {
  load_cluster
  local i all=()
  for ((i = 1; i <= nodes; i++)); do all+=("$i"); done
  stop_nodes "${all[@]}" || die "not every node ended as it should"
  say "all $nodes nodes are stopped"
}

command_status() {
  load_cluster
  local i up=""
  for ((i = 1; i <= nodes; i++)); do
    printf 'node %d  %-8s pid %-8s clients %s  log %s\n' "$i" "$(node_state "$i")" \
      "$(node_pid "$i" || echo -)" "$(client_address "$i")" "$(node_dir "$i")/log"
    [[ "$(node_state "$i")" != running ]] || up+="${up:+,}$(client_address "$i")"
  done
  [[ -n "$up" ]] || die "no node runs"
  "$bin/jangada" -b "$up" cluster status
}

command_restart() {
  stop_nodes "$1" || true
  spawn_node "$1"
  if $wait; then wait_until_all_serve; fi
  say "node $1 is started again"
}

command_wipe() {
  load_cluster
  local i first=1 last="$nodes"
  if [[ -n "${1:-}" ]]; then
    need_node "$1"
    first="$1" last="$1"
  fi
  for ((i = first; i <= last; i++)); do
    ! node_pid "$i" >/dev/null || die "node $i runs; stop or kill it first"
  done
  if [[ -n "${1:-}" ]]; then
    rm -rf "$(node_dir "$1")/data"
    say "node $1 has lost its disk"
    return
  fi
  for ((i = 1; i <= nodes; i++)); do rm -rf "$(node_dir "$i")"; done
  rm -f "$dir/cluster" "$dir/settings"
  rmdir "$dir" 2>/dev/null || true
  say "wiped"
}

# ---- the command line ----

dir="$ROOT/build/cluster" nodes="" offset="" settings=() wait=true words=() fresh=()
while (($#)); do
  case "$1" in
    -h | --help) print_help; exit 0 ;;
    --nodes | --dir | --set | --offset)
      (($# >= 2)) || usage_error "$1 needs a value."
      case "$1" in
        --nodes) nodes="$2" ;;
        --dir) dir="$2" ;;
        --set) settings+=("$2") ;;
        --offset) offset="$2" ;;
      esac
      shift
      ;;
    --no-wait) wait=false ;;
    -*) usage_error "$1 is not an option of this command." ;;
    *) words+=("$1") ;;
  esac
  shift
done
[[ "$nodes" =~ ^([1-9][0-9]?)?$ ]] || usage_error "--nodes must be a number from 1 to 99."
[[ "$offset" =~ ^[0-9]*$ ]] || usage_error "--offset must be a number."
[[ "$dir" == /* ]] || dir="$PWD/$dir"

command="${words[0]:-}" node="${words[1]:-}"
case "$command" in
  kill | pause | resume | restart | logs) need_node "$node" ;;
  start | stop | status) [[ -z "$node" ]] || usage_error "$command takes no node." ;;
  wipe) ;;
  "") usage_error "say what to do." ;;
  *) usage_error "$command is not a command." ;;
esac
((${#words[@]} <= 2)) || usage_error "too many words."

case "$command" in
  start) command_start ;;
  stop) command_stop ;;
  status) command_status ;;
  kill) signal_node KILL "$node" && wait_until_gone "$node" 5 ;;
  pause) signal_node STOP "$node" ;;
  resume) signal_node CONT "$node" ;;
  restart) command_restart "$node" ;;
  logs) cat "$(node_dir "$node")/log" ;;
  wipe) command_wipe "$node" ;;
esac
