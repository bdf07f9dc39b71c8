"""A system that stalls shows its stall in the latencies: whoever would have asked meanwhile has waited as well."""

import asyncio
import itertools
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from loadtest.peak.lookups import Timed, look_up
from loadtest.peak.rows import Latencies

STALL_S, FROM_S = 0.6, 0.3
PER_S, SECONDS = 100, 1.5


class StallingApi:
    """Answers at once, but for a time in which it answers nobody."""

    def __init__(self, start: float, status: int = 200) -> None:
        self._start, self._status = start, status
        self._writers: list[asyncio.StreamWriter] = []

    async def leave(self) -> None:
        """Close every connection."""
        for writer in self._writers:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                await reader.readuntil(b"\r\n\r\n")
                passed = time.time() - self._start
                if FROM_S <= passed < FROM_S + STALL_S:
                    await asyncio.sleep(FROM_S + STALL_S - passed)
                body = json.dumps({"available": 1}).encode()
                writer.write(
                    b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (self._status, len(body), body)
                )


async def _against(api: StallingApi, client: Callable[[str], Awaitable[list[Timed]]]) -> list[Timed]:
    server = await asyncio.start_server(api.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        return await client(f"http://127.0.0.1:{port}")
    finally:
        server.close()
        await api.leave()


def _lookups(status: int = 200, seconds: float = SECONDS) -> list[Timed]:
    start = time.time() + 0.1

    async def ask(url: str) -> list[Timed]:
        return await look_up(url, ["A", "B"], start, PER_S, lambda: time.time() > start + seconds)

    return asyncio.run(_against(StallingApi(start, status), ask))


def test_a_stall_is_in_the_percentiles() -> None:
    timed = _lookups()
    assert len(timed) >= PER_S * SECONDS * 0.9  # nobody stayed away because others had to wait
    waited = [each for each in timed if each.took is not None and each.took > STALL_S / 4]
    # Three quarters of those that came within the stall have waited for a quarter of it or more. A client that asks
    # again only when it has its answer would have seen one.
    assert len(waited) >= PER_S * STALL_S * 0.75 * 0.9
    found = Latencies(timed)
    longest, high = found.ms(100), found.ms(90)
    assert longest is not None
    assert high is not None
    assert longest >= STALL_S * 900
    assert high > STALL_S * 1000 / 4


def test_what_is_no_number_is_no_answer() -> None:
    timed = _lookups(503, seconds=FROM_S / 2)
    assert timed
    assert all(each.took is None for each in timed)
    found = Latencies(timed)
    assert (found.many, found.lost, found.ms(50)) == (0, len(timed), None)


def test_times_count_from_the_plan_and_not_from_the_asking() -> None:
    """A client that itself starts late has late answers."""

    async def ask(url: str) -> list[Timed]:
        turns = itertools.count()
        return await look_up(url, ["A"], time.time() - 2.0, 10, lambda: next(turns) > 15)

    timed = asyncio.run(_against(StallingApi(0.0), ask))
    assert all(each.took is not None and each.took >= 2.0 - each.due for each in timed)
    assert len(timed) >= 15
