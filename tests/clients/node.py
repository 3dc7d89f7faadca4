"""One live node for client tests: free ports, its own data folder, killed when the test ends.

A node that is not alive when somebody asks, that does not become ready, or that does not stop
cleanly raises NodeError with the end of its log.
"""

import atexit
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
import ports  # noqa: E402

MOLDAU = os.environ.get("MOLDAU", str(ROOT / "build" / "release" / "moldau"))
READY_SECONDS_MAX = 60
STOP_SECONDS_MAX = 60
LOG_TAIL_BYTES = 4000


class NodeError(RuntimeError):
    pass


class Node:
    """A process of `moldau start`. The same ports and data folder across kill() and start(). The
    options are further arguments of the command, the environment further variables."""

    def __init__(self, folder, name, overrides=(), options=(), binary=MOLDAU, environment=None):
        self.data = pathlib.Path(folder) / "data"
        self.log = pathlib.Path(folder) / f"{name}.log"
        shutil.rmtree(self.data, ignore_errors=True)
        self.data.parent.mkdir(parents=True, exist_ok=True)
        self.log.unlink(missing_ok=True)
        kafka, controller, self.http = ports.free_ports(3)
        self.bootstrap = f"127.0.0.1:{kafka}"
        self.controller = f"127.0.0.1:{controller}"
        self.overrides = [
            f"listeners=PLAINTEXT://127.0.0.1:{kafka},CONTROLLER://127.0.0.1:{controller}",
            f"moldau.http.listener=127.0.0.1:{self.http}",
            *overrides,
        ]
        self.command = [binary, "start", "--data-dir", str(self.data), *options]
        self.environment = {**os.environ, **(environment or {})}
        self.process = None
        atexit.register(self.destroy)

    def start(self):
        """Seconds from exec until /readyz answers 200."""
        command = list(self.command)
        for override in self.overrides:
            command += ["--override", override]
        with open(self.log, "ab") as out:
            started = time.monotonic()
            self.process = subprocess.Popen(command, stdout=out, stderr=out,
                                            stdin=subprocess.DEVNULL, env=self.environment,
                                            start_new_session=True)
        while not self.is_ready():
            self.check_alive()
            if time.monotonic() - started > READY_SECONDS_MAX:
                raise self.error(f"not ready within {READY_SECONDS_MAX} s")
            time.sleep(0.005)
        return time.monotonic() - started

    def is_ready(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http}/readyz", timeout=5) as page:
                return page.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def check_alive(self):
        status = self.process.poll()
        if status is not None:
            raise self.error(f"the server is dead, status {status}")

    def kill(self):
        """kill -9, of a node that must still be alive."""
        self.check_alive()
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        """SIGTERM, which must end it with status 0. Gives the seconds it took."""
        self.check_alive()
        started = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(timeout=STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            raise self.error(f"still there {STOP_SECONDS_MAX} s after SIGTERM") from None
        if status != 0:
            raise self.error(f"ended with status {status} on SIGTERM, not 0")
        return time.monotonic() - started

    def destroy(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def resident_mb(self):
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        line = next(line for line in text.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) / 1024

    def tail(self):
        with open(self.log, "rb") as log:
            log.seek(0, os.SEEK_END)
            log.seek(max(0, log.tell() - LOG_TAIL_BYTES))
            return log.read().decode(errors="replace")

    def error(self, what):
        return NodeError(f"{what}; the end of {self.log}:\n{self.tail()}")
