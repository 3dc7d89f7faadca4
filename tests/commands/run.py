#!/usr/bin/env python3
"""The client commands of the moldau binary against a live node: answers, JSON, exit codes, and a
node that is killed while records stream in.

usage: tests/commands/run.py LOG_FOLDER [NAME...]     with NAMEs, only the checks that contain one
"""

import json
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "clients"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import nodes
import ports
from node import MOLDAU, Node
from nodes import Check, expect

COMMAND_SECONDS_MAX = 120
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


class Commands:
    def __init__(self, folder, overrides=(), options=()):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.node = Node(folder, "server", overrides, options)
        self.environment = {**os.environ, "MOLDAU_BOOTSTRAP": self.node.bootstrap}
        self.node.start()

    def run(self, *arguments, text=None, status=0):
        done = subprocess.run([MOLDAU, *arguments], input=text or b"", env=self.environment,
                              capture_output=True, timeout=COMMAND_SECONDS_MAX, check=False)
        expect(done.returncode == status, f"moldau {' '.join(arguments)}: exit {done.returncode}, "
               f"not {status}: {done.stderr.decode(errors='replace')[-500:]}")
        return done

    def output(self, *arguments, text=None):
        return self.run(*arguments, text=text).stdout

    def document(self, *arguments):
        return json.loads(self.output(*arguments, "--json"))

    def lines(self, *arguments):
        return [json.loads(line) for line in self.output(*arguments, "--json").splitlines()]


def first_steps(commands):
    commands.run("topic", "create", "hello", "--partitions", "3")
    commands.run("produce", "hello", text=b"world\n")
    expect(commands.output("consume", "hello", "--from", "beginning", "--exit") == b"world\n",
           "the record is not there")


def topics(commands):
    commands.run("topic", "create", "a", "b", "-p", "2", "-c", "retention.ms=123456")
    commands.run("topic", "create", "a", status=1)
    commands.run("topic", "create", "a", "--if-not-exists")
    commands.run("topic", "create", "bad/name", status=1)
    listed = {topic["topic"]: topic["partitions"] for topic in commands.document("topic", "list")}
    expect(listed.get("a") == 2 and listed.get("b") == 2, f"listed {listed}")
    described = commands.document("topic", "describe", "a", "--offsets")[0]
    expect(described["configs"] == {"retention.ms": "123456"}, f"configs {described['configs']}")
    expect([part["latest"] for part in described["partitions"]] == [0, 0], f"{described}")
    missing = commands.run("topic", "describe", "none", "b", "--json", status=1)
    none, b = json.loads(missing.stdout)
    expect(none == {"topic": "none", "error": "UNKNOWN_TOPIC_OR_PARTITION"}, f"{none}")
    expect(len(b["partitions"]) == 2 and b"none" in missing.stderr, f"{missing}")
    made, there = json.loads(commands.run("topic", "create", "c", "b", "--json", status=1).stdout)
    expect(made["ok"] and made["topic"] == "c" and len(made["id"]) == 22, f"{made}")
    expect(there == {"topic": "b", "ok": False, "error": "TOPIC_ALREADY_EXISTS"}, f"{there}")
    gone = commands.document("topic", "delete", "c")
    expect([(topic["topic"], topic["ok"]) for topic in gone] == [("c", True)], f"{gone}")
    commands.run("topic", "delete", "a", "b")
    commands.run("topic", "delete", "a", status=1)
    commands.run("topic", "delete", "a", "--if-exists")


