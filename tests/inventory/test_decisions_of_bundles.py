"""Checked lines and bundles together (I3, I11, I12): both bundles and components are ordered, sold and asked for."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.reference import ReferenceModel
from tests.inventory.judging import assert_agree
from tests.inventory.test_bundles import BUNDLES, KIT, SET, i11, rules, sold
from tests.inventory.test_decisions import Deed, asked, deeds, requests, same_answers, stands
from tests.inventory.worlds import MASTER_DATA, Plan, fold, plans, write
from tests.reference.histories import Told
from tests.reference.shop import HOUR, NOW

PARTS = {KIT: ("SKU-1", "SKU-2"), SET: ("SKU-2", "étui")}


@st.composite
def of_components(draw: st.DrawFn) -> Told:
    """A request for a component of a bundle, for a sku alone, or (in vain) for a bundle itself."""
    told = draw(requests())
    kit = draw(st.sampled_from([KIT, KIT, SET]))
    sku, line, bundle = draw(
        st.sampled_from(
            [(part, "c", kit) for part in PARTS[kit]] * 2 + [("SKU-2", "1", None), (kit, "1", None)]
        )
    )
    return told._replace(value={**told.value, "sku": sku, "line": line, "bundle": bundle})


mixed = st.one_of(of_components(), of_components(), sold(asked))


def same_answers_with_bundles(plan: Plan, master_data: list[Told], history: list[Told]) -> None:
    same_answers(plan, [*BUNDLES, *master_data], history)


def what_stands_stands_with_bundles(plan: Plan, script: list[Told | Deed]) -> None:
    stands(plan, script, BUNDLES)


def a_bundle_is_held_whole(plan: Plan, master_data: list[Told], history: list[Told], many: int) -> None:
    """What is asked as the API asks: each component of as many bundles as are shown can be had at once (I3, I11)."""
    cluster, model = plan.cluster(), fold(ReferenceModel(), *MASTER_DATA, *BUNDLES, *master_data)
    for told in (*MASTER_DATA, *BUNDLES, *master_data, *history):
        write(cluster, told)
    cluster.run(NOW)
    fold(model, *[told for told in history if told.value.get("mode") != "CHECKED"])
    fold(model, *[told for told in history if told.value.get("mode") == "CHECKED"])
    model.decide(NOW)
    shown = model.channel(KIT, "web", NOW)
    for part, each in {"SKU-1": 1, "SKU-2": 2}.items():
        write(cluster, _hold(part, each * min(many, shown.view)))
    before = len(cluster.answers)
    cluster.run(NOW)
    assert [value["outcome"] for value in cluster.answers[before:]] == ["ACCEPTED"] * 2
    for value in cluster.answers[before:]:
        model.fold("ReservationDecision", value, log_time=NOW, key=value["sku"])
    for part, each in {"SKU-1": 1, "SKU-2": 2}.items():
        fold(model, _hold(part, each * min(many, shown.view)))
    model.decide(NOW)
    assert_agree(cluster, model, history, NOW)
    i11(model, cluster, NOW)


def _hold(sku: str, quantity: int) -> Told:
    fields: dict[str, Any] = {
        "event_id": f"hold-{sku}", "source": "api", "recorded_at": NOW, "occurred_at": NOW,
        "reservation_id": "held", "line": "c", "version": 1, "action": "PLACE", "sku": sku, "channel": "web",
        "location": None, "quantity": quantity, "commitment": "SOFT", "expires_at": NOW + HOUR,
        "mode": "CHECKED", "allow_partial": False, "bundle": KIT,
    }  # fmt: skip
    return Told("Reservation", fields)


scripts = st.lists(st.one_of(mixed, mixed, deeds), max_size=30)
PROPERTIES: dict[Any, tuple[st.SearchStrategy[Any], ...]] = {
    same_answers_with_bundles: (plans, rules(), st.lists(mixed, max_size=20)),
    what_stands_stands_with_bundles: (plans, scripts),
    a_bundle_is_held_whole: (plans, rules(), st.lists(sold(asked), max_size=15), st.integers(1, 9)),
}
each = pytest.mark.parametrize("holds", PROPERTIES, ids=lambda check: check.__name__)


@each
def test_decisions_of_bundles(holds: Any) -> None:
    given(*PROPERTIES[holds])(holds)()
