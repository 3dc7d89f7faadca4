#!/usr/bin/env bash
# Starts Apache Kafka, one combined node, on 127.0.0.1 and waits for its first answer.
#
#   tests/kafka/start.sh HOME FOLDER PORT [property=value ...]
#
# HOME comes from home.sh. FOLDER gets server.properties, data/ (formatted if it is not), server.log
# and pid; the controller listens on PORT+1. HEAP=1g sets the heap. Prints `ready_ms N`.
set -euo pipefail
home=$1 folder=$2 port=$3
shift 3
mkdir -p "$folder"
config=$folder/server.properties
cat >"$config" <<P
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$((port + 1))
advertised.listeners=PLAINTEXT://127.0.0.1:$port
controller.listener.names=CONTROLLER
controller.quorum.voters=1@127.0.0.1:$((port + 1))
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$folder/data
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
P
[ $# -eq 0 ] || printf '%s\n' "$@" >>"$config"
if ! [ -f "$folder/data/meta.properties" ]; then
  "$home/bin/kafka-storage.sh" format -t MkU3OEVBNTcwNTJENDM2Qg -c "$config" \
    >"$folder/format.log" 2>&1
fi
export KAFKA_HEAP_OPTS="-Xms${HEAP:-1g} -Xmx${HEAP:-1g}" KAFKA_LOG_LEVEL=INFO
export KAFKA_OPTS="${KAFKA_OPTS:-} -server -XX:+UseG1GC -XX:MaxGCPauseMillis=20"
KAFKA_OPTS+=" -XX:InitiatingHeapOccupancyPercent=35 -XX:+ExplicitGCInvokesConcurrent"
started=$(date +%s%N)
setsid "$home/bin/kafka-server-start.sh" "$config" >"$folder/server.log" 2>&1 </dev/null &
echo $! >"$folder/pid"
python3 - "$port" "$started" <<'P'
import socket, struct, sys, time

port, started = int(sys.argv[1]), int(sys.argv[2])
request = struct.pack(">hhih", 18, 0, 1, -1)  # ApiVersions v0 without a client id
while time.time_ns() - started < 180e9:
    try:
        with socket.create_connection(("127.0.0.1", port), 0.5) as connection:
            connection.settimeout(2)
            connection.sendall(struct.pack(">i", len(request)) + request)
            if len(connection.recv(4)) == 4:
                print("ready_ms", (time.time_ns() - started) // 1_000_000)
                sys.exit()
    except OSError:
        time.sleep(0.005)
sys.exit("Apache Kafka did not answer within 180 s")
P
