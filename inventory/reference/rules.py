"""Rules: what one says, and which one of a layer wins."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, NamedTuple

from inventory.reference.errors import NotModelled
from inventory.reference.network import Location, definition_of
from inventory.reference.schema import Record


class Layer(NamedTuple):
    """What a rule of the layer may say, and match."""

    values: tuple[str, ...]
    names_channel: bool = True
    matches_places: bool = False


# Only the node's safety stock is said to take a percentage, and of what: a network's is in units. A rule of
# the other layers may name a channel or be for all of them; a node has no channel.
LAYERS = {
    "exclusion": Layer(()),
    "safety_stock": Layer(("units", "percent"), names_channel=False, matches_places=True),
    "network_safety_stock": Layer(("units",)),
    "share": Layer(("percent",)),
    "buffer": Layer(("units",)),
    "cap": Layer(("units",)),
    "threshold": Layer(("units",)),
    "low_stock": Layer(("units",)),
}

ITEM_KEYS = ("sku", "style", "category", "attribute")
PLACE_KEYS = ("location", "location_type", "region")


class Item(NamedTuple):
    """What rules may ask of a sku."""

    sku: str
    category: str | None = None
    style: str | None = None
    attributes: Mapping[str, str] = {}
    active: bool = True


@dataclass(frozen=True, eq=False)
class Rule:
    """`units` is whole; `percent` is 0-100, exact. A rule of one layer has one of them, an exclusion none."""

    id: str
    layer: str
    units: int | None
    percent: Fraction | None
    channel: str | None
    item: Mapping[str, Any]
    place: Mapping[str, str]
    valid_from: int | None
    valid_to: int | None

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
    """ValueError where the definition cannot be read; NotModelled for a layer that is not computed."""
    layer = LAYERS.get(policy["layer"])
    if layer is None:
        raise NotModelled(f"rule {policy['id']}: layer {policy['layer']}")
    definition = definition_of(policy)
    values = [key for key in ("units", "percent") if key in definition]
    if not set(values) <= set(layer.values) or len(values) != min(1, len(layer.values)):
        raise ValueError(f"{policy['layer']} takes {' or '.join(layer.values) or 'no value'}")
    channel = definition.get("channel")
    if channel is not None and not (layer.names_channel and isinstance(channel, str)):
        raise ValueError(f"{policy['layer']} cannot be of channel {channel!r}")
    item, place = read_match(definition.get("match", {}), layer)
    return Rule(
        id=policy["id"],
        layer=policy["layer"],
        units=read_units(definition["units"]) if "units" in definition else None,
        percent=read_percent(definition["percent"]) if "percent" in definition else None,
        channel=channel,
        item=item,
        place=place,
        valid_from=policy["valid_from"],
        valid_to=policy["valid_to"],
    )


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


def read_units(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"units are a whole number of at least 0, not {value!r}")
    return value


def read_percent(value: Any) -> Fraction:
    """A decimal, as a number or as text, with at most 4 places."""
    if type(value) not in (int, str, Decimal):
        raise ValueError(f"a percentage is a decimal, not {value!r}")
    try:
        percent = Decimal(value)
    except InvalidOperation:
        raise ValueError(f"a percentage is a decimal, not {value!r}") from None
    if not (percent.is_finite() and 0 <= percent <= 100) or Fraction(percent) * 10_000 % 1:
        raise ValueError(f"a percentage is from 0 to 100, with at most 4 places, not {value}")
    return Fraction(percent)
