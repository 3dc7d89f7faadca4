"""The main job on real input: each record in by one client, out by another, and again after a kill.

A transfer: one client produces to a fresh topic while another reads and compares; at the
producer's last acknowledgement the node is killed with -9 and started again, and a further client
compares everything once more; then the batches in the segments must have the codec that was asked
for. In every second transfer the reader has to come to its end before the kill, in the others it
goes on across it. kcat says only at its end that all is acknowledged. What the clients send and
expect is described in go/stream.go, java/Stream.java; the key of record n is n, so nothing is
compared with what another client read.
"""

import collections
import dataclasses
import os
import pathlib
import queue
import signal
import subprocess
import threading
import time

from node import ROOT
import segments

HERE = pathlib.Path(__file__).resolve().parent
CODECS = list(segments.CODECS)
TINY_BATCH_BYTES = 1000  # below, a client may find that compressing gains nothing, and not do it
PARTITIONS = 8
STEP_SECONDS_MAX = 300
END_SECONDS_MAX = 30
SEGMENT_BYTES = 1 << 20  # the least that is allowed: every log of the stream has several segments
GO = [str(ROOT / "build" / "clients" / "go-client")]
JAVA = [str(HERE / "java" / "run.sh"), "Stream"]
KCAT = [str(HERE / "kcat" / "stream.py")]
MANY_TOPICS = 10
MANY_PARTITIONS = 1000
MANY_RECORDS = 100_000  # in each of the topics
BESIDE_MANY_MEGABYTES = 20  # with each codec, on the same node


class StreamError(RuntimeError):
    pass


@dataclasses.dataclass(frozen=True)
class Input:
    """A file of lines, repeated as often as needed."""

    path: str
    lines: int
    bytes_each: float  # mean of key and value

    def records(self, megabytes):
        return max(1, int(megabytes * 1e6 / self.bytes_each))


def load_input():
    path = subprocess.run([str(HERE / "flights.sh")], check=True, stdout=subprocess.PIPE,
                          text=True).stdout.strip()
    with open(path, "rb") as file:
        lines = sum(1 for _ in file)
    return Input(path, lines, os.path.getsize(path) / lines - 1 + 6)


