#!/usr/bin/env bash
# unit tests and simulation under AddressSanitizer and UndefinedBehaviorSanitizer
source "$(dirname "$0")/lib.sh"
need build check
export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1
export UBSAN_OPTIONS=print_stacktrace=1
# Not yet seen whole under the sanitizers: ASAN_ALL=1 runs them too, and each leaves this list for
# good once it is clean. A left-out binary counts as skipped.
not_yet=" broker_test client_test raft_test sim_test "
[ -z "${ASAN_ALL:-}" ] || not_yet=""
configure asan
mapfile -t tests < <(binaries_of asan unit && binaries_of asan sim)
chosen=()
for line in "${tests[@]}"; do
  if [[ $not_yet == *" ${line%% *} "* ]]; then
    echo "  left out: ${line%% *}"
    SKIPPED=$((SKIPPED + 1))
  else
    chosen+=("$line")
  fi
done
timed_build asan "${chosen[@]%% *}"
for line in "${chosen[@]}"; do
  # Arguments are split on purpose: CMake wrote them as words.
  # shellcheck disable=SC2086
  group "${line%% *}" build/asan/$line
done
finish
