#!/usr/bin/env python3
"""One data directory, handed from Moldau to Apache Kafka and back.

usage: exchange.py MOLDAU KAFKA_HOME LOG_FOLDER [WORDS...]     closes with `N passed, N failed`

With words, only the cases whose name has one of them.

Each case starts with an empty directory and a topic that Moldau fills. Records are written and read
with kcat; after each change of hands every record that was ever acknowledged must be served again,
once, in order, but for what a case takes away by force. Whatever Moldau stops on holds Kafka's
files and nothing else that counts; Kafka's own dump tool reads every kind of them.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

sys.dont_write_bytecode = True

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

import dump  # noqa: E402
import segments  # noqa: E402
from journal import Journal  # noqa: E402
from place import METADATA, TOPIC, Failure, Place  # noqa: E402

SNAPSHOT_TOPICS = 50
JOURNAL_SECONDS_MAX = 20


def clean_hand_over(place):
    place.start("moldau")
    place.write(1000)
    place.check("moldau")
    place.stop()
    place.start("kafka")
    place.check("kafka on moldau's directory")
    place.write(500)
    place.stop(expected=(0, 143))
    place.start("moldau")
    place.check("moldau again")
    place.write(100)
    place.check("moldau again, after writing")
    place.stop()


def last_batches(place, count):
    """The newest batches of the log, each with its bytes."""
    content = place.segment().read_bytes()
    return [(batch, content[batch.position:batch.position + batch.size])
            for batch in list(segments.batches(place.segment()))[-count:]]


def write_to_journal(place):
    """Records in batches of their own, until they go through the journal: it is prepared beside
    the first appends."""
    until = time.monotonic() + JOURNAL_SECONDS_MAX
    while time.monotonic() < until:
        place.write(1)
        try:
            if Journal(place.data).has(last_batches(place, 1)[0][1]):
                return
        except (OSError, ValueError):
            pass  # It is being made.
    raise Failure(f"the journal is not used {JOURNAL_SECONDS_MAX} s after the start")


def cut_tail(place, count, part):
    """What a power loss may leave of the log: its last batches are gone, but for a part of the
    first of them, and the journal has them. Gives that batch."""
    lost = last_batches(place, count)
    journal = Journal(place.data)
    for batch, content in lost:
        if not journal.has(content):
            raise Failure(f"the journal does not have the batch at offset {batch.base_offset}: "
                          f"sealed {journal.sealed}, {len(journal.live)} regions")
    first = lost[0][0]
    os.truncate(place.segment(), first.position + int(part * first.size))
    return first


def killed_then(place, end_kafka, part):
    """Moldau is killed, and its log loses a tail that only the journal has; Kafka runs and appends;
    the journal must not be replayed. A replay would put the first lost batch over the beginning of
    a larger one of Kafka's: within the length of its own batch it sees no other that is whole.
    """
    place.start("moldau")
    place.write(1000)
    write_to_journal(place)
    place.write(1)
    place.kill()
    lost = cut_tail(place, 2, part)
    del place.expected[lost.base_offset:]
    place.start("kafka")
    place.check("kafka after moldau was killed")
    place.write(700, "-X", "linger.ms=1000")
    end_kafka(place)
    over = [batch for batch in segments.batches(place.segment())
            if batch.position == lost.position and batch.size > lost.size]
    if not over:
        raise Failure(f"no larger batch of Kafka's lies where {lost} was")
    content = place.segment().read_bytes()
    log = place.start("moldau")
    if place.segment().read_bytes() != content:
        raise Failure("moldau's start changed the log that Kafka left")
    place.check("moldau after kafka")
    if "not replayed" not in log.read_text():
        raise Failure("the journal from before Kafka ran was not set aside")
    place.write(100)
    place.check("moldau after kafka and writing")
    place.stop()


def killed_again_and_again(place):
    """What the log lost comes back from the journal, byte for byte: what killed_then() cuts is
    indeed what a replay writes."""
    place.start("moldau")
    for number in range(6):
        write_to_journal(place)
        place.write(200)
        place.kill()
        content = place.segment().read_bytes()
        if number > 0:
            cut_tail(place, 1, 0 if number % 2 == 1 else 0.5)
        log = place.start("moldau")
        if not re.search(r"replayed [1-9]\d* entries", log.read_text()):
            raise Failure("no word of a replay")
        place.check("moldau after kill -9")
        if place.segment().read_bytes() != content:
            raise Failure("the replay made another log")
    place.stop()


def end_of_batches(place):
    last = last_batches(place, 1)[0][0]
    return last.position + last.size


def killed_with_zeros(place):
    """A log that grew by small appends has zeros behind it when we are killed; Kafka, and we, cut
    them off and lose nothing, and a clean stop leaves none."""
    place.start("moldau")
    place.create(TOPIC, f"segment.bytes={16 << 20}")
    write_to_journal(place)
    for next_one in ("kafka", "moldau"):
        place.write(250_000, "-X", "batch.size=16000", "-X", "linger.ms=1")
        place.kill()
        end = end_of_batches(place)
        if place.segment().stat().st_size <= end:
            raise Failure(f"nothing lies behind the log's {end} bytes")
        place.start(next_one)
        place.check(f"{next_one} on zeros")
        place.write(100)
        place.stop(expected=(0, 143))
        place.start("moldau")
        place.check("moldau after it")
    place.write(50_000, "-X", "batch.size=16000", "-X", "linger.ms=1")
    place.stop()
    if place.segment().stat().st_size != end_of_batches(place):
        raise Failure("a clean stop left something behind the log")


def quorum_state(place, version):
    place.start("moldau")
    place.write(10)
    place.stop()
    text = (place.data / METADATA / "quorum-state").read_text()
    if json.loads(text)["data_version"] != version:
        raise Failure(f"quorum-state has another version than {version}: {text}")
    place.start("kafka")
    place.check("kafka")
    place.stop(expected=(0, 143))


def snapshot(place):
    """A metadata snapshot that we generated: Kafka's tool reads it, Kafka starts from it."""
    place.start("moldau")
    names = {f"topic-{i}" for i in range(SNAPSHOT_TOPICS)}
    for name in sorted(names):
        place.create(name, "retention.ms=86400000", "cleanup.policy=compact,delete")
    place.write(100)
    place.stop()
    made = [path for path in sorted((place.data / METADATA).glob("*.checkpoint"))
            if int(path.name.split("-")[0]) > 0]
    if not made:
        raise Failure("no metadata snapshot was generated")
    # The newest alone must be enough: what went before it is gone, as it is after a clean-up.
    out = dump.run_tool(place, "generated snapshot", made[-1:], ["--cluster-metadata-decoder"])
    known = set(re.findall(r'"name":"(topic-[0-9]+)"', out))
    if not known or out.count("SnapshotFooter") + out.count("SNAPSHOT_FOOTER") == 0:
        raise Failure(f"the snapshot holds {len(known)} topics or has no footer: {out[-800:]}")
    log = place.start("kafka")
    place.check("kafka on a generated snapshot")
    listed = set(re.findall(r'topic "(topic-[0-9]+)"', place.kcat(["-L"])))
    if listed != names:
        raise Failure(f"Kafka knows {len(listed)} of {len(names)} topics")
    if made[-1].name.split(".")[0].lstrip("0").split("-")[0] not in log.read_text(errors="replace"):
        raise Failure("Kafka's log does not speak of the snapshot")
    place.stop(expected=(0, 143))
    place.start("moldau")
    place.check("moldau after kafka")
    place.stop()


