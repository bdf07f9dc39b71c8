"""Random worlds: master data and facts of every kind, some wrong, some unknown, in any order and in any partition."""

import json
from typing import Any, NamedTuple

from hypothesis import strategies as st

from inventory.lane import LaneConfig
from inventory.reference import ReferenceModel
from tests.inventory.simulation import Cluster, aliases_of, channel, key_of, location
from tests.reference import wide
from tests.reference.histories import Feature, Told, facts, instants, rules, units
from tests.reference.shop import DAY, HOUR, MINUTE, NOW
from wire.replayed import BEYOND_HORIZON, headers_of

SKUS = ("SKU-1", "SKU-2", "SKU-3", "étui", "x" * 128)
PLACES = ("A", "B", "C", "D")
SITE_CODE, LISTING = "3pl-A", "web-shop"
LATE_SKU, LATE_PLACE, LATE_CHANNEL = "SKU-late", "L", "late"

MASTER_DATA = (
    Told("Location", location("A", 0, type="warehouse", region="east", aliases=[("test", SITE_CODE)])),
    Told("Location", location("B", 3, region="east")),
    Told("Location", location("C", 1, region="west")),
    Told("Location", location("D", 2, region="west", deleted=True)),
    Told("Channel", channel("web", 0, aliases=[("test", LISTING)])),
    Told("Channel", channel("amazon", 2, locations={"type": "warehouse"})),
    Told("Channel", channel("pickup", 1, locations={"type": ["store"]})),
    Told("Channel", channel("gone", 4, locations={"id": ["B"]}, deleted=True)),
    Told("CatalogItem", {"sku": "SKU-1", "category": "shoes", "aliases": aliases_of([("test", "our SKU-1")])}),
    Told("CatalogItem", {"sku": "SKU-2", "style": "runner", "attributes": {"size": "9"}}),
    Told("CatalogItem", {"sku": "SKU-3", "active": False, "aliases": aliases_of([("test", "SKU-2b")])}),
    Told("CatalogItem", {"sku": "étui", "aliases": aliases_of([("other", "étui 1")])}),
    Told("CatalogItem", {"sku": "x" * 128}),
)  # fmt: skip
LATE_DATA = (
    Told("Location", location(LATE_PLACE, 5, region="west")),
    Told("Channel", channel(LATE_CHANNEL, 3, locations={"region": "west"})),
    Told("CatalogItem", {"sku": LATE_SKU, "aliases": aliases_of([("test", "PLU 7")])}),
)  # fmt: skip

skus = st.sampled_from([*SKUS, "SKU-1", "SKU-1", "our SKU-1", "SKU-2b"])
late_skus = st.sampled_from([LATE_SKU, "PLU 7"])
places = st.sampled_from([*PLACES, "A", SITE_CODE])
channels = st.sampled_from(["web", "amazon", "pickup", "gone", LISTING])
FEATURES = Feature.FENCES | Feature.SUPPLY | Feature.BACKORDERS | Feature.DATES
references = st.sampled_from([None, None, *wide.REFERENCES])
needs = st.none() | wide.days
expiries = st.none() | st.sampled_from([-HOUR, -1, 0, 1, MINUTE, HOUR]).map(lambda after: NOW + after)


def tied(value: dict[str, Any]) -> bool:
    """Whether an alias stands in a line: ties are decided by the bytes as sent, or as the engine knows them."""
    return bool(
        {"our SKU-1", "SKU-2b", SITE_CODE, LISTING, "PLU 7"}
        & {value["sku"], value["location"], value["channel"]}
    )


@st.composite
def events(draw: st.DrawFn, unknown: bool = False, wrong: bool = False) -> Told:
    """One fact of any kind in this world. `unknown`: some name what is told later; `wrong`: some are refused."""
    supply = draw(st.integers(0, 6)) == 0
    told = draw(wide.supply_lines(FEATURES) if supply else facts())
    value = dict(told.value)
    sku = draw(skus)
    place = draw(places)
    asked = draw(channels)
    if unknown and draw(st.integers(0, 3)) == 0:
        which = draw(st.integers(0, 2))
        sku = draw(late_skus) if which == 0 else sku
        place = LATE_PLACE if which == 1 else place
        asked = LATE_CHANNEL if which == 2 else asked
    value["source"] = draw(st.sampled_from(["test", "test", "other"]))
    if told.record_name == "PosTransaction":
        value["lines"] = [{**line, "sku": draw(skus)} for line in value["lines"]]
        value["lines"][-1]["sku"] = sku
        value["location"] = place
    else:
        value["sku"] = sku
        if value["location"] is not None:
            value["location"] = place
    if told.record_name == "Reservation":
        value["channel"] = asked
        value["expires_at"] = draw(expiries)
        value["needed_at"] = draw(needs)
        if tied(value):
            value["recorded_at"] += draw(st.integers(1, 10**9)) * 60
            value["recorded_at"] = value["occurred_at"] + value["recorded_at"] % MINUTE
    elif told.record_name == "StockCount" and value["counter"] == "ON_HAND":
        value |= draw(bases())
    elif told.record_name in ("StockMovement", "PosTransaction"):
        value["channel"] = draw(st.none() | channels | st.just("nobody's"))
        if told.record_name == "StockMovement":
            value["reference"] = draw(references)
    elif told.record_name == "ExpectedSupply" and tied({**value, "channel": None}):
        value["recorded_at"] = value["occurred_at"] + draw(st.integers(1, MINUTE))
    if wrong and draw(st.integers(0, 2)) == 0:
        _spoil(draw, told.record_name, value)
    return Told(told.record_name, value, draw(st.sampled_from([NOW, NOW, NOW - MINUTE])))


