#!/usr/bin/env bash
# Tests ./test and lib.sh with made-up tiers: counts, failures, crashes, left-out tests must show.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

# expect NAME STATUS LAST_LINE TIER_BODY: runs ./test on one made-up tier.
expect() {
  local name=$1 status=$2 last=$3 body=$4 got=0 output
  rm -rf "${work:?}"/*
  mkdir -p "$work/tests/tiers"
  cp "$root/test" "$work/"
  cp -r "$root/tools" "$work/"
  cp "$root/tests/tiers/lib.sh" "$work/tests/tiers/"
  printf '#!/usr/bin/env bash\nsource "$(dirname "$0")/lib.sh"\n%s\n' "$body" \
    >"$work/tests/tiers/20-made.sh"
  output=$(cd "$work" && ./test 2>&1) || got=$?
  if [ "$got" = "$status" ] && [ "$(tail -n 1 <<<"$output")" = "$last" ]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    printf 'FAIL %s: status %s, expected %s; last line should be: %s\n%s\n' \
      "$name" "$got" "$status" "$last" "$output"
  fi
}

gtest() { printf 'group g printf "[==========] 9 tests ran.\\n%s"\n finish' "$1"; }

expect counts 0 "3 passed, 0 failed, 2 skipped" \
  'group g echo "3 passed, 0 failed, 2 skipped"; finish'
expect "counts without skipped" 1 "3 passed, 1 failed, 0 skipped" \
  'group g echo "3 passed, 1 failed"; finish'
expect "two groups" 0 "5 passed, 0 failed, 0 skipped" \
  'group a echo "3 passed, 0 failed"; group b echo "2 passed, 0 failed"; finish'
expect "status without a count" 0 "1 passed, 0 failed, 0 skipped" 'group g true; finish'
expect "failing program" 1 "0 passed, 1 failed, 0 skipped" 'group g false; finish'
expect "green count, red status" 1 "3 passed, 1 failed, 0 skipped" \
  'group g bash -c "echo 3 passed, 0 failed; exit 3"; finish'
expect "program that is not there" 1 "0 passed, 1 failed, 0 skipped" 'group g ./nowhere; finish'
expect GoogleTest 0 "9 passed, 0 failed, 0 skipped" "$(gtest '[  PASSED  ] 9 tests.\n')"
expect "GoogleTest with failures" 1 "7 passed, 2 failed, 0 skipped" \
  "$(gtest '[  PASSED  ] 7 tests.\n[  FAILED  ] 2 tests, listed below:\n')"
expect "GoogleTest with skipped" 0 "8 passed, 0 failed, 1 skipped" \
  "$(gtest '[  PASSED  ] 8 tests.\n[  SKIPPED ] 1 test, listed below:\n')"
# The harness shows the first lines only of such a log, and must not die of that.
many='echo "[==========] 907 tests ran."; yes "[  FAILED  ] a.b (1 ms)" | head -n 20000
  echo "[  PASSED  ] 7 tests."; echo "[  FAILED  ] 900 tests, listed below:"; exit 1'
export many
expect "GoogleTest with hundreds of failures" 1 "7 passed, 900 failed, 0 skipped" \
  'group g bash -c "$many"; finish'
expect "GoogleTest that crashed" 1 "0 passed, 1 failed, 0 skipped" \
  'group g bash -c "echo [==========] Running 9 tests; kill -SEGV \$\$"; finish'
GROUP_SECONDS_MAX=0.3 expect "program that hangs" 1 "1 passed, 1 failed, 0 skipped" \
  'group g bash -c "echo 1 passed, 0 failed; exec sleep 60"; finish'
GROUP_SECONDS_MAX=0.3 expect "function whose program hangs" 1 "3 passed, 1 failed, 0 skipped" \
  'hang() { limited echo 3 passed, 0 failed; limited sleep 60; }; group g hang; finish'
expect "tier without a count" 1 "0 passed, 1 failed, 0 skipped" 'exit 0'
expect "tier that dies after a group" 1 "0 passed, 1 failed, 0 skipped" \
  'group g true; false; finish'
expect "nothing ran" 1 "0 passed, 0 failed, 0 skipped" 'finish'
CI='' expect "left out here" 0 "1 passed, 0 failed, 4 skipped" \
  'group g true; cannot_run 4 "no network"; finish'
CI=true expect "left out on the build server" 1 "1 passed, 4 failed, 0 skipped" \
  'group g true; cannot_run 4 "no network"; finish'

# A terminal that sourced the two, as README.md says, must live on after a command that fails.
alive=$(bash -c 'source "$0/tools/setup.sh"; source "$0/tools/build.sh"; false; echo "alive$none"' \
  "$root" 2>&1) || true
if [ "$alive" = alive ]; then
  passed=$((passed + 1))
else
  failed=$((failed + 1))
  echo "FAIL a shell that sourced tools/setup.sh ended: $alive"
fi

# java_wants VERSION_LINE: what `need java` installs where java and javac say this of themselves.
java_wants() {
  mkdir -p "$work/jdk"
  printf '#!/bin/sh\necho "%s" >&2\n' "$1" | tee "$work/jdk/java" >"$work/jdk/javac"
  chmod +x "$work/jdk/java" "$work/jdk/javac"
  env -u JAVA_HOME PATH="$work/jdk:$PATH" bash -c 'source "$0/tools/setup.sh"
    need_packages() { echo "$*"; return 1; }
    need_commands() { :; }
    need java || true' "$root"
}

# expect_java WANTED VERSION_LINE
expect_java() {
  local wants
  wants=$(java_wants "$2")
  if [ "$wants" = "$1" ]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAIL where java says $2, need java installs '$wants', expected '$1'"
  fi
}
expect_java openjdk-17-jdk-headless 'javac 1.8.0_392'
expect_java openjdk-17-jdk-headless 'openjdk version \"11.0.21\" 2023-10-17'
expect_java '' 'openjdk version \"17.0.15\" 2025-04-15'
expect_java '' 'javac 25'

echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
