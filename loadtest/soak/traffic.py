"""The retailer's traffic without an end: rounds of real tills and all that surrounds them, each with a seed of its own.

A round is a simulation of the same window of the year. What is different from a single replay keeps the state as large
as it is, and the facts within the horizons:

- messages are due evenly; what happened before a round is as long ago as the count horizon is short (a count that is
  30 hours old where counts may be a day old is 12.5 minutes old where they may be 10 minutes old), and what is to come
  after it as soon;
- every line of an order and of expected supply that a round has told is closed in the next, well before the engine may
  forget it; a till sells under new transaction numbers;
- stock is replenished, at tills and in warehouses: else more and more positions would be negative, and each stands as
  an exception until somebody counts it;
- what waits for a name that never comes is left out: it would wait for ever.
"""

import multiprocessing
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from multiprocessing.queues import Queue
from typing import Any, NamedTuple

import numpy as np

from loadtest.errors import HorizonTooShort
from loadtest.pause import no_collection
from loadtest.peak.load import Load, of_messages
from loadtest.peak.sending import Prepared
from loadtest.retail import tills
from loadtest.retail.chance import HOUR, Chance
from loadtest.retail.drafts import Draft, Encoder, moved
from loadtest.retail.retailer import Retailer
from loadtest.retail.simulation import Simulation, simulate
from loadtest.sender import Sender, send_now
from runtime.codec import codec_of
from runtime.settings import Settings
from wire.codec import Codec

DAY = 24 * HOUR
_LAST_VERSION = 900
"""Above all that a simulation gives a line."""
_WAIT_FOR_EVER = "unknown-"
"""What the events of such messages are called, also when they are sent again."""
_RESTOCKED = 10
"""Of so many positions one is replenished in a round, with as much as it sells in twice as many rounds."""
_ROUNDS_A_HORIZON = 10
_ENCODED_PER_S = 4_000
_ROUNDS_OF_A_LINE = 2.5
"""A line is told in one round and closed in the next; the rest is for what comes late."""
_FEWEST_LINES = 1_000
_LEAD_S = 5.0
_AHEAD = 2
_LOOKED_UP = 1_000


@dataclass(frozen=True)
class Shape:
    """`rate` messages a second for `seconds`, in rounds of `lines` till lines; `horizon_ms`: of counts, and the least
    of all horizons."""

    rate: float
    seconds: float
    horizon_ms: int
    lines: int
    seed: int = 1

    @property
    def messages(self) -> int:
        """In all."""
        return int(self.rate * self.seconds)

    @property
    def round_ms(self) -> int:
        """How long a round is to be, about: what it opens is closed within the next, far inside the horizons."""
        return self.horizon_ms // _ROUNDS_A_HORIZON

    def late(self, ago_ms: int) -> int:
        """How long ago it is where horizons are as they are here."""
        return ago_ms * self.horizon_ms // DAY


def shape(rate: float, seconds: float, horizon_ms: int, seed: int) -> Shape:
    """With as many till lines as make rounds of about a tenth of the horizon."""
    return Shape(
        rate, seconds, horizon_ms, max(_FEWEST_LINES, int(rate * horizon_ms / 1000 / _ROUNDS_A_HORIZON)), seed
    )


class Frame(NamedTuple):
    """Where a round lies: it begins at `begins_ms` and takes `lasts_ms`. A time of it is one time, whoever tells it: a
    message that is sent again says what it said."""

    shape: Shape
    begins_ms: int
    lasts_ms: int

    def moved(self, at: int, *, poisoned: bool = False) -> int:
        """A time of the round (ms after its start, negative: before it) on the time line of the whole soak. What is
        poisoned is too far ahead by the engine's clock, however short the horizons."""
        span = self.shape.round_ms
        if at < 0:
            return self.begins_ms - self.shape.late(-at)
        if at < span:
            return self.begins_ms + at * self.lasts_ms // span
        ahead = at - span if poisoned else self.shape.late(at - span)
        return self.begins_ms + self.lasts_ms + ahead

    def dated(self, draft: Draft) -> Draft:
        """The draft with times of the whole soak."""
        time_of = partial(self.moved, poisoned=draft.poison is not None)
        return draft._replace(sends=self.moved(draft.sends), fields=moved(draft, time_of))


