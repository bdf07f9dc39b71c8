"""The invariants of what is computed so far, over random sets of facts and rules."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from inventory.reference import ReferenceModel
from inventory.reference.positions import Counters
from tests.reference.histories import (
    LOCATIONS,
    MASTER_DATA,
    SKUS,
    Told,
    everything,
    facts,
    histories,
    rules,
    tell,
)
from tests.reference.shop import NOW

ABOVE = ("available", "view", "offer", "pool", "supply")
BELOW = ("shortage", "unmet")


def model_of(master_data: list[Told], history: list[Told]) -> ReferenceModel:
    return tell(ReferenceModel(), *MASTER_DATA, *master_data, *history)


def counters(model: ReferenceModel) -> dict[tuple[str, str], Counters]:
    nodes = {(sku, location): model.node(sku, location, NOW) for sku in SKUS for location in LOCATIONS}
    return {
        position: Counters(node.on_hand, node.damaged, node.quality_control, node.blocked)
        for position, node in nodes.items()
    }


@given(rules(), histories(), st.data())
def test_i1_neither_order_nor_repetition_leaves_a_trace(
    master_data: list[Told], history: list[Told], data: st.DataObject
) -> None:
    again = data.draw(st.permutations(history + [told for told in history if data.draw(st.booleans())]))
    assert everything(model_of(master_data, history)) == everything(model_of(master_data, list(again)))


@given(rules(), histories())
def test_i1_a_fact_that_had_to_wait_is_as_good_as_one_that_had_not(
    master_data: list[Told], history: list[Told]
) -> None:
    waited = tell(ReferenceModel(), *history, *MASTER_DATA, *master_data)
    assert waited.waiting == 0
    assert everything(waited) == everything(model_of(master_data, history))


@given(rules(), histories())
def test_what_is_kept_of_numbers_is_what_would_be_computed(
    master_data: list[Told], history: list[Told]
) -> None:
    model = model_of(master_data, [])
    for told in history:
        tell(model, told)
        everything(model)
    assert everything(model) == everything(model_of(master_data, history))
    assert everything(model, NOW + 1) == everything(model_of(master_data, history), NOW + 1)


def named_by(told: Told) -> set[tuple[str, str]]:
    if told.record_name == "Reservation":
        return set()
    lines = told.value.get("lines", [told.value])
    return {(line["sku"].removeprefix("our "), told.value["location"]) for line in lines}


@given(histories(), facts())
def test_i2_no_counter_moves_but_by_a_fact_that_names_it(history: list[Told], fact: Told) -> None:
    model = model_of([], history)
    before = counters(model)
    after = counters(tell(model, fact))
    moved = {position for position in before if before[position] != after[position]}
    assert moved <= named_by(fact)


@given(rules(), histories())
def test_i4_i5_a_view_is_within_its_pool(master_data: list[Told], history: list[Told]) -> None:
    model = model_of(master_data, history)
    for sku in SKUS:
        for channel in model.channels():
            told = model.channel(sku, channel, NOW)
            assert 0 <= told.view <= told.pool
            assert sum(grant.units for grant in told.grants) + told.shared == told.pool
            assert told.unmet <= told.demand


@given(rules(), histories())
def test_i7_what_a_node_does_not_withhold_it_falls_short_of(
    master_data: list[Told], history: list[Told]
) -> None:
    model = model_of(master_data, history)
    for sku in SKUS:
        for location in LOCATIONS:
            node = model.node(sku, location, NOW)
            assert node.withheld + node.safety_shortfall == node.safety_stock
            assert node.node_ats + node.withheld == max(node.net, 0)


def assert_not_worse(model: ReferenceModel, before: dict[str, Any]) -> None:
    for sku, (nodes, channels, _, _) in everything(model).items():
        for location, node in nodes.items():
            assert node.node_ats >= before[sku][0][location].node_ats
        for name, told in channels.items():
            was = before[sku][1][name]
            assert all(getattr(told, term) >= getattr(was, term) for term in ABOVE)
            assert all(getattr(told, term) <= getattr(was, term) for term in BELOW)


@given(rules(), histories(), st.sampled_from(LOCATIONS), st.integers(1, 20))
def test_i8_a_later_receipt_lowers_no_number(
    master_data: list[Told], history: list[Told], location: str, quantity: int
) -> None:
    model = model_of(master_data, history)
    before = everything(model)
    fields = {"sku": "SKU-1", "location": location, "movement": "RECEIPT", "quantity": quantity}
    tell(model, Told("StockMovement", {**later(), **fields}))
    assert_not_worse(model, before)


@given(rules(), histories(), st.sampled_from(LOCATIONS), st.integers(0, 20))
def test_i8_a_greater_count_lowers_no_number(
    master_data: list[Told], history: list[Told], location: str, more: int
) -> None:
    model = model_of(master_data, history)
    before = everything(model)
    counted = max(0, model.node("SKU-1", location, NOW).on_hand) + more
    fields = {
        "sku": "SKU-1",
        "location": location,
        "basis": "GROSS",
        "quantity": counted,
        "counted_at": NOW + 1,
    }
    tell(model, Told("StockCount", {**later(), **fields}))
    assert_not_worse(model, before)


@given(rules(), histories(), st.integers(0, 12), st.integers(0, 12))
def test_i8_more_safety_stock_raises_no_number(
    master_data: list[Told], history: list[Told], units: int, more: int
) -> None:
    for layer in ("safety_stock", "network_safety_stock"):
        rule = {"id": "0", "status": "ACTIVE", "layer": layer, "valid_to": NOW + 1}
        little = Told("Policy", {**rule, "definition": f'{{"units": {units}}}'})
        much = Told("Policy", {**rule, "definition": f'{{"units": {units + more}}}'})
        before = everything(model_of([*master_data, much], history))
        assert_not_worse(model_of([*master_data, little], history), before)


def later() -> dict[str, Any]:
    return {"event_id": "later", "source": "later", "occurred_at": NOW + 1, "recorded_at": NOW}
