#!/usr/bin/env bash
# Kafka's own command-line tools at their everyday work: see tests/interop/interop.py for how this is run.
# KAFKA_LIB names the folder with their jars. What each prints is looked at, not only how it ends.
set -euo pipefail

scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT

fail() {
  echo "$*" >&2
  exit 1
}

# $1: the tool's class; the rest are its words
tool() {
  java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto -cp "$KAFKA_LIB/*" "$@" 2>"$scratch/err" |
    tee "$scratch/out" || fail "$1: $(tail -n 1 "$scratch/err") $(tail -n 1 "$scratch/out")"
}
topics() { tool org.apache.kafka.tools.TopicCommand --bootstrap-server "$BOOTSTRAP" "$@"; }
configs() { tool kafka.admin.ConfigCommand --bootstrap-server "$BOOTSTRAP" "$@"; }
groups() { tool org.apache.kafka.tools.consumer.group.ConsumerGroupCommand --bootstrap-server "$BOOTSTRAP" "$@"; }
offsets() { tool org.apache.kafka.tools.GetOffsetShell --bootstrap-server "$BOOTSTRAP" "$@"; }
reassign() { tool org.apache.kafka.tools.reassign.ReassignPartitionsCommand --bootstrap-server "$BOOTSTRAP" "$@"; }
elect() { tool org.apache.kafka.tools.LeaderElectionCommand --bootstrap-server "$BOOTSTRAP" "$@"; }

# $1: an extended regular expression that a line of the output must match
says() {
  local out
  out="$(cat)"
  grep -Eq -- "$1" <<<"$out" || fail "nothing like '$1' in: $(tr '\n\t' '| ' <<<"$out" | head -c 400)"
}

create() { topics --create --topic "$TOPIC" --partitions "$1" --replication-factor 3 | says "Created topic"; }
produce() {
  tool org.apache.kafka.tools.ProducerPerformance --topic "$TOPIC" --num-records "$1" --record-size 100 \
    --throughput -1 --producer-props bootstrap.servers="$BOOTSTRAP"
}

case "$1" in
  tools-topics)
    create 2
    topics --list | says "^$TOPIC\$"
    topics --describe --topic "$TOPIC" | says "PartitionCount: 2.*ReplicationFactor: 3"
    topics --alter --topic "$TOPIC" --partitions 4 >/dev/null
    topics --describe --topic "$TOPIC" | says "Partition: 3.*Leader: [123].*Isr: [123],[123],[123]"
    topics --delete --topic "$TOPIC" >/dev/null
    if topics --list | grep -x "$TOPIC" >/dev/null; then fail "the topic is still listed"; fi
    ;;
  tools-configs)
    create 1
    configs --alter --entity-type topics --entity-name "$TOPIC" --add-config retention.ms=86400000 | says "Completed updating config"
    configs --describe --entity-type topics --entity-name "$TOPIC" | says "retention.ms=86400000"
    configs --alter --entity-type topics --entity-name "$TOPIC" --delete-config retention.ms | says "Completed updating config"
    if configs --describe --entity-type topics --entity-name "$TOPIC" | grep retention.ms=86400000 >/dev/null; then
      fail "the setting is still there"
    fi
    ;;
  tools-groups)
    create 2
    produce 200 | says "200 records sent"
    groups --group "$TOPIC" --reset-offsets --to-earliest --topic "$TOPIC" --execute | says "$TOPIC +[01] +0"
    groups --list | says "^$TOPIC\$"
    groups --describe --group "$TOPIC" | says "$TOPIC +$TOPIC +0 +0 +[0-9]+ +[0-9]+"
    groups --group "$TOPIC" --reset-offsets --to-latest --topic "$TOPIC" --execute >/dev/null
    groups --describe --group "$TOPIC" | says "$TOPIC +$TOPIC +0 +[0-9]+ +[0-9]+ +0 "
    groups --delete --group "$TOPIC" | says "successful"
    if groups --list | grep -x "$TOPIC" >/dev/null; then fail "the group is still listed"; fi
    ;;
  tools-offsets)
    create 1
    produce 100 | says "100 records sent"
    offsets --topic "$TOPIC" | says "^$TOPIC:0:100\$"
    offsets --topic "$TOPIC" --time -2 | says "^$TOPIC:0:0\$"
    offsets --topic "$TOPIC" --time -3 | says "^$TOPIC:0:[0-9]+\$"
    ;;
  tools-moves)
    topics --create --topic "$TOPIC" --replica-assignment 1:2 | says "Created topic"
    echo "{\"version\": 1, \"partitions\": [{\"topic\": \"$TOPIC\", \"partition\": 0, \"replicas\": [3, 1]}]}" >"$scratch/moves.json"
    reassign --reassignment-json-file "$scratch/moves.json" --execute | says "Successfully started partition reassignment"
    until reassign --reassignment-json-file "$scratch/moves.json" --verify | grep "is completed" >/dev/null; do :; done
    topics --describe --topic "$TOPIC" | says "Replicas: 3,1"
    elect --election-type preferred --topic "$TOPIC" --partition 0 | says "Successfully completed|Valid replica already elected"
    topics --describe --topic "$TOPIC" | says "Leader: 3"
    ;;
  tools-perf)
    create 3
    produce 20000 | says "20000 records sent"
    tool org.apache.kafka.tools.ConsumerPerformance --bootstrap-server "$BOOTSTRAP" --topic "$TOPIC" --num-records 20000 |
      says ", 20000, "
    ;;
  tools-verifiable)
    create 2
    tool org.apache.kafka.tools.VerifiableProducer --bootstrap-server "$BOOTSTRAP" --topic "$TOPIC" --max-messages 500 \
      --acks -1 | says '"acked":500'
    tool org.apache.kafka.tools.VerifiableConsumer --bootstrap-server "$BOOTSTRAP" --topic "$TOPIC" --group-id "$TOPIC" \
      --reset-policy earliest --max-messages 500 | says '"name":"offsets_committed".*"success":true'
    groups --describe --group "$TOPIC" | says "$TOPIC +$TOPIC +[01] +[0-9]+ +[0-9]+ +0 "
    ;;
  *) fail "no such feature: $1" ;;
esac
