"""What Apache Kafka's dump tool says of the files that Moldau leaves behind."""

import pathlib
import re
import shutil
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
import segments  # noqa: E402

from place import METADATA, TOPIC, Failure  # noqa: E402

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
RECOMPRESSED = "recompressed"
RECORD_BY_RECORD = ["--deep-iteration", "--skip-record-metadata"]
RECORDS_TEXT = "".join(f"record {i} {1000 * '-'}\n" for i in range(2000))


# What the tool says, here or there, of a file that it does not like. It exits with 0 all the same.
FAULT = re.compile(r"isvalid: false|[Mm]ismatch|Found|not found in|corrupt|unknown file|Exception|"
                   r"not valid|Error at offset")


def gap_in(said):
    """What it says of missing offsets. It expects each file to begin with offset 0, so that the
    beginning of any later segment is one for it."""
    first = None
    for line in said.splitlines():
        file = re.match(r"Non-consecutive offsets in (.*)", line)
        if file:
            path = pathlib.Path(file[1])
            first = int(path.stem) if path.suffix == ".log" else 0
        gap = re.match(r"  (-?\d+) is followed by (\d+)", line)
        if gap and (int(gap[1]), int(gap[2])) != (-1, first):
            return f"{path}: {line}"
    return None


def run_tool(place, kind, files, options):
    """What Kafka's tool says of the files; a fault that it finds is a Failure."""
    done = place.run([f"{place.kafka_home}/bin/kafka-dump-log.sh", *options, "--files",
                      ",".join(map(str, files))])
    for said in done.stdout, done.stderr:
        bad = FAULT.search(said)
        if bad:
            raise Failure(f"dump of {kind}: {said[max(0, bad.start() - 200):bad.start() + 300]}")
    gap = gap_in(done.stderr)
    if gap:
        raise Failure(f"dump of {kind}: {gap}")
    if done.stdout.count("Dumping") < len(files):
        raise Failure(f"dump of {kind} read {done.stdout.count('Dumping')} of {len(files)} files")
    return done.stdout


def write_codecs(place):
    """Batches as a client compressed them, and as the broker recompresses them."""
    place.create(RECOMPRESSED, "compression.type=zstd")
    for topic in CODECS:
        if topic == "lz4":
            # librdkafka takes a broker that does not advertise FindCoordinator for one without lz4,
            # and sends such batches uncompressed.
            place.create(topic)
            place.command([place.moldau, "produce", topic, "--partition", "0", "--codec", topic,
                           "--bootstrap", f"127.0.0.1:{place.port}"], RECORDS_TEXT)
        else:
            place.kcat(["-P", "-t", topic, "-p", "0", "-z", topic], RECORDS_TEXT)
    place.kcat(["-P", "-t", RECOMPRESSED, "-p", "0", "-z", "gzip"], RECORDS_TEXT)


def read_codecs(place):
    for topic, codec in [*zip(CODECS, CODECS), (RECOMPRESSED, "zstd")]:
        out = run_tool(place, topic, sorted((place.data / f"{topic}-0").glob("*.log")),
                       ["--deep-iteration", "--print-data-log"])
        batches, packed = out.count("baseOffset:"), out.count(f"compresscodec: {codec}")
        records = re.findall(r"payload: (.*)", out)
        if batches == 0 or packed != batches or "\n".join(records) + "\n" != RECORDS_TEXT:
            raise Failure(f"dump of {topic}: {packed} of {batches} batches are {codec}, "
                          f"{len(records)} records")