def closings(drafts: list[Draft], span_ms: int) -> Iterator[Draft]:
    """The end of every line that the drafts tell of, at a moment of the time that follows them."""
    chance = Chance(0, "closing", span_ms)
    told: dict[tuple[str, str, str], Draft] = {}
    for draft in drafts:
        fields = draft.fields
        if draft.spoil is None and draft.record == "Reservation":
            told.setdefault(("Reservation", fields["reservation_id"], fields.get("line", "1")), draft)
        elif draft.spoil is None and draft.record == "ExpectedSupply":
            told.setdefault(("ExpectedSupply", fields["reference"], fields.get("line", "1")), draft)
    for draft in told.values():
        at = chance.moment()
        now = {"event_id": f"closing-{draft.fields['event_id']}", "occurred_at": at, "recorded_at": at}
        last: dict[str, Any] = {"version": _LAST_VERSION, "quantity": 0}
        if draft.record == "Reservation":
            last |= {"action": "CANCEL", "commitment": "HARD", "expires_at": None}
        else:
            last |= {"status": "CANCELLED", "expected_at": at}
        yield draft._replace(sends=at, kind="closing", fields={**draft.fields, **now, **last}, legacy=False)


def restocked(simulation: Simulation, turn: int) -> Iterator[Draft]:
    """What is sold comes in again: a tenth of all positions in each round."""
    window = simulation.retailer.tills
    many = len(window.products)
    key, inverse = np.unique(window.store_of_lines() * many + window.product, return_inverse=True)
    sold = np.bincount(inverse, weights=window.quantity).astype(np.int64)
    chance = Chance(simulation.seed, "restock", simulation.span_ms)
    for place in range(turn % _RESTOCKED, len(key), _RESTOCKED):
        at, sku = chance.moment(), window.products[int(key[place] % many)].sku
        store, units = window.stores[int(key[place] // many)], int(sold[place]) * 2 * _RESTOCKED
        yield _receipt("restocked", at, chance.event_id(), "wms", sku, store, units)


def replenished(retailer: Retailer, drafts: list[Draft], span_ms: int, turn: int) -> Iterator[Draft]:
    """What the drafts took away where no till sells it (out of warehouses; bundles, out of any store) comes in again in
    the round `turn`, which follows them."""
    taken = Counter[tuple[str, str, str]]()
    parts = {
        kit.sku: {retailer.tills.products[product].sku: each for product, each in kit.parts.items()}
        for kit in retailer.kits
    }
    stores = set(retailer.tills.stores)
    for draft in drafts:
        if draft.poison is not None or draft.kind == "duplicate":
            continue
        fields, sold = draft.fields, list[tuple[str, int]]()
        if draft.record == "PosTransaction":
            sold = [(line["sku"], line["quantity"]) for line in fields["lines"]]
        elif draft.record == "StockMovement" and fields["movement"] in ("SHIP", "TRANSFER_OUT"):
            sold = [(fields["sku"], fields["quantity"])]
        for sku, units in sold:
            if units > 0 and (sku in parts or fields["location"] not in stores):
                for part, each in parts.get(sku, {sku: 1}).items():
                    taken[fields["source"], fields["location"], part] += units * each
    chance = Chance(0, "replenishing", span_ms)
    for number, ((source, location, sku), units) in enumerate(sorted(taken.items())):
        yield _receipt("replenished", chance.moment(), f"again-{turn}-{number}", source, sku, location, units)


def _receipt(kind: str, at: int, event: str, source: str, sku: str, location: str, units: int) -> Draft:
    return Draft(at, kind, "stock-movements", sku, "StockMovement", {
        "event_id": event, "source": source, "occurred_at": at, "recorded_at": at, "sku": sku,
        "location": location, "movement": "RECEIPT", "quantity": units,
    })  # fmt: skip


def _waits_for_ever(draft: Draft) -> bool:
    return str(draft.fields.get("event_id", "")).startswith(_WAIT_FOR_EVER)


def renumbered(draft: Draft, turn: int) -> Draft:
    """A till's transaction under a number of its own in each round."""
    if draft.record != "PosTransaction":
        return draft
    fields = draft.fields
    own = {name: f"{fields[name]}-r{turn}" for name in ("event_id", "transaction_id")}
    return draft._replace(fields={**fields, **own})


class Rounds:
    """The rounds one after the other; deterministic."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._before: list[Draft] = []
        self.first = simulate(tills.load(shape.lines), shape.seed, shape.round_ms)

    def opening(self) -> Iterator[Draft]:
        """What is there beforehand, dated before 0."""
        return map(Frame(self._shape, 0, self._shape.round_ms).dated, self.first.prologue())

    def round(self, turn: int) -> list[Draft]:
        """The drafts of a round in the order in which they are sent; their times are the round's own."""
        span = self._shape.round_ms
        # One retailer for all: bundles, and what comes to the catalog late, are the same in each round.
        simulation = Simulation(self.first.retailer, self._shape.seed + turn, span)
        own = [renumbered(draft, turn) for draft in simulation.live() if not _waits_for_ever(draft)]
        drafts = [
            *own,
            *restocked(simulation, turn),
            *replenished(self.first.retailer, self._before, span, turn),
            *closings(self._before, span),
        ]
        self._before = own
        drafts.sort(key=lambda draft: draft.sends)
        return drafts


def build(
    settings: Settings,
    shape: Shape,
    told: "Queue[Prepared]",
    starts: "Queue[float]",
    loads: "Queue[Load | None]",
) -> None:
    """The process that makes the rounds ahead of their time: sends what is there beforehand, says so, and when it has
    heard the start makes one load after the other; None is the end."""
    codec = codec_of(settings)
    with no_collection():
        rounds = Rounds(shape)
        now = Encoder(codec, settings.partitions, int(time.time() * 1000))
        send_now(Sender(settings, linger_ms=20), map(now.encode, rounds.opening()))
        drafts = rounds.round(0)
    sold = np.bincount(rounds.first.retailer.tills.product)
    skus = [
        rounds.first.retailer.tills.products[best].sku for best in np.argsort(-sold)[:_LOOKED_UP].tolist()
    ]
    if len(drafts) / shape.rate * 1000 * _ROUNDS_OF_A_LINE > shape.horizon_ms:
        raise HorizonTooShort(
            f"a round has {len(drafts):,} messages, for which {shape.rate:g} a second need "
            f"{len(drafts) / shape.rate:.0f} s: too long for a horizon of {shape.horizon_ms / 1000:g} s, within which "
            "a line must be opened and closed; raise --rate or --horizon"
        )
    lead = _LEAD_S + len(drafts) / _ENCODED_PER_S
    told.put(Prepared(rounds.first.rules, skus, rounds.first.retailer.tills.stores[0], lead))
    encoder = Encoder(codec, settings.partitions, int(starts.get() * 1000))
    sent, turn = 0, 0
    while sent < shape.messages:
        drafts = drafts[: shape.messages - sent]
        due = (sent + np.arange(len(drafts))) / shape.rate
        frame = Frame(shape, int(sent / shape.rate * 1000), int(len(drafts) / shape.rate * 1000))
        with no_collection():
            loads.put(of_messages(map(encoder.encode, map(frame.dated, drafts)), due))
        sent += len(drafts)
        turn += 1
        if sent < shape.messages:
            drafts = rounds.round(turn)
    loads.put(None)


class SoakTraffic:
    """The rounds, made by a process of their own so that nothing holds the sender up."""

    def __init__(self, settings: Settings, shape: Shape) -> None:
        context = multiprocessing.get_context("spawn")
        self._told: Queue[Prepared] = context.Queue()
        self._starts: Queue[float] = context.Queue()
        self._loads: Queue[Load | None] = context.Queue(_AHEAD)
        self._builder = (settings, shape, self._told, self._starts, self._loads)

    def builder(self) -> multiprocessing.process.BaseProcess:
        """The process that makes them, to be started by whoever also starts the sender."""
        return multiprocessing.get_context("spawn").Process(target=build, args=self._builder, daemon=True)

    def __getstate__(self) -> tuple[Any, ...]:
        return self._told, self._starts, self._loads

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self._told, self._starts, self._loads = state

    def prepare(self, settings: Settings, codec: Codec) -> "SoakStage":
        """Wait until what is there beforehand was sent. Called in the sender's process."""
        return SoakStage(self._told.get(), self._starts, self._loads)


class SoakStage:
    """What the builder has told, and its loads as they come."""

    def __init__(self, told: Prepared, starts: "Queue[float]", loads: "Queue[Load | None]") -> None:
        self.rules, self.skus, self.place, self.lead_s = told.rules, told.skus, told.place, told.lead_s
        self._starts, self._loads = starts, loads

    def loads(self, start: float) -> Iterator[Load]:
        """One round after the other."""
        self._starts.put(start)
        while (load := self._loads.get()) is not None:
            yield load
