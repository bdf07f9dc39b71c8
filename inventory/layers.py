"""The one table of rule layers: what a rule of each layer may say and what it does to a number.

Whatever asks "is this a layer, may it match a place, does it round up" asks here; no other list exists.
"""

import re
from enum import Enum
from typing import NamedTuple

SCALE = 10_000
"""Percentages and confidences are whole numbers of ten-thousandths: 12.5 (percent) is 125_000."""
WHOLE_PERCENT = 100 * SCALE
MAX_WHOLE = 10**12
"""No rule speaks of more units or ranks than this: sums over places stay far inside a long."""
LONGEST_WINDOW = 366
"""Days: the passing of each day before a delivery is an instant of the version, so they must be few."""
DEFAULT_PRIORITY = 100
"""Of a ring-fence that names none."""

ITEM_KEYS = ("sku", "style", "category", "attribute")
PLACE_KEYS = ("location", "location_type", "region")
"""Keys of `match`, the more telling first: this is the order that decides between equal counts."""

_DECIMAL = re.compile(r"-?[0-9]{1,18}(\.[0-9]*)?")


class Kind(Enum):
    """How a value is written."""

    WHOLE = "a whole number, 0 or more"
    PERCENT = "a percentage from 0 to 100 with at most 4 decimals"
    FRACTION = "a number from 0 to 1 with at most 4 decimals"
    DAYS = "a whole number of days, 0 to 366"
    INSTANT = "a date and time with its zone, such as 2026-12-24T00:00:00Z"


FIELDS: dict[str, Kind] = {
    "units": Kind.WHOLE,
    "percent": Kind.PERCENT,
    "confidence": Kind.FRACTION,
    "within_days": Kind.DAYS,
    "minimum": Kind.WHOLE,
    "priority": Kind.WHOLE,
    "set_at": Kind.INSTANT,
}


class Level(Enum):
    """What a layer's number is of."""

    NODE = "one sku at one location"
    POOL = "one sku in every channel's pool"
    CHANNEL = "one sku in one channel"


class Rounding(Enum):
    """What becomes of the part of a unit: what is withheld rounds up, what is granted or shown down."""

    EXACT = "units only"
    UP = "up"
    DOWN = "down"


class Layer(NamedTuple):
    """One layer. A rule gives exactly one of `values` (none: it gives no number) and all of `required`."""

    name: str
    key: str  # its list in the rules file
    level: Level
    values: tuple[str, ...]
    rounding: Rounding = Rounding.EXACT
    default: int = 0  # the number where no rule applies; a percentage in ten-thousandths
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    match_places: bool = False
    of_bundles: bool = True  # whether a bundle has it of its own; else its components alone do

    @property
    def names_channel(self) -> bool:
        return self.level is Level.CHANNEL


_BOTH = ("units", "percent")

# fmt: off
LAYERS: tuple[Layer, ...] = (
    Layer("exclusion",            "exclusions",           Level.CHANNEL, ()),
    Layer("safety_stock",         "safety_stock",         Level.NODE,    _BOTH, Rounding.UP,
          match_places=True, of_bundles=False),
    Layer("network_safety_stock", "network_safety_stock", Level.POOL,    ("units",), of_bundles=False),
    Layer("ring_fence",           "ring_fences",          Level.CHANNEL, _BOTH, Rounding.DOWN,
          optional=("minimum", "priority", "set_at"), of_bundles=False),
    Layer("share",                "shares",               Level.CHANNEL, ("percent",), Rounding.DOWN,
          default=WHOLE_PERCENT),
    Layer("buffer",               "buffers",              Level.CHANNEL, ("units",)),
    Layer("cap",                  "caps",                 Level.CHANNEL, ("units",), default=-1),
    Layer("threshold",            "thresholds",           Level.CHANNEL, ("units",)),
    Layer("low_stock",            "low_stock",            Level.CHANNEL, ("units",)),
    Layer("in_transit",           "in_transit",           Level.CHANNEL, ("confidence",), Rounding.DOWN,
          required=("within_days",), match_places=True, of_bundles=False),
    Layer("backorder",            "backorders",           Level.CHANNEL, ("units",), of_bundles=False),
)
# fmt: on

BY_NAME = {layer.name: layer for layer in LAYERS}
BY_KEY = {layer.key: layer for layer in LAYERS}


def match_keys(layer: Layer) -> tuple[str, ...]:
    """The keys that `match` of a rule of this layer may have."""
    return ITEM_KEYS + PLACE_KEYS if layer.match_places else ITEM_KEYS


def scaled(text: str) -> int:
    """A decimal with at most 4 places in ten-thousandths, exactly; `ValueError` says what is wrong."""
    if not _DECIMAL.fullmatch(text):
        raise ValueError("is not a number")
    whole, _, fraction = text.partition(".")
    fraction = fraction.rstrip("0")
    if len(fraction) > 4:
        raise ValueError("has more than 4 decimals")
    return int(whole + fraction.ljust(4, "0"))


def value_of(field: str, text: str) -> int:
    """The number that a field means: units, days, or ten-thousandths; `ValueError` says what is wrong."""
    kind = FIELDS[field]
    if kind in (Kind.WHOLE, Kind.DAYS):
        most = MAX_WHOLE if kind is Kind.WHOLE else LONGEST_WINDOW
        if not (text.isascii() and text.isdigit()) or int(text) > most:
            raise ValueError(f"is not {kind.value}")
        return int(text)
    number = scaled(text)
    if not 0 <= number <= (WHOLE_PERCENT if kind is Kind.PERCENT else SCALE):
        raise ValueError(f"is not {kind.value}")
    return number
