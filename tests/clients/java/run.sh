#!/usr/bin/env bash
# Runs a class that build.sh compiled: run.sh CLASS ARGUMENT...
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
home=$("$here/../../kafka/home.sh")
exec java -Xmx256m -XX:+UseSerialGC -Dlog4j2.configurationFile="$home/config/log4j2.xml" \
  -Dlog.level="${KAFKA_LOG_LEVEL:-ERROR}" -cp "$here/../../../build/clients/java:$home/libs/*" "$@"
