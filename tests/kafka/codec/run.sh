#!/usr/bin/env bash
# Compares every message and version with the classes of Kafka's own jars, in both directions.
#
#   tests/kafka/codec/run.sh BUILD_DIR [SEED]    after: ninja -C BUILD_DIR codec_peer
#
# CODEC_COUNT=N draws N instances of each on each side (default 16). The last line is
# `N passed, N failed`: a test is one message and version in one direction.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$(cd "${1:?BUILD_DIR}" && pwd)
seed=${2:-1}
count=${CODEC_COUNT:-16}
kafka=4.4.0

home=$(bash "$here/../home.sh" "$kafka")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo "seed $seed, $count instances of each, Kafka $kafka"
javac -cp "$home/libs/*" -d "$work/classes" "$here"/java/*.java
"$build/codec_peer" draw "$work/ours" "$seed" "$count"
status=0
java -Xmx1g -cp "$work/classes:$home/libs/*" CodecPeer \
  "$home/libs" "$work/ours" "$work/theirs" "$seed" "$count" | tee "$work/kafka.out" || status=1
[ -s "$work/theirs" ] || {
  echo "Kafka's side wrote no instances"
  echo "0 passed, 1 failed"
  exit 1
}
"$build/codec_peer" check "$work/theirs" | tee "$work/moldau.out" || status=1

awk '/^[0-9]+ passed, [0-9]+ failed$/ { passed += $1; failed += $3 }
     END { printf "%d passed, %d failed\n", passed, failed }' "$work"/*.out | tee "$work/total"
read -r _ _ failed _ <"$work/total"
[ "$status" -eq 0 ] && [ "$failed" -eq 0 ]
