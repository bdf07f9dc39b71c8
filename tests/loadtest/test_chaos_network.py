"""Hosts on one machine: they reach each other until a link is cut, which nobody is told; and nothing of them stays."""

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from loadtest.chaos.network import Host, Router, router, why_no_hosts
from runtime.children import spawn

_PORT = 7000
_ROOT = Path(__file__).resolve().parents[2]
_ECHO = """
import socket, sys, threading
def echo(accepted):
    while data := accepted.recv(100):
        accepted.sendall(data)
server = socket.create_server((sys.argv[1], int(sys.argv[2])))
print("listens", flush=True)
while True:
    threading.Thread(target=echo, args=(server.accept()[0],), daemon=True).start()
"""
_CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=1.0)"
_KEEPS_ONE = """
import time
from loadtest.chaos.network import Router
made = Router()
made.host("one")
print(made.address(1), flush=True)
time.sleep(60)
"""

needs_hosts = pytest.mark.skipif(why_no_hosts() is not None, reason=str(why_no_hosts()))


@pytest.fixture
def made() -> Iterator[Router]:
    with router() as made:
        yield made


@contextmanager
def _echoing(host: Host) -> Iterator[None]:
    """Somebody there says everything back."""
    command = [*host.enter, sys.executable, "-c", _ECHO, host.address, str(_PORT)]
    process = spawn(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process:
        assert process.stdout.readline() == b"listens\n"
        try:
            yield
        finally:
            process.kill()


def _reaches(host: Host, other: Host) -> bool:
    command = [*host.enter, sys.executable, "-c", _CONNECT, other.address, str(_PORT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0 or done.stderr.strip().endswith("TimeoutError: timed out"), done.stderr
    return done.returncode == 0


def _addresses() -> list[str]:
    """Of the machine's own namespace."""
    told = subprocess.run(["ip", "-json", "-4", "addr"], capture_output=True, text=True, check=True)
    return [info["local"] for link in json.loads(told.stdout) for info in link.get("addr_info", ())]


@needs_hosts
def test_a_link_that_is_cut_drops_everything_silently_until_it_is_there_again(made: Router) -> None:
    one, other, third = (made.host(name) for name in ("one", "other", "third"))
    assert len({one.address, other.address, third.address}) == 3
    with _echoing(one), _echoing(third):
        assert _reaches(other, one)
        with socket.create_connection((one.address, _PORT), timeout=10) as client:
            client.sendall(b"before")
            assert client.recv(100) == b"before"
            one.cut()
            client.sendall(b"held")  # taken by our side, and sent again and again
            client.settimeout(0.5)
            with pytest.raises(TimeoutError):
                client.recv(100)
            with pytest.raises(TimeoutError):  # neither a refusal nor "no route to host"
                socket.create_connection((one.address, _PORT), timeout=0.5)
            assert not _reaches(other, one)
            assert not _reaches(one, third)
            assert _reaches(other, third)
            one.join()
            client.settimeout(30)
            assert client.recv(100) == b"held"
        assert _reaches(other, one)


@needs_hosts
def test_nothing_stays_and_nobody_elses_is_touched() -> None:
    before = _addresses()
    with router() as theirs:
        theirs.host("kept")
        with pytest.raises(KeyError):
            _fails_within_another(before, theirs)
        assert _addresses() == [*before, theirs.address(1)]
        theirs.host("gone").remove()
        other = theirs.host("other")
        with _echoing(other):
            socket.create_connection((other.address, _PORT), timeout=5).close()
    assert _addresses() == before


def _fails_within_another(before: list[str], theirs: Router) -> None:
    with router() as ours:
        assert ours.address(0) != theirs.address(0)
        assert set(_addresses()) == {*before, theirs.address(1), ours.address(1)}
        host = ours.host("one")
        host.cut()
        with _echoing(host):
            raise KeyError


@needs_hosts
def test_a_process_that_is_killed_leaves_nothing() -> None:
    process = spawn([sys.executable, "-c", _KEEPS_ONE], cwd=_ROOT, stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process:
        address = process.stdout.readline().decode().strip()
        assert address in _addresses()
        process.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while address in _addresses():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@needs_hosts
def test_without_the_right_to_it_says_so() -> None:
    asked = "from loadtest.chaos.network import why_no_hosts; print(why_no_hosts())"
    bound = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--", sys.executable, "-c", asked]
    done = subprocess.run(bound, cwd=_ROOT, capture_output=True, text=True, check=True)
    assert "cannot be made here, which root may (CAP_SYS_ADMIN" in done.stdout
    assert "Operation not permitted" in done.stdout


def test_without_its_tool_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda tool: None if tool == "ip" else f"/usr/bin/{tool}")
    why_no_hosts.cache_clear()
    try:
        said = why_no_hosts()
        assert said is not None
        assert "need `ip` (Debian: apt-get install iproute2" in said
    finally:
        why_no_hosts.cache_clear()
