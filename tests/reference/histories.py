"""Random sets of facts over a small network, for property tests. No two facts share an id by mistake."""

import json
from collections.abc import Iterable
from enum import Flag, auto
from typing import Any, NamedTuple

from hypothesis import strategies as st

from inventory.reference import Decision, ReferenceModel
from tests.reference.shop import HOUR, MINUTE, NOW, SECOND

SKUS = ("SKU-1", "SKU-2")
LOCATIONS = ("A", "B", "C")
CHANNELS = {"web": {}, "amazon": {"type": "warehouse"}, "pickup": {"type": "store"}}
SOURCE = "test"
STATES = ("SELLABLE", "DAMAGED", "QUALITY_CONTROL", "BLOCKED")


class Feature(Flag):
    """What a history may contain beside movements, corrections, gross counts, sales and facts of lines."""

    NET = auto()
    """Counts net of demand."""
    SNAPSHOTS = auto()
    """Batches of counts, complete or not."""
    CONTRADICTIONS = auto()
    """Batches of one name that do not fit together."""
    REFUSED_ITEMS = auto()
    """Items of batches that become dead letters."""
    CHECKED = auto()
    """Reservations that ask, and everything that can be said of a line."""

    # From here on see `wide`, which draws around what is drawn here.
    FENCES = auto()
    """Ring-fences in units and percent, allocations; sales that name a channel."""
    SUPPLY = auto()
    """Expected supply, in-transit rules; movements that name a reference."""
    BACKORDERS = auto()
    """Backorder rules."""
    DATES = auto()
    """Lines with the day on which they are needed."""
    BUNDLES = auto()
    """Two bundles of the two skus, events of them, rules that match them."""
    BROKEN_BUNDLES = auto()
    """Bundles that can never be sold, and events of them: some of their rows are refused, some wait for ever."""


PLAIN = Feature(0)
EVERYTHING = ~PLAIN


