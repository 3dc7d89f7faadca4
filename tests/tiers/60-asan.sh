#!/usr/bin/env bash
# unit tests and simulation under AddressSanitizer and UndefinedBehaviorSanitizer; the same worlds
source "$(dirname "$0")/lib.sh"
need build check
export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1
export UBSAN_OPTIONS=print_stacktrace=1
# The fuzz preset has the same sanitizers: one tree for both tiers is one build less.
tree=fuzz
configure $tree
# What sim_planted_test plants on purpose would be no finding.
mapfile -t tests < <(binaries_of $tree unit && binaries_of $tree sim | grep -v '^sim_planted_test ')
timed_build $tree "${tests[@]%% *}" moldau
timed_build release moldau
for line in "${tests[@]}"; do
  # Arguments are split on purpose: CMake wrote them as words.
  # shellcheck disable=SC2086
  group "${line%% *}" build/$tree/$line
done

# The whole broker under the sanitizers, and a seed is the same world in both builds: hash, steps,
# batches, crashes.
same_worlds() {
  local build
  for build in release $tree; do
    limited "build/$build/moldau" sim --seed 1 --seeds 20 >"$LOGS/worlds-$build.log" 2>&1 ||
      return 1
    grep '^seed' "$LOGS/worlds-$build.log" >"$LOGS/worlds-$build.txt"
  done
  diff "$LOGS/worlds-release.txt" "$LOGS/worlds-$tree.txt" && echo "20 passed, 0 failed"
}
group same-worlds same_worlds
finish
