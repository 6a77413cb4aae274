#!/usr/bin/env bash
# Kafka's own command-line tools at their everyday work: see tests/interop/interop.py for how this is run.
# KAFKA_LIB names the folder with their jars. What each prints is looked at, not only how it ends, and goes to the
# file that TRANSCRIPT names.
set -euo pipefail

scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT

fail() {
  echo "$*" >&2
  exit 1
}

# $1: a line
note() { [[ -z "${TRANSCRIPT:-}" ]] || printf '%s\n' "$1" >>"$TRANSCRIPT"; }

# $1: the name of the tool's script in Kafka; $2: its class; the rest are its words
tool() {
  local status=0
  java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto -cp "$KAFKA_LIB/*" "${@:2}" >"$scratch/out" 2>"$scratch/err" || status=$?
  note "$(printf '$ %s' "$1" && printf ' %q' "${@:3}")"
  note "$(head -n 12 "$scratch/out" | cut -c 1-200)"
  ((status == 0)) || fail "$1: $(tail -n 1 "$scratch/err") $(tail -n 1 "$scratch/out")"
  cat "$scratch/out"
}
at_cluster() { tool "$1" "$2" --bootstrap-server "$BOOTSTRAP" "${@:3}"; }
topics() { at_cluster kafka-topics org.apache.kafka.tools.TopicCommand "$@"; }
configs() { at_cluster kafka-configs kafka.admin.ConfigCommand "$@"; }
groups() { at_cluster kafka-consumer-groups org.apache.kafka.tools.consumer.group.ConsumerGroupCommand "$@"; }
offsets() { at_cluster kafka-get-offsets org.apache.kafka.tools.GetOffsetShell "$@"; }
reassign() { at_cluster kafka-reassign-partitions org.apache.kafka.tools.reassign.ReassignPartitionsCommand "$@"; }
elect() { at_cluster kafka-leader-election org.apache.kafka.tools.LeaderElectionCommand "$@"; }

# $1: an extended regular expression that a line of the output must match
says() {
  local out
  out="$(cat)"
  grep -Eq -- "$1" <<<"$out" || fail "nothing like '$1' in: $(tr '\n\t' '| ' <<<"$out" | head -c 400)"
}
# $1: one that no line may match
says_not() {
  local out
  out="$(cat)"
  ! grep -Eq -- "$1" <<<"$out" || fail "something like '$1' in: $(tr '\n\t' '| ' <<<"$out" | head -c 400)"
}

create() { topics --create --topic "$TOPIC" --partitions "$1" --replication-factor 3 | says "Created topic"; }
produce() {
  tool kafka-producer-perf-test org.apache.kafka.tools.ProducerPerformance --topic "$TOPIC" --num-records "$1" --record-size 100 \
    --throughput -1 --producer-props bootstrap.servers="$BOOTSTRAP" "${@:2}"
}
reset() { groups --group "$TOPIC" --reset-offsets "$@"; }