def keys_headers_partitions(commands):
    commands.run("topic", "create", "keyed", "-p", "4")
    text = b"".join(b"k%d:v%d\n" % (i, i) for i in range(40))
    commands.run("produce", "keyed", "-K", ":", "-H", "a=b", "-H", "c=", text=text)
    commands.run("produce", "keyed", "-p", "3", "-k", "fixed", "--null", text=b"\n")
    read = commands.lines("consume", "keyed", "--from", "beginning", "--exit")
    expect(len(read) == 41, f"{len(read)} records")
    for record in read[:-1]:
        if record["key"] == "fixed":
            continue
        expect(record["value"] == "v" + record["key"][1:], f"{record}")
        expect(record["headers"] == [{"name": "a", "value": "b"}, {"name": "c", "value": ""}],
               f"{record}")
    tombstone = [record for record in read if record["key"] == "fixed"]
    expect(len(tombstone) == 1 and tombstone[0]["value"] is None
           and tombstone[0]["partition"] == 3, f"{tombstone}")
    # The partitions that every Kafka client gives these keys among four: murmur2 of them.
    commands.run("topic", "create", "hashed", "-p", "4")
    commands.run("produce", "hashed", "-K", ":", text=b"abc:1\nfoobar:2\n21:3\n")
    hashed = {record["key"]: record["partition"]
              for record in commands.lines("consume", "hashed", "--from", "beginning", "--exit")}
    expect(hashed == {"abc": 3, "foobar": 2, "21": 0}, f"keys went to {hashed}")
    commands.run("produce", "keyed", "-p", "9", text=b"x\n", status=2)


def where_to_begin(commands):
    commands.run("topic", "create", "from", "-p", "1")
    commands.run("produce", "from", text=b"".join(b"%d\n" % i for i in range(10)))
    time.sleep(0.01)
    middle = int(time.time() * 1000)
    time.sleep(0.01)
    commands.run("produce", "from", text=b"".join(b"%d\n" % i for i in range(10, 20)))

    def values(*arguments):
        return [int(line) for line in commands.output("consume", "from", *arguments).split()]

    expect(values("--from", "15", "--exit") == list(range(15, 20)), "an offset")
    expect(values("--from", "-3", "--exit") == [17, 18, 19], "the last three")
    expect(values("--from", f"@{middle}", "--exit") == list(range(10, 20)), "a time")
    expect(values("--from", "end", "--exit") == [], "the end")
    expect(values("--from", "beginning", "-n", "4") == [0, 1, 2, 3], "a count")
    expect(commands.output("consume", "from", "--from", "7", "-n", "1", "--format",
                           r"%t %p %o %s %S\n") == b"from 0 7 7 1\n", "a format")
    commands.run("consume", "from", "--from", "sometime", status=2)
    commands.run("consume", "from", "--format", "%z", status=2)
    commands.run("consume", "from", "-p", "5", "--exit", status=2)


def codecs(commands):
    text = b"".join(b"%d,%s\n" % (i, b"x" * (i % 150)) for i in range(50_000))
    for codec in CODECS:
        commands.run("topic", "create", f"c-{codec}", "-p", "1")
        commands.run("produce", f"c-{codec}", "-z", codec, text=text)
        expect(commands.output("consume", f"c-{codec}", "--from", "beginning", "--exit") == text,
               f"{codec}: other records came out")
    blob = commands.folder / "blob"
    blob.write_bytes(bytes(range(256)) * 2000)
    commands.run("produce", "c-none", "--file", str(blob))
    expect(commands.output("consume", "c-none", "--from", "-1", "--exit", "--format", "%s")
           == blob.read_bytes(), "a file as one record")
    blob.write_bytes(bytes(2_000_000))
    refused = commands.run("produce", "c-none", "--file", str(blob), status=1)
    expect(b"MESSAGE_TOO_LARGE" in refused.stderr, "the refusal is not named")


def acks(commands):
    commands.run("topic", "create", "acks", "-p", "1")
    told = json.loads(commands.run("produce", "acks", "--json", text=b"x\n").stdout)
    expect((told["topic"], told["delivered"], told["failed"]) == ("acks", 1, 0), f"{told}")
    for level in ("all", "1", "0"):
        commands.run("produce", "acks", "--acks", level, "--no-idempotence", text=b"x\n")
    expect(len(commands.lines("consume", "acks", "--from", "beginning", "-n", "4")) == 4, "four")


