"""One truth held against another, number by number."""

import gc
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from multiprocessing import get_context

from redis import Redis

from inventory.reference import ReferenceModel
from loadtest.verify.rows import Places, Row, read_rows, row_names
from runtime.redis import client
from runtime.settings import Settings
from wire.rows_read import STATUS_NAMES, Node, read_channel, read_header, read_nodes

CHANNEL_TERMS = ("available", "status", "view", "pool", "grant", "shared", "shortage", "unmet")
NODE_TERMS = ("on_hand", "damaged", "quality_control", "blocked", "soft", "hard", "safety_stock")

_NOTHING: dict[str, object] = dict.fromkeys(NODE_TERMS, 0)


@dataclass
class Differences:
    """What differs, as lines for people; `compared` counts the numbers looked at, by sort."""

    found: list[str] = field(default_factory=list)
    compared: Counter[str] = field(default_factory=Counter)

    def terms(self, subject: str, expected: dict[str, object], got: dict[str, object]) -> None:
        """Hold the terms of one subject against each other."""
        wrong = [name for name, value in expected.items() if got.get(name) != value]
        if wrong:
            self.found.append(
                f"{subject}: " + ", ".join(f"{n} is {got.get(n)}, not {expected[n]}" for n in wrong)
            )

    def sets(self, subject: str, expected: Iterable[str], got: Iterable[str]) -> None:
        """Hold two sets of names against each other."""
        wanted, there = set(expected), set(got)
        self.found += [f"{subject} {name}: missing" for name in sorted(wanted - there)]
        self.found += [f"{subject} {name}: should not be there" for name in sorted(there - wanted)]


def _all(sku: str) -> bool:
    return True


def compare_rows(
    redis: Redis, settings: Settings, model: ReferenceModel, now: int, differences: Differences,
    among: Callable[[str], bool] = _all,
) -> None:  # fmt: skip
    """Every number of every row in Redis against the model at `now` (ms), on all cores; of the skus `among` which the
    model is asked."""
    skus = model.skus()
    differences.sets("channel", model.channels(), Places(redis, settings).channels)
    differences.sets("row of sku", skus, filter(among, row_names(redis, settings)))
    cores = os.cpu_count() or 1
    gc.freeze()  # else each child's collector would copy the model
    with get_context("fork").Pool(cores, _Comparing.take, (settings, model, now)) as children:
        for part in children.map(_Comparing.some, (skus[core::cores] for core in range(cores))):
            differences.found += part.found
            differences.compared += part.compared
    gc.unfreeze()


class _Comparing:
    """What a child process has from its parent: too much to be sent to it."""

    settings: Settings
    model: ReferenceModel
    now: int

    @classmethod
    def take(cls, settings: Settings, model: ReferenceModel, now: int) -> None:
        """Called in the child."""
        cls.settings, cls.model, cls.now = settings, model, now

    @classmethod
    def some(cls, skus: Sequence[str]) -> Differences:
        """Compare the rows of some skus."""
        differences = Differences()
        with client(cls.settings) as redis:
            places = Places(redis, cls.settings)
            for sku, row in read_rows(redis, cls.settings, skus):
                if row:
                    _compare_channels(sku, row, places, cls.model, cls.now, differences)
                    _compare_nodes(sku, row, places, cls.model, cls.now, differences)
        return differences


def _compare_channels(
    sku: str, row: Row, places: Places, model: ReferenceModel, now: int, differences: Differences
) -> None:
    packed = row[b"c"]
    read_header(packed)  # checks the layout
    for channel in model.channels():
        numbers = model.channel(sku, channel, now)
        expected = {term: getattr(numbers, term) for term in CHANNEL_TERMS}
        published = read_channel(packed, places.channels.get(channel, -1))
        if published is None:
            differences.found.append(f"{sku} in {channel}: not in the row")
            continue
        got = {term: getattr(published, term) for term in CHANNEL_TERMS if term != "status"}
        got["status"] = STATUS_NAMES[published.status_code]
        differences.terms(f"{sku} in {channel}", expected, got)
        differences.compared["terms of channels"] += len(expected)


def _compare_nodes(
    sku: str, row: Row, places: Places, model: ReferenceModel, now: int, differences: Differences
) -> None:
    published: dict[str, Node] = {places.locations[node.ordinal]: node for node in read_nodes(row)}
    for location in {*model.locations_of(sku), *published}:
        numbers = model.node(sku, location, now)
        expected: dict[str, object] = {term: getattr(numbers, term) for term in NODE_TERMS}
        node = published.get(location)
        got: dict[str, object] = _NOTHING | {"safety_stock": numbers.safety_stock}  # all 0 may be left out
        if node is not None:
            got = {term: getattr(node, term) for term in NODE_TERMS}
        differences.terms(f"{sku} at {location}", expected, got)
        differences.compared["terms of positions"] += len(expected)
