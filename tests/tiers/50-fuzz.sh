#!/usr/bin/env bash
# every decoder and parser under libFuzzer, a few seconds each (FUZZ_SECONDS=N for longer)
source "$(dirname "$0")/lib.sh"
need build check
build_all_of fuzz fuzz
# Inputs that once failed, or that reach deep, are kept in tests/fuzz/<target>/.
fuzz() {
  local target=$1 corpus=build/fuzz-corpus/$1
  mkdir -p "$corpus" "tests/fuzz/$target"
  "build/fuzz/$target" "$corpus" "tests/fuzz/$target" -max_total_time="${FUZZ_SECONDS:-8}" -seed=1 \
    -timeout=10 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 -artifact_prefix="$LOGS/"
}
while read -r target; do
  group "$target" fuzz "$target"
done < <(binaries_of fuzz fuzz)
finish
