#!/usr/bin/env bash
# unit tests and simulation under AddressSanitizer and UndefinedBehaviorSanitizer; the same worlds
source "$(dirname "$0")/lib.sh"
need build check
export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1
export UBSAN_OPTIONS=print_stacktrace=1
# Not yet seen whole under the sanitizers: ASAN_ALL=1 runs them too, and each leaves this list for
# good once it is clean. A left-out binary counts as skipped.
not_yet=" sim_test "
[ -z "${ASAN_ALL:-}" ] || not_yet=""
configure asan
# What sim_planted_test plants on purpose would be no finding.
mapfile -t tests < <(binaries_of asan unit && binaries_of asan sim | grep -v '^sim_planted_test ')
chosen=()
for line in "${tests[@]}"; do
  if [[ $not_yet == *" ${line%% *} "* ]]; then
    echo "  left out: ${line%% *}"
    SKIPPED=$((SKIPPED + 1))
  else
    chosen+=("$line")
  fi
done
timed_build asan "${chosen[@]%% *}" moldau
timed_build release moldau
for line in "${chosen[@]}"; do
  # Arguments are split on purpose: CMake wrote them as words.
  # shellcheck disable=SC2086
  group "${line%% *}" build/asan/$line
done

# The whole broker under the sanitizers, and a seed is the same world in both builds: hash, steps,
# batches, crashes.
same_worlds() {
  local build
  for build in release asan; do
    "build/$build/moldau" sim --seed 1 --seeds 20 >"$LOGS/worlds-$build.log" 2>&1 || return 1
    grep '^seed' "$LOGS/worlds-$build.log" >"$LOGS/worlds-$build.txt"
  done
  diff "$LOGS/worlds-release.txt" "$LOGS/worlds-asan.txt" && echo "20 passed, 0 failed"
}
group same-worlds same_worlds
finish
