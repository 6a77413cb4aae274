#!/usr/bin/env bash
# Makes the golden bytes in this folder anew, with the message classes of kafka-clients (3.9 for versions that
# Kafka 4 dropped; where both have one they must agree). Needs Java 17 and Maven; no test runs it.
#
#   tests/server/kafka/golden/generate.sh [KEY...]
#
# Add a line to the list below when the table in server/kafka/apis.cc gets a key or a version.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"

messages=(
  "0 00_produce 3 11" "1 01_fetch 4 16" "2 02_list_offsets 1 7" "3 03_metadata 0 12"
  "8 08_offset_commit 1 9" "9 09_offset_fetch 1 9" "10 10_find_coordinator 0 4"
  "11 11_join_group 0 9" "12 12_heartbeat 0 4" "13 13_leave_group 0 5" "14 14_sync_group 0 5"
  "15 15_describe_groups 0 5" "16 16_list_groups 0 5"
  "18 18_api_versions 0 4" "19 19_create_topics 0 7" "20 20_delete_topics 0 6" "22 22_init_producer_id 0 4"
  "21 21_delete_records 0 2" "23 23_offset_for_leader_epoch 2 4" "32 32_describe_configs 0 4"
  "33 33_alter_configs 0 2" "35 35_describe_log_dirs 0 4" "37 37_create_partitions 0 3"
  "42 42_delete_groups 0 2"
  "43 43_elect_leaders 0 2" "44 44_incremental_alter_configs 0 1"
  "45 45_alter_partition_reassignments 0 0" "46 46_list_partition_reassignments 0 0"
  "47 47_offset_delete 0 0" "60 60_describe_cluster 0 1" "75 75_describe_topic_partitions 0 0"
)
releases=(3.9.1 4.1.0)

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
for release in "${releases[@]}"; do
  mkdir -p "$work/$release"
  cat >"$work/$release/pom.xml" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>golden</groupId><artifactId>golden</artifactId><version>1</version><dependencies><dependency>
<groupId>org.apache.kafka</groupId><artifactId>kafka-clients</artifactId><version>$release</version>
</dependency></dependencies></project>
POM
  mvn -q -B -f "$work/$release/pom.xml" dependency:copy-dependencies -DoutputDirectory="$work/$release/lib"
  javac -d "$work/$release" -cp "$work/$release/lib/*" "$here/Generate.java"
done

for message in "${messages[@]}"; do
  read -r key name first last <<<"$message"
  [[ $# == 0 || " $* " == *" $key "* ]] || continue
  for release in "${releases[@]}"; do
    java -cp "$work/$release:$work/$release/lib/*" Generate "$key" "$first" "$last"
  done | sort -u >"$work/lines"
  twice="$(cut -d' ' -f1-3 "$work/lines" | uniq -d)"
  [[ -z "$twice" ]] || { echo "generate: the releases differ in $name: $twice" >&2; exit 1; }
  {
    echo "# Golden bytes of key $key, made by generate.sh with kafka-clients ${releases[*]}."
    cat "$work/lines"
  } >"$here/$name.txt"
  echo "$name: $(wc -l <"$work/lines") vectors"
done
