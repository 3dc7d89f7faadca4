#!/usr/bin/env bash
# layers, lengths, bans, formatting; that the checks find planted violations
source "$(dirname "$0")/lib.sh"
need build check
group harness tests/tiers/lib_test.sh
group tidy_test tools/tidy_test.py
group tidy tools/tidy

# One line a file that clang-format would change.
format() {
  local changed
  changed=$(find src sim cmd tests \( -name '*.cc' -o -name '*.h' \) -print0 |
    xargs -0 -r -n 200 clang-format-19 --dry-run 2>&1 |
    sed -n 's/^\([^: ]*\):[0-9]*:[0-9]*: warning.*/\1/p' | sort | uniq -c)
  [ -z "$changed" ] || {
    echo "clang-format-19 -i would change:" && echo "$changed"
    return 1
  }
}
group format format
finish
