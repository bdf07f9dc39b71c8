"""A decoder, messages for it, and what its columns say in plain values."""

from io import BytesIO
from typing import Any

import fastavro
from hypothesis import strategies as st

from inventory.columns import RECORD_NAMES, Kind
from tests.wire.avro_samples import encode, row, values
from wire.codec import Codec
from wire.decode import Decoded, Decoder
from wire.schemas import Schema, load

CODEC = Codec(load())
DECODER = Decoder(CODEC)
SCHEMAS: dict[Kind, Schema] = {kind: CODEC.schemas.of(RECORD_NAMES[kind]) for kind in Kind}
TOPIC = {
    Kind.MOVEMENT: "stock-movements",
    Kind.COUNT: "wms-adjustments",
    Kind.CORRECTION: "wms-adjustments",
    Kind.RESERVATION: "reservations",
    Kind.POS_LINE: "pos-sales",
    Kind.SUPPLY: "expected-supply",
}
KINDS = st.sampled_from(list(Kind))
BLOCKS = st.lists(st.integers(-3, 3), max_size=3)


def read(schema: Schema, message: bytes) -> Any:
    """The oracle: fastavro's value of a message; None if it cannot read it, or not to its end."""
    source = BytesIO(message[10:])
    try:
        value = fastavro.schemaless_reader(source, schema.parsed, None)
    except Exception:
        return None
    return value if source.tell() == len(message) - 10 else None


def found_rows(kind: Kind, decoded: Decoded) -> list[tuple[int, dict[str, Any]]]:
    if kind not in decoded.columns:
        return []
    index, columns = decoded.columns[kind]
    return [(int(index[i]), row(kind, columns, i)) for i in range(len(index))]


def messages(kind: Kind) -> st.SearchStrategy[bytes]:
    record = values(SCHEMAS[kind])
    if kind is Kind.POS_LINE:
        record = record.filter(lambda value: value["lines"])
    return st.builds(encode, st.just(SCHEMAS[kind]), record, BLOCKS)


ENVELOPE: dict[str, Any] = {
    "event_id": "e1", "source": "wms-1", "occurred_at": 1, "recorded_at": 2, "correlation_id": None,
}  # fmt: skip
COUNT: dict[str, Any] = {
    **ENVELOPE, "sku": "S", "location": "L", "quantity": 5, "counted_at": 9, "count_sequence": 0,
    "basis": "NET", "net_of": "HARD", "demand_as_of": None, "withheld": 0, "counter": "ON_HAND",
    "batch": None,
}  # fmt: skip
CORRECTION: dict[str, Any] = {
    **ENVELOPE, "sku": "S", "location": "L", "quantity": -5, "state": "DAMAGED", "reason": "broken",
}  # fmt: skip
MARKER: dict[str, Any] = {
    **ENVELOPE, "batch_id": "b", "marker": "END", "mode": "FULL", "locations": ["DC1"], "basis": "GROSS",
    "as_of": 3, "items": 2,
}  # fmt: skip
POS: dict[str, Any] = {
    **ENVELOPE, "location": "S001", "transaction_id": "T1", "register": None, "channel": "store",
    "lines": [
        {"line": "1", "sku": "S", "quantity": 1, "to_state": "SELLABLE", "reservation_id": None,
         "reservation_line": None},
    ],
}  # fmt: skip
