"""Those who ask the API for reservations: what they do, and that time is counted from when they were due."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from loadtest.asking import Askers
from loadtest.errors import ApiAway
from loadtest.retail.shoppers import Shoppers, shopping


class Api:
    """Answers like the API, after `slow` seconds. Grants all that is asked for, but nobody more than 100 of a sku."""

    def __init__(self, slow: float) -> None:
        self.slow = slow
        self.states: dict[str, str] = {}
        self._writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                length = int(head.partition("content-length:")[2].split("\r\n")[0] or 0)
                body = await reader.readexactly(length)
                method, path, _ = head.split(" ", 2)
                await asyncio.sleep(self.slow)
                status, told = self.answer(method, path.removeprefix("/v1/reservations").strip("/"), body)
                data = json.dumps(told).encode()
                writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (status, len(data), data))
        except (asyncio.IncompleteReadError, ConnectionError):
            return

    async def leave(self, server: asyncio.Server) -> None:
        """Close every connection."""
        server.close()
        for writer in self._writers:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, dict[str, str]]:
        reservation = path.partition("/")[0]
        if method == "get":
            return 200, {"state": self.states[reservation]}
        if not reservation:
            if any(line["quantity"] > 100 for line in json.loads(body)["lines"]):
                return 409, {"type": "urn:stocktide:problem:refused"}
            reservation = f"r{len(self.states)}"
            self.states[reservation] = "HELD"
            return 201, {"reservation_id": reservation, "decision": "ACCEPTED"}
        self.states[reservation] = "CANCELLED" if method == "delete" else "CONFIRMED"
        return 200, {"state": self.states[reservation]}


@contextmanager
def serving(api: Api) -> Iterator[str]:
    """The API in a thread; its URL."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(api.serve, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        asyncio.run_coroutine_threadsafe(api.leave(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def test_requests_are_sent_when_due_whether_or_not_others_were_answered() -> None:
    with serving(Api(slow=0.3)) as url:
        start = time.time() + 0.05
        asked = Askers(url, "web", ["A"] * 20, start, 100).run(start + 0.1)
    assert asked.statuses == {201: 20}
    assert asked.undecided == 0
    assert asked.histogram.get_total_count() == 10  # the first ten are not measured
    assert 290 < asked.ms(50) < 3_000  # one after the other they would have taken six seconds


def test_who_waits_in_vain_is_counted() -> None:
    start = time.time()
    asked = Askers("http://127.0.0.1:1", "web", ["A"] * 3, start, 1000).run(start)
    assert (asked.lost, asked.undecided) == (3, 3)


def test_without_an_api_no_customers_come() -> None:
    with pytest.raises(ApiAway, match="--api none"):
        Shoppers("http://127.0.0.1:1", ["A"], 1.0, seed=1).look()


@pytest.mark.parametrize("broken", [False, True])
def test_promises_are_held_against_what_is_there_in_the_end(broken: bool) -> None:
    api = Api(slow=0.0)
    with serving(api) as url:
        shoppers = Shoppers(url, ["A", "B", "C"], 40.0, seed=1)
        with shopping(shoppers):
            time.sleep(1.0)
        if broken:
            confirmed = next(name for name, fate in shoppers.shopped.promised.items() if fate == "CONFIRMED")
            api.states[confirmed] = "LAPSED"
        shopped = shoppers.check()
    assert {"ACCEPTED", "CONFIRMED", "CANCELLED"} <= set(shopped.answers)
    assert len(shopped.broken) == broken
    assert all("was told CONFIRMED, now it is LAPSED" in line for line in shopped.broken)
    assert "ACCEPTED" in shopped.line()
