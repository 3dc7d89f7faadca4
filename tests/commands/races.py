#!/usr/bin/env python3
"""A node built with ThreadSanitizer, on three loops, while clients produce and consume on many
partitions, topics come and go and somebody polls the HTTP pages; then SIGTERM, a start on what it
left, kill -9 and another start. Any report of the sanitizer is a failure.

usage: tests/commands/races.py LOG_FOLDER TSAN_BINARY [--seconds N]     (the clients are $MOLDAU)
"""

import argparse
import os
import pathlib
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "clients"))

from node import MOLDAU, Node, NodeError

PARTITIONS = 32
LOOPS = 3
COMMAND_SECONDS_MAX = 120
PAGES = ("metrics", "healthz", "readyz", "")
REPORTS_SHOWN_MAX = 3


class Load:
    """Commands that run again and again, each kind in a thread of its own, until stop()."""

    def __init__(self, node, seconds):
        self.node = node
        self.until = time.monotonic() + seconds
        self.environment = {**os.environ, "MOLDAU_BOOTSTRAP": node.bootstrap}
        self.failures = []
        self.runs = {}
        self.threads = []

    def moldau(self, *arguments, text=b""):
        done = subprocess.run([MOLDAU, *arguments], input=text, env=self.environment,
                              capture_output=True, timeout=COMMAND_SECONDS_MAX, check=False)
        if done.returncode != 0:
            self.failures.append(f"moldau {' '.join(arguments)}: exit {done.returncode}: "
                                 f"{done.stderr.decode(errors='replace')[-300:]}")

    def repeat(self, act):
        number = 0
        while time.monotonic() < self.until and not self.failures:
            act(number)
            number += 1
        self.runs[act.__name__] = number

    def run(self):
        for act in (self.produce, self.produce_plain, self.consume, self.latency, self.topics,
                    self.pages, self.describe):
            thread = threading.Thread(target=self.repeat, args=(act,), daemon=True)
            thread.start()
            self.threads.append(thread)
        for thread in self.threads:
            thread.join()

    def produce(self, number):
        codec = ("none", "zstd", "lz4", "gzip", "snappy")[number % 5]
        self.moldau("bench", "produce", "-t", "load", "-n", "20000", "-s", "500", "--clients", "4",
                    "--codec", codec, "--keep")

    def produce_plain(self, number):
        acks = ("1", "all", "0")[number % 3]
        self.moldau("bench", "produce", "-t", "load", "-n", "3000", "-s", "3000", "--acks", acks,
                    "--no-idempotence", "--keep", "--linger", "0")

    def consume(self, _number):
        self.moldau("bench", "consume", "-t", "load", "--clients", "3")

    def latency(self, _number):
        self.moldau("bench", "latency", "-t", "latency", "-p", "7", "--rate", "400", "--seconds",
                    "2", "--keep")

    def topics(self, number):
        name = f"short-{number}"
        self.moldau("topic", "create", name, "-p", "6", "-c", "segment.bytes=1048576")
        self.moldau("bench", "produce", "-t", name, "-n", "4000", "-s", "1000", "--keep")
        self.moldau("topic", "delete", name)

    def describe(self, _number):
        self.moldau("topic", "list")
        self.moldau("topic", "describe", "load", "--offsets")
        time.sleep(0.2)

    def pages(self, number):
        page = PAGES[number % len(PAGES)]
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.node.http}/{page}",
                                        timeout=30) as answer:
                answer.read()
        except urllib.error.HTTPError:
            pass
        except OSError as error:
            self.failures.append(f"/{page}: {error}")
        time.sleep(0.02)


def reports_in(folder):
    return sorted(folder.glob("tsan.*"))


def show(reports):
    for report in reports:
        parts = report.read_text(errors="replace").split("==================\n")
        races = [part for part in parts if part.startswith("WARNING")]
        print(f"{report}: {len(races)} reports")
        for race in races[:REPORTS_SHOWN_MAX]:
            print(race)


def work(node, seconds):
    """The failures of a node under load."""
    node.start()
    load = Load(node, seconds)
    load.moldau("topic", "create", "load", "-p", str(PARTITIONS), "-c", "segment.bytes=16777216")
    load.run()
    print("     " + ", ".join(f"{name} {count}" for name, count in sorted(load.runs.items())))
    failures = list(load.failures)
    try:
        node.stop()
        node.start()
        load.moldau("topic", "list")
        node.kill()
        node.start()
        load.failures.clear()
        load.moldau("topic", "describe", "load", "--offsets")
        node.stop()
    except NodeError as error:
        failures.append(str(error))
    return failures + load.failures


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("logs", type=pathlib.Path)
    parser.add_argument("binary")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--disk", default="auto")
    options = parser.parse_args()
    folder = options.logs.resolve() / f"races-{options.disk}"
    for old in reports_in(folder):
        old.unlink()
    node = Node(folder, "server", options=["--cores", str(LOOPS), "--disk", options.disk],
                binary=options.binary,
                environment={"TSAN_OPTIONS": f"log_path={folder}/tsan second_deadlock_stack=1"})
    try:
        failures = work(node, options.seconds)
    except NodeError as error:
        failures = [str(error)]
    node.destroy()
    reports = reports_in(folder)
    show(reports)
    for failure in failures:
        print(f"FAIL  {failure}")
    failed = len(failures) + len(reports)
    print(f"{0 if failed else 1} passed, {1 if failed else 0} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
