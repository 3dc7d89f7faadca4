#!/usr/bin/env bash
# every decoder and parser under libFuzzer, a few seconds each (FUZZ_SECONDS=N for longer)
source "$(dirname "$0")/lib.sh"
need build check
build_all_of fuzz fuzz
# The codec's target starts from an instance of every message and version.
timed_build release codec_peer
mkdir -p build/fuzz-seeds/wire_wire_fuzz
build/release/codec_peer seeds build/fuzz-seeds/wire_wire_fuzz
seconds=${FUZZ_SECONDS:-6}
GROUP_SECONDS_MAX=$((seconds + 300))
while read -r target; do
  # Inputs that once failed, or that reach deep, are kept in tests/fuzz/<target>/.
  corpora=("build/fuzz-corpus/$target")
  for folder in "tests/fuzz/$target" "build/fuzz-seeds/$target"; do
    [ ! -d "$folder" ] || corpora+=("$folder")
  done
  mkdir -p "${corpora[0]}"
  group "$target" "build/fuzz/$target" "${corpora[@]}" -max_total_time="$seconds" -seed=1 \
    -timeout=10 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 -artifact_prefix="$LOGS/"
done < <(binaries_of fuzz fuzz)
finish
