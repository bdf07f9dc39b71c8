"""The facts that moved a sku last, for people and programs."""

from datetime import UTC, datetime
from typing import Any

from availability_api.network import Network
from wire.rows_explained import Fact

_STATES = ("SELLABLE", "DAMAGED", "QUALITY_CONTROL", "BLOCKED")
_COUNTERS = ("ON_HAND", *_STATES[1:])
_COMMITMENTS = ("SOFT", "HARD")
_SUPPLY = ("OPEN", "CANCELLED", "CLOSED")
_RESERVED = ("PLACE", "UPDATE", "CONFIRM", "EXTEND", "SOURCE", "CANCEL")

_WORDS = {
    "RECEIPT": "{n} received{at}",
    "SHIP": "{n} shipped{at}",
    "RETURN": "{n} returned{at}",
    "TRANSFER_OUT": "{n} sent to another place{at}",
    "TRANSFER_IN": "{n} arrived from another place{at}",
    "ADJUST": "adjusted by {n:+d}{at}",
    "STATE_CHANGE": "{n} moved from {before} to {after}{at}",
    "COUNT": "{n} counted as {counter}{at}",
    "CORRECTION": "corrected by {n:+d}{at}",
    "PLACE": "{n} reserved{by}{at}",
    "UPDATE": "a reservation changed to {n}{by}{at}",
    "CONFIRM": "a reservation of {n} confirmed{by}{at}",
    "EXTEND": "a reservation of {n} extended{by}{at}",
    "SOURCE": "a reservation of {n} sourced{by}{at}",
    "CANCEL": "a reservation of {n} cancelled{by}{at}",
    "RELEASE": "{n} of a reservation given back",
    "SALE": "{n} sold{at}",
    "EXPECTED": "{n} expected{at}",
    "ZEROED": "0 counted{at}: a complete snapshot does not list the sku",
}


def told(fact: Fact, network: Network) -> dict[str, Any]:
    """One fact. `record` is where its record stands: topic (without prefix), partition, offset."""
    location = network.location_names.get(fact.location)
    channel = network.channel_names.get(fact.channel)
    return {
        "kind": fact.kind,
        "quantity": fact.quantity,
        "location": location,
        "channel": channel,
        **_details(fact),
        "absorbed": fact.absorbed,
        "occurred_at": fact.occurred_at,
        "log_time": fact.logged_at,
        "record": f"{fact.topic}/{fact.partition}/{fact.offset}",
        "text": _text(fact, location, channel),
    }


def _details(fact: Fact) -> dict[str, Any]:
    """What only facts of this kind say."""
    detail = fact.detail
    if fact.kind in ("RECEIPT", "SHIP", "RETURN", "TRANSFER_OUT", "TRANSFER_IN", "ADJUST", "STATE_CHANGE"):
        before, after = divmod(detail or 0, 16)
        return {"from_state": _STATES[before], "to_state": _STATES[after]}
    if fact.kind == "COUNT":
        return {"counter": _COUNTERS[detail or 0]}
    if fact.kind == "CORRECTION":
        return {"state": _STATES[detail or 0]}
    if fact.kind in _RESERVED:
        return {"commitment": _COMMITMENTS[detail or 0]}
    if fact.kind == "SALE":
        return {"line": detail}
    if fact.kind == "EXPECTED":
        return {"status": _SUPPLY[detail or 0]}
    return {}


def _text(fact: Fact, location: str | None, channel: str | None) -> str:
    before, after = divmod(fact.detail or 0, 16) if fact.kind == "STATE_CHANGE" else (0, 0)
    words, quantity = _WORDS[fact.kind], fact.quantity
    if fact.kind == "SALE" and quantity < 0:
        words, quantity = _WORDS["RETURN"], -quantity
    said = words.format(
        n=quantity,
        at=f" at {location}" if location else "",
        by=f" for {channel}" if channel else "",
        before=_STATES[before],
        after=_STATES[after],
        counter=_COUNTERS[fact.detail or 0] if fact.kind == "COUNT" else "",
    )
    seen = ": a count had seen it already, and nothing changed" if fact.absorbed else ""
    return f"{said}, {moment(fact.occurred_at)}{seen}"


def moment(at: int) -> str:
    """An instant (ms) to the minute; as a number where no calendar has it."""
    try:
        return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError, OSError):
        return f"{at} ms"
