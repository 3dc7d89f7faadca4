#!/usr/bin/env bash
# one data directory handed between Moldau and Apache Kafka; Kafka's dump tool on our files
source "$(dirname "$0")/lib.sh"
need build kcat java
home=$(tests/kafka/home.sh 2>"$LOGS/home.log" | tail -n 1) || {
  cannot_run 9 "Apache Kafka's jars cannot be fetched"
  finish
}
timed_build release moldau
group exchange tests/kafka/exchange/exchange.py "$MOLDAU" "$home" "$LOGS"
finish
