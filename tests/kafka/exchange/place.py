"""A data directory that Moldau and Apache Kafka hand to each other."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
import ports  # noqa: E402

from journal import NAME as JOURNAL, Journal  # noqa: E402

START_SECONDS_MAX = 60
TOPIC = "exchange"
CLUSTER_ID = "MkU3OEVBNTcwNTJENDM2Qg"
METADATA = "__cluster_metadata-0"
PARTITION = r"[\w.-]+-\d+/"
# What Apache Kafka has in a data directory, as paths in it; folders end with a slash.
KAFKA_NAMES = re.compile("|".join([
    r"\.lock", r"meta\.properties", r"bootstrap\.checkpoint", r"\.kafka_cleanshutdown",
    r"(recovery-point|replication|log-start|cleaner)-offset-checkpoint",
    PARTITION, PARTITION + r"\d{20}\.(log|index|timeindex|txnindex|snapshot)",
    PARTITION + r"(leader-epoch-checkpoint|partition\.metadata)",
    METADATA + r"/(quorum-state|\d{20}-\d{10}\.checkpoint)",
]), re.ASCII)


class Failure(Exception):
    pass


def check_stopped(data):
    """That a directory which Moldau stopped on is Apache Kafka's: its files by name, and none of
    ours but a journal that holds nothing."""
    names = {f"{path.relative_to(data)}{'/' if path.is_dir() else ''}"
             for path in data.rglob("*")}
    foreign = sorted(name for name in names - {JOURNAL} if not KAFKA_NAMES.fullmatch(name))
    if foreign:
        raise Failure(f"a stopped directory holds files that are not Kafka's: {foreign}")
    journal = Journal(data)
    if not journal.sealed or not journal.is_empty:
        raise Failure(f"the journal of a stopped directory is {'' if journal.sealed else 'not '}"
                      f"sealed, and has {len(journal.live)} regions that count")


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
        self.who = None
        self.sent = 0  # numbers that records were given
        self.expected = []  # of them, what is acknowledged and must be there
        self.starts = 0
        run = [moldau, "storage", "format", "-t", CLUSTER_ID, "-c", str(self.properties)]
        if not static_quorum:
            run.append("--standalone")
        self.command(run)

    def run(self, arguments, text=None):
        done = subprocess.run(arguments, input=text, capture_output=True, text=True, timeout=90)
        if done.returncode != 0:
            raise Failure(f"{' '.join(map(str, arguments[:3]))}: exit {done.returncode}: "
                          f"{done.stdout[-500:]}{done.stderr[-500:]}")
        return done

    def command(self, arguments, text=None):
        return self.run(arguments, text).stdout

    def start(self, who):
        self.starts += 1
        self.who = who
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
        if self.who == "moldau":
            check_stopped(self.data)

    def kill(self):
        if self.process is None:
            return
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait(timeout=30)
        self.process = None

    def segment(self):
        """The newest of the partition that write() fills."""
        return max((self.data / f"{TOPIC}-0").glob("*.log"))

    def kcat(self, arguments, text=None):
        return self.command(["kcat", "-q", "-b", f"127.0.0.1:{self.port}"] + arguments, text)

    # Records are numbered over all writers; each write is acknowledged before kcat ends.
    def write(self, count, *options):
        numbers = [str(number) for number in range(self.sent, self.sent + count)]
        self.kcat(["-P", "-t", TOPIC, "-p", "0", "-X", "acks=all", "-X",
                   "enable.idempotence=true", *options],
                  "".join(f"{number}\n" for number in numbers))
        self.sent += count
        self.expected += numbers

    def check(self, where):
        read = self.kcat(["-C", "-t", TOPIC, "-p", "0", "-o", "beginning", "-e"]).split()
        if read != self.expected:
            first = next((i for i, (a, b) in enumerate(zip(read, self.expected)) if a != b),
                         min(len(read), len(self.expected)))
            raise Failure(f"{where}: {len(read)} records read, {len(self.expected)} expected, "
                          f"first difference at {first}")

    def create(self, topic, *configs):
        options = [word for config in configs for word in ("--config", config)]
        self.command([self.moldau, "topic", "create", topic, "--partitions", "1", "--bootstrap",
                      f"127.0.0.1:{self.port}", *options])
