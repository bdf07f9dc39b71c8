"""Random sets of facts over a small network, for property tests. No two facts share an id by mistake."""

import json
from typing import Any, NamedTuple

from hypothesis import strategies as st

from inventory.reference import ReferenceModel
from tests.reference.shop import HOUR, MINUTE, NOW, SECOND

SKUS = ("SKU-1", "SKU-2")
LOCATIONS = ("A", "B", "C")
CHANNELS = {"web": {}, "amazon": {"type": "warehouse"}, "pickup": {"type": "store"}}
SOURCE = "test"
STATES = ("SELLABLE", "DAMAGED", "QUALITY_CONTROL", "BLOCKED")


class Told(NamedTuple):
    """A record as the broker has it."""

    record_name: str
    value: dict[str, Any]
    log_time: int = NOW


def item(sku: str, **fields: Any) -> Told:
    return Told(
        "CatalogItem", {"sku": sku, "aliases": [{"source": SOURCE, "identifier": f"our {sku}"}], **fields}
    )


MASTER_DATA = (
    *(
        Told(
            "Location",
            {"id": name, "status": "ACTIVE", "definition": json.dumps({"type": kind, "region": region})},
        )
        for name, kind, region in (("A", "warehouse", "east"), ("B", "store", "east"), ("C", "store", "west"))
    ),
    *(
        Told("Channel", {"id": name, "status": "ACTIVE", "definition": json.dumps({"locations": selector})})
        for name, selector in CHANNELS.items()
    ),
    item("SKU-1", category="shoes"),
    item("SKU-2", style="runner"),
)

# Few instants, so that ties and equal anchors happen; some before the count horizon of their log time.
instants = st.sampled_from([-3 * HOUR, -2 * HOUR, -HOUR, -MINUTE, -1, 0]).map(lambda before: NOW + before)
few = st.integers(1, 6)
lines = st.one_of(
    st.fixed_dictionaries({"reservation_id": st.none()}),
    st.fixed_dictionaries(
        {"reservation_id": st.sampled_from(["o", "p"]), "line": st.sampled_from([None, "1", "2"])}
    ),
)
skus = st.sampled_from([*SKUS, "our SKU-1"])
places = st.sampled_from(LOCATIONS)
channels = st.sampled_from(sorted(CHANNELS))