def each_kind_of_file(place):
    """Kafka's tool reads each kind of file, and finds no fault in it."""
    place.start("moldau")
    for _ in range(6):
        place.write(60_000)
    place.check("moldau")
    write_codecs(place)
    place.stop()
    read_codecs(place)
    partition = place.data / f"{TOPIC}-0"
    logs = sorted(partition.glob("*.log"))
    if len(logs) < 2:
        raise Failure(f"{len(logs)} segments: none has rolled")
    metadata = place.data / METADATA
    kinds = {
        "log": (logs, RECORD_BY_RECORD),
        "index": (sorted(partition.glob("*.index")), []),
        "timeindex": (sorted(partition.glob("*.timeindex")), []),
        "snapshot": (sorted(partition.glob("*.snapshot")), []),
        "metadata": (sorted(metadata.glob("*.log")) + sorted(metadata.glob("*.checkpoint")) +
                     [place.data / "bootstrap.checkpoint"], ["--cluster-metadata-decoder"]),
    }
    for kind, (files, options) in kinds.items():
        if not files:
            raise Failure(f"no {kind} file was written")
        run_tool(place, kind, files, options)
    report_planted(place, logs[0])


INDEX_ENTRY = struct.Struct(">ii")  # offset from the segment's first one, position
TIME_ENTRY = struct.Struct(">qi")  # timestamp, offset from the segment's first one


def change(path, at, entry, *values):
    content = bytearray(path.read_bytes())
    entry.pack_into(content, at, *values)
    path.write_bytes(content)


def flip_last_bit(path):
    change(path, path.stat().st_size - 1, struct.Struct("B"), path.read_bytes()[-1] ^ 1)


def lose_a_batch(log):
    content, second = log.read_bytes(), list(segments.batches(log))[1]
    log.write_bytes(content[:second.position] + content[second.position + second.size:])


def point_to_the_next_batch(index):
    offset, position = INDEX_ENTRY.unpack_from(index.read_bytes())
    following = next(batch.position for batch in segments.batches(index.with_suffix(".log"))
                     if batch.position > position)
    change(index, 0, INDEX_ENTRY, offset, following)


def point_one_byte_on(index):
    offset, position = INDEX_ENTRY.unpack_from(index.read_bytes())
    change(index, 0, INDEX_ENTRY, offset, position + 1)


def move_the_last_time(times):
    at = times.stat().st_size - TIME_ENTRY.size
    timestamp, offset = TIME_ENTRY.unpack_from(times.read_bytes(), at)
    change(times, at, TIME_ENTRY, timestamp + 1, offset)


def move_the_last_offset(times):
    at = times.stat().st_size - TIME_ENTRY.size
    timestamp, offset = TIME_ENTRY.unpack_from(times.read_bytes(), at)
    change(times, at, TIME_ENTRY, timestamp, offset - 1)


# Suffix of the file, what is done to it, options of Kafka's tool, what it must say.
PLANTED = [
    (".log", flip_last_bit, [], "isvalid: false"),
    (".log", lose_a_batch, RECORD_BY_RECORD, "is followed by"),
    (".index", point_to_the_next_batch, [], "Mismatches in"),
    (".index", point_one_byte_on, [], ""),  # an exception, or another mismatch
    (".timeindex", move_the_last_time, [], "Found timestamp mismatch"),
    (".timeindex", move_the_last_offset, [], "not found in"),
    (".snapshot", flip_last_bit, [], "Snapshot is corrupt"),
]


def report_planted(place, log):
    """Faults in copies of a segment's files: a dump that finds none proves something only if it
    finds these."""
    for number, (suffix, damage, options, message) in enumerate(PLANTED):
        what = f"{suffix} after {damage.__name__}()"
        folder = place.folder / f"planted-{number}"
        folder.mkdir()
        for file in log.parent.glob(f"{log.stem}.*"):
            shutil.copy(file, folder)
        if suffix == ".snapshot":
            shutil.copy(max(log.parent.glob("*.snapshot")), folder)
        file = max(folder.glob(f"*{suffix}"))
        damage(file)
        try:
            run_tool(place, what, [file], options)
        except Failure as failure:
            if message not in str(failure):
                raise Failure(f"of {what} Kafka's tool says: {failure}") from None
        else:
            raise Failure(f"of {what} Kafka's tool says nothing")
