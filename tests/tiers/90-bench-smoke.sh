#!/usr/bin/env bash
# tests/bench/compare: its arithmetic; that every row gives figures, two seconds beside Apache Kafka
source "$(dirname "$0")/lib.sh"
need build java
group table tests/bench/table_test.py
tests/kafka/home.sh 4.4.0 >"$LOGS/home.log" || {
  cannot_run 18 "Apache Kafka's jars cannot be fetched"
  finish
}
timed_build release moldau
group bench-smoke tests/bench/smoke.py "$MOLDAU" "$LOGS"
finish
