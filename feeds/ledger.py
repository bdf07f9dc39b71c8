"""The ledger: a record of `feed-results` for each slot, and the slot again from its record.

A record holds everything that a restart needs beside the topic `availability`: what was sent, accepted, applied and
rejected, and each write whose fate is open. Such a write may have arrived, however its process ended, so it comes back
as UNKNOWN; one in a submission as what it was, and the submission is looked for.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from feeds.slots import Fact, Harm, Slot, Stage, Write

TOPIC = "feed-results"
_FACTS = ("sent", "accepted", "applied", "rejected")
STATES = ("PENDING", "SENT", "ACCEPTED", "APPLIED", "REJECTED", "UNKNOWN")
"""How far the newest number has got: the symbols of FeedState."""


def key(account: str, listing: str, location: str | None) -> bytes:
    """`account:listing:location`; colons and percent signs within a name are percent-encoded."""
    return ":".join(_plain(name) for name in (account, listing, location or "")).encode()


def _plain(name: str) -> str:
    return name.replace("%", "%25").replace(":", "%3A")


def record(account: str, slot: Slot, now: int) -> dict[str, Any]:
    """The fields of FeedResult, as of now (ms)."""
    fields: dict[str, Any] = {
        "account": account, "listing": slot.listing, "location": slot.location, "sku": slot.sku,
        "version": slot.version, "state": state(slot), "desired": slot.wanted, "buffer": slot.buffer,
        "reason": slot.reason, "updated_at": now, "newest": slot.newest,
        "writes": [_write(write) for write in slot.writes],
    }  # fmt: skip
    for name in _FACTS:
        fact: Fact | None = getattr(slot, name)
        fields[name] = None if fact is None else fact.quantity
        fields[f"{name}_version"] = None if fact is None else fact.version
        fields[f"{name}_at"] = None if fact is None else fact.at_ms
    return fields


def state(slot: Slot) -> str:
    """How far the newest number has got: one of the symbols of FeedState."""
    newest = slot.last_write
    if newest is not None:
        return newest.stage.name
    if slot.stands_rejected:
        return "REJECTED"
    return "PENDING" if slot.changed_ms or slot.applied is None else "APPLIED"


def restore(fields: Mapping[str, Any]) -> Slot:
    """The slot of a record. What is wanted comes from `availability`; what was is not taken for it."""
    slot = Slot(fields["listing"], fields["location"], fields["sku"])
    for name in _FACTS:
        if fields[name] is not None:
            setattr(slot, name, Fact(fields[name], fields[f"{name}_version"] or 0, fields[f"{name}_at"] or 0))
    slot.buffer, slot.reason = fields["buffer"], fields["reason"]
    slot.writes = [_restored(write) for write in fields["writes"]]
    slot.newest = fields["newest"]
    newest = slot.last_write
    if newest is not None:
        slot.believed = newest.quantity
    elif fields["state"] == "APPLIED":
        slot.believed = fields["applied"]
    slot.again = any(write.intent is None for write in slot.writes)
    if slot.again:
        slot.changed_ms = min(write.changed_ms for write in slot.writes)
    return slot


def intents(slots: Iterable[Slot]) -> dict[str, list[tuple[Slot, Write]]]:
    """What was in each submission that had not closed."""
    found: dict[str, list[tuple[Slot, Write]]] = {}
    for slot in slots:
        for write in slot.writes:
            if write.intent is not None:
                found.setdefault(write.intent, []).append((slot, write))
    return found


def _write(write: Write) -> dict[str, Any]:
    return {
        "number": write.number, "quantity": write.quantity, "version": write.version, "buffer": write.buffer,
        "at": write.at_ms, "changed_at": write.changed_ms, "harm": write.harm.name, "stage": write.stage.name,
        "intent": write.intent, "operation": write.operation,
    }  # fmt: skip


def _restored(fields: Mapping[str, Any]) -> Write:
    bulk = fields["intent"] is not None
    return Write(
        fields["number"], fields["quantity"], fields["version"], fields["buffer"], fields["at"], fields["changed_at"],
        Harm[fields["harm"]], fields["operation"], Stage[fields["stage"]] if bulk else Stage.UNKNOWN, fields["intent"],
    )  # fmt: skip
