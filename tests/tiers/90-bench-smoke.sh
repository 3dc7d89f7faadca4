#!/usr/bin/env bash
# every row of tests/bench/compare for two seconds, beside Apache Kafka: that there are figures
source "$(dirname "$0")/lib.sh"
need build java
tests/kafka/home.sh 4.4.0 >"$LOGS/home.log" || {
  cannot_run 18 "Apache Kafka's jars cannot be fetched"
  finish
}
timed_build release moldau
group bench-smoke tests/bench/smoke.py "$MOLDAU" "$LOGS"
finish
