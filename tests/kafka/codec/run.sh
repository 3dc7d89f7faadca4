#!/usr/bin/env bash
# Compares every message and version with the classes of Kafka's own jars, in both directions.
#
#   tests/kafka/codec/run.sh BUILD_DIR [SEED]    after: ninja -C BUILD_DIR codec_peer
#
# CODEC_COUNT=N draws N instances of each on each side (default 16). The last line is
# `N passed, N failed`: a test is one message and version in one direction, or one planted mistake
# that each side that can see it has to report, and nothing else.
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
kafka_side() {
  java -Xmx1g -cp "$work/classes:$home/libs/*" CodecPeer "$home/libs" "$1" "$2" "$seed" "$3"
}
kafka_side "$work/ours" "$work/theirs" "$count" | tee "$work/kafka.out" || status=1
[ -s "$work/theirs" ] || {
  echo "Kafka's side wrote no instances"
  echo "0 passed, 1 failed"
  exit 1
}
"$build/codec_peer" check "$work/theirs" | tee "$work/moldau.out" || status=1

# planted PLANT SIDE...: one instance of ours is wrong; each side finds exactly one pair at fault.
planted() {
  local plant=$1 side last
  shift
  "$build/codec_peer" draw "$work/planted" "$seed" "$count" "$plant"
  for side in "$@"; do
    case $side in
      kafka) last=$(kafka_side "$work/planted" "$work/unused" "$count" | tail -n 1) ;;
      moldau) last=$("$build/codec_peer" check "$work/planted" | tail -n 1) ;;
    esac || true
    if [[ $last == *", 1 failed" ]]; then
      echo "1 passed, 0 failed"
    else
      echo "FAIL planted '$plant' on the side of $side: $last" >&2
      echo "0 passed, 1 failed"
    fi
  done
}
{
  planted skip kafka moldau
  planted flip kafka moldau
  planted default kafka
} >"$work/planted.out" || status=1

awk '/^[0-9]+ passed, [0-9]+ failed$/ { passed += $1; failed += $3 }
     END { printf "%d passed, %d failed\n", passed, failed }' "$work"/*.out | tee "$work/total"
read -r _ _ failed _ <"$work/total"
[ "$status" -eq 0 ] && [ "$failed" -eq 0 ]
