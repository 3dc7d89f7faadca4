#!/usr/bin/env bash
# tools/format.sh [--check] [FILE...]: clang-format over all of our C++, or over some files. With
# --check it changes nothing, names the files that it would change, and fails if there are any.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
check=false
if [ "${1:-}" = --check ]; then
  check=true
  shift
fi
folders=(src sim cmd tests schema cmake)
[ $# -gt 0 ] || mapfile -t files < <(find "${folders[@]}" -name '*.cc' -o -name '*.h')
[ $# -eq 0 ] || files=("$@")
if ! $check; then
  exec clang-format-19 -i "${files[@]}"
fi
changed=$(clang-format-19 --dry-run "${files[@]}" 2>&1 |
  sed -n 's/^\([^: ]*\):[0-9]*:[0-9]*: warning.*/\1/p' | sort | uniq -c)
if [ -n "$changed" ]; then
  printf 'tools/format.sh would change (places, file):\n%s\n' "$changed"
  exit 1
fi
