"""The engine and the reference model on crowded positions: counts net of demand, lines that come late, batches."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.inventory.test_agreement import agree, logs
from tests.inventory.worlds import Plan, bases, plans
from tests.reference.histories import Told
from tests.reference.shop import HOUR, MINUTE, NOW

instants = st.sampled_from([-2 * HOUR, -HOUR, -MINUTE, -1, 0]).map(lambda before: NOW + before)
few = st.integers(1, 5)
orders = st.sampled_from(["o", "o", "p"])
where = st.sampled_from(["A", "A", "A", "B"])


@st.composite
def crowded(draw: st.DrawFn) -> Told:
    """A count, a version, a release or a shipment of a few lines of one sku at two places."""
    occurred_at = draw(instants)
    value: dict[str, Any] = {
        "event_id": str(draw(st.uuids())),
        "source": draw(st.sampled_from(["test", "other"])),
        "occurred_at": occurred_at,
        "recorded_at": occurred_at + draw(st.sampled_from([0, 0, 1])),
        "sku": "SKU-1",
        "location": draw(where),
    }
    what = draw(st.sampled_from(["count", "count", "version", "version", "version", "release", "ship"]))
    match what:
        case "count":
            counted = {"counted_at": draw(instants), "count_sequence": 0, "counter": "ON_HAND"}
            value |= counted | {"quantity": draw(few)} | draw(bases())
            return Told("StockCount", value)
        case "version":
            value |= {
                "reservation_id": draw(orders),
                "line": "1",
                "version": draw(st.integers(1, 3)),
                "action": draw(st.sampled_from(["PLACE", "UPDATE", "UPDATE", "CANCEL"])),
                "channel": "web",
                "quantity": draw(few),
                "commitment": draw(st.sampled_from(["SOFT", "HARD"])),
                "expires_at": draw(st.none() | instants),
            }
            return Told("Reservation", value)
        case "release":
            value |= {"reservation_id": draw(orders), "line": "1", "version": 1, "action": "RELEASE"}
            value |= {"channel": "web", "quantity": 1, "commitment": "HARD"}
            return Told("Reservation", value)
    signed = draw(st.sampled_from([1, 1, -1]))
    value |= {
        "reservation_id": draw(orders),
        "movement": "ADJUST" if signed < 0 else draw(st.sampled_from(["SHIP", "ADJUST"])),
        "quantity": signed * draw(few),
    }
    return Told("StockMovement", value)


@st.composite
def batches(draw: st.DrawFn) -> list[Told]:
    """A snapshot batch: markers and items, of which one may be missing."""
    as_of = draw(instants)
    covered = draw(st.lists(st.sampled_from(["A", "B", "3pl-A", "D"]), min_size=1, max_size=3, unique=True))
    name = str(draw(st.uuids()))
    basis = draw(bases())
    terms = {
        **{key: basis[key] for key in ("basis", "net_of")},
        "demand_as_of": draw(st.none() | instants),
        "batch_id": name,
        "mode": draw(st.sampled_from(["FULL", "NONZERO", "NONZERO", "NONZERO", "PARTIAL"])),
        "locations": covered,
        "as_of": as_of,
    }

    def told(record_name: str, value: dict[str, Any]) -> Told:
        envelope = {
            "event_id": str(draw(st.uuids())),
            "source": "test",
            "occurred_at": as_of,
            "recorded_at": as_of,
        }
        return Told(record_name, envelope | value)

    listed = draw(
        st.lists(
            st.tuples(st.sampled_from(["SKU-1", "our SKU-1", "SKU-2", "étui"]), st.sampled_from(covered)),
            max_size=4,
            unique=True,
        )
    )
    records = [
        told("SnapshotMarker", {**terms, "marker": marker, "items": len(listed) if marker == "END" else 0})
        for marker in ("BEGIN", "END")
    ]
    for sequence, (sku, place) in enumerate(listed):
        item = {
            "sku": sku, "location": place, "counted_at": as_of, "count_sequence": 0, "counter": "ON_HAND",
            "quantity": draw(few), **{key: terms[key] for key in ("basis", "net_of", "demand_as_of")},
            "batch": {"batch_id": name, "sequence": draw(st.sampled_from([sequence, sequence, 0]))},
        }  # fmt: skip
        if draw(st.integers(0, 9)) == 0:
            item["withheld"] = -1  # a dead letter; it has arrived all the same
        records.append(told("StockCount", item))
    lost = draw(st.integers(-6, len(records) - 1))
    return [record for at, record in enumerate(records) if at != lost]


@st.composite
def logs_with_batches(draw: st.DrawFn) -> tuple[list[Told], list[tuple[Told, bool]]]:
    history, log = draw(logs(crowded(), longest=12))
    sent = [record for batch in draw(st.lists(batches(), min_size=1, max_size=3)) for record in batch]
    again = draw(st.lists(st.sampled_from(sent), max_size=3)) if sent else []
    told = [(record, draw(st.integers(0, 5)) == 0) for record in sent + again]
    return history + sent, draw(st.permutations(log + told))


def agree_on_batches(plan: Plan, log: tuple[list[Told], list[tuple[Told, bool]]], now: int) -> None:
    agree(plan, [], log, now)


def agree_on_a_crowded_position(
    plan: Plan, log: tuple[list[Told], list[tuple[Told, bool]]], now: int
) -> None:
    agree(plan, [], log, now)


ends = st.sampled_from([NOW, NOW + 1, NOW + HOUR])
PROPERTIES: dict[Callable[..., None], tuple[st.SearchStrategy[Any], ...]] = {
    agree_on_a_crowded_position: (plans, logs(crowded()), ends),
    agree_on_batches: (plans, logs_with_batches(), ends),
}
PHASES = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)
each = pytest.mark.parametrize("agreed", PROPERTIES, ids=lambda check: check.__name__)


@each
def test_the_engine_and_the_reference_model(agreed: Callable[..., None]) -> None:
    settings(max_examples=300, phases=PHASES)(given(*PROPERTIES[agreed])(agreed))()


@pytest.mark.deep
@each
def test_the_engine_and_the_reference_model_at_length(agreed: Callable[..., None]) -> None:
    settings(max_examples=3000, phases=PHASES)(given(*PROPERTIES[agreed])(agreed))()
