"""Random histories and master data with rules, supply and bundles: a test says which features it wants.

Everything here goes around what `histories` draws, so that its strategies stay as they are.
"""

import json
from typing import Any

from hypothesis import strategies as st

from inventory.reference import ReferenceModel
from tests.reference import histories as basic
from tests.reference.histories import (
    CHANNELS,
    LOCATIONS,
    MASTER_DATA,
    SKUS,
    SOURCE,
    Feature,
    Told,
    everything,
    instants,
    is_request,
)
from tests.reference.shop import DAY, HOUR, MINUTE, NOW, SECOND

KIT, SET = "KIT", "SET"
BUNDLES = {KIT: {"SKU-1": 1, "SKU-2": 2}, SET: {"SKU-2": 1, "SKU-1": 1}}
"""A set is shipped together."""
BROKEN = {"NESTED": {"SKU-1": 1, KIT: 1}, "UNKNOWN": {"SKU-9": 1, "SKU-2": 1}}
"""Bundles with a bundle in them, and with a component that no catalog record names."""
REFERENCES = ("P", "T")


RULES_SOUND = Feature.FENCES | Feature.SUPPLY | Feature.BACKORDERS | Feature.DATES | Feature.BUNDLES
"""Everything of this module but what can never be sold."""
RULES = RULES_SOUND | Feature.BROKEN_BUNDLES


def bundles_of(features: Feature) -> dict[str, dict[str, int]]:
    sound = BUNDLES if Feature.BUNDLES in features else {}
    return sound | (BROKEN if Feature.BROKEN_BUNDLES in features else {})


def skus_of(features: Feature) -> tuple[str, ...]:
    """All skus of the catalog."""
    return (*SKUS, *bundles_of(features))


def master_data(features: Feature) -> tuple[Told, ...]:
    """The network and the catalog."""
    kits = tuple(
        basic.item(
            sku,
            category="shoes",
            bundle=[{"sku": part, "quantity": each} for part, each in parts.items()],
            ship_together=sku == SET,
        )
        for sku, parts in bundles_of(features).items()
    )
    return (*MASTER_DATA, *kits)


# Facts


@st.composite
def enriched(draw: st.DrawFn, base: st.SearchStrategy[Told], features: Feature) -> Told:
    """A fact of `base`, to which the features add what they can. Counts and requests of a bundle are refused:
    few of them become one."""
    told = draw(base)
    value = dict(told.value)
    if kits := list(bundles_of(features)):
        names = st.sampled_from([None, None, None, *kits, f"our {kits[0]}"])
        if "lines" in value:
            value["lines"] = [{**line, "sku": draw(names) or line["sku"]} for line in value["lines"]]
        elif "sku" in value:
            is_refused = told.record_name == "StockCount" or is_request(told)
            if not is_refused or draw(st.integers(0, 9)) == 9:
                value["sku"] = draw(names) or value["sku"]
    if Feature.FENCES in features and told.record_name in ("StockMovement", "PosTransaction"):
        value["channel"] = draw(st.sampled_from([None, *sorted(CHANNELS), "nowhere"]))
    if Feature.SUPPLY in features and told.record_name == "StockMovement":
        value["reference"] = draw(st.sampled_from([None, *REFERENCES]))
    if Feature.DATES in features and told.record_name == "Reservation":
        value["needed_at"] = draw(st.none() | days)
    return told._replace(value=value)


days = st.sampled_from([-DAY, 0, DAY, 2 * DAY, 4 * DAY, 6 * DAY]).map(lambda ahead: NOW + ahead)


