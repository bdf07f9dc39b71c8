"""I2, I6, I8 and I13 on whole lanes.

I1, I7 and I12 are held in test_agreement, I9 in test_restarts, I4 and I5 at every write of the simulated view.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.inventory import simulation
from tests.inventory.crowds import crowded
from tests.inventory.simulation import Cluster, Row
from tests.inventory.worlds import MASTER_DATA, Plan, events, plans, policies, write
from tests.reference.histories import Told
from tests.reference.shop import NOW

PARTS = ("on_hand", "damaged", "quality_control", "blocked")
LATER = {"source": "later", "event_id": "later", "occurred_at": NOW + 1, "recorded_at": NOW + 1}
EVERYWHERE = [
    Told("Channel", simulation.channel(name, at)) for name, at in (("web", 0), ("amazon", 2), ("pickup", 1))
]
"""The same channels, but each sells from everywhere."""
histories = st.lists(events(), max_size=20)
some_places = st.sampled_from(["A", "B", "C"])


def shown(plan: Plan, master_data: list[Told], history: list[Told]) -> tuple[Cluster, dict[str, Row]]:
    cluster = plan.cluster()
    for told in (*MASTER_DATA, *master_data, *history):
        write(cluster, told)
    cluster.run(NOW, plan.most)
    return cluster, dict(cluster.view.rows)


def assert_not_worse(before: dict[str, Row], after: dict[str, Row]) -> None:
    for sku, was in before.items():
        now = after[sku]
        for channel, told in now.channels.items():
            assert all(told[term] >= was.channels[channel][term] for term in ("available", "view", "pool"))
            assert all(told[term] <= was.channels[channel][term] for term in ("shortage", "unmet"))


def i2_no_counter_moves_but_by_a_fact_that_names_it(
    plan: Plan, master_data: list[Told], history: list[Told], fact: Told
) -> None:
    cluster, before = shown(plan, master_data, history)
    write(cluster, fact)
    cluster.run(NOW)
    named = positions_of(fact)
    for sku, row in cluster.view.rows.items():
        for at, node in row.nodes.items():
            was = before[sku].nodes.get(at, dict.fromkeys(PARTS, 0))
            if all(node[part] == was[part] for part in PARTS):
                continue
            if fact.record_name == "Reservation" or (sku, at) not in named:
                # Demand of then, under an anchor that is net of it: it moves what is there, and nothing else.
                assert sku in {name for name, _ in named}
                assert is_demand(fact)
                assert any((sku, at) in positions_of(told) and sees(told, fact) for told in history)
                assert all(node[part] == was[part] for part in PARTS[1:])


def positions_of(fact: Told) -> set[tuple[str, str]]:
    """The canonical positions that a fact names."""
    canonical = (
        {"our SKU-1": "SKU-1", "SKU-2b": "SKU-3", "3pl-A": "A"} if fact.value["source"] == "test" else {}
    )
    place = canonical.get(fact.value["location"], fact.value["location"])
    lines = fact.value.get("lines", [fact.value])
    return {(canonical.get(line["sku"], line["sku"]), place) for line in lines}


def is_demand(fact: Told) -> bool:
    lines = fact.value.get("lines", [fact.value])
    return any(line.get("reservation_id") is not None for line in lines)


def sees(count: Told, fact: Told) -> bool:
    """Whether a number is net of demand of the fact's date."""
    if count.record_name != "StockCount" or count.value["basis"] == "GROSS":
        return False
    as_of = count.value["demand_as_of"]
    return bool((count.value["counted_at"] if as_of is None else as_of) >= fact.value["occurred_at"])


def i13_demand_of_then_never_moves_what_is_left_over(plan: Plan, facts: list[Told], quantity: int) -> None:
    """Under a count net of soft and hard demand, as of its instant."""
    cluster = plan.cluster()
    count = {
        "event_id": "net", "source": "test", "occurred_at": NOW, "recorded_at": NOW, "sku": "SKU-1", "location": "A",
        "counted_at": NOW, "quantity": quantity, "basis": "NET", "net_of": "SOFT_AND_HARD",
    }  # fmt: skip
    for told in (*MASTER_DATA, Told("StockCount", count), *facts):
        write(cluster, told)
    cluster.run(NOW, plan.most)
    node = cluster.view.rows["SKU-1"].nodes["A"]
    if node["on_hand"] >= 0:
        assert node["on_hand"] - node["soft"] - node["hard"] == quantity