@st.composite
def bases(draw: st.DrawFn) -> dict[str, Any]:
    """What a count's number already contains."""
    basis = draw(st.sampled_from(["GROSS", "NET", "NET", "AVAILABLE"]))
    withheld = draw(st.integers(0, 3)) if basis == "AVAILABLE" else 0
    less = 0 if basis == "GROSS" else draw(st.integers(0, 4))
    return {
        "basis": basis,
        "net_of": draw(st.sampled_from(["HARD", "SOFT_AND_HARD"])),
        "demand_as_of": draw(st.none() | instants | st.just(NOW - 25 * HOUR)),
        "withheld": withheld,
        **({"quantity": -less} if less else {}),
    }


def _spoil(draw: st.DrawFn, record_name: str, value: dict[str, Any]) -> None:
    """Make the record one that is refused."""
    how = draw(
        st.sampled_from(
            ["future", "written", "horizon", "sku", "place", "quantity", "state", "counted", "basis"]
        )
    )
    if how == "future":
        value["occurred_at"] = NOW + 6 * MINUTE
    elif how == "written":
        value["recorded_at"] = NOW + 6 * MINUTE
    elif how == "horizon":
        value["recorded_at"] = NOW - 4 * DAY
    elif how == "sku" and record_name != "PosTransaction":
        value["sku"] = draw(st.sampled_from(["", "é" * 65]))
    elif how == "place":
        value["location"] = draw(st.sampled_from(["", "y" * 129]))
    elif how == "quantity" and record_name == "PosTransaction":
        value["lines"][0]["quantity"] = 0
    elif how == "quantity":
        value["quantity"] = draw(st.sampled_from([0, -1]))
    elif how == "state" and record_name == "StockMovement":
        value["from_state"] = value["to_state"] = "DAMAGED"
    elif how == "state" and record_name == "PosTransaction":
        value["lines"][0] |= {"to_state": "BLOCKED", "quantity": 1}
    elif how == "counted" and record_name == "StockCount":
        value["counted_at"] = NOW + 6 * MINUTE
    elif how == "basis" and record_name == "StockCount":
        value |= draw(
            st.sampled_from(
                [
                    {"counter": "DAMAGED", "basis": "NET"},
                    {"basis": "NET", "withheld": 1},
                    {"basis": "AVAILABLE", "withheld": -1},
                    {"basis": "NET", "demand_as_of": NOW + 6 * MINUTE},
                    {"basis": "GROSS", "demand_as_of": NOW + 6 * MINUTE, "withheld": 0},
                ]
            )
        )


class Plan(NamedTuple):
    """How a history is read: lanes, messages a read, ms that publications may wait, and who comes when."""

    lanes: int
    most: int
    coalesce_ms: int
    seed: int

    def cluster(self, **config: Any) -> Cluster:
        settings = LaneConfig(coalesce_ms=self.coalesce_ms, **config)
        return Cluster(self.lanes, config=settings, seed=self.seed)


plans = st.builds(
    Plan,
    lanes=st.sampled_from([1, 2, 4, 8]),
    most=st.sampled_from([1, 3, 10_000]),
    coalesce_ms=st.sampled_from([0, 200]),
    seed=st.integers(0, 2**16),
)


@st.composite
def _policies(draw: st.DrawFn) -> list[Told]:
    """Some rules a layer, and allocations; those of a channel's layer name one, as `rules apply` sees to."""
    told = []
    drawn = [*draw(rules()), *draw(wide.fences())]
    for layer, values in (("in_transit", wide.in_transit), ("backorder", units())):
        drawn += draw(wide.numbered(layer, values, most=2))
    for rule in drawn:
        definition = json.loads(rule.value["definition"])
        if "safety" in rule.value["layer"]:
            definition.pop("channel", None)
        else:
            definition.setdefault("channel", draw(st.sampled_from(["web", "amazon", "pickup"])))
        starts = draw(st.sampled_from([None, None, None, NOW, NOW + 1, NOW + MINUTE]))
        value = {**rule.value, "definition": json.dumps(definition), "valid_from": starts}
        told.append(rule._replace(value=value))
    return [*told, *draw(wide.allocations(told))]


policies = _policies()


def write(cluster: Cluster, told: Told, *, misplaced: bool = False) -> None:
    """Append a record to the log; a misplaced one lands in a partition drawn by chance."""
    partition = cluster.random.randrange(cluster.lanes) if misplaced else None
    if told.record_name in ("Location", "Channel", "Policy"):
        partition = None
    headers = headers_of(told.first_read, BEYOND_HORIZON) if told.first_read is not None else ()
    cluster.tell(told.record_name, told.value, told.log_time, partition=partition, headers=headers)


def fold(model: ReferenceModel, *history: Told) -> ReferenceModel:
    for told in history:
        key = key_of(told.record_name, told.value)
        again = told.first_read is not None
        at = told.log_time if told.first_read is None else told.first_read
        model.fold(told.record_name, told.value, log_time=at, key=key, accept_beyond_horizon=again)
    return model
