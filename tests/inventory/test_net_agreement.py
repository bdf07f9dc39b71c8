"""The engine and the reference model on a crowded position: counts net of demand, and lines that come late."""

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


def agree_on_a_crowded_position(
    plan: Plan, log: tuple[list[Told], list[tuple[Told, bool]]], now: int
) -> None:
    agree(plan, [], log, now)


PROPERTIES: dict[Callable[..., None], tuple[st.SearchStrategy[Any], ...]] = {
    agree_on_a_crowded_position: (plans, logs(crowded()), st.sampled_from([NOW, NOW + 1, NOW + HOUR])),
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
