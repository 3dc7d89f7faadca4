#!/usr/bin/env python3
"""kcat (librdkafka) as a client of a stream, with the arguments of java/Stream.java.

  produce BOOTSTRAP TOPIC PARTITIONS COUNT LINES CODEC
  verify  BOOTSTRAP TOPIC PARTITIONS COUNT LINES [any-time]

kcat sends to one partition at a time, and cannot set timestamps.
"""

import subprocess
import sys
import time

FIRST_TIMESTAMP = 1_700_000_000_000
MISMATCHES_MAX = 10
CHUNK = 10_000
PROGRESS_SECONDS = 0.1


def produce(bootstrap, topic, partitions, count, lines, codec):
    started = time.monotonic()
    for partition in range(partitions):
        command = ["kcat", "-b", bootstrap, "-P", "-t", topic, "-p", str(partition), "-K", "\t",
                   "-z", codec, "-X", "enable.idempotence=true", "-X", "linger.ms=20",
                   "-X", "batch.num.messages=100000"]
        with subprocess.Popen(command, stdin=subprocess.PIPE) as kcat:
            for first in range(partition, count, partitions * CHUNK):
                last = min(count, first + partitions * CHUNK)
                kcat.stdin.write(b"".join(b"%d\t%s\n" % (seq, lines[seq % len(lines)])
                                          for seq in range(first, last, partitions)))
            kcat.stdin.close()
        # kcat delivers everything before it ends, and fails when it cannot.
        if kcat.returncode != 0:
            print(f"FAIL kcat -P ended with {kcat.returncode}")
            return 1
    print(f"acked {count} in {time.monotonic() - started:.3f} s", flush=True)
    return 0


def progress(stream):
    """Passes lines on and says now and then how many: whoever kills the broker prints it."""
    said = time.monotonic()
    for count, line in enumerate(stream, 1):
        yield line
        if count % 1000 == 0 and time.monotonic() - said > PROGRESS_SECONDS:
            said = time.monotonic()
            print("seen", count, flush=True)


def compare(stream, partitions, count, lines, compare_time):
    """Yields what is wrong, by line; the lines are `partition offset timestamp key value`."""
    due = list(range(partitions))  # the next record of each partition
    for line in stream:
        partition, offset, timestamp, key, value = line.rstrip(b"\n").split(b" ", 4)
        partition = int(partition)
        seq = due[partition]
        due[partition] += partitions
        wanted = (b"%d" % (seq // partitions), b"%d" % seq, lines[seq % len(lines)])
        if (offset, key, value) != wanted:
            yield f"partition {partition}: {line!r}, expected offset, key, value {wanted!r}"
        elif compare_time and int(timestamp) != FIRST_TIMESTAMP + seq:
            yield f"partition {partition}: {line!r}, expected time {FIRST_TIMESTAMP + seq}"
    for partition, seq in enumerate(due):
        if seq < count or seq - partitions >= count:
            yield f"partition {partition}: ended before record {seq}, of {count} in all"


def verify(bootstrap, topic, partitions, count, lines, compare_time):
    started = time.monotonic()
    command = ["kcat", "-b", bootstrap, "-C", "-t", topic, "-o", "beginning", "-e", "-q",
               "-X", "check.crcs=true", "-f", "%p %o %T %k %s\\n"]
    mismatches = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE) as kcat:
        for what in compare(progress(kcat.stdout), partitions, count, lines, compare_time):
            print("MISMATCH", what)
            mismatches += 1
            if mismatches == MISMATCHES_MAX:
                kcat.kill()
                break
    if mismatches > 0 or kcat.returncode != 0:
        print(f"FAIL {mismatches} mismatches, kcat -C ended with {kcat.returncode}")
        return 1
    print(f"compared {count} in {time.monotonic() - started:.3f} s", flush=True)
    return 0


def main():
    command, bootstrap, topic, partitions, count, path, *rest = sys.argv[1:]
    with open(path, "rb") as file:
        lines = file.read().splitlines()
    common = (bootstrap, topic, int(partitions), int(count), lines)
    if command == "produce":
        return produce(*common, rest[0])
    return verify(*common, rest != ["any-time"])


if __name__ == "__main__":
    sys.exit(main())
