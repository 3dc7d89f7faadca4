#!/usr/bin/env python3
"""Walks through README.md as a stranger: ./run and what it prints to try, each ```bash block,
kill -9, ./run again.

usage: tests/walk/walk.py LOG_FOLDER     closes with `N passed, N failed, N skipped`

A block passes when its commands succeed and it prints what EXPECTED says. After the crash each
record that was acknowledged must be there.
"""

import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PORTS = (9092, 9644)
START_SECONDS_MAX = 30
BLOCK_SECONDS_MAX = 300
# A word of the block -> what its output must contain.
EXPECTED = {
    "moldau consume": ["world"],
    "kcat": ["1000", "topic \"numbers\""],
    "kafka-topics.sh": ["order 1", "LeaderId"],
    "go run": ["greeting 0", "greeting 9"],
}
AFTER_CRASH = [
    ("build/release/moldau consume hello --from beginning --exit", "world"),
    ("kcat -b 127.0.0.1:9092 -C -t numbers -o beginning -e -q | sort -n | uniq | wc -l", "1000"),
]


def blocks(text):
    return re.findall(r"^```bash\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def port_is_taken(port):
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Server:
    """./run in a process group of its own."""

    def __init__(self, logs, name, *options):
        self.log = logs / f"server-{name}.log"
        with open(self.log, "wb") as out:
            self.process = subprocess.Popen(
                ["./run", *(["--", *options] if options else [])],
                cwd=ROOT, stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True,
            )
        started = time.monotonic()
        while not port_is_taken(PORTS[0]):
            if self.process.poll() is not None or time.monotonic() - started > START_SECONDS_MAX:
                self.stop(signal.SIGKILL)
                raise RuntimeError(f"./run does not serve:\n{self.log.read_text()[-2000:]}")
            time.sleep(0.02)
        self.seconds = time.monotonic() - started

    def stop(self, how):
        if self.process.poll() is None:
            os.killpg(self.process.pid, how)
        return self.process.wait(timeout=30)


def shell(command):
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command], cwd=ROOT, timeout=BLOCK_SECONDS_MAX,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )
    return done.returncode, done.stdout


class Walk:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def check(self, name, good, detail=""):
        self.passed += bool(good)
        self.failed += not good
        print(f"{'ok  ' if good else 'FAIL'} {name}" + ("" if good else f"\n{detail}"), flush=True)

    def run_block(self, block):
        words = next((words for words in EXPECTED if words in block), None)
        name = f"block: {words or block.splitlines()[0]}"
        status, output = shell(block)
        missing = [text for text in EXPECTED.get(words, []) if text not in output]
        good = status == 0 and words is not None and not missing
        self.check(name, good, f"{block}\nstatus {status}, missing {missing}, printed:\n{output}")

    def only_build(self):
        status, output = shell("./run --build")
        good = status == 0 and output.endswith("built: build/release/moldau\n")
        self.check("./run --build", good, f"status {status}, printed:\n{output}")

    def plain_run(self, logs):
        """./run without options: its data is in ./data, and it prints three commands to try."""
        data = ROOT / "data"
        if data.exists():
            print("     ./data is somebody's: ./run without options is left out")
            self.skipped += 1
            return
        try:
            server = Server(logs, "plain")
            try:
                printed = server.log.read_text(encoding="utf-8")
                commands = re.findall(r"^  (\S.*build/release/moldau .*|build/.*)$", printed, re.M)
                status, output = shell("\n".join(commands))
                good = len(commands) == 3 and status == 0 and "world" in output
                self.check("what ./run prints to try", good, f"{printed}\n{status}\n{output}")
            finally:
                server.stop(signal.SIGTERM)
            formatted = (data / "meta.properties").is_file()
            self.check("./run keeps its data in ./data", formatted, printed)
            shutil.rmtree(data)
            self.properties_file(logs, data)
        finally:
            shutil.rmtree(data, ignore_errors=True)

    def properties_file(self, logs, default_data):
        """`-c FILE`, the short form, once lost the file's log.dirs to ./data."""
        own = logs / "own"
        file = logs / "server.properties"
        file.write_text(
            "process.roles=broker,controller\nnode.id=1\n"
            "listeners=PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093\n"
            "controller.listener.names=CONTROLLER\n"
            f"controller.quorum.bootstrap.servers=127.0.0.1:9093\nlog.dirs={own}\n",
            encoding="utf-8")
        server = Server(logs, "properties", "-c", str(file))
        server.stop(signal.SIGTERM)
        there = (own / "meta.properties").is_file() and not default_data.exists()
        self.check("./run -- -c FILE keeps its data where the file says", there,
                   server.log.read_text(encoding="utf-8"))
        shutil.rmtree(own, ignore_errors=True)

    def walk(self, logs):
        self.only_build()
        self.plain_run(logs)
        own_data = ("--data-dir", str(logs / "data"))
        first = Server(logs, "first", *own_data)
        try:
            for block in blocks((ROOT / "README.md").read_text(encoding="utf-8")):
                self.run_block(block)
        finally:
            first.stop(signal.SIGKILL)
        again = Server(logs, "again", *own_data)
        try:
            self.check("nothing to build: serves in under 2 s", again.seconds < 2, again.seconds)
            for command, expected in AFTER_CRASH:
                status, output = shell(command)
                self.check(f"after kill -9: {command}", status == 0 and expected in output, output)
        finally:
            status = again.stop(signal.SIGTERM)
        self.check("stops on SIGTERM with status 0", status == 0, f"status {status}")


def main():
    logs = pathlib.Path(sys.argv[1]).resolve()
    shutil.rmtree(logs / "data", ignore_errors=True)
    logs.mkdir(parents=True, exist_ok=True)
    taken = [port for port in PORTS if port_is_taken(port)]
    if taken:
        print(f"FAIL port {taken} is taken: stop what listens there")
        print("0 passed, 1 failed, 0 skipped")
        return 1
    walk = Walk()
    try:
        walk.walk(logs)
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        walk.check("walk", False, error)
    shutil.rmtree(logs / "data", ignore_errors=True)
    print(f"{walk.passed} passed, {walk.failed} failed, {walk.skipped} skipped")
    return 1 if walk.failed else 0


if __name__ == "__main__":
    sys.exit(main())
