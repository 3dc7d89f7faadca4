#!/usr/bin/env bash
# layers, lengths, bans, formatting; that the checks find planted violations
source "$(dirname "$0")/lib.sh"
need build check
group tidy_test tools/tidy_test.py
group tidy tools/tidy
format() {
  git ls-files -z '*.cc' '*.h' | xargs -0 -r clang-format-19 --dry-run -Werror --ferror-limit=3
}
group format format
finish
