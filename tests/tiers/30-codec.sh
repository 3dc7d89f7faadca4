#!/usr/bin/env bash
# every message and version against the classes of Kafka's own jars
source "$(dirname "$0")/lib.sh"
need build java
group schema schema/generate_test.py
tests/kafka/home.sh 4.4.0 >"$LOGS/home.log" 2>&1 || {
  cannot_run 1488 "Apache Kafka's jars cannot be fetched"
  finish
}
timed_build release codec_peer
group codec tests/kafka/codec/run.sh build/release
finish
