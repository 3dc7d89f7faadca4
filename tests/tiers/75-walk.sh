#!/usr/bin/env bash
# README.md as a stranger walks through it: ./run, its first steps, kill -9, ./run again
source "$(dirname "$0")/lib.sh"
need build kcat java go
tests/kafka/home.sh >"$LOGS/home.log" 2>&1 || {
  cannot_run 12 "Apache Kafka's tools cannot be fetched"
  finish
}
timed_build release moldau
group walk tests/walk/walk.py "$LOGS"
finish
