"""Rules: what one says, and which one of a layer wins."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, NamedTuple

from inventory.reference.network import Location, definition_of
from inventory.reference.schema import Record


class Layer(NamedTuple):
    """What a rule of the layer says (one of `values`, or all of them) and may match."""

    values: tuple[str, ...]
    names_channel: bool = True
    matches_places: bool = False
    needs_channel: bool = False
    all_values: bool = False

    def takes(self, definition: Mapping[str, Any]) -> bool:
        told = [key for key in VALUES if key in definition]
        wanted = len(self.values) if self.all_values else min(1, len(self.values))
        return set(told) <= set(self.values) and len(told) == wanted


VALUES = ("units", "percent", "confidence", "within_days")

# Only the node's safety stock is said to take a percentage, and of what: a network's is in units. A rule of
# the other layers may name a channel or be for all of them; a node has no channel, a ring-fence must have one.
LAYERS = {
    "exclusion": Layer(()),
    "safety_stock": Layer(("units", "percent"), names_channel=False, matches_places=True),
    "network_safety_stock": Layer(("units",)),
    "share": Layer(("percent",)),
    "buffer": Layer(("units",)),
    "cap": Layer(("units",)),
    "threshold": Layer(("units",)),
    "low_stock": Layer(("units",)),
    "ring_fence": Layer(("units", "percent"), needs_channel=True),
    "in_transit": Layer(("confidence", "within_days"), matches_places=True, all_values=True),
    "backorder": Layer(("units",)),
}

LAST_PRIORITY = 100
DAY_MS = 24 * 60 * 60_000

ITEM_KEYS = ("sku", "style", "category", "attribute")
PLACE_KEYS = ("location", "location_type", "region")


class Item(NamedTuple):
    """What rules may ask of a sku, and how it is sold."""

    sku: str
    category: str | None = None
    style: str | None = None
    attributes: Mapping[str, str] = {}
    active: bool = True
    ship_together: bool = False


@dataclass(frozen=True, eq=False)
class Rule:
    """`units` is whole; `percent` is 0-100, exact. A rule of one layer has one of them, an exclusion none.

    The last six are of a ring-fence (`minimum`, `priority`, `set_at` as told, `since`: from when on it counts
    what its channel sells) and of in-transit supply (`confidence` 0-1, exact, and `within` ms).
    """

    id: str
    layer: str
    units: int | None
    percent: Fraction | None
    channel: str | None
    item: Mapping[str, Any]
    place: Mapping[str, str]
    valid_from: int | None
    valid_to: int | None
    minimum: int = 0
    priority: int = LAST_PRIORITY
    set_at: int | None = None
    since: int = 0
    confidence: Fraction = Fraction(0)
    within: int = 0

    def is_valid(self, now: int) -> bool:
        return (self.valid_from is None or self.valid_from <= now) and (
            self.valid_to is None or now < self.valid_to
        )

    def holds_for_item(self, item: Item) -> bool:
        has = {"sku": item.sku, "style": item.style, "category": item.category}
        return all(
            all(item.attributes.get(name) == wanted for name, wanted in value.items())
            if key == "attribute"
            else has[key] == value
            for key, value in self.item.items()
        )

    def holds_at(self, location: Location) -> bool:
        has = {"location": location.id, "location_type": location.type, "region": location.region}
        return all(has[key] == value for key, value in self.place.items())

    def precedence(self) -> tuple[int, int, int, float, str]:
        """The smaller one wins."""
        conditions = len(self.place) + sum(
            len(value) if key == "attribute" else 1 for key, value in self.item.items()
        )
        return (
            -conditions,
            rank(ITEM_KEYS, self.item),
            rank(PLACE_KEYS, self.place),
            math.inf if self.valid_to is None else self.valid_to,
            self.id,
        )


def rank(keys: tuple[str, ...], match: Mapping[str, Any]) -> int:
    """How specific the most specific condition of a dimension is; 0 is the most."""
    return next((at for at, key in enumerate(keys) if key in match), len(keys))


def read_rule(policy: Record) -> Rule:
    """ValueError where the definition cannot be read."""
    layer = LAYERS[policy["layer"]]
    definition = definition_of(policy)
    if not layer.takes(definition):
        between = " and " if layer.all_values else " or "
        raise ValueError(f"{policy['layer']} takes {between.join(layer.values) or 'no value'}")
    channel = definition.get("channel")
    may_be = (layer.names_channel and isinstance(channel, str)) or (
        channel is None and not layer.needs_channel
    )
    if not may_be:
        raise ValueError(f"{policy['layer']} cannot be of channel {channel!r}")
    item, place = read_match(definition.get("match", {}), layer)
    return Rule(
        id=policy["id"],
        layer=policy["layer"],
        units=read_units(definition["units"]) if "units" in definition else None,
        percent=read_decimal(definition["percent"], up_to=100) if "percent" in definition else None,
        channel=channel,
        item=item,
        place=place,
        valid_from=policy["valid_from"],
        valid_to=policy["valid_to"],
        confidence=read_decimal(definition.get("confidence", 0), up_to=1),
        within=read_units(definition.get("within_days", 0)) * DAY_MS,
        **(read_fence(definition) if policy["layer"] == "ring_fence" else {}),
    )


def read_fence(definition: Mapping[str, Any]) -> dict[str, Any]:
    """What only a ring-fence says."""
    if "minimum" in definition and "percent" not in definition:
        raise ValueError("a minimum goes with a percent: units are what is asked for")
    set_at = definition.get("set_at")
    return {
        "minimum": read_units(definition.get("minimum", 0)),
        "priority": read_whole(definition.get("priority", LAST_PRIORITY)),
        "set_at": None if set_at is None else read_whole(set_at),
    }


def read_match(match: Any, layer: Layer) -> tuple[dict[str, Any], dict[str, str]]:
    """The conditions on the item and on the place."""
    allowed = ITEM_KEYS + (PLACE_KEYS if layer.matches_places else ())
    if not isinstance(match, dict) or not match.keys() <= set(allowed):
        raise ValueError(f"match takes {', '.join(allowed)}")
    for key, value in match.items():
        if key == "attribute":
            fits = isinstance(value, dict) and all(isinstance(each, str) for each in value.values())
        else:
            fits = isinstance(value, str)
        if not fits:
            raise ValueError(f"match {key}: not {value!r}")
    return (
        {key: value for key, value in match.items() if key in ITEM_KEYS},
        {key: value for key, value in match.items() if key in PLACE_KEYS},
    )


def read_whole(value: Any) -> int:
    if type(value) is not int:
        raise ValueError(f"not a whole number: {value!r}")
    return value


def read_units(value: Any) -> int:
    units = read_whole(value)
    if units < 0:
        raise ValueError(f"a whole number of at least 0, not {units}")
    return units


def read_decimal(value: Any, *, up_to: int) -> Fraction:
    """A decimal from 0, as a number or as text, with at most 4 places."""
    if type(value) not in (int, str, Decimal):
        raise ValueError(f"not a decimal: {value!r}")
    try:
        told = Decimal(value)
    except InvalidOperation:
        raise ValueError(f"not a decimal: {value!r}") from None
    if not (told.is_finite() and 0 <= told <= up_to) or Fraction(told) * 10_000 % 1:
        raise ValueError(f"a decimal from 0 to {up_to}, with at most 4 places, not {told}")
    return Fraction(told)
