#!/usr/bin/env bash
# every message and version against the classes of Kafka's own jars
source "$(dirname "$0")/lib.sh"
need build java
group schema schema/generate_test.py
timed_build release codec_peer
group codec tests/kafka/codec/run.sh build/release
finish
