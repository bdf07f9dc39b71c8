"""Events as facts: what each kind of movement adds and uses up of the line that it names; what is counted."""

from functools import lru_cache

from inventory.reference.facts import Additive, Change, Count, LineId, Sale, Transit
from inventory.reference.guards import ARRIVALS
from inventory.reference.schema import Record


@lru_cache(maxsize=10_000)
def units(quantity: int, state: str) -> Change:
    """Units that come (> 0) or go (< 0), all of them in one state."""
    return Change(
        on_hand=quantity,
        damaged=quantity if state == "DAMAGED" else 0,
        quality_control=quantity if state == "QUALITY_CONTROL" else 0,
        blocked=quantity if state == "BLOCKED" else 0,
    )


def restated(quantity: int, from_state: str, to_state: str) -> Change:
    """Units that stay where they are and change their state."""
    gone, come = units(-quantity, from_state), units(quantity, to_state)
    return Change(*(old + new for old, new in zip(gone, come, strict=True)))


def movement(event: Record, location: str, channel: str | None) -> Additive:
    """`channel` is the canonical one that the event names, None where none is known."""
    quantity: int = event["quantity"]
    kind, from_state, to_state = event["movement"], event["from_state"], event["to_state"]
    if kind in ARRIVALS:
        change = units(quantity, to_state)
    elif kind == "STATE_CHANGE":
        change = restated(quantity, from_state, to_state)
    elif kind == "ADJUST":
        change = units(quantity, from_state)
    else:  # SHIP, TRANSFER_OUT
        change = units(-quantity, from_state)
    # An adjustment that names a line gives back what a shipment took (+), or takes (-); a return and a
    # transfer leave demand alone.
    consumed = {"SHIP": quantity, "ADJUST": -quantity}.get(kind, 0)
    line = named_line(event["reservation_id"], event["line"]) if consumed else None
    sold = sale(channel, quantity, event["reservation_id"]) if kind == "SHIP" else None
    moved = transit(kind, event["reference"], quantity)
    return Additive(event["occurred_at"], location, change, line, consumed if line else 0, 0, sold, moved)


def correction(event: Record, location: str) -> Additive:
    return Additive(event["occurred_at"], location, units(event["quantity"], event["state"]), None, 0, 0)


def pos_line(line: Record, occurred_at: int, location: str, channel: str | None) -> Additive:
    """A sale takes from what is sellable; a return (negative) arrives in its `to_state`."""
    sold: int = line["quantity"]
    if sold < 0:
        return Additive(occurred_at, location, units(-sold, line["to_state"]), None, 0, 0)
    consumes = named_line(line["reservation_id"], line["reservation_line"])
    by_channel = sale(channel, sold, line["reservation_id"])
    taken = units(-sold, "SELLABLE")
    return Additive(occurred_at, location, taken, consumes, sold if consumes else 0, 0, by_channel)


def count(event: Record) -> Count:
    as_of = event["demand_as_of"]
    if event["basis"] == "GROSS" or as_of is None:
        as_of = event["counted_at"]
    net_of = None if event["basis"] == "GROSS" else event["net_of"]
    return Count(event["quantity"], as_of, net_of, event["withheld"])


def release(event: Record) -> Additive:
    line = (event["reservation_id"], event["line"])
    return Additive(event["occurred_at"], None, None, line, 0, event["quantity"])


def sale(channel: str | None, quantity: int, reservation_id: str | None) -> Sale | None:
    """What a channel sold; through a reservation it is the line that counts."""
    return None if channel is None or reservation_id is not None else Sale(channel, quantity)


def transit(kind: str, reference: str | None, quantity: int) -> Transit | None:
    """What a movement does to the expected line that it names: only these kinds send and receive."""
    if reference is None or kind not in ("TRANSFER_OUT", "TRANSFER_IN", "RECEIPT"):
        return None
    sent = kind == "TRANSFER_OUT"
    return Transit(reference, sent=quantity if sent else 0, received=0 if sent else quantity)


def named_line(reservation_id: str | None, line: str | None) -> LineId | None:
    """A line that is not named is line "1"; without a reservation there is none."""
    if reservation_id is None:
        return None
    return (reservation_id, "1" if line is None else line)