@st.composite
def movement_fields(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(
        st.sampled_from(
            ["RECEIPT", "SHIP", "RETURN", "TRANSFER_OUT", "TRANSFER_IN", "ADJUST", "STATE_CHANGE"]
        )
    )
    quantity = draw(few) * (draw(st.sampled_from([-1, 1])) if kind == "ADJUST" else 1)
    fields: dict[str, Any] = {"movement": kind, "quantity": quantity, **draw(lines)}
    if kind == "STATE_CHANGE":
        fields["from_state"], fields["to_state"] = draw(st.permutations(STATES))[:2]
    elif kind in ("SHIP", "TRANSFER_OUT", "ADJUST"):
        fields["from_state"] = draw(st.sampled_from(STATES))
    else:
        fields["to_state"] = draw(st.sampled_from(STATES))
    return fields


correction_fields = st.fixed_dictionaries(
    {"quantity": few | few.map(int.__neg__), "state": st.sampled_from(STATES), "reason": st.just("found")}
)
count_fields = st.fixed_dictionaries(
    {
        "quantity": st.integers(0, 30),
        "counted_at": instants | st.just(NOW - 25 * HOUR),
        "count_sequence": st.integers(0, 1),
        "basis": st.just("GROSS"),
        "counter": st.sampled_from(["ON_HAND", "ON_HAND", "DAMAGED", "QUALITY_CONTROL", "BLOCKED"]),
    }
)
line_fields = st.fixed_dictionaries(
    {
        "reservation_id": st.sampled_from(["o", "p", "q"]),
        "line": st.sampled_from(["1", "2"]),
        "version": st.integers(1, 3),
        "action": st.sampled_from(["PLACE", "UPDATE", "CANCEL", "RELEASE"]),
        "channel": channels,
        "location": st.none() | places,
        "quantity": few,
        "commitment": st.sampled_from(["SOFT", "HARD"]),
        "expires_at": st.none() | instants,
    }
)


@st.composite
def sale_fields(draw: st.DrawFn) -> dict[str, Any]:
    sold = []
    for number in range(draw(st.integers(1, 3))):
        quantity = draw(st.sampled_from([-2, -1, 1, 2, 3]))
        named = draw(lines)
        sold.append(
            {
                "line": str(number),
                "sku": draw(skus),
                "quantity": quantity,
                "to_state": draw(st.sampled_from(STATES)) if quantity < 0 else "SELLABLE",
                "reservation_id": named["reservation_id"],
                "reservation_line": named.get("line"),
            }
        )
    return {"transaction_id": "t", "lines": sold}


@st.composite
def facts(draw: st.DrawFn, record_names: tuple[str, ...] = ()) -> Told:
    """One fact. Its id is unique; its log time is at most the count horizon after it was made, or beyond."""
    kinds: dict[str, st.SearchStrategy[dict[str, Any]]] = {
        "StockMovement": movement_fields(),
        "StockCorrection": correction_fields,
        "StockCount": count_fields,
        "Reservation": line_fields,
        "PosTransaction": sale_fields(),
    }
    record_name = draw(st.sampled_from(record_names or sorted(kinds)))
    occurred_at = draw(instants)
    value = {
        "event_id": str(draw(st.uuids())),
        "source": SOURCE,
        "occurred_at": occurred_at,
        "recorded_at": occurred_at + draw(st.sampled_from([0, SECOND])),
        "location": draw(places),
        **({} if record_name == "PosTransaction" else {"sku": draw(skus)}),
        **draw(kinds[record_name]),
    }
    return Told(record_name, value)


def histories(max_size: int = 25) -> st.SearchStrategy[list[Told]]:
    return st.lists(facts(), max_size=max_size)


@st.composite
def rules(draw: st.DrawFn) -> list[Told]:
    """Up to two rules a layer."""
    layers: dict[str, st.SearchStrategy[dict[str, Any]]] = {
        "exclusion": st.just({}),
        "safety_stock": st.one_of(units(), percents()),
        "network_safety_stock": units(),
        "share": percents(),
        "buffer": units(),
        "cap": units(),
        "threshold": units(),
        "low_stock": units(),
    }
    told = []
    for layer, values in layers.items():
        for number in range(draw(st.sampled_from([0, 0, 1, 2] if layer != "exclusion" else [0, 0, 0, 1]))):
            definition = dict(draw(values))
            item_matches: list[dict[str, Any]] = [
                {},
                {"sku": "SKU-1"},
                {"category": "shoes"},
                {"style": "runner"},
            ]
            definition["match"] = dict(draw(st.sampled_from(item_matches)))
            if layer == "safety_stock":
                place_matches = [{}, {"location": "A"}, {"location_type": "store"}, {"region": "east"}]
                definition["match"].update(draw(st.sampled_from(place_matches)))
            elif draw(st.booleans()):
                definition["channel"] = draw(channels)
            told.append(
                Told(
                    "Policy",
                    {
                        "id": f"{layer}-{number}",
                        "status": "ACTIVE",
                        "layer": layer,
                        "definition": json.dumps(definition),
                        "valid_to": draw(st.sampled_from([None, None, NOW, NOW + 1])),
                    },
                )
            )
    return told


def units() -> st.SearchStrategy[dict[str, Any]]:
    return st.integers(0, 12).map(lambda number: {"units": number})


def percents() -> st.SearchStrategy[dict[str, Any]]:
    return st.integers(0, 1_000_000).map(lambda parts: {"percent": f"{parts // 10_000}.{parts % 10_000:04}"})


def tell(model: ReferenceModel, *records: Told) -> ReferenceModel:
    for record in records:
        model.fold(record.record_name, record.value, log_time=record.log_time, key=record.value.get("id", ""))
    return model


def everything(model: ReferenceModel, now: int = NOW) -> dict[str, Any]:
    """All that the model says of all skus."""
    return {
        sku: (
            {location: model.node(sku, location, now) for location in model.locations()},
            {channel: model.channel(sku, channel, now) for channel in model.channels()},
            model.open_lines(sku, now),
            model.incidents(sku, now),
        )
        for sku in model.skus()
    }
