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
import socket
import subprocess
import sys
import time

START_SECONDS_MAX = 60
TOPIC = "exchange"
CLUSTER_ID = "MkU3OEVBNTcwNTJENDM2Qg"


def free_ports(count):
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


class Failure(Exception):
    pass


class Place:
    """A data directory with its properties file, and whoever runs on it."""

    def __init__(self, moldau, kafka_home, folder, static_quorum):
        self.moldau, self.kafka_home, self.folder = moldau, kafka_home, folder
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.port, controller, http = free_ports(3)
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
            "log.segment.bytes=1048576\n")
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
    text = (place.data / "__cluster_metadata-0" / "quorum-state").read_text()
    if json.loads(text)["data_version"] != version:
        raise Failure(f"quorum-state has another version than {version}: {text}")
    place.start("kafka")
    place.check("kafka")
    place.stop(expected=(0, 143))


def dump(place):
    """Kafka's tool reads each kind of file, and finds no fault in it."""
    place.start("moldau")
    for _ in range(6):
        place.write(60_000)
    place.check("moldau")
    place.stop()
    partition = place.data / f"{TOPIC}-0"
    segments = sorted(partition.glob("*.log"))
    if len(segments) < 2:
        raise Failure(f"{len(segments)} segments: none has rolled")
    metadata = place.data / "__cluster_metadata-0"
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
        out = place.command([f"{place.kafka_home}/bin/kafka-dump-log.sh", *options, "--files",
                             ",".join(map(str, files))])
        bad = re.search(r"isvalid: false|Mismatches|mismatch|Found|Exception|not valid", out)
        if bad:
            raise Failure(f"dump of {kind}: {out[max(0, bad.start() - 200):bad.start() + 300]}")
        if out.count("Dumping") < len(files):
            raise Failure(f"dump of {kind} read {out.count('Dumping')} of {len(files)} files")


CASES = [
    ("clean hand-over and back", False, clean_hand_over),
    ("killed, then Kafka stopped", False, lambda p: killed_then(p, lambda q: q.stop((0, 143)))),
    ("killed, then Kafka killed", False, lambda p: killed_then(p, Place.kill)),
    ("killed again and again", False, killed_twice),
    ("static quorum: quorum-state 0", True, lambda p: quorum_state(p, 0)),
    ("dynamic quorum: quorum-state 1", False, lambda p: quorum_state(p, 1)),
    ("Kafka's dump tool", False, dump),
]


def main():
    moldau, kafka_home, logs = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3]).resolve()
    passed = failed = 0
    for number, (name, static_quorum, case) in enumerate(CASES):
        place = None
        began = time.monotonic()
        try:
            place = Place(moldau, kafka_home, logs / f"exchange-{number}", static_quorum)
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
