"""Which records are refused, as a function of the record and its own log time."""

import math
from typing import NamedTuple

from inventory.reference.schema import Record

MINUTE = 60_000
HOUR = 60 * MINUTE


class Config(NamedTuple):
    """Tolerances and horizons, in milliseconds."""

    clock_tolerance_ms: int = 5 * MINUTE
    count_horizon_ms: int = 24 * HOUR
    dedupe_horizon_ms: int = 72 * HOUR
    snapshot_patience_ms: int = HOUR
    confirm_grace_ms: int = 30_000
    drift_tolerance: int = 5
    """Units by which a count may differ from what was expected."""
    basis_suspect_after: int = 3
    """So many drifts in a row that another basis would explain make the declared one suspect."""
    since: float = -math.inf
    """Facts dated before this instant (ms) may be missing from what the model is told: the log begins too late."""
    publish_incomplete: bool = False
    """Whether positions that nobody has counted show what is left of such a log."""

    @property
    def withholds(self) -> bool:
        """Whether a position shows nothing until it is counted."""
        return self.since > -math.inf and not self.publish_incomplete


MAX_TEXT = 500
"""Bytes of UTF-8 of one text. The page sets no limit; one message must not take all memory by being repeated."""
MAX_QUANTITY = 1_000_000_000
"""Of one record. The page sets no limit; a greater number is a mistake, such as a bar code typed as a quantity."""

ARRIVALS = ("RECEIPT", "RETURN", "TRANSFER_IN")
DEPARTURES = ("SHIP", "TRANSFER_OUT", "ADJUST")


def refusal(
    record_name: str, event: Record, *, log_time: int, config: Config, accept_beyond_horizon: bool
) -> str | None:
    """The dead-letter code of a whole record, or None. Where several apply: what it is, then when it is.

    Lines of a POS transaction are judged one by one, by `line_refusal`.
    """
    if not _has_texts(event) or not _means_something(record_name, event):
        return "invalid_event"
    if not _has_valid_quantity(record_name, event):
        return "invalid_quantity"
    # Nobody writes a message after the broker has it. A clock that says so makes an old one look new for ever.
    latest = max([event["occurred_at"], event["recorded_at"], *instants_of_count(event)])
    if latest - log_time > config.clock_tolerance_ms:
        return "from_the_future"
    if log_time - event["recorded_at"] > config.dedupe_horizon_ms and not accept_beyond_horizon:
        return "beyond_horizon"
    return None


def line_refusal(line: Record) -> str | None:
    """The dead-letter code of one POS line, or None.

    The page names an unknown sku and a quantity of 0 as concerning the line only. A state that a sale does
    not use and an identifier that cannot be one are treated alike: the rest of the basket was sold anyway.
    """
    if not is_identifier(line["sku"]):
        return "invalid_event"
    if line["quantity"] > 0 and line["to_state"] != "SELLABLE":
        return "invalid_event"
    if not 0 < abs(line["quantity"]) <= MAX_QUANTITY:
        return "invalid_quantity"
    return None


def too_late(count: Record, *, log_time: int, config: Config) -> bool:
    """A count, or marker of a batch, of a time since when it is not known all that happened: count again.

    That is forgotten when it comes too long after, as is the demand that its number is net of; or it was never told.
    """
    return came_late(count, log_time=log_time, config=config) or may_lack(count, config=config)


def came_late(count: Record, *, log_time: int, config: Config) -> bool:
    """When it came, what happened since it was made was forgotten."""
    return log_time - min(instants_of_count(count)) > config.count_horizon_ms


def may_lack(count: Record, *, config: Config) -> bool:
    """What happened since it was made may never have been told."""
    return instants_of_count(count)[0] < config.since


def instants_of_count(event: Record) -> list[int]:
    """When units were counted, and up to when the source's orders are in the number; none of other events.

    The marker of a batch has them like a count.
    """
    counted_at = event.get("counted_at", event.get("as_of"))
    if counted_at is None:
        return []
    as_of = event["demand_as_of"]
    return [counted_at] if event["basis"] == "GROSS" or as_of is None else [counted_at, as_of]


def is_identifier(text: str) -> bool:
    """1-128 bytes of UTF-8."""
    return 1 <= len(text) <= 128 and (text.isascii() or len(text.encode()) <= 128)


def _has_texts(event: Record) -> bool:
    """Every event has an id and a source; no text is so long that it can only be a mistake."""
    return bool(event["event_id"] and event["source"]) and not _too_long(event)


def _too_long(value: object) -> bool:
    match value:
        case str():
            return len(value) > MAX_TEXT // 4 and len(value.encode()) > MAX_TEXT
        case dict():
            return any(map(_too_long, value.values()))
        case list():
            return any(map(_too_long, value))
    return False


def _means_something(record_name: str, event: Record) -> bool:
    # The channel of a movement or POS transaction is not looked at: stock that moved has moved.
    if "sku" in event and not is_identifier(event["sku"]):
        return False
    match record_name:
        case "Reservation":
            return event["action"] == "RELEASE" or (
                is_identifier(event["channel"])
                and (event["location"] is None or is_identifier(event["location"]))
            )
        case "ExpectedSupply" if not event["reference"]:
            return False
        case "StockCount":
            if event["counter"] != "ON_HAND" and event["basis"] != "GROSS":
                return False
            # Withheld from what? A source that says so of another basis declared a wrong one.
            if event["withheld"] and event["basis"] != "AVAILABLE":
                return False
        case "StockMovement":
            if not _states_fit(event):
                return False
        case "SnapshotMarker":
            places = event["locations"]
            return bool(places) and all(map(is_identifier, places)) and event["items"] >= 0
    return is_identifier(event["location"])


def _states_fit(movement: Record) -> bool:
    """The state a movement does not use is SELLABLE; a change of state changes it."""
    kind = movement["movement"]
    if kind in ARRIVALS:
        return bool(movement["from_state"] == "SELLABLE")
    if kind in DEPARTURES:
        return bool(movement["to_state"] == "SELLABLE")
    return bool(movement["from_state"] != movement["to_state"])


def _has_valid_quantity(record_name: str, event: Record) -> bool:
    if abs(event.get("quantity", 0)) > MAX_QUANTITY:
        return False
    match record_name:
        case "StockMovement" if event["movement"] == "ADJUST":
            return bool(event["quantity"] != 0)
        case "StockMovement":
            return bool(event["quantity"] > 0)
        case "StockCorrection":
            return bool(event["quantity"] != 0)
        case "Reservation" if event["action"] == "RELEASE":
            return bool(event["quantity"] > 0)
        case "StockCount":
            # Orders may exceed what is there: a net number may be negative.
            return bool(
                (event["quantity"] >= 0 or event["basis"] != "GROSS")
                and 0 <= event["withheld"] <= MAX_QUANTITY
            )
        case "Reservation" | "ExpectedSupply":
            return bool(event["quantity"] >= 0)
    return True