class Told(NamedTuple):
    """A record as the broker has it. `first_read`: it was a dead letter then, and a person sends it again."""

    record_name: str
    value: dict[str, Any]
    log_time: int = NOW
    first_read: int | None = None


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
net_count_fields = st.fixed_dictionaries(
    {
        "quantity": st.integers(-10, 30),
        "counted_at": instants,
        "count_sequence": st.integers(0, 1),
        "net_of": st.sampled_from(["HARD", "SOFT_AND_HARD"]),
        "demand_as_of": st.none() | instants,
    }
).flatmap(
    lambda fields: st.sampled_from(
        [
            {**fields, "basis": "NET"},
            {**fields, "basis": "AVAILABLE"},
            {**fields, "basis": "AVAILABLE", "withheld": 3},
        ]
    )
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


# A checked line has names of its own, which facts may name, too.
checked_fields = st.fixed_dictionaries(
    {
        "reservation_id": st.sampled_from(["h", "i"]),
        "version": st.integers(1, 3),
        "action": st.sampled_from(["PLACE", "PLACE", "EXTEND", "CONFIRM", "SOURCE", "CANCEL"]),
        "channel": channels,
        "location": st.none() | places,
        "quantity": few,
        "commitment": st.sampled_from(["SOFT", "HARD"]),
        "expires_at": st.none() | instants | st.sampled_from([NOW - 30 * SECOND, NOW + HOUR]),
        "allow_partial": st.booleans(),
        "mode": st.sampled_from(["CHECKED", "CHECKED", "CHECKED", "FACT"]),
    }
)
held_lines = lines | st.just({"reservation_id": "h", "line": "1"})


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
def facts(draw: st.DrawFn, record_names: tuple[str, ...] = (), features: Feature = PLAIN) -> Told:
    """One fact. Its id is unique; its log time is at most the count horizon after it was made, or beyond.

    With CHECKED it may be a request.
    """
    kinds: dict[str, st.SearchStrategy[dict[str, Any]]] = {
        "StockMovement": movement_fields(),
        "StockCorrection": correction_fields,
        "StockCount": count_fields,
        "Reservation": line_fields,
        "PosTransaction": sale_fields(),
    }
    if Feature.NET in features:
        kinds["StockCount"] |= net_count_fields
    if Feature.CHECKED in features:
        kinds["Reservation"] |= checked_fields
        kinds["StockMovement"] = st.builds(
            lambda fields, line: {**fields, **line}, movement_fields(), held_lines
        )
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


@st.composite
def batches(draw: st.DrawFn, features: Feature) -> list[Told]:
    """A batch of counts with its markers, of which any may be missing."""
    as_of = draw(instants)
    covered = draw(st.lists(places, min_size=1, max_size=3, unique=True))
    basis: dict[str, Any] = {"basis": "GROSS"}
    if Feature.NET in features and draw(st.booleans()):
        basis = {
            "basis": draw(st.sampled_from(["NET", "AVAILABLE"])),
            "net_of": draw(st.sampled_from(["HARD", "SOFT_AND_HARD"])),
            "demand_as_of": draw(st.none() | instants),
        }
    named = Feature.CONTRADICTIONS in features and draw(st.booleans())
    batch_id = draw(st.sampled_from(["b", "c"])) if named else str(draw(st.uuids()))
    listed = draw(st.lists(st.tuples(skus, st.sampled_from(covered)), max_size=4, unique=True))

    def told(record_name: str, fields: dict[str, Any]) -> Told:
        envelope = {
            "event_id": str(draw(st.uuids())),
            "source": SOURCE,
            "occurred_at": as_of,
            "recorded_at": as_of,
        }
        return Told(record_name, {**envelope, **basis, **fields})

    terms = {
        "batch_id": batch_id,
        "mode": draw(st.sampled_from(["FULL", "NONZERO", "NONZERO", "PARTIAL"])),
        "locations": covered,
        "as_of": as_of,
        "items": len(listed),
    }
    records = [told("SnapshotMarker", {**terms, "marker": marker}) for marker in ("BEGIN", "END")]
    for sequence, (sku, location) in enumerate(listed):
        item = {
            "sku": sku,
            "location": location,
            "quantity": draw(st.integers(0, 30)),
            "counted_at": as_of,
            "batch": {"batch_id": batch_id, "sequence": sequence},
        }
        if Feature.REFUSED_ITEMS in features and draw(st.integers(0, 9)) == 0:
            item["withheld"] = -1
        records.append(told("StockCount", item))
    lost = draw(st.integers(-6, len(records) - 1))
    return [record for at, record in enumerate(records) if at != lost]


@st.composite
def lives(draw: st.DrawFn) -> list[Told]:
    """A checked line from its first version on, and the stock that it asks for."""
    made_at, place, channel = draw(instants), draw(places), draw(channels)
    sku, order = draw(skus), draw(st.sampled_from(["j", "k", "l"]))

    def told(record_name: str, occurred_at: int, fields: dict[str, Any]) -> Told:
        envelope = {
            "event_id": str(draw(st.uuids())),
            "source": SOURCE,
            "occurred_at": occurred_at,
            "recorded_at": occurred_at,
            "sku": sku,
            "location": place,
        }
        return Told(record_name, {**envelope, **fields})

    life = [told("StockMovement", made_at, {"movement": "RECEIPT", "quantity": draw(st.integers(1, 12))})]
    quantity, ends = draw(few), draw(st.sampled_from([-MINUTE, 0, 10 * MINUTE]))
    for version in range(1, draw(st.integers(2, 5))):
        occurred_at = min(NOW, made_at + version * draw(st.sampled_from([SECOND, HOUR])))
        changed = draw(st.integers(0, 3)) == 0
        fields = {
            "reservation_id": order,
            "version": version,
            "action": draw(st.sampled_from(["EXTEND", "CONFIRM", "UPDATE", "CANCEL"]))
            if version > 1
            else "PLACE",
            "channel": draw(channels) if changed else channel,
            "location": draw(st.none() | places) if changed else place,
            "quantity": draw(few) if changed else quantity,
            "commitment": draw(st.sampled_from(["SOFT", "SOFT", "HARD"])),
            "expires_at": NOW + ends,
            "allow_partial": draw(st.booleans()),
            "mode": draw(st.sampled_from(["CHECKED"] * 7 + ["FACT"])),
        }
        life.append(told("Reservation", occurred_at, fields))
    return life


@st.composite
def rich_histories(draw: st.DrawFn, max_size: int, features: Feature) -> list[Told]:
    told = draw(st.lists(facts(features=features), max_size=max_size))
    lived: list[list[Told]] = []
    if Feature.SNAPSHOTS in features:
        told += [record for batch in draw(st.lists(batches(features), max_size=3)) for record in batch]
    if Feature.CHECKED in features:
        lived = draw(st.lists(lives(), max_size=3))
    # Whatever comes, comes in any order, but what one line has to say in its own.
    order = draw(
        st.permutations(
            [(record, -1) for record in told] + [(life[0], at) for at, life in enumerate(lived) for _ in life]
        )
    )
    ordered = [iter(life) for life in lived]
    return [record if at < 0 else next(ordered[at]) for record, at in order]


def histories(max_size: int = 25, features: Feature = PLAIN) -> st.SearchStrategy[list[Told]]:
    """Facts, in the order in which they come. Up to three batches come on top of `max_size`."""
    return rich_histories(max_size, features) if features else st.lists(facts(), max_size=max_size)


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


def is_request(told: Told) -> bool:
    """Does it ask for a decision?"""
    value = told.value
    return (
        told.record_name == "Reservation" and value.get("mode") == "CHECKED" and value["action"] != "RELEASE"
    )


def ask(model: ReferenceModel, records: Iterable[Told], now: int = NOW) -> list[Decision]:
    """Fold a batch and decide what it asks for."""
    tell(model, *records)
    return model.decide(now)


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
