#!/usr/bin/env bash
# Configures (once) and builds a preset:   tools/build.sh PRESET [TARGET...]
# In a script:  source tools/build.sh; build PRESET [TARGET...]
#
# On a terminal ninja shows its own progress line; elsewhere each tenth of the way is one line.
[ "${BASH_SOURCE[0]}" != "$0" ] || set -euo pipefail

MOLDAU_ROOT=${MOLDAU_ROOT:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)}

show_tenths() {
  awk -v preset="$1" '
    match($0, /^\[[0-9]+\/[0-9]+\]/) {
      split(substr($0, 2, RLENGTH - 2), part, "/")
      tenth = int(10 * part[1] / part[2])
      if (tenth > last && part[2] > 10) {
        printf "  building %s: %d of %d\n", preset, part[1], part[2]
        fflush()
      }
      last = tenth
    }'
}

build() {
  local preset=$1 folder=$MOLDAU_ROOT/build/$1
  shift
  local log=$folder/build.log home
  home=$(sed -n 's/^CMAKE_HOME_DIRECTORY:INTERNAL=//p' "$folder/CMakeCache.txt" 2>/dev/null || true)
  if [ -n "$home" ] && ! [ "$home" -ef "$MOLDAU_ROOT" ]; then
    echo "build: $folder was configured in $home: configured anew" >&2
    rm -rf "$folder"
  fi
  mkdir -p "$folder"
  if ! [ -f "$folder/build.ninja" ]; then
    if ! (cd "$MOLDAU_ROOT" && cmake --preset "$preset") >"$log" 2>&1; then
      tail -n 30 "$log" >&2
      return 1
    fi
  fi
  if [ -t 1 ]; then
    NINJA_STATUS="[%f/%t, %es] " ninja -C "$folder" "$@"
    return
  fi
  if ! NINJA_STATUS="[%f/%t] " ninja -C "$folder" "$@" 2>&1 | tee "$log" |
    show_tenths "$preset"; then
    grep -A 30 -m 3 -E '^(FAILED|ninja: error|.*error:)' "$log" >&2 || tail -n 30 "$log" >&2
    echo "build: $preset failed; the whole output is in ${log#"$MOLDAU_ROOT"/}" >&2
    return 1
  fi
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  [ $# -gt 0 ] || {
    echo "usage: tools/build.sh PRESET [TARGET...]" >&2
    exit 2
  }
  build "$@"
fi