@st.composite
def supply_lines(draw: st.DrawFn, features: Feature) -> Told:
    """A version of a line of expected supply."""
    occurred_at = draw(instants)
    value = {
        "event_id": str(draw(st.uuids())),
        "source": SOURCE,
        "occurred_at": occurred_at,
        "recorded_at": occurred_at + draw(st.sampled_from([0, SECOND])),
        "reference": draw(st.sampled_from(REFERENCES)),
        "version": draw(st.integers(1, 3)),
        "kind": draw(st.sampled_from(["PURCHASE_ORDER", "ASN", "TRANSFER"])),
        "sku": draw(basic.skus) if draw(st.integers(0, 9)) else draw(st.sampled_from(skus_of(features))),
        "location": draw(basic.places),
        "quantity": draw(st.integers(0, 30)),
        "expected_at": draw(st.sampled_from([HOUR, DAY, DAY + 1, 2 * DAY, 5 * DAY, 0, -1])) + NOW,
        "status": draw(st.sampled_from([*["OPEN"] * 6, "CLOSED", "CANCELLED"])),
    }
    return Told("ExpectedSupply", value)


@st.composite
def facts(draw: st.DrawFn, features: Feature, base: st.SearchStrategy[Told] | None = None) -> Told:
    """One fact: of `base` (those of `histories` where it is left out) with the features, or one of them."""
    if Feature.SUPPLY in features and draw(st.integers(0, 3)) == 3:
        return draw(supply_lines(features))
    return draw(enriched(basic.facts() if base is None else base, features))


@st.composite
def histories(draw: st.DrawFn, features: Feature, max_size: int = 25) -> list[Told]:
    """Up to `max_size` facts, after receipts at most places and orders: without stock no rule has any effect.

    There are always some, since Hypothesis would draw an empty list more often than any other.
    """
    before = draw(stock()) + (draw(on_its_way()) if Feature.SUPPLY in features else [])
    counted = features & ~RULES
    if counted:  # facts that belong together, in their order
        told = [draw(enriched(st.just(each), features)) for each in draw(basic.histories(max_size, counted))]
        if Feature.SUPPLY in features:
            before += draw(st.lists(supply_lines(features), max_size=4))
        return before + told
    return before + draw(st.lists(facts(features), min_size=min(FEWEST, max_size), max_size=max_size))


FEWEST = 5


@st.composite
def stock(draw: st.DrawFn) -> list[Told]:
    told = []
    for sku in SKUS:
        for location in LOCATIONS:
            if quantity := draw(st.integers(0, 30)):
                fields = {"sku": sku, "location": location, "movement": "RECEIPT", "quantity": quantity}
                envelope = {"event_id": f"{sku} at {location}", "source": "stock"}
                times = {"occurred_at": NOW - 4 * HOUR, "recorded_at": NOW - 4 * HOUR}
                told.append(Told("StockMovement", {**envelope, **times, **fields}))
    return told


@st.composite
def on_its_way(draw: st.DrawFn) -> list[Told]:
    told = []
    for sku in SKUS:
        if quantity := draw(st.integers(0, 30)):
            fields = {
                "event_id": f"{sku} on its way",
                "source": "stock",
                "occurred_at": NOW - 4 * HOUR,
                "recorded_at": NOW - 4 * HOUR,
                "reference": draw(st.sampled_from(REFERENCES)),
                "version": 0,
                "kind": "PURCHASE_ORDER",
                "sku": sku,
                "location": draw(basic.places),
                "quantity": quantity,
                "expected_at": NOW + DAY,
                "status": "OPEN",
            }
            told.append(Told("ExpectedSupply", fields))
    return told


# Rules


@st.composite
def rules(draw: st.DrawFn, features: Feature) -> list[Told]:
    """The basic rules, those of the features, and allocations."""
    told = list(draw(basic.rules()))
    if Feature.FENCES in features:
        told += draw(fences())
        told += draw(allocations(told))
    if Feature.SUPPLY in features:
        told += draw(numbered("in_transit", in_transit, most=3))
    if Feature.BACKORDERS in features:
        told += draw(numbered("backorder", basic.units(), most=2))
    if Feature.BUNDLES in features:
        for layer, values in (("share", basic.percents()), ("buffer", few_units), ("cap", few_units)):
            told += draw(numbered(f"{layer}-kit", values, most=1, layer=layer, match={"sku": KIT}))
    return told


