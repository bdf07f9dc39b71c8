"""Decisions about checked reservations: the engine's, and as records of the contract."""

from collections.abc import Mapping
from typing import Any

from inventory.columns import NULL
from inventory.decisions import (
    ACTIONS,
    OTHER,
    OUTCOMES,
    REASONS,
    Answer,
    Decision,
    Hold,
    Identity,
    Standing,
)
from inventory.demand import SOFT


def record(answer: Answer) -> dict[str, Any]:
    """The ReservationDecision record."""
    identity, decision, held = answer.identity, answer.decision, answer.hold
    return {
        **identity._asdict(),
        "outcome": OUTCOMES[decision.outcome],
        "reason": REASONS[decision.reason],
        "quantity": decision.quantity,
        "available": decision.available,
        "decided_at": decision.decided_at,
        "action": ACTIONS[decision.action] if decision.action >= 0 else None,
        "event_id": answer.event_id,
        "held": held.open + held.used,
        "expires_at": None if held.expires_at == NULL else held.expires_at,
        "state": _state(held),
    }


def _state(held: Hold) -> str | None:
    """What a line is, but for its end by itself."""
    if held.channel is None:  # it was never granted anything
        return None
    if ACTIONS[held.action] == "CANCEL":
        return "CANCELLED"
    return "HELD" if held.commitment == SOFT else "CONFIRMED"


def standing(value: Mapping[str, Any], offset: int, log_time: int) -> Standing:
    """A record of the topic, as the engine takes it."""
    reason = value["reason"]
    decision = Decision(
        OUTCOMES.index(value["outcome"]),
        REASONS.index(reason) if reason in REASONS else OTHER,
        value["quantity"], value["available"], value["decided_at"],
        ACTIONS.index(value["action"]) if value["action"] in ACTIONS else -1,
    )  # fmt: skip
    identity = Identity(value["reservation_id"], value["line"], value["sku"], value["version"])
    return Standing(identity, decision, offset, log_time)
