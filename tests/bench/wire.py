"""The few Kafka requests that the comparison sends itself, in versions without tagged fields."""

import socket
import struct
import time

ANSWER_SECONDS_MAX = 30
API_VERSIONS, LIST_OFFSETS = 18, 2
LATEST = -1


class WireError(Exception):
    pass


def exchange(port, api_key, version, body, timeout=ANSWER_SECONDS_MAX):
    """One request on a connection of its own; the answer's body."""
    request = struct.pack(">hhih", api_key, version, 1, -1) + body
    with socket.create_connection(("127.0.0.1", port), timeout) as connection:
        connection.settimeout(timeout)
        connection.sendall(struct.pack(">i", len(request)) + request)
        (size,) = struct.unpack(">i", read_exactly(connection, 4))
        return read_exactly(connection, size)[4:]


def read_exactly(connection, size):
    parts = b""
    while len(parts) < size:
        part = connection.recv(size - len(parts))
        if not part:
            raise WireError("connection closed in mid-answer")
        parts += part
    return parts


def wait_for_answer(port, started, seconds_max, alive):
    """Seconds from `started` (time.monotonic) until ApiVersions is answered."""
    while time.monotonic() - started < seconds_max:
        alive()
        try:
            exchange(port, API_VERSIONS, 0, b"", 5)
            return time.monotonic() - started
        except (OSError, WireError):
            time.sleep(0.001)
    raise WireError(f"no answer within {seconds_max} s")


def string(text):
    return struct.pack(">h", len(text)) + text.encode()


def end_offsets(port, topic, partitions):
    """The sum of the partitions' end offsets; WireError while one of them has none to give."""
    body = struct.pack(">ii", -1, 1) + string(topic) + struct.pack(">i", partitions)
    for index in range(partitions):
        body += struct.pack(">iq", index, LATEST)
    answer = exchange(port, LIST_OFFSETS, 1, body)
    at = 4 + 2 + len(topic)
    (count,) = struct.unpack_from(">i", answer, at)
    if count != partitions:
        raise WireError(f"{count} of {partitions} partitions answered")
    total = 0
    for index in range(count):
        _, error, _, offset = struct.unpack_from(">ihqq", answer, at + 4 + 22 * index)
        if error != 0:
            raise WireError(f"ListOffsets: error {error}")
        total += offset
    return total


def wait_for_offsets(port, topic, partitions, seconds_max, alive):
    """The sum of the end offsets as soon as every partition answers."""
    last, until = None, time.monotonic() + seconds_max
    while time.monotonic() < until:
        alive()
        try:
            return end_offsets(port, topic, partitions)
        except (OSError, WireError) as error:
            last = error
            time.sleep(0.002)
    raise WireError(f"no end offsets of {topic} within {seconds_max} s: {last}")
