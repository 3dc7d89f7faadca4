#!/usr/bin/env bash
# kcat (librdkafka) against a live node: surface.sh BOOTSTRAP. Closes with N passed, N failed.
set -uo pipefail
bootstrap=$1
passed=0 failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# check NAME EXPECTED ACTUAL
check() {
  if [ "$2" = "$3" ]; then
    passed=$((passed + 1))
    echo "ok   $1"
  else
    failed=$((failed + 1))
    printf 'FAIL %s: expected %q, got %q\n' "$1" "${2:0:300}" "${3:0:300}"
  fi
}

client() { timeout 60 kcat -b "$bootstrap" "$@" 2>&1; }

# read_from TOPIC OFFSET FORMAT [ARGUMENT...]: to the end of partition 0.
read_from() { client -C -t "$1" -p 0 -o "$2" -e -q -f "$3" "${@:4}"; }

# Topics come by auto creation, with num.partitions=1. With lz4 kcat sends uncompressed batches, see
# README.md: what is stored with which codec is checked by the stream.
codecs() {
  local codec
  seq 1 1000 | sed 's,.*,key &\tvalue &,' >"$work/input"
  sed 's/\t/ /' "$work/input" >"$work/expected"
  for codec in none gzip snappy lz4 zstd; do
    client -P -t "kcat-$codec" -p 0 -K '\t' -z "$codec" -X enable.idempotence=true \
      -l "$work/input" >"$work/said"
    check "$codec: produce with idempotence" 0 $?
    read_from "kcat-$codec" beginning '%k %s\n' -X check.crcs=true >"$work/got"
    check "$codec: consume status" 0 $?
    check "$codec: each record as it was sent" "" "$(diff "$work/expected" "$work/got" | head -n 3)"
    check "$codec: offsets count up from 0" "$(seq -s ' ' 0 999)" \
      "$(read_from "kcat-$codec" beginning '%o ' | sed 's/ $//')"
    check "$codec: from offset 990" "$(sed -n '991,1000p' "$work/expected")" \
      "$(read_from "kcat-$codec" 990 '%k %s\n')"
    check "$codec: the last five" "$(tail -n 5 "$work/expected")" \
      "$(read_from "kcat-$codec" -5 '%k %s\n')"
    check "$codec: list offsets, latest" "kcat-$codec [0] offset 1000" \
      "$(client -Q -t "kcat-$codec:0:-1")"
    check "$codec: list offsets, earliest" "kcat-$codec [0] offset 0" \
      "$(client -Q -t "kcat-$codec:0:-2")"
  done
}

by_time() {
  local time past topic=kcat-time
  seq 1 10 | client -P -t $topic -p 0 -z lz4 >"$work/said"
  sleep 0.05
  time=$(date +%s%3N)
  seq 11 20 | client -P -t $topic -p 0 -z zstd >"$work/said"
  check "time: list offsets of a time" "$topic [0] offset 10" "$(client -Q -t "$topic:0:$time")"
  past=$((time - 3600000))
  check "time: of a time before the first" "$topic [0] offset 0" "$(client -Q -t "$topic:0:$past")"
  check "time: consume from a time" "$(seq 11 20)" "$(read_from $topic "s@$time" '%s\n')"
  check "time: consume between times" "$(seq 1 10)" \
    "$(client -C -t $topic -p 0 -o "s@$past" -o "e@$time" -e -q -f '%s\n')"
  check "time: timestamps are create times" 20 \
    "$(read_from $topic beginning '%T\n' | awk -v low="$past" '$1 > low' | wc -l)"
}

details() {
  local topic=kcat-details
  printf 'key\tvalue\n' | client -P -t $topic -p 0 -K '\t' -H one=1 -H two=second -T >/dev/null
  check "headers" "one=1,two=second key value" "$(read_from $topic beginning '%h %k %s')"
  printf 'key\t\n' | client -P -t $topic -p 0 -K '\t' -Z >/dev/null
  check "a null value" "key -1" "$(read_from $topic 1 '%k %S')"
  head -c 900000 /dev/zero | tr '\0' 'x' >"$work/large"
  client -P -t $topic -p 0 "$work/large" >/dev/null
  check "900,000 bytes in one record" 900000 "$(read_from $topic 2 '%S')"
  local acks
  for acks in 0 1 all; do
    echo "acks $acks" | client -P -t "kcat-acks-$acks" -p 0 -X "acks=$acks" >/dev/null
    check "acks=$acks" "acks $acks" "$(client -C -t "kcat-acks-$acks" -p 0 -o beginning -c 1 -q)"
  done
  # kcat waits at the end of the partition; what comes then reaches it by a long poll.
  client -C -t $topic -p 0 -o end -c 1 -q -X fetch.wait.max.ms=5000 >"$work/tail" &
  sleep 0.7
  echo late | client -P -t $topic -p 0 >/dev/null
  wait $!
  check "a consumer at the end gets the next record" late "$(cat "$work/tail")"
  check "an offset out of range is an error with auto.offset.reset=error" 1 \
    "$(read_from $topic 4711 '%s' -X topic.auto.offset.reset=error |
      grep -ci 'out of range\|unable to validate')"
}

metadata() {
  client -L -J >"$work/metadata.json"
  check "metadata: brokers" 1 "$(python3 -c '
import json, sys
print(len(json.load(open(sys.argv[1]))["brokers"]))' "$work/metadata.json")"
  check "metadata: the address we came by" "$bootstrap" "$(python3 -c '
import json, sys
print(json.load(open(sys.argv[1]))["brokers"][0]["name"])' "$work/metadata.json")"
  check "metadata: a topic's partitions, leader and in-sync replicas" "1 True True" "$(python3 -c '
import json, sys
metadata = json.load(open(sys.argv[1]))
topic = next(topic for topic in metadata["topics"] if topic["topic"] == "kcat-zstd")
one = topic["partitions"][0]
node = metadata["brokers"][0]["id"]
print(len(topic["partitions"]), one["leader"] == node, one["isrs"] == [{"id": node}])
' "$work/metadata.json")"
  check "metadata: no topic comes from asking" 1 \
    "$(client -L -t kcat-nowhere -X allow.auto.create.topics=false | grep -ci 'unknown topic')"
}

codecs
by_time
details
metadata
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
