"""What a receiver of webhooks says; docs/marketplaces.md tells its authors how."""

from typing import Any

from feeds.connectors.replies import REASON_MOST, number
from feeds.exchange import Reply
from feeds.outcomes import Fate, ItemOutcome

_LATER_S, _LATER_MOST_S = 300.0, 3600.0

Of = tuple[str, str | None]
"""Listing and location."""


def results(reply: Reply) -> dict[Of, ItemOutcome] | None:
    """What became of each item; None: there is no body, which means that all were applied."""
    if not reply.body.strip():
        return None
    return {_of(line): _outcome(line) for line in reply.json()["items"]}


def units(reply: Reply) -> dict[Of, int]:
    """What it shows."""
    return {_of(line): int(line["quantity"]) for line in reply.json()["items"]}


def _of(line: dict[str, Any]) -> Of:
    location = line.get("location")
    return str(line["listing"]), None if location is None else str(location)


def _outcome(line: dict[str, Any]) -> ItemOutcome:
    status = str(line["status"])
    reason = str(line.get("reason") or status)[:REASON_MOST]
    match status:
        case "ok":
            return ItemOutcome(Fate.APPLIED)
        case "rejected":
            return ItemOutcome(Fate.REJECTED, reason)
        case "stale":
            return ItemOutcome(Fate.STALE, reason)
    # Not longer than an hour: what falls to zero meanwhile waits as well.
    return ItemOutcome(Fate.LATER, reason, min(_LATER_MOST_S, number(line.get("after_s")) or _LATER_S))