def usage(commands):
    commands.run("produce", status=2)
    commands.run("topic", "frobnicate", status=2)
    commands.run("topic", "list", "--bootstrap", "nowhere:", status=2)
    nobody = commands.run("topic", "list", "--bootstrap", "127.0.0.1:1", "--timeout", "1", status=1)
    expect(b"127.0.0.1:1" in nobody.stderr, "the failure does not name the address")
    unknown = commands.run("consume", "nothing", "--exit", "--timeout", "1", status=1)
    expect(b"nothing" in unknown.stderr, "the failure does not name the topic")


def benchmark(commands):
    made = commands.document("bench", "produce", "-n", "20000", "-s", "100", "-p", "4", "--keep",
                             "--clients", "2")
    expect(made["records"] == 20000 and made["failed"] == 0, f"{made}")
    expect(0 < made["latency_ms"]["p50"] <= made["latency_ms"]["max"], f"{made}")
    read = commands.document("bench", "consume", "--clients", "2")
    expect(read["records"] == 20000 and read["bytes"] == 2_000_000, f"{read}")
    timed = commands.document("bench", "latency", "--rate", "500", "--seconds", "1", "--topic",
                              "latency")
    expect(timed["records"] >= 450 and timed["failed"] == 0, f"{timed}")


def killed_while_producing(commands):
    kill_while_producing(commands)


def killed_with_disk_workers_on_three_loops(commands):
    """The same with the other way to the disk and more loops than this machine may have cores."""
    other = Commands(commands.folder / "workers", options=["--disk", "workers", "--cores", "3"])
    said = other.node.log.read_text(encoding="utf-8")
    expect("3 loops, disk through threads" in said, f"the log does not say so: {said[:500]}")
    kill_while_producing(other)
    other.node.stop()


def kill_while_producing(commands):
    commands.run("topic", "create", "killed", "-p", "3")
    numbers = commands.folder / "numbers"
    numbers.write_bytes(b"".join(b"%d\n" % i for i in range(400_000)))
    with subprocess.Popen([MOLDAU, "produce", "killed", str(numbers), "--rate", "200000"],
                          env=commands.environment, stderr=subprocess.PIPE) as producer:
        time.sleep(1)
        commands.node.kill()
        commands.node.start()
        _, said = producer.communicate(timeout=COMMAND_SECONDS_MAX)
        expect(producer.returncode == 0, f"the producer gave up: {said.decode()[-500:]}")
    seen = []
    for partition in range(3):
        part = [int(line) for line in commands.output(
            "consume", "killed", "-p", str(partition), "--from", "beginning", "--exit").split()]
        expect(part == sorted(part), f"partition {partition} is out of order")
        seen += part
    expect(sorted(seen) == list(range(400_000)),
           f"{len(seen)} records, {len(set(seen))} different, of 400000")


