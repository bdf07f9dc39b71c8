"""What each fact did when it was folded: the engine and the reference model agree, fact by fact."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.reference import ReferenceModel
from tests.inventory.crowds import crowded, few, instants, orders, where
from tests.inventory.incident_judging import by_canonical_names, told_last
from tests.inventory.published import Encoded
from tests.inventory.worlds import MASTER_DATA, events, fold, policies, write
from tests.reference.histories import Told
from tests.reference.shop import MINUTE, NOW, SECOND

DELAY = 30 * SECOND
ADDITIVE = ("sale", "shipment", "movement", "correction")
SKUS = ("SKU-1", "SKU-2", "SKU-3")
STATES = ("SELLABLE", "DAMAGED", "BLOCKED")
channels = st.sampled_from([None, "web", "pickup"])


@st.composite
def late(draw: st.DrawFn) -> Told:
    """A movement, a sale or a correction of the sku that the crowd is about, as often before a count as after it."""
    occurred_at = draw(instants)
    value: dict[str, Any] = {
        "event_id": str(draw(st.uuids())),
        "source": "test",
        "occurred_at": occurred_at,
        "recorded_at": occurred_at,
        "location": draw(where),
    }
    quantity, order = draw(few), draw(st.none() | orders)
    record = draw(st.sampled_from(["StockMovement", "StockMovement", "PosTransaction", "StockCorrection"]))
    if record == "StockMovement":
        kinds = ["RECEIPT", "SHIP", "SHIP", "RETURN", "TRANSFER_OUT", "TRANSFER_IN", "ADJUST", "STATE_CHANGE"]
        kind = draw(st.sampled_from(kinds))
        value |= {"movement": kind, "sku": "SKU-1", "quantity": quantity, "reservation_id": order}
        value |= {"reference": draw(st.sampled_from([None, "P", "T"])), "channel": draw(channels)}
        if kind == "ADJUST":
            value["quantity"] *= draw(st.sampled_from([1, -1]))
        if kind == "STATE_CHANGE":
            value |= dict(zip(("from_state", "to_state"), draw(st.permutations(STATES))[:2], strict=True))
        elif draw(st.booleans()):
            arrives = kind in ("RECEIPT", "RETURN", "TRANSFER_IN")
            value["to_state" if arrives else "from_state"] = draw(st.sampled_from(STATES))
    elif record == "StockCorrection":
        value |= {"sku": "SKU-1", "quantity": quantity * draw(st.sampled_from([1, -1])), "reason": "found"}
        value["state"] = draw(st.sampled_from(STATES))
    else:
        sold = draw(st.sampled_from([1, 1, -1]))
        line = {"line": "1", "sku": "SKU-1", "quantity": sold * quantity, "reservation_id": order}
        if sold < 0:
            line["to_state"] = draw(st.sampled_from(STATES))
        value |= {"transaction_id": "t", "lines": [line], "channel": draw(channels)}
    return Told(record, value)


@st.composite
def parts(draw: st.DrawFn) -> Told:
    """A count of damaged units."""
    told = draw(crowded().filter(lambda told: told.record_name == "StockCount"))
    value = told.value | {"counter": "DAMAGED", "basis": "GROSS", "demand_as_of": None, "withheld": 0}
    return told._replace(value=value | {"quantity": abs(value["quantity"])})


def one_by_one(master_data: list[Told], history: list[Told]) -> tuple[Encoded, ReferenceModel, list[Told]]:
    """A lane and the model, before `history`, which comes a record an instant."""
    cluster = Encoded(1)
    for told in (*MASTER_DATA, *master_data):
        write(cluster, told)
    cluster.run(NOW)
    first = NOW - len(history)
    log = [told._replace(log_time=first + n, first_read=None) for n, told in enumerate(history)]
    return cluster, fold(ReferenceModel(), *MASTER_DATA, *master_data), log


def facts_of(cluster: Encoded, sku: str) -> Iterator[dict[str, Any]]:
    """Those that are remembered, the oldest first."""
    yield from reversed(cluster.explain(sku, "web")["facts"])


def what_moved_nothing_is_marked(master_data: list[Told], history: list[Told]) -> None:
    """A fact is told as absorbed if, and only if, nothing of its sku moved with it; what is left out moved nothing."""
    cluster, model, log = one_by_one(master_data, history)
    fold(model, *log)
    seen: dict[str, set[str]] = {sku: set() for sku in SKUS}
    effects = {sku: model.effects(sku, NOW) for sku in SKUS}
    for told in log:
        write(cluster, told)
        cluster.run(NOW)
        for sku in SKUS:
            facts = [fact for fact in facts_of(cluster, sku) if fact["record"] not in seen[sku]]
            seen[sku] |= {fact["record"] for fact in facts}
            name = told.value["source"], told.value["event_id"]
            mine = [effect for effect in effects[sku] if (effect.source, effect.event_id) == name]
            if facts and all(effect.what in ADDITIVE for effect in mine):
                assert [fact["absorbed"] for fact in facts] == [not effect.moved for effect in mine]
            else:
                assert not any(fact["absorbed"] for fact in facts)
            if not facts:
                assert not any(effect.moved for effect in mine)


def what_began_it_is_the_cause(history: list[Told]) -> None:
    """Looked at after every fact, an oversell has one cause: the fact with which there was too little."""
    cluster, model, log = one_by_one([], history)
    for told in log:
        write(cluster, told)
        cluster.run(NOW)
    cluster.run(NOW + DELAY)
    fold(model, *log)
    for incident in told_last(cluster).values():
        if incident.code == "oversell" and incident.sku is not None and incident.closed_at is None:
            found = model.oversell_causes(incident.sku, NOW)[incident.location or incident.channel or ""]
            [cause] = [(each["what"], each["source"], each["event_id"]) for each in incident.detail["causes"]]
            if incident.location is not None:
                assert cause == found[0][:3]
            elif "reservation" not in cause[0]:  # those it may be with which the channel began to ask
                assert cause in [each[:3] for each in found]


def counted(quantity: int, order: int, at: int) -> list[Told]:
    """A place that was counted, and what is promised there."""
    facts: dict[str, dict[str, Any]] = {
        "Reservation": {
            "reservation_id": "o", "line": "1", "version": 1, "action": "PLACE", "channel": "web", "quantity": order,
            "commitment": "HARD",
        },
        "StockCount": {"quantity": quantity, "counted_at": at, "counter": "ON_HAND", "basis": "GROSS"},
    }  # fmt: skip
    envelope = {"source": "test", "occurred_at": at, "recorded_at": at, "sku": "SKU-1", "location": "A"}
    return [Told(name, {"event_id": name} | envelope | fact) for name, fact in facts.items()]


starts: st.SearchStrategy[list[Told]] = st.just([]) | st.builds(
    counted, few, few, st.sampled_from([NOW - 30 * MINUTE, NOW - 1])
)
crowd = st.one_of(late(), late(), late(), crowded(), crowded(), parts(), events()).map(by_canonical_names)
histories = st.builds(
    lambda start, facts: start + facts,
    starts,
    st.sampled_from([0, 6, 12]).flatmap(lambda least: st.lists(crowd, min_size=least, max_size=15)),
)
PROPERTIES: dict[Callable[..., None], tuple[st.SearchStrategy[Any], ...]] = {
    what_moved_nothing_is_marked: (policies, histories),
    what_began_it_is_the_cause: (histories,),
}
each = pytest.mark.parametrize("agreed", PROPERTIES, ids=lambda check: check.__name__)


@each
def test_the_engine_and_the_reference_model(agreed: Callable[..., None]) -> None:
    given(*PROPERTIES[agreed])(agreed)()
