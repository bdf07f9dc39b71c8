"""Where servers listen: free ports on loopback, or on a host of their own."""

import random
import socket
from typing import NamedTuple

HOST = "127.0.0.1"


class Place(NamedTuple):
    """Where a server runs: its address, and what in front of its command brings it there."""

    address: str = HOST
    enter: tuple[str, ...] = ()


HERE = Place()

# Below the range from which the kernel takes ports for outgoing connections: a server that is down for
# a moment must find its port free when it comes back.
_FIRST, _LAST = 20_000, 32_000
_TRIES = 100


def free_port() -> int:
    """A port that nobody listens on now. Another process may take it: callers try again with a new one."""
    for _ in range(_TRIES):
        port = random.randint(_FIRST, _LAST)
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise OSError(f"no free port found between {_FIRST} and {_LAST} on {HOST}")


def answers(port: int, address: str = HOST) -> bool:
    """Whether somebody accepts connections on the port."""
    try:
        with socket.create_connection((address, port), timeout=1.0):
            return True
    except OSError:
        return False
