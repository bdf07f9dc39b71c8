"""A batch as columns: what the decoder hands to the engine.

Texts stay where they are in the joined bytes; a column holds their offset and length. A null text has
length -1, a null long is `NULL`. Enumerations are longs: the symbol's index in its schema.
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

NULL = np.iinfo(np.int64).min
"""The long that stands for null."""

MAX_QUANTITY = 1_000_000_000
"""Of one record. A greater one is a mistake, such as a bar code in the field of the quantity; sums stay exact."""

Bytes = npt.NDArray[np.uint8]
Longs = npt.NDArray[np.int64]
Ints = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]


def join_texts(texts: Sequence[bytes]) -> tuple[Ints, Bytes]:
    """Texts, one behind the other: their lengths and their bytes."""
    length = np.fromiter(map(len, texts), np.int32, len(texts))
    return length, np.frombuffer(b"".join(texts), np.uint8)


class Records(NamedTuple):
    """Encoded records, joined: record i is `buf[start[i]:end[i]]`."""

    buf: Bytes
    start: Longs
    end: Longs


class Columns(NamedTuple):
    """n decoded records of one kind; row i of every column belongs to one record.

    `longs` has shape (long fields, n), `text_at` and `text_len` (text fields, n), offsets into `buf`.
    `start`, `end` (n) delimit the whole record in `buf`, framing included.
    """

    buf: Bytes
    start: Longs
    end: Longs
    longs: Longs
    text_at: Ints
    text_len: Ints


class Kind(IntEnum):
    """The records that are folded as columns; the rest (master data) are dictionaries."""

    MOVEMENT = 0
    COUNT = 1
    CORRECTION = 2
    RESERVATION = 3
    POS_LINE = 4
    SUPPLY = 5


RECORD_NAMES = {
    Kind.MOVEMENT: "StockMovement",
    Kind.COUNT: "StockCount",
    Kind.CORRECTION: "StockCorrection",
    Kind.RESERVATION: "Reservation",
    Kind.POS_LINE: "PosTransaction",
    Kind.SUPPLY: "ExpectedSupply",
}

# The order of the fields in `longs` and `text_*` of each kind. `lines` of a PosTransaction are flattened:
# one row a line, the transaction's own fields repeated.
LONG_FIELDS: dict[Kind, tuple[str, ...]] = {
    Kind.MOVEMENT: ("occurred_at", "recorded_at", "quantity", "movement", "from_state", "to_state"),
    Kind.COUNT: (
        "occurred_at", "recorded_at", "quantity", "counted_at", "count_sequence", "basis", "net_of",
        "demand_as_of", "withheld", "counter", "batch.sequence",
    ),
    Kind.CORRECTION: ("occurred_at", "recorded_at", "quantity", "state"),
    Kind.RESERVATION: (
        "occurred_at", "recorded_at", "quantity", "version", "action", "commitment", "expires_at",
        "needed_at", "mode", "allow_partial",
    ),
    Kind.POS_LINE: ("occurred_at", "recorded_at", "lines.quantity", "lines.to_state"),
    Kind.SUPPLY: ("occurred_at", "recorded_at", "quantity", "version", "kind", "expected_at", "status"),
}  # fmt: skip

TEXT_FIELDS: dict[Kind, tuple[str, ...]] = {
    Kind.MOVEMENT: (
        "event_id", "source", "correlation_id", "sku", "location", "channel", "reason", "reference",
        "reservation_id", "line",
    ),
    Kind.COUNT: ("event_id", "source", "correlation_id", "sku", "location", "batch.batch_id"),
    Kind.CORRECTION: ("event_id", "source", "correlation_id", "sku", "location", "reason"),
    Kind.RESERVATION: (
        "event_id", "source", "correlation_id", "sku", "location", "channel", "reservation_id", "line",
        "bundle",
    ),
    Kind.POS_LINE: (
        "event_id", "source", "correlation_id", "lines.sku", "location", "channel", "transaction_id",
        "register", "lines.reservation_id", "lines.reservation_line", "lines.line",
    ),
    Kind.SUPPLY: ("event_id", "source", "correlation_id", "sku", "location", "reference"),
}  # fmt: skip

# Positions that every kind shares, so that guards and name look-ups are one kernel.
OCCURRED_AT, RECORDED_AT, QUANTITY = 0, 1, 2
EVENT_ID, SOURCE, CORRELATION_ID, SKU, LOCATION = 0, 1, 2, 3, 4
