"""The proxy misbehaves as it is told to, and is invisible else."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from deploy.ports import HOST, free_port
from loadtest.chaos.proxy import Proxy


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """Leads to a server that says everything back."""
    port = free_port()
    server = socket.create_server((HOST, port))
    threads: list[threading.Thread] = []

    def serve() -> None:
        while True:
            try:
                accepted, _ = server.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=echo, args=(accepted,)))
            threads[-1].start()

    def echo(accepted: socket.socket) -> None:
        with accepted:
            try:
                while data := accepted.recv(1 << 16):
                    accepted.sendall(data)
            except OSError:
                return

    accepting = threading.Thread(target=serve)
    accepting.start()
    proxy = Proxy()
    proxy.lead(port)
    yield proxy
    proxy.close()
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    for thread in (accepting, *threads):
        thread.join()


def _connect(proxy: Proxy) -> socket.socket:
    return socket.create_connection((HOST, proxy.port), timeout=10)


def _says(client: socket.socket, data: bytes) -> bytes:
    client.sendall(data)
    back = b""
    while len(back) < len(data):
        back += client.recv(1 << 16)
    return back


def test_everything_comes_through_as_it_was(proxy: Proxy) -> None:
    data = bytes(range(256)) * 2_000
    with _connect(proxy) as client, _connect(proxy) as other:
        sending = threading.Thread(target=client.sendall, args=(data,))
        sending.start()
        back = b""
        while len(back) < len(data):
            back += client.recv(1 << 16)
        sending.join()
        assert back == data
        assert _says(other, b"x") == b"x"


def test_an_end_is_an_end(proxy: Proxy) -> None:
    with _connect(proxy) as client:
        assert _says(client, b"x") == b"x"
        client.shutdown(socket.SHUT_WR)
        assert client.recv(10) == b""


def test_slow_is_late_and_healed_is_not(proxy: Proxy) -> None:
    with _connect(proxy) as client:
        assert _says(client, b"x") == b"x"
        proxy.slow(0.2)
        began = time.monotonic()
        assert _says(client, b"y") == b"y"
        assert time.monotonic() - began >= 0.4
        proxy.slow(0.0, 10_000)
        began = time.monotonic()
        assert _says(client, bytes(2_000)) == bytes(2_000)
        assert time.monotonic() - began >= 0.4
        proxy.heal()
        assert _says(client, b"z") == b"z"


def test_standing_still_closes_nothing_and_loses_nothing(proxy: Proxy) -> None:
    with _connect(proxy) as client:
        assert _says(client, b"x") == b"x"
        proxy.stall()
        client.sendall(b"held")
        client.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.recv(10)
        with _connect(proxy) as late:  # is taken, and stands still too
            late.sendall(b"late")
            late.settimeout(0.3)
            with pytest.raises(TimeoutError):
                late.recv(10)
            proxy.heal()
            for each, held in ((client, b"held"), (late, b"late")):
                each.settimeout(10)
                assert each.recv(10) == held


def test_resets_and_refusals_are_seen_as_such(proxy: Proxy) -> None:
    with _connect(proxy) as client:
        assert _says(client, b"x") == b"x"
        proxy.reset()
        with pytest.raises(ConnectionResetError):
            client.recv(10)
    with _connect(proxy) as client:  # a reset is over at once
        assert _says(client, b"x") == b"x"
    proxy.refuse()
    with pytest.raises(ConnectionError), _connect(proxy) as client:  # as early as while it connects
        _says(client, b"x")
    proxy.heal()
    with _connect(proxy) as client:
        assert _says(client, b"x") == b"x"
