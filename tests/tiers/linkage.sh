#!/usr/bin/env bash
# linkage.sh BINARY: it runs on any machine with glibc 2.36 or newer, as README.md says: no shared
# library but glibc's, no path of this machine to look for one, no newer symbol.
set -euo pipefail
binary=${1:?BINARY}
glibc_max=2.36
passed=0 failed=0

check() {
  if [ -z "$2" ]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    printf 'FAIL %s:\n%s\n' "$1" "$2"
  fi
}

foreign_libraries() {
  llvm-readelf-19 --needed-libs "$1" | sed -n 's/^  *//p' |
    grep -vxE 'lib(c|m)\.so\.6|ld-linux-[a-z0-9-]+\.so\.[0-9]' || true
}
run_paths() { llvm-readelf-19 --dynamic-table "$1" | grep -E '\((RPATH|RUNPATH)\)' || true; }
newer_symbols() {
  llvm-readelf-19 --version-info "$1" | grep -oE 'GLIBC_[0-9]+\.[0-9.]+' | sort -u |
    while read -r symbol; do
      newest=$(printf '%s\n' "$glibc_max" "${symbol#GLIBC_}" | sort -V | tail -n 1)
      [ "$newest" = "$glibc_max" ] || echo "$symbol"
    done
}

llvm-readelf-19 --needed-libs "$binary" | grep -q 'libc\.so\.6'
check "shared libraries" "$(foreign_libraries "$binary")"
check "run path" "$(run_paths "$binary")"
check "glibc newer than $glibc_max" "$(newer_symbols "$binary")"
# The tool itself is linked as Debian links: the check must see that.
other=$(foreign_libraries "$(readlink -f "$(command -v llvm-readelf-19)")")
check "a foreign library is seen" "$([ -n "$other" ] || echo none)"
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
