"""Free ports on loopback."""

import random
import socket

HOST = "127.0.0.1"

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


def answers(port: int) -> bool:
    """Whether somebody accepts connections on the port."""
    try:
        with socket.create_connection((HOST, port), timeout=1.0):
            return True
    except OSError:
        return False
