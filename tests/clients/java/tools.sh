#!/usr/bin/env bash
# Kafka's own command-line tools against a live node: CONTROLLER=HOST:PORT tools.sh BOOTSTRAP.
# Closes with N passed, N failed. Each start of a tool is a JVM of its own, so there are few.
set -uo pipefail
bootstrap=$1
controller=$CONTROLLER
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bin=$("$here/../../kafka/home.sh")/bin
export KAFKA_HEAP_OPTS="-Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1"
passed=0 failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

check() {
  if [ "$2" = "$3" ]; then
    passed=$((passed + 1))
    echo "ok   $1"
  else
    failed=$((failed + 1))
    printf 'FAIL %s: expected %q, got %q\n' "$1" "${2:0:400}" "${3:0:400}"
  fi
}

# contains NAME TEXT PART...: each part is in the text.
contains() {
  local name=$1 text=$2 part
  shift 2
  for part in "$@"; do
    case $text in
      *"$part"*) check "$name: $part" "" "" ;;
      *) check "$name" "something with '$part'" "$text" ;;
    esac
  done
}

# matches NAME TEXT PATTERN...: a line of the text matches each (extended) pattern.
matches() {
  local name=$1 text=$2 pattern
  shift 2
  for pattern in "$@"; do
    if grep -qE -- "$pattern" <<<"$text"; then
      check "$name: $pattern" "" ""
    else
      check "$name" "a line like '$pattern'" "$text"
    fi
  done
}

tool() {
  local name=$1
  shift
  timeout 60 "$bin/kafka-$name.sh" --bootstrap-server "$bootstrap" "$@" 2>&1
}

# The same tool, asking the controller itself.
controller_tool() {
  local name=$1
  shift
  timeout 60 "$bin/kafka-$name.sh" --bootstrap-controller "$controller" "$@" 2>&1
}

topics() {
  local said
  said=$(tool topics --create --topic tools --partitions 3 --replication-factor 1 \
    --config max.message.bytes=700000)
  contains "topics --create" "$said" "Created topic tools."
  said=$(tool topics --create --topic tools)
  contains "topics --create again" "$said" "Topic 'tools' already exists"
  said=$(tool topics --describe --topic tools)
  contains "topics --describe" "$said" "PartitionCount: 3" "ReplicationFactor: 1" \
    "max.message.bytes=700000" "Partition: 2" "Isr: 1"
  tool topics --alter --topic tools --partitions 4
  contains "topics --alter" "$(tool topics --describe --topic tools)" "PartitionCount: 4"
}

configs() {
  local said
  said=$(tool configs --alter --entity-type topics --entity-name tools \
    --add-config retention.ms=7200000,cleanup.policy=compact)
  contains "configs --alter" "$said" "Completed updating config for topic tools."
  said=$(tool configs --describe --entity-type topics --entity-name tools)
  contains "configs --describe" "$said" "retention.ms=7200000" "cleanup.policy=compact" \
    "max.message.bytes=700000"
  tool configs --alter --entity-type topics --entity-name tools \
    --delete-config retention.ms,cleanup.policy >/dev/null
  said=$(tool configs --describe --all --entity-type topics --entity-name tools)
  contains "configs --delete-config" "$said" "retention.ms=604800000" "cleanup.policy=delete" \
    "max.message.bytes=700000"
}

console() {
  local codec
  seq 1 500 | sed 's/.*/key &:value &/' >"$work/input"
  tr ':' '\t' <"$work/input" >"$work/expected"
  for codec in none gzip snappy lz4 zstd; do
    # Auto creation makes the topic, with one partition.
    tool console-producer --topic "tools-$codec" --compression-codec "$codec" \
      --reader-property parse.key=true --reader-property key.separator=: \
      --command-property enable.idempotence=true <"$work/input" >"$work/said"
    check "console-producer, $codec" "0 " "$? $(grep -v WARN "$work/said" | head -n 3)"
    tool console-consumer --topic "tools-$codec" --partition 0 --offset earliest \
      --max-messages 500 --timeout-ms 20000 --formatter-property print.key=true >"$work/got"
    check "console-consumer by partition, $codec" "" \
      "$(diff "$work/expected" <(grep '^key' "$work/got") | head -n 3)"
  done
  check "console-consumer from offset 495" "$(seq -s ' ' -f 'value %g' 496 500)" \
    "$(tool console-consumer --topic tools-lz4 --partition 0 --offset 495 --max-messages 5 \
      --timeout-ms 20000 | grep '^value' | paste -sd' ')"
}

offsets() {
  check "get-offsets, latest" "tools-zstd:0:500" \
    "$(tool get-offsets --topic tools-zstd --time -1 | grep tools)"
  check "get-offsets, earliest" "tools-zstd:0:0" \
    "$(tool get-offsets --topic tools-zstd --time -2 | grep tools)"
  check "get-offsets, max timestamp" 0 \
    "$(tool get-offsets --topic tools-zstd --time -3 | grep -c 'tools-zstd:0:-1')"
}

cluster() {
  local said
  said=$(tool metadata-quorum describe --status)
  # Values, not labels: "LeaderId:" is also there when there is no leader.
  matches "metadata-quorum --status" "$said" '^LeaderId: +1$' '^LeaderEpoch: +[1-9]' \
    '^HighWatermark: +[1-9][0-9]*$' '^CurrentVoters: +\[\{"id": 1, "directoryId": "[^"]{22}"'
  said=$(tool metadata-quorum describe --replication)
  contains "metadata-quorum --replication" "$said" "Leader"
  said=$(tool features describe)
  matches "features" "$said" \
    '^Feature: metadata.version\b.*\bFinalizedVersionLevel: 4.3-IV0\b' \
    '^Feature: kraft.version\b.*\bFinalizedVersionLevel: 1\b'
  check "features: only what is served" "kraft.version metadata.version" \
    "$(sed -n 's/^Feature: \([^[:space:]]*\).*/\1/p' <<<"$said" | sort | paste -sd' ')"
  said=$(controller_tool metadata-quorum describe --status)
  matches "metadata-quorum of the controller" "$said" '^LeaderId: +1$'
  said=$(controller_tool features upgrade --feature group.version=1)
  check "features upgrade of what is not served fails" 1 \
    "$(grep -c 'Could not upgrade group.version to 1' <<<"$said")"
  said=$(tool log-dirs --describe --topic-list tools-gzip)
  contains "log-dirs" "$said" '"partition":"tools-gzip-0"' '"isFuture":false'
  said=$(tool broker-api-versions)
  contains "broker-api-versions" "$said" "Produce(0): 0 to 13" "Fetch(1): 4 to" "CreateTopics(19)"
}

deletion() {
  tool topics --delete --topic tools >/dev/null
  check "topics --delete" 0 $?
  check "topics --list" "tools-gzip tools-lz4 tools-none tools-snappy tools-zstd" \
    "$(tool topics --list | paste -sd' ')"
}

topics
configs
console
offsets
cluster
deletion
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
