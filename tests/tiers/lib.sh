# Sourced by every tier. Gives $MOLDAU_ROOT (also the current folder), $MOLDAU (the release binary),
# $LOGS (this tier's folder for logs), need (tools/setup.sh), build (tools/build.sh), and the
# functions below.
set -euo pipefail
MOLDAU_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$MOLDAU_ROOT"
source tools/setup.sh
source tools/build.sh
TIER=$(basename "$0" .sh | cut -c4-)
LOGS=$MOLDAU_ROOT/build/test-logs/$TIER
MOLDAU=$MOLDAU_ROOT/build/release/moldau
mkdir -p "$LOGS"
PASSED=0 FAILED=0 SKIPPED=0
# A program that hangs becomes one failure after this long.
GROUP_SECONDS_MAX=${GROUP_SECONDS_MAX:-900}

# group NAME COMMAND...: runs a test program, its output in $LOGS/NAME.log, prints one line, counts.
# The count is the program's last `N passed, N failed[, N skipped]` line, or GoogleTest's summary; a
# program without either counts as one test, by its exit status. One that fails without a failed
# test, or takes longer than GROUP_SECONDS_MAX, counts one failure. COMMAND may also be a function
# of the tier, which nothing can end from outside: it has to run what may hang through `limited`.
group() {
  local name=$1 log=$LOGS/${1//\//-}.log status=0 start=${EPOCHREALTIME/./}
  shift
  local limit=(limited)
  [ "$(type -t "$1")" != function ] || limit=()
  "${limit[@]}" "$@" >"$log" 2>&1 </dev/null || status=$?
  if [ "$status" -eq 124 ] || [ "$status" -eq 137 ]; then
    echo "$name: ended by force, status $status (at most $GROUP_SECONDS_MAX s)" >>"$log"
  fi
  count_of "$log" "$status"
  local took=$(((${EPOCHREALTIME/./} - start) / 100000)) verdict=ok
  [ "${COUNT[1]}" -eq 0 ] || verdict=FAIL
  printf '  %-5s%-32s %6d passed %3d failed %3d skipped %5d.%d s\n' "$verdict" "$name" \
    "${COUNT[@]}" $((took / 10)) $((took % 10))
  if [ "$verdict" = FAIL ]; then
    failure_of "$log"
    echo "        whole log: ${log#"$MOLDAU_ROOT"/}"
  fi
  PASSED=$((PASSED + COUNT[0])) FAILED=$((FAILED + COUNT[1])) SKIPPED=$((SKIPPED + COUNT[2]))
}

# limited COMMAND...: runs a program for at most GROUP_SECONDS_MAX. In the foreground, so that
# Ctrl-C reaches the program too.
limited() { timeout --foreground -k 10 "$GROUP_SECONDS_MAX" "$@"; }

# The number in GoogleTest's closing line of a kind, 0 without one.
gtest_count() {
  local number
  number=$(sed -nE "s/^\[  $1 *\] ([0-9]+) tests?[.,].*/\1/p" "$2" | tail -n 1)
  echo "${number:-0}"
}

# Sets COUNT=(passed failed skipped) from a log and an exit status.
count_of() {
  local log=$1 status=$2 line
  line=$(grep -E '^([[:alnum:]]+: )?[0-9]+ passed, [0-9]+ failed' "$log" | tail -n 1 || true)
  if [[ $line =~ ([0-9]+)\ passed,\ ([0-9]+)\ failed(,\ ([0-9]+)\ skipped)? ]]; then
    COUNT=("${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}" "${BASH_REMATCH[4]:-0}")
  elif grep -q '^\[==========\]' "$log"; then
    COUNT=("$(gtest_count PASSED "$log")" "$(gtest_count FAILED "$log")"
      "$(gtest_count SKIPPED "$log")")
  else
    COUNT=(1 0 0)
    [ "$status" -eq 0 ] || COUNT=(0 1 0)
  fi
  [ "$status" -eq 0 ] || [ "${COUNT[1]}" -gt 0 ] || COUNT[1]=1
}

# The lines of a log that tell most about a failure.
failure_of() {
  if grep -q '^\[  FAILED  \]' "$1"; then
    grep -aE -B 12 '^\[  FAILED  \]' "$1" | sed -n '1,40p'
  else
    tail -n 25 "$1"
  fi | cut -c1-200 | sed 's/^/        /'
}

# cannot_run COUNT REASON: tests that lack what they need. A failure where nothing may be left out
# (CI=true), said loudly elsewhere.
cannot_run() {
  if [ "${CI:-}" = true ]; then
    echo "  FAIL $1 tests of $TIER cannot run: $2"
    FAILED=$((FAILED + $1))
  else
    echo "  !!!! NOT RUN: $1 tests of $TIER: $2"
    SKIPPED=$((SKIPPED + $1))
  fi
}

# binaries_of PRESET TIER: "name arguments" of each test binary that CMake registered for a tier.
binaries_of() { sed -n "s/^$2 //p" "build/$1/tests.list"; }

# run_binaries PRESET TIER: builds them and runs each as a group.
run_binaries() {
  local preset=$1 line
  build_all_of "$1" "$2"
  while read -r line; do
    # Arguments are split on purpose: CMake wrote them as words.
    # shellcheck disable=SC2086
    group "${line%% *}" "build/$preset/"$line
  done < <(binaries_of "$preset" "$2")
}

# Brings build/PRESET/tests.list up to date.
configure() {
  timed_build "$1" build.ninja
}

build_all_of() {
  local -a names=()
  configure "$1"
  mapfile -t names < <(binaries_of "$1" "$2" | cut -d' ' -f1)
  [ ${#names[@]} -eq 0 ] || timed_build "$1" "${names[@]}"
}

# timed_build PRESET TARGET...: one line; a build that fails ends the tier.
timed_build() {
  local start=$SECONDS
  if ! build "$@"; then
    FAILED=$((FAILED + 1))
    finish
  fi
  [ $((SECONDS - start)) -lt 2 ] || echo "  built $1 in $((SECONDS - start)) s"
}

# finish: the closing line and status of a tier.
finish() {
  echo "$PASSED passed, $FAILED failed, $SKIPPED skipped"
  [ "$FAILED" -eq 0 ] || exit 1
  exit 0
}
