#!/usr/bin/env bash
# Compiles the clients into build/clients/: Java against the jars of tests/kafka/home.sh, Go with
# the modules that go/go.sum pins.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
source ../../tools/setup.sh
need java go kcat node
home=$(../kafka/home.sh)
out=$PWD/../../build/clients
mkdir -p "$out/java"
javac -Xlint:all,-path -Werror -d "$out/java" -cp "$home/libs/*" java/*.java
(cd go && go vet . && go build -mod=readonly -o "$out/go-client" .)
./flights.sh >/dev/null
echo "built into build/clients"