def storage(commands):
    """Formatting by hand, refusals that change nothing, and a first start that formats."""
    identity = commands.output("storage", "random-uuid").decode().strip()
    expect(len(identity) == 22, f"random-uuid gave {identity!r}")
    folder = commands.folder / "storage"
    shutil.rmtree(folder, ignore_errors=True)
    first, second, config = folder / "first", folder / "second", folder / "server.properties"
    kafka, controller = ports.free_ports(2)

    def configure(directories, *lines):
        config.parent.mkdir(parents=True, exist_ok=True)
        config.write_text("\n".join([
            "process.roles=broker,controller", "node.id=7", f"log.dirs={directories}",
            f"listeners=PLAINTEXT://127.0.0.1:{kafka},CONTROLLER://127.0.0.1:{controller}",
            "controller.listener.names=CONTROLLER", "moldau.http.listener=", *lines, ""]))
        return str(config)

    dynamic = f"controller.quorum.bootstrap.servers=127.0.0.1:{controller}"
    where = ("--config", configure(first, dynamic))
    commands.run("storage", "info", *where, status=1)
    commands.run("format", "--cluster-id", identity, *where)
    again = commands.run("storage", "format", "-t", identity, *where, status=1)
    expect(b"already formatted" in again.stderr, f"{again.stderr}")
    commands.run("format", "-t", identity, "--ignore-formatted", *where)
    described = commands.document("storage", "info", *where)[0]
    expect(described["cluster_id"] == identity and described["node_id"] == 7, f"{described}")
    expect(identity in commands.output("storage", "info", *where).decode(), "info: no cluster id")
    configure(f"{first},{second}", dynamic)
    other = commands.run("format", "-t", "another", "-g", *where, status=1)
    expect(b"has cluster.id" in other.stderr, f"{other.stderr}")
    expect(not second.exists(), "a format that was refused wrote something")
    configure(second, f"controller.quorum.voters=7@127.0.0.1:{controller}")
    both = commands.run("format", "-t", identity, "--standalone", *where, status=1)
    expect(b"controller.quorum.voters" in both.stderr, f"{both.stderr}")

    # The first start of the node that these checks use formatted its directory.
    line = f"formatted the empty data directory {commands.node.data} for the new cluster"
    expect(line in commands.node.log.read_text(errors="replace"), f"not in the log: {line}")
    meta = first / "meta.properties"
    configure(first, dynamic)
    kept = meta.read_bytes()
    meta.unlink()
    used = first / "orders-0"
    used.mkdir()
    refused = commands.run("start", *where, status=1)
    said = refused.stdout + refused.stderr
    expect(b"has no meta.properties" in said and b"orders-0" in said, f"{said[-500:]}")
    expect(not meta.exists(), "a start made a new identity over old data")
    used.rmdir()
    meta.write_bytes(kept)
    configure(second, f"controller.quorum.voters=7@127.0.0.1:{controller},8@127.0.0.1:1")
    commands.run("format", "-t", identity, *where)
    refused = commands.run("start", *where, status=1)
    expect(b"the quorum has 2 voters" in refused.stdout + refused.stderr,
           f"{(refused.stdout + refused.stderr)[-500:]}")


def raw_frames(commands):
    """Bytes behind a request are ignored, as Kafka does; we used to hang up."""
    host, port = commands.node.bootstrap.split(":")
    api_versions = struct.pack(">hhih", 18, 0, 7, -1)
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        for rest in (b"", b"\0\1\2", bytes(3000)):
            frame = api_versions + rest
            connection.sendall(struct.pack(">i", len(frame)) + frame)
            answer = connection.recv(10, socket.MSG_WAITALL)
            expect(len(answer) == 10, f"no answer to {len(rest)} bytes too many")
            size, correlation, error = struct.unpack(">iih", answer)
            expect((correlation, error) == (7, 0), f"correlation {correlation}, error {error}")
            connection.recv(size - 6, socket.MSG_WAITALL)
        connection.sendall(struct.pack(">ihhihh", 12, 18, 0, 7, 100, 0))
        expect(connection.recv(1) == b"", "a client id that claims too much is answered")


def metadata_brokers(host, port):
    """(id, host, port) of each broker in the answer to a Metadata request, version 1."""
    client = b"listeners"
    body = struct.pack(">hhih", 3, 1, 7, len(client)) + client + struct.pack(">i", 0)
    with socket.create_connection((host, port), timeout=10) as connection:
        connection.sendall(struct.pack(">i", len(body)) + body)
        answer = connection.makefile("rb")
        size, _, count = struct.unpack(">iii", answer.read(12))
        rest = answer.read(size - 8)
    brokers, at = [], 0
    for _ in range(count):
        broker, length = struct.unpack_from(">ih", rest, at)
        name = rest[at + 6:at + 6 + length].decode()
        at += 6 + length
        broker_port, rack = struct.unpack_from(">ih", rest, at)
        at += 6 + max(rack, 0)
        brokers.append((broker, name, broker_port))
    return brokers


