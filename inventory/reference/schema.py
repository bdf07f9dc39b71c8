"""The records as they come: which fields there are, of which type, and what a missing one means.

A field without a default must be there. Times are milliseconds since the epoch, enums are text.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

Record = dict[str, Any]

REQUIRED: Any = object()


class Type(Protocol):
    """What a field may hold."""

    def holds(self, value: Any) -> bool: ...


class Field(NamedTuple):
    """One field; `default` is `REQUIRED` where a missing one makes the record invalid."""

    name: str
    type: Type
    default: Any = REQUIRED


class Text:
    def holds(self, value: Any) -> bool:
        return type(value) is str


class Long:
    def holds(self, value: Any) -> bool:
        return type(value) is int and -(2**63) <= value < 2**63


class Boolean:
    def holds(self, value: Any) -> bool:
        return type(value) is bool


class Enum:
    def __init__(self, *symbols: str) -> None:
        self.symbols = symbols

    def holds(self, value: Any) -> bool:
        return value in self.symbols


class Nullable:
    """The union of null and another type."""

    def __init__(self, of: Type) -> None:
        self.of = of

    def holds(self, value: Any) -> bool:
        return value is None or self.of.holds(value)


class Nested:
    def __init__(self, *fields: Field) -> None:
        self.fields = fields

    def holds(self, value: Any) -> bool:
        return isinstance(value, Mapping) and complete(self.fields, value) is not None


class Array:
    def __init__(self, items: Type) -> None:
        self.items = items

    def holds(self, value: Any) -> bool:
        return isinstance(value, list | tuple) and all(map(self.items.holds, value))


class TextMap:
    def holds(self, value: Any) -> bool:
        return isinstance(value, Mapping) and all(type(k) is str and type(v) is str for k, v in value.items())


TEXT, LONG, BOOLEAN = Text(), Long(), Boolean()
TEXT_OR_NULL, LONG_OR_NULL = Nullable(TEXT), Nullable(LONG)
STATE = Enum("SELLABLE", "DAMAGED", "QUALITY_CONTROL", "BLOCKED")
BASIS = Enum("GROSS", "NET", "AVAILABLE")
NET_OF = Enum("HARD", "SOFT_AND_HARD")
STATUS = Enum("ACTIVE", "DELETED")

ENVELOPE = (
    Field("event_id", TEXT),
    Field("source", TEXT),
    Field("occurred_at", LONG),
    Field("recorded_at", LONG),
    Field("correlation_id", TEXT_OR_NULL, None),
)

POS_LINE = (
    Field("line", TEXT),
    Field("sku", TEXT),
    Field("quantity", LONG),
    Field("to_state", STATE, "SELLABLE"),
    Field("reservation_id", TEXT_OR_NULL, None),
    Field("reservation_line", TEXT_OR_NULL, None),
)

# The fields after the envelope.
EVENTS: dict[str, tuple[Field, ...]] = {
    "StockMovement": (
        Field("sku", TEXT),
        Field("location", TEXT),
        Field(
            "movement",
            Enum("RECEIPT", "SHIP", "RETURN", "TRANSFER_OUT", "TRANSFER_IN", "ADJUST", "STATE_CHANGE"),
        ),
        Field("quantity", LONG),
        Field("from_state", STATE, "SELLABLE"),
        Field("to_state", STATE, "SELLABLE"),
        Field("channel", TEXT_OR_NULL, None),
        Field("reason", TEXT_OR_NULL, None),
        Field("reference", TEXT_OR_NULL, None),
        Field("reservation_id", TEXT_OR_NULL, None),
        Field("line", TEXT_OR_NULL, None),
    ),
    "Reservation": (
        Field("reservation_id", TEXT),
        Field("line", TEXT, "1"),
        Field("version", LONG),
        Field("action", Enum("PLACE", "UPDATE", "CONFIRM", "EXTEND", "SOURCE", "CANCEL", "RELEASE")),
        Field("sku", TEXT),
        Field("channel", TEXT),
        Field("location", TEXT_OR_NULL, None),
        Field("quantity", LONG),
        Field("commitment", Enum("SOFT", "HARD")),
        Field("expires_at", LONG_OR_NULL, None),
        Field("needed_at", LONG_OR_NULL, None),
        Field("mode", Enum("FACT", "CHECKED"), "FACT"),
        Field("allow_partial", BOOLEAN, False),
        Field("bundle", TEXT_OR_NULL, None),
    ),
    "PosTransaction": (
        Field("location", TEXT),
        Field("transaction_id", TEXT),
        Field("register", TEXT_OR_NULL, None),
        Field("channel", TEXT_OR_NULL, None),
        Field("lines", Array(Nested(*POS_LINE))),
    ),
    "StockCount": (
        Field("sku", TEXT),
        Field("location", TEXT),
        Field("quantity", LONG),
        Field("counted_at", LONG),
        Field("count_sequence", LONG, 0),
        Field("basis", BASIS),
        Field("net_of", NET_OF, "HARD"),
        Field("demand_as_of", LONG_OR_NULL, None),
        Field("withheld", LONG, 0),
        Field("counter", Enum("ON_HAND", "DAMAGED", "QUALITY_CONTROL", "BLOCKED"), "ON_HAND"),
        Field("batch", Nullable(Nested(Field("batch_id", TEXT), Field("sequence", LONG))), None),
    ),
    "ExpectedSupply": (
        Field("reference", TEXT),
        Field("version", LONG),
        Field("kind", Enum("PURCHASE_ORDER", "TRANSFER", "ASN")),
        Field("sku", TEXT),
        Field("location", TEXT),
        Field("quantity", LONG),
        Field("expected_at", LONG),
        Field("status", Enum("OPEN", "CANCELLED", "CLOSED")),
    ),
    "SnapshotMarker": (
        Field("batch_id", TEXT),
        Field("marker", Enum("BEGIN", "END")),
        Field("mode", Enum("FULL", "NONZERO", "PARTIAL")),
        Field("locations", Array(TEXT)),
        Field("basis", BASIS),
        Field("net_of", NET_OF, "HARD"),
        Field("demand_as_of", LONG_OR_NULL, None),
        Field("as_of", LONG),
        Field("items", LONG, 0),
    ),
    "StockCorrection": (
        Field("sku", TEXT),
        Field("location", TEXT),
        Field("quantity", LONG),
        Field("state", STATE),
        Field("reason", TEXT),
    ),
}

ENVELOPED = {name: ENVELOPE + fields for name, fields in EVENTS.items()}

MASTER_DATA: dict[str, tuple[Field, ...]] = {
    "CatalogItem": (
        Field("sku", TEXT),
        Field("category", TEXT_OR_NULL, None),
        Field("style", TEXT_OR_NULL, None),
        Field("attributes", TextMap(), {}),
        Field("bundle", Array(Nested(Field("sku", TEXT), Field("quantity", LONG))), ()),
        Field("ship_together", BOOLEAN, False),
        Field("aliases", Array(Nested(Field("source", TEXT), Field("identifier", TEXT))), ()),
        Field("active", BOOLEAN, True),
    ),
    "Allocation": (
        Field("sku", TEXT),
        Field("fences", Array(Nested(Field("fence", TEXT), Field("units", LONG), Field("set_at", LONG)))),
    ),
    "Location": (Field("id", TEXT), Field("status", STATUS), Field("definition", TEXT)),
    "Channel": (Field("id", TEXT), Field("status", STATUS), Field("definition", TEXT)),
    "Policy": (
        Field("id", TEXT),
        Field("status", STATUS),
        Field("definition", TEXT),
        Field(
            "layer",
            Enum(
                "exclusion", "safety_stock", "network_safety_stock", "ring_fence", "share", "buffer",
                "cap", "threshold", "low_stock", "in_transit", "backorder",
            ),
        ),
        Field("valid_from", LONG_OR_NULL, None),
        Field("valid_to", LONG_OR_NULL, None),
        Field("author", TEXT_OR_NULL, None),
        Field("approved_by", TEXT_OR_NULL, None),
    ),
}  # fmt: skip


def complete(fields: tuple[Field, ...], value: Mapping[str, Any]) -> Record | None:
    """The record with every field, defaults filled in; None where one is missing or of a wrong type."""
    record: Record = {}
    for name, kind, default in fields:
        found = value.get(name, default)
        if found is not default and not kind.holds(found):
            return None
        if found is REQUIRED:
            return None
        record[name] = found
    return record
