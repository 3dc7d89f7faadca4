#!/usr/bin/env python3
"""The client commands of the moldau binary against a live node: answers, JSON, exit codes, and a
node that is killed while records stream in.

usage: tests/commands/run.py LOG_FOLDER [NAME...]     with NAMEs, only the checks that contain one
"""

import json
import os
import pathlib
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "clients"))

from node import MOLDAU, Node

COMMAND_SECONDS_MAX = 120
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


class Check(Exception):
    pass


def expect(condition, message):
    if not condition:
        raise Check(message)


class Commands:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.node = Node(folder, "server")
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
    commands.run("topic", "describe", "none", status=1)
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
    for level in ("all", "1", "0"):
        commands.run("produce", "acks", "--acks", level, "--no-idempotence", text=b"x\n")
    expect(len(commands.lines("consume", "acks", "--from", "beginning", "-n", "3")) == 3, "three")


def usage(commands):
    commands.run("produce", status=2)
    commands.run("topic", "frobnicate", status=2)
    commands.run("topic", "list", "--bootstrap", "nowhere:", status=2)
    nobody = commands.run("topic", "list", "--bootstrap", "127.0.0.1:1", "--timeout", "1", status=1)
    expect(b"127.0.0.1:1" in nobody.stderr, "the failure does not name the address")
    unknown = commands.run("consume", "nothing", "--exit", "--timeout", "1", status=1)
    expect(b"nothing" in unknown.stderr, "the failure does not name the topic")
    for name in ("topic", "produce", "consume", "log", "bench", "start", "storage"):
        expect(b"moldau" in commands.output(name, "--help"), f"{name} --help has no example")


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


def dump(commands):
    commands.node.stop()
    data = commands.node.data
    metadata = commands.output("log", "dump", str(data / "__cluster_metadata-0")).decode()
    expect("TopicRecord(name=\"hello\"" in metadata, "no topic record in the metadata log")
    expect("LeaderChangeMessage(" in metadata, "no leader change in the metadata log")
    hello = [str(folder) for folder in sorted(data.glob("hello-*"))]
    expect("world" in commands.output("log", "dump", "--records", *hello).decode(), "no record")
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
          benchmark, killed_while_producing, dump)


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
