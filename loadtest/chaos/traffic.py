"""What is sent in one run: real tills and everything around them from a seed, and what faults and probes add.

Every topic, every kind of record, duplicates, disorder and poison are in the replay (docs/loadtest.md).
"""

import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from loadtest.probe_skus import opening, probe_skus, receipt
from loadtest.retail.drafts import Draft, Encoder, Outgoing
from loadtest.retail.replay import Replay
from loadtest.sender import Sender, send_now
from runtime.settings import Settings
from wire.codec import Codec

CHANNEL = "web"
PROBE_UNITS = 40
"""Of a probe: more than what a rule may keep back of them."""

_PLACE = "DC1"
_WATCHED = 200


class Traffic:
    """The messages of one run. `sent`: records that Kafka has acknowledged, by topic; counted by who sends."""

    def __init__(self, settings: Settings, codec: Codec, seed: int, seconds: float, rate: float) -> None:
        self.settings = settings
        self.replay = Replay(codec, int(seconds * rate), seed, rate)
        self.sent: Counter[str] = Counter()
        self._skus = probe_skus(_PLACE, settings.partitions, each=1)
        self.probes = self._skus.all()
        self._codec = codec
        self._failed: list[BaseException] = []
        self._probed = 0
        self._lock = threading.Lock()

    @property
    def span_s(self) -> float:
        """How long the live part lasts."""
        return self.replay.simulation.span_ms / 1000

    def watched(self) -> list[str]:
        """The skus that readers look at: what moves most, bundles of it, and the probes."""
        kits = [kit.sku for kit in self.replay.simulation.retailer.kits]
        return [*(sku for sku, _ in self.replay.watched(_WATCHED)), *kits, *self.probes]

    def prologue(self) -> None:
        """Catalog and opening counts."""
        self.replay.prologue(self.settings)
        self.send(opening(self._skus, self._codec, int(time.time() * 1000)))

    @contextmanager
    def live(self) -> Iterator[None]:
        """It goes on while the block runs, and at its end until everything is sent. Raises what went wrong."""
        thread = threading.Thread(target=self._live, daemon=True)
        thread.start()
        try:
            yield
        except BaseException:
            self.replay.stop()
            raise
        finally:
            thread.join()
        if self._failed:
            raise self._failed[0]

    def send(self, messages: Iterable[Outgoing]) -> None:
        """Send something at once; returns when Kafka has it. Raises SendFailed."""
        sender = Sender(self.settings, linger_ms=5)
        send_now(sender, messages)
        with self._lock:
            self.sent += sender.topics

    def everything(self) -> Counter[str]:
        """Acknowledged records by topic, those of the replay included; after `live`."""
        return self.sent + self.replay.report.topics

    def probe(self) -> int:
        """A receipt for each probe sku, now; the units that receipts before it have brought, at the most."""
        self._probed += 1
        self.send(
            receipt(self._skus, self._codec, lane, sku, PROBE_UNITS) for lane, sku in enumerate(self.probes)
        )
        return (self._probed - 1) * PROBE_UNITS

    def drafted(self, drafts: Iterable[Draft]) -> list[Outgoing]:
        """Messages of drafts whose times are relative to now."""
        encoder = Encoder(self._codec, self.settings.partitions, int(time.time() * 1000))
        return [encoder.encode(draft) for draft in drafts]

    def _live(self) -> None:
        try:
            self.replay.live(self.settings)
        except BaseException as error:
            self._failed.append(error)
