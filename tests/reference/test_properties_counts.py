"""The invariants that counts net of demand and batches of counts bear on."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.reference import ReferenceModel
from inventory.reference.incidents import Incident
from tests.reference.histories import (
    LOCATIONS,
    MASTER_DATA,
    SKUS,
    SOURCE,
    Feature,
    Told,
    batches,
    everything,
    facts,
    histories,
    tell,
)
from tests.reference.shop import HOUR, NOW

FACTS = Feature.NET | Feature.SNAPSHOTS | Feature.CONTRADICTIONS | Feature.REFUSED_ITEMS
NET_AND_WHOLE = Feature.NET | Feature.SNAPSHOTS
Position = tuple[str, str]


def model_of(history: list[Told]) -> ReferenceModel:
    return tell(ReferenceModel(), *MASTER_DATA, *history)


def all_of(model: ReferenceModel) -> tuple[dict[str, Any], set[Incident]]:
    return everything(model), model.snapshot_incidents(NOW + 2 * HOUR)


@given(histories(features=FACTS), st.data())
def test_i1_neither_order_nor_repetition_leaves_a_trace(history: list[Told], data: st.DataObject) -> None:
    again = data.draw(st.permutations(history + [told for told in history if data.draw(st.booleans())]))
    assert all_of(model_of(history)) == all_of(model_of(list(again)))


@given(histories(features=FACTS))
def test_i1_a_fact_that_had_to_wait_is_as_good_as_one_that_had_not(history: list[Told]) -> None:
    waited = tell(ReferenceModel(), *history, *MASTER_DATA)
    assert waited.waiting == 0
    assert all_of(waited) == all_of(model_of(history))


@given(histories(features=FACTS))
def test_what_is_kept_of_numbers_is_what_would_be_computed(history: list[Told]) -> None:
    model = model_of([])
    for told in history:
        tell(model, told)
        everything(model)
    assert all_of(model) == all_of(model_of(history))


def on_hand(model: ReferenceModel) -> dict[Position, int]:
    return {(sku, place): model.node(sku, place, NOW).on_hand for sku in SKUS for place in LOCATIONS}


def others(model: ReferenceModel) -> dict[Position, tuple[int, int, int]]:
    nodes = {(sku, place): model.node(sku, place, NOW) for sku in SKUS for place in LOCATIONS}
    return {at: (node.damaged, node.quality_control, node.blocked) for at, node in nodes.items()}


def named_by(told: Told) -> set[Position]:
    if told.record_name in ("Reservation", "SnapshotMarker"):
        return set()
    lines = told.value.get("lines", [told.value])
    return {(line["sku"].removeprefix("our "), told.value["location"]) for line in lines}


def net_until(history: list[Told]) -> dict[Position, int]:
    """Up to when the demand is known that net counts of a position, or of whole batches, are net of."""
    until: dict[Position, int] = {}
    for told in history:
        if told.value.get("basis", "GROSS") == "GROSS":
            continue
        made = told.value["counted_at"] if "sku" in told.value else told.value["as_of"]
        instant: int = made if told.value["demand_as_of"] is None else told.value["demand_as_of"]
        places = told.value.get("locations") or [told.value["location"]]
        skus = [told.value["sku"].removeprefix("our ")] if "sku" in told.value else SKUS
        for position in ((sku, place) for sku in skus for place in places):
            until[position] = max(instant, until.get(position, instant))
    return until


def skus_of(told: Told) -> set[str]:
    lines = told.value.get("lines", [told.value])
    return {line["sku"].removeprefix("our ") for line in lines}


@given(histories(features=NET_AND_WHOLE), facts(features=NET_AND_WHOLE))
def test_i2_a_counter_moves_by_a_fact_that_names_it_or_by_demand_that_it_is_net_of(
    history: list[Told], fact: Told
) -> None:
    model = model_of(history)
    before, parts = on_hand(model), others(model)
    tell(model, fact)
    moved = {position for position, units in on_hand(model).items() if units != before[position]}
    net = {
        position
        for position, until in net_until(history).items()
        if fact.value["occurred_at"] <= until and position[0] in skus_of(fact)
    }
    assert moved <= named_by(fact) | net
    assert {position for position, told in others(model).items() if told != parts[position]} <= named_by(fact)


@given(histories(features=NET_AND_WHOLE), batches(NET_AND_WHOLE))
def test_i2_a_completion_moves_what_its_batch_does_not_list_and_nothing_else(
    history: list[Told], batch: list[Told]
) -> None:
    model = model_of([*history, *(told for told in batch if told.record_name == "StockCount")])
    before, parts = on_hand(model), others(model)
    markers = [told for told in batch if told.record_name == "SnapshotMarker"]
    tell(model, *markers)
    covered = {place for told in markers for place in told.value["locations"]}
    zeroes = all(told.value["mode"] == "NONZERO" for told in markers)
    listed = {position for told in batch if told not in markers for position in named_by(told)}
    moved = {position for position, units in on_hand(model).items() if units != before[position]}
    assert moved <= {(sku, place) for sku in SKUS for place in covered if zeroes} - listed
    assert others(model) == parts


@pytest.mark.parametrize("basis", ["NET", "AVAILABLE"])
@given(
    histories(features=NET_AND_WHOLE | Feature.CHECKED),
    st.dictionaries(st.tuples(st.sampled_from(SKUS), st.sampled_from(LOCATIONS)), st.integers(-10, 30)),
    st.data(),
)
def test_i13_a_net_count_is_the_net_of_its_time_whatever_comes_of_before(
    basis: str, history: list[Told], counted: dict[Position, int], data: st.DataObject
) -> None:
    """All facts of a history are dated at or before NOW."""
    made = [
        Told(
            "StockCount",
            {
                "event_id": f"{sku} {place} {counter}",
                "source": SOURCE,
                "occurred_at": NOW,
                "recorded_at": NOW,
                "sku": sku,
                "location": place,
                "counted_at": NOW,
                "count_sequence": 9,
                "counter": counter,
                **(
                    {"basis": basis, "net_of": "SOFT_AND_HARD"}
                    if counter == "ON_HAND"
                    else {"basis": "GROSS"}
                ),
                "quantity": quantity if counter == "ON_HAND" else 0,
            },
        )
        for (sku, place), quantity in counted.items()
        for counter in ("ON_HAND", "DAMAGED", "QUALITY_CONTROL", "BLOCKED")
    ]
    model = model_of(list(data.draw(st.permutations([*history, *made]))))
    model.decide(NOW)
    for (sku, place), quantity in counted.items():
        node = model.node(sku, place, NOW)
        assert node.on_hand == quantity + node.soft + node.hard
        if node.on_hand >= 0:
            assert node.net == quantity
