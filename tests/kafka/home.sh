#!/usr/bin/env bash
# Apache Kafka from Maven Central: tests/kafka/home.sh [VERSION] prints the folder of a Kafka home
# (libs/, bin/, config/), which it builds on first use (15 s, 130 MB) in $MOLDAU_CACHE.
#
#   4.4.0   the broker to compare with; Maven Central has no command-line tools of it
#   4.3.1   broker and all command-line tools (the default)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
source ../../tools/setup.sh

version=${1:-4.3.1}
home=$MOLDAU_CACHE/kafka-$version
broker=(kafka_2.13)
tools=(kafka-tools kafka-shell trogdor kafka-streams connect-runtime connect-json connect-file)
logging=(log4j-api log4j-core log4j-slf4j-impl log4j-1.2-api)
logging_version=2.25.3
# bin/<name>.sh -> class
tool_classes=(
  topics=org.apache.kafka.tools.TopicCommand
  configs=kafka.admin.ConfigCommand
  console-producer=org.apache.kafka.tools.ConsoleProducer
  console-consumer=org.apache.kafka.tools.consumer.ConsoleConsumer
  broker-api-versions=org.apache.kafka.tools.BrokerApiVersionsCommand
  cluster=org.apache.kafka.tools.ClusterTool
  delete-records=org.apache.kafka.tools.DeleteRecordsCommand
  features=org.apache.kafka.tools.FeatureCommand
  get-offsets=org.apache.kafka.tools.GetOffsetShell
  log-dirs=org.apache.kafka.tools.LogDirsCommand
  metadata-quorum=org.apache.kafka.tools.MetadataQuorumCommand
  metadata-shell=org.apache.kafka.shell.MetadataShell
  producer-perf-test=org.apache.kafka.tools.ProducerPerformance
  consumer-perf-test=org.apache.kafka.tools.ConsumerPerformance
  e2e-latency=org.apache.kafka.tools.EndToEndLatency
  verifiable-producer=org.apache.kafka.tools.VerifiableProducer
  transactions=org.apache.kafka.tools.TransactionsCommand
  dump-log=org.apache.kafka.tools.DumpLogSegments
  storage=kafka.tools.StorageTool
  server-start=kafka.Kafka
)

dependency() {
  echo "<dependency><groupId>$1</groupId><artifactId>$2</artifactId>"
  echo "<version>$3</version></dependency>"
}

write_pom() {
  local -a artifacts=("${broker[@]}")
  [ "$version" = 4.4.0 ] || artifacts+=("${tools[@]}")
  local artifact
  echo '<project><modelVersion>4.0.0</modelVersion><groupId>x</groupId><artifactId>x</artifactId>'
  echo '<version>1</version><packaging>pom</packaging><dependencies>'
  for artifact in "${artifacts[@]}"; do dependency org.apache.kafka "$artifact" "$version"; done
  for artifact in "${logging[@]}"; do
    dependency org.apache.logging.log4j "$artifact" "$logging_version"
  done
  dependency com.fasterxml.jackson.dataformat jackson-dataformat-yaml 2.19.0
  echo '</dependencies></project>'
}

write_logging() {
  cat <<'XML'
<Configuration>
  <Appenders><Console name="C"><PatternLayout pattern="[%d] %p %m (%c)%n"/></Console></Appenders>
  <Loggers><Root level="${sys:log.level:-WARN}"><AppenderRef ref="C"/></Root></Loggers>
</Configuration>
XML
}

write_runner() {
  cat <<'SH'
#!/usr/bin/env bash
# kafka-run-class.sh CLASS ARGUMENT...   KAFKA_HEAP_OPTS, KAFKA_OPTS and KAFKA_LOG_LEVEL are heard.
home=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd)
exec java ${KAFKA_HEAP_OPTS:--Xmx512m} -Dlog4j2.configurationFile="$home/config/log4j2.xml" \
  -Dlog.level="${KAFKA_LOG_LEVEL:-WARN}" ${KAFKA_OPTS:-} -cp "$home/libs/*" "$@"
SH
}

write_tool() {
  printf '#!/usr/bin/env bash\nhere=$(dirname "$(readlink -f "$0")")\n'
  printf 'exec "$here/kafka-run-class.sh" %s "$@"\n' "$1"
}

make_home() {
  local part=$home.part pair
  rm -rf "$part"
  mkdir -p "$part"/{bin,config,libs}
  write_pom >"$part/pom.xml"
  mvn -q -B -Dstyle.color=never -f "$part/pom.xml" \
    org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$part/libs" >&2
  write_logging >"$part/config/log4j2.xml"
  write_runner >"$part/bin/kafka-run-class.sh"
  for pair in "${tool_classes[@]}"; do
    write_tool "${pair#*=}" >"$part/bin/kafka-${pair%%=*}.sh"
  done
  chmod +x "$part"/bin/*.sh
  rm -rf "$home"
  mv "$part" "$home"
}

# Whoever asks for a home runs its tools, and they are Java.
need java >&2
[ -x "$home/bin/kafka-storage.sh" ] || make_home
echo "$home"
