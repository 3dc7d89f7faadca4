#!/usr/bin/env python3
"""One data directory, handed from Moldau to Apache Kafka and back.

usage: exchange.py MOLDAU KAFKA_HOME LOG_FOLDER     closes with `N passed, N failed`

Each case starts with an empty directory and a topic that Moldau fills. Records are written and read
with kcat; after each change of hands every record that was ever acknowledged must be served again,
once, in order. Kafka's own dump tool reads every file that Moldau leaves behind.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
import ports  # noqa: E402

START_SECONDS_MAX = 60
TOPIC = "exchange"
CLUSTER_ID = "MkU3OEVBNTcwNTJENDM2Qg"
METADATA = "__cluster_metadata-0"
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
RECOMPRESSED = "recompressed"
RECORDS_TEXT = "".join(f"record {i} {1000 * '-'}\n" for i in range(2000))
SNAPSHOT_TOPICS = 50


class Failure(Exception):
    pass


class Place:
    """A data directory with its properties file, and whoever runs on it."""

    def __init__(self, moldau, kafka_home, folder, static_quorum, properties=""):
        self.moldau, self.kafka_home, self.folder = moldau, kafka_home, folder
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.port, controller, http = ports.free_ports(3)
        self.data = folder / "data"
        self.properties = folder / "server.properties"
        quorum = (f"controller.quorum.voters=1@127.0.0.1:{controller}" if static_quorum
                  else f"controller.quorum.bootstrap.servers=127.0.0.1:{controller}")
        self.properties.write_text(
            "process.roles=broker,controller\nnode.id=1\n"
            f"listeners=PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{controller}\n"
            f"advertised.listeners=PLAINTEXT://127.0.0.1:{self.port}\n"
            "controller.listener.names=CONTROLLER\n"
            "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\n"
            f"{quorum}\nlog.dirs={self.data}\noffsets.topic.replication.factor=1\n"
            f"log.segment.bytes=1048576\n{properties}")
        self.http = http
        self.process = None
        self.written = 0
        self.starts = 0
        run = [moldau, "storage", "format", "-t", CLUSTER_ID, "-c", str(self.properties)]
        if not static_quorum:
            run.append("--standalone")
        self.command(run)

    def command(self, arguments, text=None):
        done = subprocess.run(arguments, input=text, capture_output=True, text=True, timeout=90)
        if done.returncode != 0:
            raise Failure(f"{' '.join(map(str, arguments[:3]))}: exit {done.returncode}: "
                          f"{done.stdout[-500:]}{done.stderr[-500:]}")
        return done.stdout

    def start(self, who):
        self.starts += 1
        log = self.folder / f"{self.starts}-{who}.log"
        if who == "moldau":
            arguments = [self.moldau, "start", "--config", str(self.properties),
                         "--override", f"moldau.http.listener=127.0.0.1:{self.http}"]
        else:
            arguments = [f"{self.kafka_home}/bin/kafka-server-start.sh", str(self.properties)]
        environment = dict(os.environ, KAFKA_HEAP_OPTS="-Xmx400m", KAFKA_LOG_LEVEL="INFO")
        with open(log, "wb") as out:
            self.process = subprocess.Popen(arguments, stdout=out, stderr=out,
                                            stdin=subprocess.DEVNULL, env=environment,
                                            start_new_session=True)
        began = time.monotonic()
        while "Kafka Server started" not in log.read_text(errors="replace"):
            if self.process.poll() is not None or time.monotonic() - began > START_SECONDS_MAX:
                self.kill()
                raise Failure(f"{who} did not start: {log.read_text(errors='replace')[-1500:]}")
            time.sleep(0.05)
        return log

    def stop(self, expected=(0,)):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=60)
        self.process = None
        if code not in expected:
            raise Failure(f"SIGTERM ended with exit code {code}")

    def kill(self):
        if self.process is None:
            return
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait(timeout=30)
        self.process = None

    def kcat(self, arguments, text=None):
        return self.command(["kcat", "-q", "-b", f"127.0.0.1:{self.port}"] + arguments, text)

    # Records are numbered over all writers; each write is acknowledged before kcat ends.
    def write(self, count):
        lines = "".join(f"{i}\n" for i in range(self.written, self.written + count))
        self.kcat(["-P", "-t", TOPIC, "-p", "0", "-X", "acks=all", "-X",
                   "enable.idempotence=true"], lines)
        self.written += count

    def check(self, where):
        read = self.kcat(["-C", "-t", TOPIC, "-p", "0", "-o", "beginning", "-e"]).split()
        expected = [str(i) for i in range(self.written)]
        if read != expected:
            first = next((i for i, (a, b) in enumerate(zip(read, expected)) if a != b),
                         min(len(read), len(expected)))
            raise Failure(f"{where}: {len(read)} records read, {len(expected)} acknowledged, "
                          f"first difference at {first}")


def clean_hand_over(place):
    place.start("moldau")
    place.write(1000)
    place.check("moldau")
    place.stop()
    foreign = [p.name for p in place.data.iterdir()
               if p.name.startswith("moldau") and p.name != "moldau.journal"]
    if foreign:
        raise Failure(f"a stopped directory holds files that are not Kafka's: {foreign}")
    place.start("kafka")
    place.check("kafka on moldau's directory")
    place.write(500)
    place.stop(expected=(0, 143))
    place.start("moldau")
    place.check("moldau again")
    place.write(100)
    place.check("moldau again, after writing")
    place.stop()


def killed_then(place, end_kafka):
    """Moldau is killed with a full journal; Kafka runs; the journal must not be replayed."""
    place.start("moldau")
    place.write(1000)
    place.kill()
    place.start("kafka")
    place.check("kafka after moldau was killed")
    place.write(700)
    end_kafka(place)
    log = place.start("moldau")
    place.check("moldau after kafka")
    if "not replayed" not in log.read_text():
        raise Failure("the journal from before Kafka ran was not set aside")
    place.write(100)
    place.check("moldau after kafka and writing")
    place.stop()


def killed_twice(place):
    place.start("moldau")
    for _ in range(5):
        place.write(200)
        place.kill()
        place.start("moldau")
        place.check("moldau after kill -9")
    place.stop()


def quorum_state(place, version):
    place.start("moldau")
    place.write(10)
    place.stop()
    text = (place.data / METADATA / "quorum-state").read_text()
    if json.loads(text)["data_version"] != version:
        raise Failure(f"quorum-state has another version than {version}: {text}")
    place.start("kafka")
    place.check("kafka")
    place.stop(expected=(0, 143))


def create(place, topic, *configs):
    options = [word for config in configs for word in ("--config", config)]
    place.command([place.moldau, "topic", "create", topic, "--partitions", "1", "--bootstrap",
                   f"127.0.0.1:{place.port}", *options])


def run_dump_tool(place, kind, files, options):
    """What Kafka's tool says of the files; a fault that it finds is a Failure."""
    out = place.command([f"{place.kafka_home}/bin/kafka-dump-log.sh", *options, "--files",
                         ",".join(map(str, files))])
    bad = re.search(r"isvalid: false|Mismatches|mismatch|Found|Exception|not valid", out)
    if bad:
        raise Failure(f"dump of {kind}: {out[max(0, bad.start() - 200):bad.start() + 300]}")
    if out.count("Dumping") < len(files):
        raise Failure(f"dump of {kind} read {out.count('Dumping')} of {len(files)} files")
    return out