class Client:
    """A client process; its lines come through a queue, so that a wait has an end."""

    def __init__(self, command):
        self.name = " ".join(pathlib.Path(word).name for word in command[:3])
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, errors="replace",
                                        start_new_session=True)
        self.lines = queue.Queue()
        self.said = []
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def wait_for(self, start):
        """The first line that starts so."""
        deadline = time.monotonic() + STEP_SECONDS_MAX
        while True:
            try:
                line = self.lines.get(timeout=max(0, deadline - time.monotonic()))
            except queue.Empty:
                raise self.error(f"no '{start}' within {STEP_SECONDS_MAX} s") from None
            if line is None:
                raise self.error(f"ended without '{start}'")
            self.said.append(line)
            if line.startswith(start):
                return line

    def lines_until_now(self):
        """What it has said and nobody has waited for."""
        found = []
        while not self.lines.empty():
            line = self.lines.get()
            if line is None:
                self.lines.put(None)
                break
            found.append(line)
        self.said += found
        return found

    def finish(self):
        """Waits for its own end, which must be a good one."""
        try:
            status = self.process.wait(timeout=END_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            raise self.error(f"it does not end within {END_SECONDS_MAX} s") from None
        if status != 0:
            self.lines_until_now()
            raise self.error(f"it ended with status {status}")

    def error(self, what):
        self.end()
        return StreamError(f"{self.name}: {what}; it said:\n" + "\n".join(self.said[-30:]))

    def end(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def call(command, start):
    client = Client(command)
    try:
        line = client.wait_for(start)
        client.finish()
    finally:
        client.end()
    return line


@dataclasses.dataclass(frozen=True)
class Transfer:
    producer: str
    reader: str
    again: str
    codec: str

    @property
    def topic(self):
        return f"{self.producer}-{self.reader}-{self.codec}"

    @property
    def stored_codec(self):
        """What the batches of the log have. librdkafka takes a broker that does not advertise
        FindCoordinator for one without lz4, and sends them uncompressed."""
        return "none" if (self.producer, self.codec) == ("kcat", "lz4") else self.codec

    @property
    def clients(self):
        return {"go": GO, "java": JAVA, "kcat": KCAT}


def transfers():
    """(transfer, share of the input): five codecs, each way."""
    again = ["kcat", "go", "java"]
    for i, codec in enumerate(CODECS):
        yield Transfer("go", "java", again[i % 3], codec), 0.085
        yield Transfer("java", "go", again[(i + 1) % 3], codec), 0.085
        yield Transfer("kcat", ["java", "go"][i % 2], ["go", "java"][i % 2], codec), 0.03


def rate(line, count):
    seconds = float(line.split(" in ")[1].split()[0])
    return f"{count / max(seconds, 0.001) / 1000:.0f} k/s"


def in_and_out(node, transfer, common, suffix, read_first):
    """Produces and reads at once, with the kill after the last acknowledgement. Gives what producer
    and reader said, how many records had been read at the kill, and the seconds of the start."""
    clients = transfer.clients
    reader = Client(clients[transfer.reader] + ["verify"] + common + suffix)
    try:
        producer = Client(clients[transfer.producer] + ["produce"] + common + [transfer.codec])
        try:
            acked = producer.wait_for("acked")
            read = reader.wait_for("compared") if read_first else None
            node.kill()
        finally:
            producer.end()
        seen = 0 if read is None else int(read.split()[1])
        for line in reader.lines_until_now():
            if line.startswith(("seen", "compared")):
                seen = int(line.split()[1])
                read = line if line.startswith("compared") else None
        ready = node.start()
        if read is None:
            read = reader.wait_for("compared")
        reader.finish()
    finally:
        reader.end()
    return acked, read, seen, ready


def run_transfer(node, checks, transfer, source, count, read_first):
    clients = transfer.clients
    common = [node.bootstrap, transfer.topic, str(PARTITIONS), str(count), source.path]
    # kcat gives records the time of sending.
    suffix = ["any-time"] if transfer.producer == "kcat" else []
    call(GO + ["create"] + common, "created")
    acked, read, seen, ready = in_and_out(node, transfer, common, suffix, read_first)
    again = call(clients[transfer.again] + ["verify"] + common + suffix, "compared")
    node.check_alive()
    for line in acked, read, again:
        if int(line.split()[1]) != count:
            raise StreamError(f"{transfer.topic}: '{line}', expected {count} records")
    print(f"     {transfer.topic}: {count} records, {transfer.producer} in {rate(acked, count)}, "
          f"{transfer.reader} had {seen * 100 // count} % out at kill -9, ready {ready * 1000:.0f} "
          f"ms after it, {transfer.again} out {rate(again, count)}", flush=True)
    when = "before" if read_first else "across"
    checks.check(f"{transfer.topic}: {transfer.reader} read each record {when} kill -9", True)
    checks.check(f"{transfer.topic}: {transfer.again} read each record again", True)
    check_codec(node, checks, transfer.topic, PARTITIONS, transfer.stored_codec)


def check_codec(node, checks, topic, partitions, codec):
    """That the batches of a topic lie in its segments with this codec and no other."""
    logs = [path for partition in range(partitions)
            for path in (node.data / f"{topic}-{partition}").glob("*.log")]
    plain_bytes_min = 0 if codec == "none" else TINY_BATCH_BYTES  # a smaller one says nothing
    try:
        found = collections.Counter(
            batch.codec for path in logs for batch in segments.batches(path)
            if batch.codec != "none" or batch.size >= plain_bytes_min)
    except ValueError as error:
        raise StreamError(str(error)) from None
    checks.check(f"{topic}: stored with codec {codec}", set(found) == {codec},
                 f"batches by codec: {dict(found)}")


def run_stream(node, checks, megabytes):
    source = load_input()
    node.start()
    total = 0
    for number, (transfer, share) in enumerate(transfers()):
        count = source.records(megabytes * share)
        total += count
        try:
            run_transfer(node, checks, transfer, source, count, read_first=number % 2 == 1)
            check_rolled(node, checks, transfer, source, count)
        except StreamError as error:
            node.check_alive()
            checks.check(transfer.topic, False, error)
    print(f"     {total} records, {total * source.bytes_each / 1e6:.0f} MB of keys and values, "
          f"node {node.resident_mb():.0f} MB resident")


def check_rolled(node, checks, transfer, source, count):
    """That the job met logs of several segments, where its size must lead to that."""
    if transfer.codec != "none" or count * source.bytes_each < 3 * SEGMENT_BYTES * PARTITIONS:
        return
    segments = [len(list((node.data / f"{transfer.topic}-{partition}").glob("*.log")))
                for partition in range(PARTITIONS)]
    checks.check(f"{transfer.topic}: every log has several segments", min(segments) > 1,
                 f"segments by partition: {segments}")


def run_partitions(node, checks):
    source = load_input()
    node.start()
    idle = node.resident_mb()
    started = time.monotonic()
    names = [f"many-{i}" for i in range(MANY_TOPICS)]
    made = [common_of(node, [name], source) for name in names]
    for common in made:
        call(GO + ["create"] + common, "created")
    created = time.monotonic() - started
    print(f"     {MANY_TOPICS * MANY_PARTITIONS} partitions created in {created:.2f} s; resident "
          f"{idle:.0f} MB before, {node.resident_mb():.0f} MB after", flush=True)
    half = MANY_TOPICS // 2
    parts = [("go", GO, names[:half]), ("java", JAVA, names[half:])]
    for name, client, topics in parts:
        line = call(client + ["produce"] + common_of(node, topics, source) + [",".join(CODECS)],
                    "acked")
        checks.check(f"{name}: all acknowledged, {rate(line, half * MANY_RECORDS)}", True)
        for topic, codec in zip(topics, CODECS):
            check_codec(node, checks, topic, MANY_PARTITIONS, codec)
    written = node.resident_mb()
    node.kill()
    ready = node.start()
    print(f"     ready {ready:.2f} s after kill -9; resident {written:.0f} MB before, "
          f"{node.resident_mb():.0f} MB after", flush=True)
    # The main job once more, with all those partitions beside it.
    for number, codec in enumerate(CODECS):
        try:
            run_transfer(node, checks, Transfer("go", "java", "kcat", codec), source,
                         source.records(BESIDE_MANY_MEGABYTES), read_first=number % 2 == 1)
        except StreamError as error:
            node.check_alive()
            checks.check(f"go-java-{codec}", False, error)
    everything = common_of(node, names, source)
    for name, client in ("java", JAVA), ("go", GO):
        line = call(client + ["verify"] + everything, "compared")
        checks.check(f"{name}: each record of {MANY_TOPICS * MANY_PARTITIONS} partitions, "
                     f"{rate(line, MANY_TOPICS * MANY_RECORDS)}", True)
    node.check_alive()
    print(f"     resident {node.resident_mb():.0f} MB after the reads")
    seconds = node.stop()
    checks.check(f"SIGTERM with 10,000 partitions, {seconds:.2f} s", True)
    ready = node.start()
    print(f"     ready {ready:.2f} s after a clean stop")
    call(GO + ["ends"] + everything, "ends")
    checks.check("go: end offsets, and offsets by time, after a clean stop", True)


def common_of(node, topics, source):
    return [node.bootstrap, ",".join(topics), str(MANY_PARTITIONS), str(MANY_RECORDS), source.path]