CASES = [
    ("clean hand-over and back", False, clean_hand_over),
    ("killed, then Kafka stopped", False,
     lambda p: killed_then(p, lambda q: q.stop((0, 143)), part=0)),
    ("killed, then Kafka killed", False, lambda p: killed_then(p, Place.kill, part=0.5)),
    ("killed again and again", False, killed_again_and_again),
    ("killed with zeros behind the log", False, killed_with_zeros),
    ("static quorum: quorum-state 0", True, lambda p: quorum_state(p, 0)),
    ("dynamic quorum: quorum-state 1", False, lambda p: quorum_state(p, 1)),
    ("Kafka's dump tool", False, dump.each_kind_of_file),
    ("a generated metadata snapshot", False, snapshot),
]
# A case whose node needs more than the common properties.
PROPERTIES = {snapshot: "metadata.log.max.record.bytes.between.snapshots=1000\n"}


def main():
    moldau, kafka_home, logs = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3]).resolve()
    words = sys.argv[4:]
    passed = failed = 0
    for number, (name, static_quorum, case) in enumerate(CASES):
        if words and not any(word in name for word in words):
            continue
        place = None
        began = time.monotonic()
        try:
            place = Place(moldau, kafka_home, logs / f"exchange-{number}", static_quorum,
                          PROPERTIES.get(case, ""))
            case(place)
            passed += 1
            print(f"ok    {name} ({time.monotonic() - began:.1f} s)", flush=True)
            shutil.rmtree(place.folder, ignore_errors=True)
        except (Failure, OSError, subprocess.SubprocessError, KeyError, ValueError) as problem:
            failed += 1
            print(f"FAIL  {name}: {problem}", flush=True)
        finally:
            if place is not None:
                place.kill()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
