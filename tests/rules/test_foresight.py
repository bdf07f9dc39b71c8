"""What-if against the engine: what `rules diff` foretells is what lanes publish once the file is applied."""

import json
from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from inventory.lane import Lane
from inventory.section import Section
from inventory.sections import dump, load
from rules.current import Current, MasterTopic
from rules.foresight import Foresight, foresee
from rules.plan import plan_changes
from rules.validate import read_document
from tests.inventory import worlds
from tests.inventory.simulation import CODEC, Cluster, View
from tests.inventory.test_bundles import BUNDLES
from tests.inventory.worlds import Plan
from tests.reference.histories import Told
from tests.reference.shop import DAY, HOUR, MINUTE, NOW

Numbers = dict[tuple[str, str], tuple[int, str]]

_MATCHES: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [{}, {}, {"sku": "SKU-1"}, {"category": "shoes"}, {"style": "runner"}, {"attribute": {"size": "9"}}]
)
_PLACES: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [{}, {"location": "A"}, {"location_type": "store"}, {"region": "west"}]
)
_CHANNELS = st.sampled_from(["web", "amazon", "pickup", "fresh"])


@st.composite
def files(draw: st.DrawFn) -> str:
    """A rules file over the places of `worlds`: some moved to another type or gone, some new, rules of every layer."""
    locations = [
        {"id": "A", "type": draw(st.sampled_from(["warehouse", "store"])), "region": "east"},
        {"id": "B", "type": "store", "region": "east"},
        {"id": "C", "type": "store", "region": draw(st.sampled_from(["west", "east"]))},
        {"id": "E", "type": "warehouse", "region": "west"},
    ]
    if draw(st.booleans()):
        del locations[draw(st.integers(0, 2))]
    channels = [
        {"id": "web", "locations": draw(st.sampled_from([{}, {"type": "store"}]))},
        {"id": "amazon", "locations": {"type": "warehouse"}},
        {"id": "pickup", "locations": {"type": ["store"]}},
        {"id": "fresh", "locations": {"region": "east"}},
    ]
    types = {each["type"] for each in locations}
    regions = {each["region"] for each in locations}
    file: dict[str, Any] = {"locations": locations, "channels": channels}
    layers: list[tuple[str, dict[str, st.SearchStrategy[Any]], bool]] = [
        ("safety_stock", {"units": st.integers(0, 4)}, True),
        ("safety_stock", {"percent": st.sampled_from(["10", "33.3333"])}, True),
        ("network_safety_stock", {"units": st.integers(0, 5)}, False),
        ("exclusions", {}, False),
        ("shares", {"percent": st.integers(0, 100)}, False),
        ("buffers", {"units": st.integers(0, 3)}, False),
        ("caps", {"units": st.integers(0, 9)}, False),
        ("thresholds", {"units": st.integers(0, 3)}, False),
        ("low_stock", {"units": st.integers(0, 9)}, False),
        ("backorders", {"units": st.integers(0, 5)}, False),
        ("in_transit", {"confidence": st.sampled_from(["0.5", "1"]), "within_days": st.integers(0, 5)}, True),
        ("ring_fences", {"units": st.integers(0, 9), "priority": st.integers(1, 3)}, False),
        ("ring_fences", {"percent": st.integers(1, 50)}, False),
    ]
    for layer, values, places in layers:
        for _ in range(draw(st.integers(0, 1))):
            match = draw(_MATCHES) | (draw(_PLACES) if places else {})
            known = match.get("location_type", "store") in types and match.get("region", "east") in regions
            if not known or not any(match.get("location", each["id"]) == each["id"] for each in locations):
                continue
            rule = {name: _number(draw(value)) for name, value in values.items()}
            rule_id = f"{layer} {len(file.setdefault(layer, []))} of {match.get('sku', 'all')}"
            rule |= {"id": rule_id, "match": match}
            if "safety" not in layer:
                rule["channel"] = draw(_CHANNELS)
            file[layer].append(rule)
    return json.dumps(file)  # which is YAML too


def _number(value: Any) -> Any:
    return float(value) if isinstance(value, str) else value


@st.composite
def openings(draw: st.DrawFn) -> list[Told]:
    """Stock nearly everywhere, so that rules have something to act on."""
    told = []
    for sku in worlds.SKUS:
        for place in ("A", "B", "C"):
            units = draw(st.integers(0, 30))
            value = {
                "event_id": f"opening {sku} {place}", "source": "opening", "occurred_at": NOW - DAY,
                "recorded_at": NOW - DAY, "sku": sku, "location": place, "quantity": units, "counted_at": NOW - DAY,
                "basis": "GROSS",
            }  # fmt: skip
            told.append(Told("StockCount", value, NOW - DAY))
    return told


