"""W1 is fixed to the byte: figures measured on it can be compared over the years."""

from collections import Counter
from hashlib import sha256
from itertools import pairwise

import numpy as np
import pytest

from inventory.reference import ReferenceModel
from loadtest.w1 import workload as w1
from loadtest.w1.draw import Size, draw
from loadtest.w1.write import Written
from rules.current import Current
from rules.plan import plan_changes
from rules.validate import read_document
from wire.codec import Codec

NOW = 1_790_000_000_000
SMALL = Size(events=30_000)


@pytest.fixture(scope="module")
def codec() -> Codec:
    return Codec()


@pytest.fixture(scope="module")
def small(codec: Codec) -> w1.Workload:
    return w1.drain(SMALL, NOW, w1.headers(codec))


def records(written: Written) -> list[bytes]:
    whole = written.buf.tobytes()
    return [whole[first:last] for first, last in pairwise([0, *written.end.tolist()])]


def test_the_workload_is_the_one_that_figures_were_published_for(small: w1.Workload) -> None:
    digest = sha256(small.opening.buf.tobytes() + small.run.buf.tobytes()).hexdigest()
    assert digest == "5cf83a56947c7fdd08e18e7947d8d8b2023f189108caa64dfb1025f97c670ead"
    assert (small.records, small.negative, small.short) == (42_939, 1, 5)


def test_every_record_is_what_the_codec_writes(small: w1.Workload, codec: Codec) -> None:
    seen: Counter[str] = Counter()
    for written in (small.opening, small.run):
        for value in records(written)[:6_000]:
            name, fields = codec.decode(value)
            assert codec.encode(name, fields) == value
            seen[name] += 1
    assert seen.keys() == {"StockMovement", "Reservation", "StockCount"}


def test_the_expected_views_are_those_of_the_reference_model(codec: Codec) -> None:
    size = Size(events=6_000, skus=40, locations=20)
    workload = w1.drain(size, NOW, w1.headers(codec))
    model = ReferenceModel()
    document, problems = read_document(w1.rules(size).encode())
    assert document is not None
    assert not problems
    for change in plan_changes(document, Current(), "a", "b", 0).changes:
        assert model.fold(change.name, change.record, log_time=NOW, key=change.key) is None
    for item in w1.catalog(size):
        assert model.fold("CatalogItem", item, log_time=NOW) is None
    for value in records(workload.run) + records(workload.opening):
        name, fields = codec.decode(value)
        assert model.fold(name, fields, log_time=NOW) is None
    for sku in np.flatnonzero(workload.occurs).tolist():
        told = [model.channel(f"SKU-{sku:06d}", channel, NOW).available for channel in w1.CHANNELS]
        assert told == workload.views[sku].tolist()


def test_a_repeated_event_is_the_same_bytes(small: w1.Workload) -> None:
    run = draw(SMALL)
    repeats = np.flatnonzero(run.origin != np.arange(SMALL.events))
    assert 0.015 < len(repeats) / SMALL.events < 0.025
    values = records(small.run)
    assert all(values[i] == values[run.origin[i]] for i in repeats.tolist())


def test_paced_events_lie_around_the_instant_they_are_due(codec: Codec) -> None:
    size = Size(events=4_000, skus=100, seed=7, chunk=2_000)
    workload = w1.paced(size, NOW, 1_000, w1.headers(codec))
    for number, value in enumerate(records(workload.run)):
        _, fields = codec.decode(value)
        if fields["event_id"] and number < 1_000:  # later ones may repeat earlier ones
            assert abs(fields["occurred_at"] - (NOW + number)) <= 30_000 + 1_000