def i8_a_later_receipt_lowers_no_number(
    plan: Plan, master_data: list[Told], history: list[Told], place: str, quantity: int
) -> None:
    cluster, before = shown(plan, master_data, history)
    receipt = {**LATER, "sku": "SKU-1", "location": place, "movement": "RECEIPT", "quantity": quantity}
    write(cluster, Told("StockMovement", receipt))
    cluster.run(NOW)
    assert_not_worse(before, cluster.view.rows)


def i8_a_greater_count_lowers_no_number(
    plan: Plan, master_data: list[Told], history: list[Told], place: str, more: int
) -> None:
    cluster, before = shown(plan, master_data, history)
    node = before["SKU-1"].nodes.get(place, {"on_hand": 0})
    count = {
        "sku": "SKU-1", "location": place, "basis": "GROSS", "counted_at": NOW + 1,
        "quantity": max(0, node["on_hand"]) + more,
    }  # fmt: skip
    write(cluster, Told("StockCount", {**LATER, **count}))
    cluster.run(NOW)
    assert_not_worse(before, cluster.view.rows)


def i8_more_safety_stock_raises_no_number(
    plan: Plan, master_data: list[Told], history: list[Told], units: int, more: int
) -> None:
    if any(told.value.get("layer") == "ring_fence" for told in master_data):
        master_data = [*master_data, *EVERYWHERE]
    for layer in ("safety_stock", "network_safety_stock"):
        rule = {"id": "0", "status": "ACTIVE", "layer": layer, "valid_to": NOW + 1}
        cluster, little = shown(
            plan, [*master_data, Told("Policy", {**rule, "definition": f'{{"units": {units}}}'})], history
        )
        write(cluster, Told("Policy", {**rule, "definition": f'{{"units": {units + more}}}'}))
        cluster.run(NOW)
        assert_not_worse(cluster.view.rows, little)


def i6_demand_that_its_fence_covers_lowers_no_other_channel(
    plan: Plan, master_data: list[Told], history: list[Told], place: str | None, part: int
) -> None:
    """Deliveries are left out: channels that count them differently do not sell from the same stock."""
    alike = [told for told in master_data if told.value.get("layer") != "in_transit"]
    fence = {"id": "0", "status": "ACTIVE", "layer": "ring_fence", "valid_to": NOW + 2}
    fence["definition"] = json.dumps({"channel": "amazon", "units": 9, "set_at": NOW - 1, "priority": 1})
    cluster, before = shown(plan, [*EVERYWHERE, *alike, Told("Policy", fence)], history)
    granted = before["SKU-1"].channels["amazon"]["grant"]
    line = {
        "sku": "SKU-1", "location": place, "channel": "amazon", "reservation_id": "i6", "version": 1,
        "action": "PLACE", "quantity": granted * part // 4, "commitment": "HARD",
    }  # fmt: skip
    write(cluster, Told("Reservation", {**LATER, **line}))
    cluster.run(NOW)
    for channel in ("web", "pickup"):
        was, now = (view["SKU-1"].channels[channel] for view in (before, cluster.view.rows))
        assert now["view"] >= was["view"]
        assert now["grant"] + now["shared"] >= was["grant"] + was["shared"]


demands = st.lists(crowded().filter(lambda told: told.record_name != "StockCount"), max_size=20)
world = (plans, policies, histories)
PROPERTIES: dict[Callable[..., None], tuple[st.SearchStrategy[Any], ...]] = {
    i2_no_counter_moves_but_by_a_fact_that_names_it: (*world, events()),
    i6_demand_that_its_fence_covers_lowers_no_other_channel: (
        *world,
        st.none() | some_places,
        st.integers(1, 4),
    ),
    i13_demand_of_then_never_moves_what_is_left_over: (plans, demands, st.integers(-3, 9)),
    i8_a_later_receipt_lowers_no_number: (*world, some_places, st.integers(1, 20)),
    i8_a_greater_count_lowers_no_number: (*world, some_places, st.integers(0, 20)),
    i8_more_safety_stock_raises_no_number: (*world, st.integers(0, 12), st.integers(0, 12)),
}
each = pytest.mark.parametrize("invariant", PROPERTIES, ids=lambda invariant: invariant.__name__)


@each
def test_it_holds(invariant: Callable[..., None]) -> None:
    given(*PROPERTIES[invariant])(invariant)()