def listeners(commands):
    """IPv4, IPv6 and a name on one node: every client is sent back to the listener it came by."""
    v4, v6, name, controller = ports.free_ports(7)[3:]  # The node's page has one of the others.
    addresses = {"V4": ("127.0.0.1", v4), "V6": ("::1", v6), "NAME": ("localhost", name)}
    listed = ",".join(f"{listener}://{f'[{host}]' if ':' in host else host}:{port}"
                      for listener, (host, port) in addresses.items())
    protocols = ",".join(f"{listener}:PLAINTEXT" for listener in (*addresses, "CONTROLLER"))
    other = Commands(commands.folder / "listeners", [
        f"listeners={listed},CONTROLLER://127.0.0.1:{controller}",
        f"advertised.listeners={listed}",
        f"listener.security.protocol.map={protocols}",
        "inter.broker.listener.name=V4",
    ])
    other.environment["MOLDAU_BOOTSTRAP"] = f"127.0.0.1:{v4}"
    other.run("topic", "create", "everywhere", "-p", "1")
    for number, (listener, (host, port)) in enumerate(addresses.items()):
        brokers = metadata_brokers(host, port)
        expect([broker[1:] for broker in brokers] == [(host, port)],
               f"{listener}: its clients are sent to {brokers}")
        other.environment["MOLDAU_BOOTSTRAP"] = f"{f'[{host}]' if ':' in host else host}:{port}"
        other.run("produce", "everywhere", text=b"over %s\n" % listener.encode())
        read = other.output("consume", "everywhere", "--from", "beginning", "--exit").splitlines()
        expect(len(read) == number + 1 and read[-1] == b"over " + listener.encode(),
               f"{listener}: read {read}")
    other.node.stop()


def dump(commands):
    commands.node.stop()
    data = commands.node.data
    metadata = commands.output("log", "dump", str(data / "__cluster_metadata-0")).decode()
    expect("TopicRecord(name=\"hello\"" in metadata, "no topic record in the metadata log")
    expect("LeaderChangeMessage(" in metadata, "no leader change in the metadata log")
    hello = [str(folder) for folder in sorted(data.glob("hello-*"))]
    expect("world" in commands.output("log", "dump", "--records", *hello).decode(), "no record")
    batches = [batch for folder in hello for batch in commands.lines("log", "dump", folder)
               if "base_offset" in batch]
    expect([batch["count"] for batch in batches] == [1] and batches[0]["valid"], f"{batches}")
    commands.run("log", "dump", *map(str, sorted(data.glob("*-*/"))))
    segment = next(iter(sorted(data.glob("hello-*/*.log"))))
    damaged = commands.folder / "00000000000000000000.log"
    content = bytearray(segment.read_bytes())
    content[-2] ^= 1
    damaged.write_bytes(content)
    expect(b"BAD CRC" in commands.run("log", "dump", str(damaged), status=1).stdout, "unnoticed")
    damaged.write_bytes(content[:-1])
    commands.run("log", "dump", str(damaged), status=1)


CHECKS = (first_steps, topics, keys_headers_partitions, where_to_begin, codecs, acks, usage,
          *nodes.CHECKS, benchmark, storage, raw_frames, killed_while_producing,
          killed_with_disk_workers_on_three_loops, listeners, dump)


def main():
    commands = Commands(sys.argv[1])
    wanted = sys.argv[2:]
    passed = failed = 0
    for check in CHECKS:
        if wanted and not any(name in check.__name__ for name in wanted):
            continue
        started = time.monotonic()
        try:
            check(commands)
            passed += 1
            print(f"ok    {check.__name__}  {time.monotonic() - started:.1f} s", flush=True)
        except (Check, subprocess.TimeoutExpired, KeyError, ValueError, RuntimeError) as error:
            failed += 1
            print(f"FAIL  {check.__name__}: {error}", flush=True)
    commands.node.destroy()
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
