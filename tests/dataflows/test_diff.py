"""`rules diff` beside a running engine: what it foretells is what the view holds once the file is applied."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from redis import Redis

from loadtest.verify.rows import Places, read_rows
from rules.__main__ import main
from runtime.settings import Settings
from tests.dataflows.conftest import RULES
from tests.dataflows.feed import HOUR, Feed
from tests.dataflows.house import apply_rules, engine
from wire.rows_read import STATUS_NAMES, read_channel

Numbers = dict[tuple[str, str], tuple[int, str]]

CHANGED = (
    RULES.replace("id: ss-stores, units: 1", "id: ss-stores, units: 6")
    .replace("buffers: [", "buffers: [{id: bu-web, channel: web, units: 3, match: {sku: SHOE}}, ")
    .replace("exclusions: [{id: ex-hazmat, channel: amazon, match: {category: hazmat}}]", "")
    .replace("channels:", "channels:\n  - {id: fresh, locations: {region: north}}")
    + """
ring_fences: [{id: rf-pickup, channel: pickup, units: 5}]
backorders: [{id: bo, channel: web, units: 7, match: {category: hats}}]
"""
)
SKUS = ("SHOE", "HAT", "ACID", "KIT")


def shown(redis: Redis, settings: Settings) -> Numbers:
    places = Places(redis, settings)
    found: Numbers = {}
    for sku, row in read_rows(redis, settings, SKUS):
        for name, ordinal in places.channels.items():
            numbers = read_channel(row[b"c"], ordinal)
            if numbers is not None:
                found[sku, name] = numbers.available, STATUS_NAMES[numbers.status_code]
    return found


def foretold(before: Numbers, path: Path) -> Numbers:
    after = dict(before)
    with path.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            at = row["sku"], row["channel"]
            had = None if row["before"] == "" else (int(row["before"]), row["status_before"])
            assert before.get(at) == had
            after[at] = int(row["after"]), row["status_after"]
    return after


def test_beside_a_running_engine(
    ready: Settings,
    feed: Feed,
    redis: Redis,
    caught_up: Callable[[], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in ready.environment().items():
        monkeypatch.setenv(name, value)
    with engine(ready, tmp_path) as running:
        running.says("lane opened", times=ready.partitions)
        for sku, category in zip(SKUS, ("shoes", "hats", "hazmat"), strict=False):
            feed.item(sku, category=category)
            feed.count(sku, 100, ago=2 * HOUR)
            feed.count(sku, 20, ago=2 * HOUR, location="S001")
        feed.item("KIT", bundle=[{"sku": "SHOE", "quantity": 2}, {"sku": "HAT", "quantity": 1}])
        feed.line("SHOE", "o1", 1, 7)
        feed.line("HAT", "o2", 1, 100, location=None)
        feed.sale("S001", ("SHOE", 3))
        caught_up()
        before = shown(redis, ready)
        assert len(before) == 4 * 3
        path = tmp_path / "changed.yaml"
        path.write_text(CHANGED)
        told = tmp_path / "told.csv"
        assert main(["diff", str(path), "--csv", str(told)]) == 3
        expected = foretold(before, told)
        assert expected != before
        assert expected["KIT", "web"] < before["KIT", "web"]  # by its components
        apply_rules(CHANGED, ready, tmp_path)
        caught_up()
        after = shown(redis, ready)
        assert {at: after[at] for at in expected} == expected
        # Of a new channel's first numbers nothing is said where there is nothing.
        assert all(after[at] == (0, "OUT") for at in after.keys() - expected.keys())
        assert main(["diff", str(path)]) == 0
        assert running.stop() == 0
    assert main(["diff", str(path)]) == 0  # of a state that nobody holds