def write_codecs(place):
    """Batches as a client compressed them, and as the broker recompresses them."""
    create(place, RECOMPRESSED, "compression.type=zstd")
    for topic in CODECS:
        if topic == "lz4":
            # librdkafka takes a broker that does not advertise FindCoordinator for one without lz4,
            # and sends such batches uncompressed.
            create(place, topic)
            place.command([place.moldau, "produce", topic, "--partition", "0", "--codec", topic,
                           "--bootstrap", f"127.0.0.1:{place.port}"], RECORDS_TEXT)
        else:
            place.kcat(["-P", "-t", topic, "-p", "0", "-z", topic], RECORDS_TEXT)
    place.kcat(["-P", "-t", RECOMPRESSED, "-p", "0", "-z", "gzip"], RECORDS_TEXT)


def dump_codecs(place):
    for topic, codec in [*zip(CODECS, CODECS), (RECOMPRESSED, "zstd")]:
        out = run_dump_tool(place, topic, sorted((place.data / f"{topic}-0").glob("*.log")),
                            ["--deep-iteration", "--print-data-log"])
        batches, packed = out.count("baseOffset:"), out.count(f"compresscodec: {codec}")
        records = re.findall(r"payload: (.*)", out)
        if batches == 0 or packed != batches or "\n".join(records) + "\n" != RECORDS_TEXT:
            raise Failure(f"dump of {topic}: {packed} of {batches} batches are {codec}, "
                          f"{len(records)} records")


