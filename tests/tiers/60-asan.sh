#!/usr/bin/env bash
# unit tests and simulation under AddressSanitizer and UndefinedBehaviorSanitizer
source "$(dirname "$0")/lib.sh"
need build check
export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1
export UBSAN_OPTIONS=print_stacktrace=1
configure asan
mapfile -t targets < <({ binaries_of asan unit && binaries_of asan sim; } | cut -d' ' -f1)
timed_build asan "${targets[@]}"
run_binaries asan unit
run_binaries asan sim
finish
