"""Rows that a lane does not fold: forwarded, parked, or dead."""

from dataclasses import replace

import numpy as np

from inventory.admission import (
    DEAD,
    DEAD_LETTER_CODES,
    EXPLODE,
    EXPLODED,
    FORWARD,
    OK,
    PARK_CHANNEL,
    PARK_LOCATION,
    PARK_SKU,
    TOO_LATE,
    Admitted,
)
from inventory.batch import DeadLetter, Exploded, Forward, Message, Outputs, Slice
from inventory.bundles import Bundles
from inventory.columns import LOCATION, SKU, Kind
from inventory.murmur import shard_of
from inventory.parking import Parked, Parking
from inventory.reasons import REASONS
from inventory.ties import text_of

_CHANNEL, _POS_LINE = 5, 10  # text fields
_PARK = {PARK_SKU: ("sku", SKU), PARK_LOCATION: ("location", LOCATION), PARK_CHANNEL: ("channel", _CHANNEL)}


def set_aside(part: Slice, verdict: Admitted, parking: Parking, log_clock: int, out: Outputs) -> list[int]:
    """Send on, park or refuse every row that is not to be folded; returns the counts that came too late."""
    forwarded = np.flatnonzero(verdict.outcome == FORWARD)
    if forwarded.size:
        out.forwards.append(Forward(part, forwarded, verdict.detail[forwarded]))
    too_late = []
    for i in np.flatnonzero(
        (verdict.outcome != OK) & (verdict.outcome != FORWARD) & (verdict.outcome != EXPLODE)
    ).tolist():
        outcome = int(verdict.outcome[i])
        if outcome in _PARK:
            what, field = _PARK[outcome]
            identifier = (text_of(part.columns, field, i) or b"").decode(errors="replace")
            dead = parking.put(Parked(what, identifier, log_clock, pos_line(part, i), message_of(part, i)))
            out.dead_letters += [dead] if dead else []
        elif outcome == TOO_LATE:
            too_late.append(i)
        else:
            code = DEAD_LETTER_CODES[outcome - DEAD]
            out.dead_letters.append(DeadLetter(code, REASONS[code], message_of(part, i), pos_line(part, i)))
    return too_late


def explode(part: Slice, verdict: Admitted, bundles: Bundles, lanes: int, out: Outputs) -> None:
    """Send what is of a bundle to the lanes of its components, a row to each."""
    for i in np.flatnonzero(verdict.outcome == EXPLODE).tolist():
        bundle = bundles.at(int(verdict.sku[i]))
        assert bundle is not None, "admission explodes bundles alone"
        message = message_of(part, i)
        row = replace(message, flags=message.flags | EXPLODED)
        for sku, each in bundles.of(bundle).parts.items():
            out.exploded.append(Exploded(row, shard_of(sku) % lanes, sku, each, bundle))


def pos_line(part: Slice, i: int) -> str | None:
    """The line of a till transaction that row i is; None for other records."""
    if part.kind is not Kind.POS_LINE:
        return None
    return (text_of(part.columns, _POS_LINE, i) or b"").decode(errors="replace")


def message_of(part: Slice, i: int) -> Message:
    """The whole message of row i, as it was first read, or as the component's that it was made."""
    records, origin = part.records, part.origin
    of_component = int(origin.flags[i]) & EXPLODED != 0
    key = text_of(part.columns, LOCATION if part.kind is Kind.POS_LINE and not of_component else SKU, i)
    value = records.buf[int(records.start[i]) : int(records.end[i])].tobytes()
    return Message(
        int(origin.topic[i]), int(origin.partition[i]), int(origin.offset[i]), int(origin.log_time[i]),
        int(origin.flags[i]), value, key,
    )  # fmt: skip
