"""A run of master records leaves what its records would leave one by one, and tells the same."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from inventory.aliases import Alias
from inventory.batch import Master, Message, Outputs
from inventory.bundles import BUNDLE, SKU, Told
from inventory.lane import Lane, LaneConfig
from inventory.murmur import shard_of
from inventory.parking import Parked
from tests.inventory.same_state import state_of
from tests.inventory.simulation import aliases_of, location
from tests.reference.shop import NOW
from wire.topics import TOPICS

SKUS = ("SKU-1", "SKU-2", "SKU-3", "étui")
"""Of two lanes, most of them of lane 0; few, so that several records are of one."""
TOO_LONG = "x" * 129

Records = st.SearchStrategy[dict[str, Any]]

skus = st.sampled_from([*SKUS, *SKUS, "", TOO_LONG])
parts: Records = st.builds(
    dict, sku=st.sampled_from([*SKUS, TOO_LONG]), quantity=st.sampled_from([1, 2, 3, 0])
)
claims = st.lists(st.sampled_from([("test", "A1"), ("test", "A2"), ("other", "A1")]), max_size=2).map(
    aliases_of
)
items: Records = st.builds(
    dict, sku=skus, category=st.sampled_from([None, "shoes"]), attributes=st.sampled_from([{}, {"size": "9"}]),
    active=st.booleans(), aliases=claims, bundle=st.just([]) | st.lists(parts, max_size=2), ship_together=st.booleans(),
)  # fmt: skip
fences: st.SearchStrategy[list[dict[str, Any]]] = st.lists(
    st.builds(dict, fence=st.sampled_from("fg"), units=st.integers(0, 9), set_at=st.just(NOW)), max_size=2
)
allocations: Records = st.builds(dict, sku=skus, fences=fences)
kinds = {
    "item": st.tuples(st.just("CatalogItem"), skus, items),
    "tombstone": st.tuples(st.just("CatalogItem"), skus, st.none()),
    "allocation": st.tuples(st.just("Allocation"), skus, st.none() | allocations),
    "place": st.tuples(st.just("Location"), st.just("location:DC1"), st.just(location("DC1", 0))),
}
records = st.sampled_from(["item", "item", "item", "tombstone", "tombstone", "allocation", "place"]).flatmap(
    kinds.__getitem__
)
told = st.lists(records, min_size=5, max_size=20)


def _message(offset: int) -> Message:
    return Message(TOPICS["catalog"].code, 0, offset, NOW + offset, 0, b"%d" % offset)


def _lane() -> Lane:
    """A lane in which much waits for the catalog: messages, aliases, and the lanes of bundles."""
    lane, out = Lane(0, 2, LaneConfig(), 1, "test"), Outputs()
    lane.aliases.hear_bound([Alias("test", f"bound {sku}", sku) for sku in SKUS], NOW, out)
    for offset, sku in enumerate(SKUS):
        lane.parking.put(Parked("sku", sku, NOW, None, _message(offset)))
        lane.masters.components.hear(sku, "KIT-9", 1, False)
    for sku in SKUS[:2]:
        sort = BUNDLE if sku == "SKU-1" else SKU
        lane.masters.bundles.hear(sku, Told(1, sort, True, NOW, [], None), 6, 1000)
    return lane


def _content_of(lane: Lane) -> dict[str, Any]:
    """Its state; where a name lies in its dictionary is no part of it."""
    found = state_of(lane)
    names = lane.memory.sku_names
    scope, value = names.d.scope, names.d.value
    found["names:sku_names"] = {(int(scope[i]), names.text(i), int(value[i])) for i in range(len(names))}
    rows = lane.memory.stores["skus"].used().copy()
    texts = [lane.sku(row) for row in range(rows.size)]
    rows["name_at"] = 0
    found["table:skus"] = texts, rows.tolist()
    return found


def _cut(masters: Sequence[Master], cuts: Sequence[int]) -> Iterator[Sequence[Master]]:
    bounds = sorted({0, len(masters), *(cut % len(masters) for cut in cuts)})
    for first, last in pairwise(bounds):
        yield masters[first:last]


def _active_after(masters: Sequence[Master]) -> dict[str, bool]:
    """The skus of lane 0 that the catalog has named, in that order, and whether they are sold."""
    active: dict[str, bool] = {}
    for master in masters:
        if master.record == "CatalogItem" and master.value is None and master.key in active:
            active[master.key] = False
        elif master.record == "CatalogItem" and master.value is not None:
            sku, made_of = master.value["sku"], master.value["bundle"]
            readable = sku not in ("", TOO_LONG) and all(
                p["quantity"] and p["sku"] != TOO_LONG for p in made_of
            )
            if readable and shard_of(sku) % 2 == 0:
                active[sku] = master.value["active"]
    return active


@given(told, st.lists(st.integers(0, 20), max_size=2), st.booleans(), st.integers(0, 1))
def test_a_run_leaves_what_its_records_leave_one_by_one(
    told: list[tuple[str, str, dict[str, Any] | None]], cuts: list[int], tell: bool, routed: int
) -> None:
    masters = [
        Master(record, key, value, _message(100 + i), 4 + 2 * (routed * i % 2), 100 + i)
        for i, (record, key, value) in enumerate(told)
    ]
    left = []
    for runs in ([[master] for master in masters], _cut(masters, cuts)):
        lane, out = _lane(), Outputs()
        for run in runs:
            lane._records.fold(run, tell, NOW, out)
        left.append((out, lane.memory.moved().tolist(), _content_of(lane)))
        rows = lane.memory.stores["skus"].used()
        active = {lane.sku(row): bool(rows["active"][row]) for row in range(rows.size)}
        assert list(active.items()) == list(_active_after(masters).items())
        assert sorted(lane.memory.moved().tolist()) == list(range(rows.size))
        assert rows["shard"].tolist() == [shard_of(sku) for sku in active]
    assert left[0] == left[1]
