#!/usr/bin/env bash
# moldau topic, produce, consume, bench and log dump against a live node, one kill -9 included
source "$(dirname "$0")/lib.sh"
need build
timed_build release moldau
group commands tests/commands/run.py "$LOGS"
finish