def dump(place):
    """Kafka's tool reads each kind of file, and finds no fault in it."""
    place.start("moldau")
    for _ in range(6):
        place.write(60_000)
    place.check("moldau")
    write_codecs(place)
    place.stop()
    dump_codecs(place)
    partition = place.data / f"{TOPIC}-0"
    segments = sorted(partition.glob("*.log"))
    if len(segments) < 2:
        raise Failure(f"{len(segments)} segments: none has rolled")
    metadata = place.data / METADATA
    kinds = {
        "log": (segments, []),
        "index": (sorted(partition.glob("*.index")), ["--index-sanity-check"]),
        "timeindex": (sorted(partition.glob("*.timeindex")), []),
        "snapshot": (sorted(partition.glob("*.snapshot")), []),
        "metadata": (sorted(metadata.glob("*.log")) + sorted(metadata.glob("*.checkpoint")) +
                     [place.data / "bootstrap.checkpoint"], ["--cluster-metadata-decoder"]),
    }
    for kind, (files, options) in kinds.items():
        if not files:
            raise Failure(f"no {kind} file was written")
        run_dump_tool(place, kind, files, options)


def snapshot(place):
    """A metadata snapshot that we generated: Kafka's tool reads it, Kafka starts from it."""
    place.start("moldau")
    names = {f"topic-{i}" for i in range(SNAPSHOT_TOPICS)}
    for name in sorted(names):
        create(place, name, "retention.ms=86400000", "cleanup.policy=compact,delete")
    place.write(100)
    place.stop()
    made = [path for path in sorted((place.data / METADATA).glob("*.checkpoint"))
            if int(path.name.split("-")[0]) > 0]
    if not made:
        raise Failure("no metadata snapshot was generated")
    # The newest alone must be enough: what went before it is gone, as it is after a clean-up.
    out = run_dump_tool(place, "generated snapshot", made[-1:], ["--cluster-metadata-decoder"])
    known = set(re.findall(r'"name":"(topic-[0-9]+)"', out))
    if not known or out.count("SnapshotFooter") + out.count("SNAPSHOT_FOOTER") == 0:
        raise Failure(f"the snapshot holds {len(known)} topics or has no footer: {out[-800:]}")
    log = place.start("kafka")
    place.check("kafka on a generated snapshot")
    listed = set(re.findall(r'topic "(topic-[0-9]+)"', place.kcat(["-L"])))
    if listed != names:
        raise Failure(f"Kafka knows {len(listed)} of {len(names)} topics")
    if made[-1].name.split(".")[0].lstrip("0").split("-")[0] not in log.read_text(errors="replace"):
        raise Failure("Kafka's log does not speak of the snapshot")
    place.stop(expected=(0, 143))
    place.start("moldau")
    place.check("moldau after kafka")
    place.stop()


CASES = [
    ("clean hand-over and back", False, clean_hand_over),
    ("killed, then Kafka stopped", False, lambda p: killed_then(p, lambda q: q.stop((0, 143)))),
    ("killed, then Kafka killed", False, lambda p: killed_then(p, Place.kill)),
    ("killed again and again", False, killed_twice),
    ("static quorum: quorum-state 0", True, lambda p: quorum_state(p, 0)),
    ("dynamic quorum: quorum-state 1", False, lambda p: quorum_state(p, 1)),
    ("Kafka's dump tool", False, dump),
    ("a generated metadata snapshot", False, snapshot),
]
# A case whose node needs more than the common properties.
PROPERTIES = {snapshot: "metadata.log.max.record.bytes.between.snapshots=1000\n"}


def main():
    moldau, kafka_home, logs = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3]).resolve()
    passed = failed = 0
    for number, (name, static_quorum, case) in enumerate(CASES):
        place = None
        began = time.monotonic()
        try:
            place = Place(moldau, kafka_home, logs / f"exchange-{number}", static_quorum,
                          PROPERTIES.get(case, ""))
            case(place)
            passed += 1
            print(f"ok    {name} ({time.monotonic() - began:.1f} s)", flush=True)
            shutil.rmtree(place.folder, ignore_errors=True)
        except (Failure, OSError, subprocess.SubprocessError, KeyError) as problem:
            failed += 1
            print(f"FAIL  {name}: {problem}", flush=True)
        finally:
            if place is not None:
                place.kill()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
