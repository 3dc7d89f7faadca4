#!/usr/bin/env bash
# the loops and what crosses them, under ThreadSanitizer
source "$(dirname "$0")/lib.sh"
need build check
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
timed_build tsan rt_test io_test
group rt_test build/tsan/rt_test
group io_test build/tsan/io_test
finish
