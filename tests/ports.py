"""Free ports for servers that tests start, kill and start again on the same ports."""

import os
import socket

FIRST, SPAN, TRIED_MAX = 20000, 10000, 2000


def free_ports(count):
    """Neighbours below the ephemeral range: from that no client's own port can collide with them
    while a server is down. Two test programs begin their search at different places."""
    first = FIRST + os.getpid() * 7 % SPAN
    for port in range(first, first + TRIED_MAX):
        try:
            for probed in range(port, port + count):
                with socket.socket() as probe:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind(("127.0.0.1", probed))
        except OSError:
            continue
        return list(range(port, port + count))
    raise RuntimeError(f"no {count} free ports from {first} on")
