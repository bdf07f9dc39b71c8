"""Real tills and what surrounds them as a load: a piece of the year at a speed, or with stores that were cut off."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from loadtest.pause import no_collection
from loadtest.peak.load import Load, of_messages
from loadtest.retail import tills
from loadtest.retail.chance import HOUR
from loadtest.retail.drafts import Draft, Encoder
from loadtest.retail.replay import Replay
from runtime.settings import Settings
from wire.codec import Codec

_YEAR = 10**9
"""Lines: all there are."""
_ENCODED_PER_S = 6_000
_LEAD_S = 5.0
_CUT_OFF = 0.2
"""The share of the stores whose tills cannot send."""
_FROM, _UNTIL = 0.2, 0.5
_FOR_HOURS = 3
_SENT_WITHIN = 0.02
"""Of the whole time: as long do the tills that are back take to send what they have kept."""


@dataclass(frozen=True)
class TillsTraffic:
    """The first of the year, `speed` times as fast as it was, for so many seconds. `outage`: a fifth of the stores are
    cut off and then send hours at once."""

    seconds: float
    speed: float
    seed: int = 1
    outage: bool = False

    def lines(self) -> int:
        """Till lines within the time. Raises TillsMissing."""
        year = tills.load(_YEAR)
        baskets = int(np.searchsorted(year.at, self.seconds * self.speed * 1000, "right"))
        return int(year.first_line[baskets])

    def prepare(self, settings: Settings, codec: Codec) -> "TillsStage":
        """Send the catalog and the opening counts."""
        return TillsStage(self, settings, codec)


class TillsStage:
    """The catalog and the opening counts are sent; what happens is drawn."""

    def __init__(self, traffic: TillsTraffic, settings: Settings, codec: Codec) -> None:
        self._settings, self._codec = settings, codec
        lines = traffic.lines()
        replay = Replay(codec, lines, traffic.seed, lines / traffic.seconds)
        self.rules = replay.simulation.rules
        self.skus = [sku for sku, _ in replay.watched(1000)]
        self.place = replay.simulation.retailer.tills.stores[0]
        replay.prologue(settings)
        with no_collection():
            self._drafts = replay.simulation.live()
            if traffic.outage:
                self._drafts = held_back(self._drafts, replay.simulation.span_ms)
        self.lead_s = _LEAD_S + len(self._drafts) / _ENCODED_PER_S

    def loads(self, start: float) -> Iterator[Load]:
        """One load."""
        encoder = Encoder(self._codec, self._settings.partitions, int(start * 1000))
        with no_collection():
            load = of_messages(
                map(encoder.encode, self._drafts), np.array([draft.sends for draft in self._drafts]) / 1000
            )
        yield load


def is_cut_off(store: str) -> bool:
    """Whether a store is one of those that cannot send for a while."""
    return zlib.crc32(f"cut off {store}".encode()) < _CUT_OFF * 2**32


def held_back(drafts: list[Draft], span_ms: int) -> list[Draft]:
    """The drafts with an outage: what tills of some stores would send within it comes after it, all at once, and tells
    of the last hours."""
    begin, end = int(span_ms * _FROM), int(span_ms * _UNTIL)
    held = [
        number for number, draft in enumerate(drafts)
        if draft.topic == "pos-sales" and is_cut_off(draft.key) and begin <= draft.sends < end
    ]  # fmt: skip
    told = list(drafts)
    for turn, number in enumerate(held):
        draft = drafts[number]
        before = (end - draft.sends) * _FOR_HOURS * HOUR // (end - begin)
        sends = end + int(turn / len(held) * span_ms * _SENT_WITHIN)
        fields = {**draft.fields, "occurred_at": end - before, "recorded_at": sends}
        told[number] = draft._replace(sends=sends, kind="sale after an outage", fields=fields)
    return sorted(told, key=lambda draft: draft.sends)
