#!/usr/bin/env bash
# the loops and what crosses them, and a whole node under load, under ThreadSanitizer
source "$(dirname "$0")/lib.sh"
need build check
timed_build release moldau
timed_build tsan rt_test io_test moldau
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
group rt_test build/tsan/rt_test
group io_test build/tsan/io_test
group races tests/commands/races.py "$LOGS" build/tsan/moldau
finish
