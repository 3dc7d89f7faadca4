#!/usr/bin/env python3
"""Runs one suite of real clients against a live node of its own.

usage: tests/clients/run.py SUITE LOG_FOLDER [--megabytes N]

  kcat java tools go      the client's own checks: kcat/, java/, go/
  stream                  real input in with one client, out with another, kill -9, out again
  partitions              the same, smaller, on a node with 10,000 partitions, and these too

Needs tests/clients/build.sh to have run. Closes with `N passed, N failed, N skipped`.
"""

import argparse
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from node import ROOT, Node, NodeError
import stream

HERE = pathlib.Path(__file__).resolve().parent
SUITE_SECONDS_MAX = 300
SURFACES = {
    "kcat": [str(HERE / "kcat" / "surface.sh")],
    "java": [str(HERE / "java" / "run.sh"), "Surface"],
    "tools": [str(HERE / "java" / "tools.sh")],
    "go": [str(ROOT / "build" / "clients" / "go-client"), "surface"],
}
COUNT = re.compile(r"^(\d+) passed, (\d+) failed", re.MULTILINE)


class Checks:
    """Counts and prints checks; the counts of client programs are added."""

    def __init__(self):
        self.passed = self.failed = 0

    def check(self, name, good, detail=""):
        self.passed += bool(good)
        self.failed += not good
        print(f"{'ok  ' if good else 'FAIL'} {name}" + ("" if good else f": {detail}"), flush=True)
        return good

    def add(self, output, status):
        counts = COUNT.findall(output)
        passed, failed = map(int, counts[-1]) if counts else (0, 1)
        self.passed += passed
        self.failed += failed
        if status != 0 and failed == 0:
            self.check("client", False, f"status {status} without a failed check")
        elif not counts:
            print(f"FAIL the client ended without a count, status {status}")


def run_surface(name, node, checks):
    node.start()
    client = subprocess.Popen(SURFACES[name] + [node.bootstrap], stdin=subprocess.DEVNULL,
                              env={**os.environ, "CONTROLLER": node.controller},
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              start_new_session=True, errors="replace")
    try:
        output, _ = client.communicate(timeout=SUITE_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        os.killpg(client.pid, signal.SIGKILL)
        output, _ = client.communicate()
        output += f"\nFAIL the client did not end within {SUITE_SECONDS_MAX} s\n"
    # Its count is added to ours, and only ours is the last line.
    print(COUNT.sub(r"client: \g<0>", output), end="", flush=True)
    checks.add(output, client.returncode)
    node.check_alive()


def run_suite(suite, logs, megabytes, checks):
    overrides = [f"log.segment.bytes={stream.SEGMENT_BYTES}"] if suite == "stream" else []
    node = Node(logs, suite, overrides)
    if suite in SURFACES:
        run_surface(suite, node, checks)
    elif suite == "stream":
        stream.run_stream(node, checks, megabytes)
    else:
        stream.run_partitions(node, checks)
    seconds = node.stop()
    checks.check(f"SIGTERM ends the node with status 0 ({seconds:.2f} s)", True)
    if checks.failed == 0:
        shutil.rmtree(node.data)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suite", choices=[*SURFACES, "stream", "partitions"])
    parser.add_argument("logs", type=pathlib.Path)
    parser.add_argument("--megabytes", type=int, default=1000,
                        help="of the stream, over all transfers (default 1000)")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    checks = Checks()
    try:
        run_suite(options.suite, options.logs.resolve() / options.suite, options.megabytes, checks)
    except (NodeError, stream.StreamError) as error:
        checks.check(options.suite, False, error)
    print(f"{checks.passed} passed, {checks.failed} failed, 0 skipped")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
