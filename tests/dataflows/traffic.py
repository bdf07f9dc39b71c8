"""A little traffic that runs while something is done to the engine."""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.dataflows.feed import MINUTE, SECOND, Feed

_PAUSE_S = 0.01
_ENOUGH = 50
"""Events before and behind what is done."""


class Traffic:
    """Facts about a few skus, one after the other until told to end."""

    def __init__(self, feed: Feed, skus: list[str], seed: int = 1) -> None:
        self._feed = feed
        self._skus = skus
        self._draw = random.Random(seed)
        self._ended = threading.Event()
        self.sent = 0

    def begin(self) -> None:
        """What is there before: catalog and counts."""
        for sku in self._skus:
            self._feed.item(sku, aliases=[{"source": "tills-S001", "identifier": f"PLU {sku}"}])
            self._feed.count(sku, 500)

    def run(self) -> None:
        """Send until told to end."""
        while not self._ended.is_set():
            self._send_one()
            self.sent += 1
            time.sleep(_PAUSE_S)

    def _send_one(self) -> None:
        draw, feed = self._draw, self._feed
        sku, units = draw.choice(self._skus), draw.randrange(1, 4)
        kind = draw.randrange(6)
        if kind < 2:
            feed.movement(sku, "SHIP", units, ago=draw.randrange(MINUTE))
        elif kind == 2:
            feed.sale("S001", (f"PLU {sku}", units), source="tills-S001", ago=SECOND)
        elif kind == 3:
            feed.line(sku, f"order {self.sent}", 1, units)
        elif kind == 4:
            shipped = feed.movement(sku, "RECEIPT", units)
            feed.put(shipped.topic, shipped.key, shipped.value)  # the same once more
        else:
            feed.count(sku, draw.randrange(400, 600), ago=draw.randrange(SECOND, MINUTE))

    def some_more(self) -> None:
        """Wait until more was sent."""
        enough = self.sent + _ENOUGH
        while self.sent < enough:
            assert not self._ended.is_set(), "nobody sends"
            time.sleep(_PAUSE_S)

    def end(self) -> None:
        """Send no more."""
        self._ended.set()


@contextmanager
def flowing(traffic: Traffic) -> Iterator[Traffic]:
    """Traffic until the block ends; some of it comes before the block, and some behind what the block did."""
    failures: list[BaseException] = []

    def run() -> None:
        try:
            traffic.run()
        except BaseException as error:
            failures.append(error)
        finally:
            traffic.end()

    sender = threading.Thread(target=run)
    sender.start()
    try:
        traffic.some_more()
        yield traffic
        traffic.some_more()
    finally:
        traffic.end()
        sender.join()
    assert not failures
