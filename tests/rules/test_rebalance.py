"""Percentages to units: what is asked, of which skus, and what of other fences stays."""

import json
from typing import Any

import pytest

from rules.rebalance import LiveRow, UnknownFence, chosen, percentages, plan_allocations

NOW = 5_000


def fence(rule_id: str, channel: str, **definition: Any) -> dict[str, Any]:
    status, layer = definition.pop("status", "ACTIVE"), definition.pop("layer", "ring_fence")
    text = json.dumps({"channel": channel, **definition})
    return {"id": rule_id, "status": status, "layer": layer, "definition": text}


POLICIES = {
    record["id"]: record
    for record in (
        fence("web", "web", percent="33.3333", minimum=3),
        fence("amazon", "amazon", percent="50"),
        fence("units", "amazon", units=5),
        fence("ended", "amazon", percent="50", status="DELETED"),
        fence("share", "amazon", percent="50", layer="share"),
    )
}
KNOWN = percentages(POLICIES)
RULES = {"web": ["web", "amazon"], "amazon": ["web", "amazon", "share"]}


def planned(
    *rows: LiveRow, asked: tuple[str, ...] = (), current: dict[str, Any] | None = None
) -> dict[str, Any]:
    told = plan_allocations(rows, KNOWN, chosen(KNOWN, asked), current or {}, NOW)
    return {sku: record and record["fences"] for sku, record in told}


def row(web: int, amazon: int, sku: str = "A", rules: dict[str, list[str]] = RULES) -> LiveRow:
    return LiveRow(sku, {"web": web, "amazon": amazon}, rules)


def entry(name: str, units: int, set_at: int = NOW) -> dict[str, Any]:
    return {"fence": name, "units": units, "set_at": set_at}


def test_a_percentage_of_the_channels_own_pool_rounds_down_to_no_less_than_its_minimum() -> None:
    assert planned(row(10, 7)) == {"A": [entry("web", 3), entry("amazon", 3)]}
    assert planned(row(100, 0)) == {"A": [entry("web", 33), entry("amazon", 0)]}
    assert planned(row(300_000_000_000, 0))["A"][0] == entry("web", 99_999_900_000)


def test_a_fence_is_asked_for_where_it_is_the_channels_own() -> None:
    assert planned(row(10, 10, rules={"web": ["amazon"], "amazon": ["amazon"]})) == {
        "A": [entry("amazon", 5)]
    }
    assert planned(row(10, 10, rules={})) == {}


def test_fences_that_were_not_asked_for_stay_and_those_that_are_gone_go() -> None:
    current = {"A": {"sku": "A", "fences": [entry("web", 8, 1), entry("ended", 9, 1), entry("amazon", 7, 1)]}}
    assert planned(row(10, 10), asked=("amazon",), current=current) == {
        "A": [entry("web", 8, 1), entry("amazon", 5)]
    }


def test_an_allocation_of_nothing_is_taken_back() -> None:
    current = {"A": {"sku": "A", "fences": [entry("web", 8, 1)]}}
    assert planned(row(10, 10, rules={}), current=current) == {"A": None}


def test_what_does_not_change_is_not_published() -> None:
    current = {"A": {"sku": "A", "fences": [entry("web", 8, 1)]}}
    assert planned(row(10, 10, rules={"web": ["web"]}), asked=("amazon",), current=current) == {}


@pytest.mark.parametrize("name", ["units", "ended", "share", "nobody"])
def test_only_live_percentages_can_be_resolved(name: str) -> None:
    with pytest.raises(
        UnknownFence, match=f"{name} is not a live ring-fence with a percent; there are amazon, web"
    ):
        chosen(KNOWN, [name])
    with pytest.raises(UnknownFence, match="there is none"):
        chosen({}, [name])
