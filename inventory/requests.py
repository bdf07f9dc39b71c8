"""Checked reservations that wait for their decision."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from inventory.admission import Admitted, admitted
from inventory.batch import Slice
from inventory.columns import (
    LONG_FIELDS,
    NULL,
    OCCURRED_AT,
    QUANTITY,
    RECORDED_AT,
    TEXT_FIELDS,
    Columns,
    Kind,
)
from inventory.decisions import Identity
from inventory.demand import CANCEL, SOFT
from inventory.ties import text_of

_EVENT_ID, _SOURCE, _RESERVATION_ID, _LINE = 0, 1, 6, 7  # text fields
_TEXTS = _EVENT_ID, _SOURCE, _RESERVATION_ID, _LINE
_VERSION, _ACTION, _COMMITMENT, _EXPIRES_AT, _NEEDED_AT, _MODE, _ALLOW_PARTIAL = range(3, 10)  # longs

_END_OF_TIME = int(np.iinfo(np.int64).max)
"""Some write it for "never"."""


@dataclass(frozen=True, slots=True)
class Request:
    """One version of a checked line, its names resolved; `longs` as in `LONG_FIELDS`. `key`, `check`: the line's.
    `partition`, `offset`: where its record first stood."""

    identity: Identity
    event_id: str
    source: str
    longs: tuple[int, ...]
    sku: int
    location: int
    channel: int
    bundle: int
    key: int
    check: int
    log_time: int
    partition: int
    offset: int

    @property
    def action(self) -> int:
        return self.longs[_ACTION]

    @property
    def quantity(self) -> int:
        return self.longs[QUANTITY]

    @property
    def occurred_at(self) -> int:
        return self.longs[OCCURRED_AT]

    @property
    def commitment(self) -> int:
        return self.longs[_COMMITMENT]

    @property
    def expires_at(self) -> int:
        return self.longs[_EXPIRES_AT]

    @property
    def allow_partial(self) -> bool:
        return bool(self.longs[_ALLOW_PARTIAL])

    @property
    def cancels(self) -> bool:
        return self.action == CANCEL

    def lapsed(self, now: int, grace: int) -> bool:
        """Whether what it asks for would not be held any more."""
        return self.commitment == SOFT and self.expires_at != NULL and now > self.expires_at + grace

    def as_held(self, quantity: int, grace: int) -> tuple[Columns, Admitted]:
        """The version as a record of one row, as the line keeps it: what was granted, open through the grace."""
        longs = np.array(self.longs, np.int64).reshape(-1, 1)
        longs[QUANTITY, 0] = quantity
        if self.expires_at != NULL:
            longs[_EXPIRES_AT, 0] = min(self.expires_at, _END_OF_TIME - grace) + grace
        texts = np.zeros((len(TEXT_FIELDS[Kind.RESERVATION]), 1), np.int32)
        place = np.zeros(1, np.int64)
        columns = Columns(np.zeros(0, np.uint8), place, place.copy(), longs, texts, texts.copy())
        verdict = admitted(1)
        for column, value in (
            (verdict.outcome, 0),
            (verdict.sku, self.sku),
            (verdict.location, self.location),
            (verdict.channel, self.channel),
            (verdict.bundle, self.bundle),
        ):
            column[0] = value
        return columns, verdict

    def to_json(self) -> dict[str, Any]:
        """For the journal: as `asdict`, without a copy of each value."""
        return {name: getattr(self, name) for name in _FIELDS}


_FIELDS = tuple(field.name for field in fields(Request))


def request_from_json(value: dict[str, Any]) -> Request:
    """Back from the journal."""
    known = {"source": "", **value}  # older journals do not have it
    return Request(**{**known, "identity": Identity(*value["identity"]), "longs": tuple(value["longs"])})


def request_of(part: Slice, i: int, sku: str, verdict: Admitted, hashes: tuple[int, int]) -> Request:
    """Row i of a slice of reservations; `hashes`: key and check of the line it is of."""
    c = part.columns
    event_id, source, reservation, line = [(text_of(c, f, i) or b"").decode(errors="replace") for f in _TEXTS]
    longs = tuple(int(v) for v in c.longs[: len(LONG_FIELDS[Kind.RESERVATION]), i])
    return Request(
        Identity(reservation, line, sku, longs[_VERSION]), event_id, source, longs, int(verdict.sku[i]),
        int(verdict.location[i]), int(verdict.channel[i]), int(verdict.bundle[i]), *hashes,
        int(part.carried.log_time[i]), int(part.origin.partition[i]), int(part.origin.offset[i]),
    )  # fmt: skip


def is_request(c: Columns, i: int) -> bool:
    """Whether reservation record i is a version of a checked line. (A RELEASE is a fact, whatever its mode.)"""
    return bool(c.longs[_MODE, i] != 0 and c.longs[_ACTION, i] < len(_DECIDED))


_DECIDED = ("PLACE", "UPDATE", "CONFIRM", "EXTEND", "SOURCE", "CANCEL")
__all__ = ["RECORDED_AT", "Request", "is_request", "request_from_json", "request_of"]
