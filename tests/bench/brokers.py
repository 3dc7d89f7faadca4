"""A broker that is measured: Apache Kafka or Moldau, one node, started and killed on free ports.

A broker that dies, does not become ready or loses records raises BrokerError with its log's end.
"""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import machine
import wire

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
import ports  # noqa: E402

READY_SECONDS_MAX = 180
STOP_SECONDS_MAX = 60
LOG_TAIL_LINES = 30


class BrokerError(RuntimeError):
    pass


class Broker:
    """Common to both: a process known by its id, its folder, and what /proc says about it."""

    name = ""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.prepare()
        self.port = ports.free_ports(3)[0]
        self.log = self.folder / "server.log"
        self.pid = 0

    def prepare(self):
        """An empty folder, whatever was there."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)

    def launch(self):
        """Starts the process, sets self.pid, gives time.monotonic() just before it."""
        raise NotImplementedError

    def start(self):
        """Seconds from exec to the first answer."""
        started = self.launch()
        try:
            return wire.wait_for_answer(self.port, started, READY_SECONDS_MAX, self.check_alive)
        except wire.WireError as error:
            raise self.error(str(error)) from None

    def status(self):
        """The fields of /proc/<pid>/stat after the name; none when it is gone."""
        try:
            text = pathlib.Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii")
        except (FileNotFoundError, ProcessLookupError):
            return []
        fields = machine.process_fields(text)
        return [] if fields[0] in "ZX" else fields

    def alive(self):
        return self.pid != 0 and self.status() != []

    def check_alive(self):
        if not self.alive():
            raise self.error("it died")

    def cpu_seconds(self):
        """User and system time of all its threads so far, those that have ended too."""
        fields = self.status()
        if not fields:
            raise self.error("it died")
        return (int(fields[11]) + int(fields[12])) / machine.TICKS

    def memory_mb(self, line="VmRSS"):
        """VmRSS is what it has now, VmHWM the most it ever had."""
        self.check_alive()
        for text in pathlib.Path(f"/proc/{self.pid}/status").read_text("ascii").splitlines():
            if text.startswith(line + ":"):
                return int(text.split()[1]) / 1024
        raise self.error(f"no {line}")

    def end(self, number):
        if not self.alive():
            return
        os.kill(self.pid, number)
        until = time.monotonic() + STOP_SECONDS_MAX
        while self.alive():
            if time.monotonic() > until:
                raise self.error(f"still there {STOP_SECONDS_MAX} s after signal {number}")
            time.sleep(0.01)

    def kill(self):
        self.check_alive()
        self.end(signal.SIGKILL)

    def destroy(self):
        """Ends it and deletes all it wrote."""
        self.end(signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)
        os.sync()

    def tail(self):
        try:
            lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return "(no log)"
        return "\n".join(lines[-LOG_TAIL_LINES:])

    def error(self, what):
        return BrokerError(f"{self.name}: {what}; the end of its log:\n{self.tail()}")


class Kafka(Broker):
    name = "Kafka"

    def __init__(self, folder, home):
        super().__init__(folder)
        self.home = home

    def launch(self):
        """start.sh formats before it looks at its clock; what it prints is our start time."""
        done = subprocess.run([ROOT / "tests/kafka/start.sh", self.home, self.folder,
                               str(self.port)], capture_output=True, text=True, check=False)
        pid = self.folder / "pid"
        self.pid = int(pid.read_text()) if pid.exists() else 0
        words = done.stdout.split()
        if done.returncode != 0 or len(words) != 2:
            raise self.error(f"start.sh: {done.stdout}{done.stderr}")
        return time.monotonic() - int(words[1]) / 1000


class Moldau(Broker):
    name = "Moldau"

    def __init__(self, folder, binary, overrides):
        super().__init__(folder)
        self.command = [str(binary), "start", "--data-dir", str(self.folder / "data")]
        for override in [
                f"listeners=PLAINTEXT://127.0.0.1:{self.port},"
                f"CONTROLLER://127.0.0.1:{self.port + 1}",
                f"moldau.http.listener=127.0.0.1:{self.port + 2}", *overrides]:
            self.command += ["--override", override]
        self.process = None

    def launch(self):
        with open(self.log, "ab") as out:
            started = time.monotonic()
            self.process = subprocess.Popen(self.command, stdout=out, stderr=out,
                                            stdin=subprocess.DEVNULL, start_new_session=True)
        self.pid = self.process.pid
        return started

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def check_alive(self):
        if self.process is not None and self.process.poll() is not None:
            raise self.error(f"it died, status {self.process.returncode}")
        super().check_alive()