note "### $1"
case "$1" in
  tools-topics)
    create 2
    topics --create --if-not-exists --topic "$TOPIC" --partitions 2 --replication-factor 3 >/dev/null
    topics --list | says "^$TOPIC\$"
    topics --list --exclude-internal | says_not "^__consumer_offsets\$"
    topics --describe --topic "$TOPIC" | says "PartitionCount: 2.*ReplicationFactor: 3"
    topics --describe --topic "$TOPIC" --under-replicated-partitions | says_not "Partition: "
    topics --describe --topic "$TOPIC" --unavailable-partitions | says_not "Partition: "
    topics --describe --topic "$TOPIC" --under-min-isr-partitions | says_not "Partition: "
    topics --alter --topic "$TOPIC" --partitions 4 >/dev/null
    topics --describe --topic "$TOPIC" | says "Partition: 3.*Leader: [123].*Isr: [123],[123],[123]"
    topics --create --topic "$TOPIC-set" --partitions 1 --replication-factor 1 --config retention.ms=86400000 | says "Created topic"
    topics --describe --topics-with-overrides | says "$TOPIC-set.*retention.ms=86400000"
    topics --delete --topic "$TOPIC-set" >/dev/null
    topics --delete --topic "$TOPIC" >/dev/null
    topics --delete --if-exists --topic "$TOPIC" >/dev/null
    topics --list | says_not "^$TOPIC\$"
    ;;
  tools-configs)
    create 1
    configs --alter --entity-type topics --entity-name "$TOPIC" --add-config retention.ms=86400000,max.message.bytes=2000000 |
      says "Completed updating config"
    configs --describe --entity-type topics --entity-name "$TOPIC" | says "retention.ms=86400000"
    configs --describe --entity-type topics --entity-name "$TOPIC" --all | says "cleanup.policy=delete"
    configs --alter --entity-type topics --entity-name "$TOPIC" --delete-config retention.ms | says "Completed updating config"
    configs --describe --entity-type topics --entity-name "$TOPIC" | says_not "retention.ms=86400000"
    configs --describe --entity-type brokers --entity-name 1 --all | says "log.retention|default.replication.factor|num.partitions"
    ;;
  tools-groups)
    create 2
    produce 200 | says "200 records sent"
    reset --to-earliest --topic "$TOPIC" --execute | says "$TOPIC +[01] +0"
    groups --list | says "^$TOPIC\$"
    groups --list --state | says "^$TOPIC +Empty"
    groups --describe --group "$TOPIC" | says "$TOPIC +$TOPIC +0 +0 +[0-9]+ +[0-9]+"
    groups --describe --group "$TOPIC" --state | says "$TOPIC .*Empty +0"
    groups --describe --group "$TOPIC" --members >/dev/null
    groups --describe --all-groups | says "$TOPIC +$TOPIC +1 "
    reset --to-offset 10 --topic "$TOPIC:0" --dry-run | says "$TOPIC +0 +10"
    reset --to-offset 10 --topic "$TOPIC:0" --execute | says "$TOPIC +0 +10"
    reset --shift-by -3 --topic "$TOPIC:0" --execute | says "$TOPIC +0 +7"
    reset --to-current --all-topics --export --dry-run >"$scratch/plan.csv"
    says "$TOPIC\"?,0,7" <"$scratch/plan.csv"
    reset --to-datetime 2020-01-01T00:00:00.000 --topic "$TOPIC" --execute | says "$TOPIC +0 +0"
    reset --by-duration PT1H --topic "$TOPIC" --execute | says "$TOPIC +0 +0"
    reset --from-file "$scratch/plan.csv" --execute | says "$TOPIC +0 +7"
    reset --to-latest --topic "$TOPIC" --execute >/dev/null
    groups --describe --group "$TOPIC" | says "$TOPIC +$TOPIC +0 +[0-9]+ +[0-9]+ +0 "
    groups --delete-offsets --group "$TOPIC" --topic "$TOPIC:1" | says "Successful|$TOPIC +1"
    groups --describe --group "$TOPIC" | says_not "$TOPIC +$TOPIC +1 "
    groups --delete --group "$TOPIC" | says "successful"
    groups --list | says_not "^$TOPIC\$"
    ;;
  tools-offsets)
    create 1
    produce 100 | says "100 records sent"
    offsets --topic "$TOPIC" | says "^$TOPIC:0:100\$"
    offsets --topic "$TOPIC" --partitions 0 --time latest | says "^$TOPIC:0:100\$"
    offsets --topic-partitions "$TOPIC:0" --time earliest | says "^$TOPIC:0:0\$"
    offsets --topic "$TOPIC" --time -2 | says "^$TOPIC:0:0\$"
    offsets --topic "$TOPIC" --time max-timestamp | says "^$TOPIC:0:[0-9]+\$"
    offsets --topic "$TOPIC" --time -3 | says "^$TOPIC:0:[0-9]+\$"
    offsets --topic "$TOPIC" --time 1500000000000 | says "^$TOPIC:0:0\$"
    offsets --exclude-internal-topics | says "^$TOPIC:0:100\$"
    ;;
  tools-moves)
    topics --create --topic "$TOPIC" --replica-assignment 1:2 | says "Created topic"
    echo "{\"version\": 1, \"topics\": [{\"topic\": \"$TOPIC\"}]}" >"$scratch/topics.json"
    reassign --topics-to-move-json-file "$scratch/topics.json" --broker-list 2,3 --generate | says "\"replicas\":\[[23],[23]\]"
    echo "{\"version\": 1, \"partitions\": [{\"topic\": \"$TOPIC\", \"partition\": 0, \"replicas\": [3, 1]}]}" >"$scratch/moves.json"
    reassign --reassignment-json-file "$scratch/moves.json" --execute | says "Successfully started partition reassignment"
    until TRANSCRIPT="" reassign --reassignment-json-file "$scratch/moves.json" --verify | grep "is completed" >/dev/null; do :; done
    reassign --reassignment-json-file "$scratch/moves.json" --verify | says "is completed"
    reassign --list | says "No partition reassignments found|Current partition reassignments"
    topics --describe --topic "$TOPIC" | says "Replicas: 3,1"
    elect --election-type preferred --topic "$TOPIC" --partition 0 | says "Successfully completed|Valid replica already elected"
    topics --describe --topic "$TOPIC" | says "Leader: 3"
    elect --election-type preferred --all-topic-partitions | says "Successfully completed|Valid replica already elected"
    ;;
  tools-perf)
    create 3
    produce 20000 | says "20000 records sent"
    produce 1000 acks=1 compression.type=lz4 linger.ms=5 | says "1000 records sent"
    tool kafka-consumer-perf-test org.apache.kafka.tools.ConsumerPerformance --bootstrap-server "$BOOTSTRAP" --topic "$TOPIC" \
      --num-records 20000 | says ", 2[01]000, |, 20[0-9]{3}, "
    tool kafka-consumer-perf-test org.apache.kafka.tools.ConsumerPerformance --bootstrap-server "$BOOTSTRAP" --topic "$TOPIC" \
      --num-records 5000 --group "$TOPIC" --show-detailed-stats --reporting-interval 100 --hide-header >/dev/null
    ;;
  tools-verifiable)
    create 2
    tool kafka-verifiable-producer org.apache.kafka.tools.VerifiableProducer --bootstrap-server "$BOOTSTRAP" --topic "$TOPIC" \
      --max-messages 500 --acks -1 | says '"acked":500'
    tool kafka-verifiable-consumer org.apache.kafka.tools.VerifiableConsumer --bootstrap-server "$BOOTSTRAP" --topic "$TOPIC" \
      --group-id "$TOPIC" --reset-policy earliest --max-messages 500 | says '"name":"offsets_committed".*"success":true'
    groups --describe --group "$TOPIC" | says "$TOPIC +$TOPIC +[01] +[0-9]+ +[0-9]+ +0 "
    ;;
  *) fail "no such feature: $1" ;;
esac