few_units = st.integers(0, 3).map(lambda number: {"units": number})
in_transit = st.fixed_dictionaries(
    {
        "confidence": st.sampled_from(["1", "0.5", "0.9", "0.3333", "0"]),
        "within_days": st.sampled_from([5, 3, 2, 1, 0]),
        "match": st.sampled_from([{}, {}, {"sku": "SKU-1"}, {"location": "A"}, {"location_type": "store"}]),
    }
)

# Whole minutes, instants at which facts happen, and what is long past.
set_at = st.one_of(
    st.none(),
    instants,
    instants.map(lambda at: at - at % MINUTE),
    st.sampled_from([NOW - 30 * HOUR, NOW - 20 * DAY]),
)


@st.composite
def numbered(
    draw: st.DrawFn,
    name: str,
    values: st.SearchStrategy[dict[str, Any]],
    most: int,
    layer: str | None = None,
    match: dict[str, str] | None = None,
) -> list[Told]:
    """Up to `most` rules of a layer (`name` where none is given), for one channel or all."""
    told = []
    for number in range(draw(st.integers(0, most))):
        definition = {"match": match or draw(st.sampled_from([{}, {"sku": "SKU-1"}])), **draw(values)}
        if draw(st.booleans()):
            definition["channel"] = draw(basic.channels)
        told.append(rule(f"{name}-{number}", layer or name, definition, draw(ends)))
    return told


ends = st.sampled_from([None, None, NOW, NOW + 1])


@st.composite
def fences(draw: st.DrawFn) -> list[Told]:
    told = []
    for number in range(draw(st.integers(0, 4))):
        definition: dict[str, Any] = {"channel": draw(basic.channels)}
        if draw(st.integers(0, 3)):
            definition["units"] = draw(st.integers(0, 15))
        else:
            definition |= {"percent": draw(st.sampled_from(["10", "33.3333", "100"])), "minimum": 1}
        if (priority := draw(st.sampled_from([None, 1, 2]))) is not None:
            definition["priority"] = priority
        if (since := draw(set_at)) is not None:
            definition["set_at"] = since
        definition["match"] = draw(st.sampled_from([{}, {"sku": "SKU-1"}, {"category": "shoes"}]))
        fence = rule(f"fence-{number}", "ring_fence", definition, draw(ends))
        told.append(fence._replace(log_time=NOW - draw(st.sampled_from([0, 90 * MINUTE]))))
    return told


@st.composite
def allocations(draw: st.DrawFn, told: list[Told]) -> list[Told]:
    """Units for some of the percentage fences, for some of the skus."""
    percentages = [
        each.value["id"]
        for each in told
        if each.value["layer"] == "ring_fence" and "percent" in json.loads(each.value["definition"])
    ]
    records = []
    for sku in SKUS:
        named = draw(st.lists(st.sampled_from(percentages), unique=True)) if percentages else []
        if named:
            units = [
                {"fence": fence, "units": draw(st.integers(0, 15)), "set_at": draw(instants)}
                for fence in named
            ]
            records.append(Told("Allocation", {"sku": sku, "fences": units}))
    return records


def rule(name: str, layer: str, definition: dict[str, Any], valid_to: int | None = None) -> Told:
    value = {
        "id": name,
        "status": "ACTIVE",
        "layer": layer,
        "definition": json.dumps(definition),
        "valid_to": valid_to,
    }
    return Told("Policy", value)


def all_places() -> list[Told]:
    """The same channels, but each of them sells from everywhere."""
    return [
        Told("Channel", {"id": name, "status": "ACTIVE", "definition": json.dumps({"locations": {}})})
        for name in CHANNELS
    ]


def told_of(model: ReferenceModel, now: int = NOW) -> dict[str, Any]:
    """All that the model says of all skus, by date too."""
    return {
        sku: (
            *numbers,
            {channel: model.projected(sku, channel, now, 5) for channel in model.channels()},
            model.rebalanced(sku, now),
        )
        for sku, numbers in everything(model, now).items()
    }