@st.composite
def states(draw: st.DrawFn) -> Cluster:
    """Lanes after any history: facts, rules and bundles."""
    plan: Plan = draw(worlds.plans)
    cluster = plan.cluster()
    with_bundles = draw(st.booleans())
    for told in (*worlds.MASTER_DATA, *(BUNDLES if with_bundles else ()), *draw(worlds.policies)):
        worlds.write(cluster, told)
    cluster.run(NOW, plan.most)
    if draw(st.booleans()):
        applied(cluster, draw(files()), NOW)
    for told in draw(openings()):
        worlds.write(cluster, told)
    events: list[Told] = draw(st.lists(worlds.events(), max_size=15))
    for told in events:
        worlds.write(cluster, told)
    cluster.run(NOW, plan.most)
    return cluster


def copies(cluster: Cluster) -> Iterator[Lane]:
    """The lanes as a command finds them on the disk."""
    for running in cluster.running:
        sections: list[Section] = list(dump(running.lane, everything=True))
        lane = Lane(running.number, cluster.lanes, cluster.config, cluster.generation, "looks only")
        load(lane, (section for section in sections if section.name not in ("ids", "requests")))
        yield lane


def published(view: View) -> Numbers:
    return {
        (sku, channel): (told["available"], told["status"])
        for sku, row in view.rows.items()
        for channel, told in row.channels.items()
    }


def applied(cluster: Cluster, file: str, now: int) -> None:
    """What `rules apply` does: from what the topics hold."""
    document, problems = read_document(file)
    assert document is not None
    assert not problems
    current = Current()
    topics: tuple[MasterTopic, ...] = ("network", "policies")
    for topic in topics:
        for stored in cluster.log[topic, 0]:
            name, record = CODEC.decode(stored.payload or b"")
            current.take(topic, (stored.at_key or b"").decode(), name, record)
    plan = plan_changes(document, current, "a", "b", now)
    assert not plan.problems
    for change in plan.changes:
        cluster.tell(change.name, change.record, now, key=change.key)
    cluster.run(now)


def foretold(before: Numbers, foresight: Foresight) -> Numbers:
    """The numbers before, with what was foretold."""
    after = dict(before)
    for effect in foresight.effects.sorted():
        at = effect.sku, effect.channel
        assert before.get(at, (None, None)) == (effect.before, effect.status_before), at
        after[at] = effect.after, effect.status_after
    return after


def foreseen(cluster: Cluster, file: str, now: int) -> Foresight:
    document, problems = read_document(file)
    assert document is not None, problems
    return foresee(copies(cluster), document, now=now)


@given(states(), files(), st.sampled_from([0, MINUTE, HOUR]))
def test_what_is_foretold_is_what_is_published(cluster: Cluster, file: str, later: int) -> None:
    now = NOW + later
    cluster.run(now)
    foresight = foreseen(cluster, file, now)
    assert not foresight.problems
    before = published(cluster.view)
    applied(cluster, file, now)
    after = published(cluster.view)
    expected = foretold(before, foresight)
    # Nothing is said of a channel's first number where it is 0.
    assert {at: after[at] for at in expected} == expected
    assert all(after[at] == (0, "OUT") for at in after.keys() - expected.keys())
    assert foresight.pairs == len(after)


def test_low_stock_is_named_for_a_status_and_never_for_units() -> None:
    cluster = Plan(1, 10_000, 0, 0).cluster()
    for told in worlds.MASTER_DATA:
        worlds.write(cluster, told)
    for sku, units in (("SKU-1", 10), ("SKU-2", 1)):
        value = {
            "event_id": sku, "source": "s", "occurred_at": NOW - DAY, "recorded_at": NOW - DAY, "sku": sku,
            "location": "A", "quantity": units, "counted_at": NOW - DAY, "basis": "GROSS",
        }  # fmt: skip
        worlds.write(cluster, Told("StockCount", value, NOW - DAY))
    cluster.run(NOW)
    file: dict[str, Any] = {
        "locations": [{"id": "A", "type": "warehouse", "region": "east"}],
        "channels": [{"id": "web", "locations": {}}],
    }
    applied(cluster, json.dumps(file), NOW)
    file["buffers"] = [{"id": "bu", "channel": "web", "units": 1, "match": {"sku": "SKU-2"}}]
    file["low_stock"] = [{"id": "ls", "channel": "web", "units": 11}]
    foresight = foreseen(cluster, json.dumps(file), NOW)
    named = {(each.sku, each.change, each.status_after): each.causes for each in foresight.effects.sorted()}
    assert named == {("SKU-2", -1, "OUT"): ("bu",), ("SKU-1", 0, "LOW"): ("ls",)}
    sums = foresight.effects.by_cause()
    assert (sums["ls"].pairs, sums["ls"].down, sums["ls"].status_only) == (1, 0, 1)
