"""How many lookups a second the API answers, beside a bare ASGI "hello" on the same server.

Real processes on loopback: redis-server with rows as the engine writes them, the API, and uvicorn with
`hello`. One small client drives all of them alike, in turns, so that a machine whose speed varies is fair
to each.
"""

import random
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import orjson
from redis import Redis

from deploy.ports import HOST, answers, free_port
from deploy.redis_server import RedisServer
from loadtest.bench.lookup_view import CHANNELS, fill
from loadtest.processes import environment
from runtime.children import spawn, stop
from runtime.exit import ExitCode, Refusal
from runtime.settings import Settings

_ROOT = Path(__file__).resolve().parents[2]
_ROW_PREFIX = "bench:"
# The API's own choices of server, with an application that does nothing.
_BARE = [
    "uvicorn", "loadtest.bench.lookup:hello", "--loop", "uvloop", "--http", "httptools", "--ws", "none",
    "--lifespan", "off", "--no-access-log", "--no-server-header", "--log-level", "warning",
]  # fmt: skip
_START_WITHIN_S = 60.0
_STOP_WITHIN_S = 10.0


class LookupBenchFailed(Refusal):
    """The measurement could not be made; the text says what failed."""

    code = ExitCode.TRY_AGAIN


@dataclass(frozen=True)
class _Target:
    """A server, and the requests it is asked in turn."""

    port: int
    requests: list[bytes]
    connections: int


async def hello(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """The least an ASGI application can do."""
    if scope["type"] == "http":
        headers = [(b"content-type", b"text/plain"), (b"content-length", b"5")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"hello"})


def lookup_bench(
    *,
    skus: int = 20_000,
    connections: int = 32,
    batch: int = 500,
    batch_connections: int = 4,
    rounds: int = 5,
    seconds: float = 1.5,
) -> dict[str, float]:
    """Medians over `rounds`, in each of which every target is driven for `seconds`.

    Keys: `lookup_ratio_to_bare` (median of the rounds' ratios), `lookups_per_s`, `bare_per_s` (requests),
    `batch_skus_per_s`. Raises LookupBenchFailed where a server does not start or answers anything but 200.
    """
    rng = random.Random(7)
    names = [f"SKU-{number:07}" for number in range(skus)]
    with ExitStack() as stack:
        url = stack.enter_context(_redis())
        with Redis.from_url(url) as client:
            fill(client, _ROW_PREFIX.encode(), names, seed=rng.randrange(2**31))
        bare_port = stack.enter_context(_server(_BARE, {}))
        settings = Settings(redis_url=url, redis_prefix=_ROW_PREFIX, log_level="warning").environment()
        api_port = stack.enter_context(_server(["availability_api"], settings))
        asked = [rng.choice(names) for _ in range(4096)]
        lookups = [_request("GET", f"/v1/availability/{name}?channel={CHANNELS[0]}") for name in asked]
        batches = [
            _request(
                "POST", "/v1/availability/batch", {"channel": CHANNELS[0], "skus": rng.sample(names, batch)}
            )
            for _ in range(64)
        ]
        bare = _Target(bare_port, [_request("GET", "/")], connections)
        single = _Target(api_port, lookups, connections)
        many = _Target(api_port, batches, batch_connections)
        for target in (bare, single, many):
            _drive(target, seconds / 4)
        measured = [
            (_drive(bare, seconds), _drive(single, seconds), _drive(many, seconds) * batch)
            for _ in range(rounds)
        ]
    bares, singles, manys = zip(*measured, strict=True)
    return {
        "lookup_ratio_to_bare": median(one / base for one, base in zip(singles, bares, strict=True)),
        "lookups_per_s": median(singles),
        "bare_per_s": median(bares),
        "batch_skus_per_s": median(manys),
    }


def _request(method: str, path: str, content: object = None) -> bytes:
    body = b"" if content is None else orjson.dumps(content)
    kind = b"" if content is None else b"content-type: application/json\r\n"
    opening = f"{method} {path} HTTP/1.1\r\nhost: localhost\r\n".encode()
    return opening + kind + b"content-length: %d\r\n\r\n" % len(body) + body


def _drive(target: _Target, seconds: float) -> float:
    """Answers a second, each connection asking again as soon as it has its answer."""
    poll = select.epoll()
    by_fd: dict[int, socket.socket] = {}
    got: dict[int, bytes] = {}
    requests = target.requests
    try:
        for number in range(target.connections):
            sock = socket.create_connection((HOST, target.port))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            by_fd[sock.fileno()] = sock
            poll.register(sock, select.EPOLLIN)
            sock.sendall(requests[number % len(requests)])
        answered = 0
        next_request = target.connections
        begun = time.perf_counter()
        end = begun + seconds
        while time.perf_counter() < end:
            for fd, _ in poll.poll(1.0):
                sock = by_fd[fd]
                data = got.pop(fd, b"") + sock.recv(1 << 18)
                if not _complete(data):
                    got[fd] = data
                    continue
                answered += 1
                sock.sendall(requests[next_request % len(requests)])
                next_request += 1
        return answered / (time.perf_counter() - begun)
    finally:
        for sock in by_fd.values():
            sock.close()
        poll.close()


def _complete(data: bytes) -> bool:
    """Whether a whole answer is there. Raises LookupBenchFailed if it is not a good one."""
    end = data.find(b"\r\n\r\n")
    if end < 0 and data:
        return False
    if not data.startswith(b"HTTP/1.1 200"):
        raise LookupBenchFailed(f"the server answered {data[:200]!r}")
    at = data.index(b"content-length: ") + len(b"content-length: ")
    return len(data) >= end + 4 + int(data[at : data.index(b"\r", at)])


@contextmanager
def _redis() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="stocktide-lookup-") as folder:
        server = RedisServer(Path(folder))
        server.start()
        try:
            yield server.url
        finally:
            server.kill()


@contextmanager
def _server(module: list[str], settings: Mapping[str, str]) -> Iterator[int]:
    """A module that serves HTTP on the port it is given, until the block ends."""
    port = free_port()
    process = spawn(
        [sys.executable, "-m", *module, "--port", str(port)],
        env=environment(settings),
        cwd=_ROOT,
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + _START_WITHIN_S
    try:
        while not answers(port):
            if process.poll() is not None:
                raise LookupBenchFailed(f"{module[0]} ended with exit code {process.returncode} at its start")
            if time.monotonic() > deadline:
                raise LookupBenchFailed(f"{module[0]} did not answer within {_START_WITHIN_S:g} s")
            time.sleep(0.05)
        yield port
    finally:
        stop(process, _STOP_WITHIN_S)
