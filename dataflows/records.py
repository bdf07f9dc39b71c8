"""What the engine puts out, as records of the contract."""

import hashlib
import json
from typing import Any

import numpy as np

from dataflows.duties import Duty
from inventory.admission import EXPLODED
from inventory.batch import DeadLetter, Incident, Message, Origin
from inventory.columns import Records
from inventory.lane import Lane
from runtime.exit import ExitCode, Refusal
from wire.rows_terms import encode_terms
from wire.topics import BY_CODE, LARGEST_MESSAGE

OUTPUT_TOPICS = ("availability", "exceptions", "dead-letters", "routed", "reservation-decisions")

_MOST_KEPT = LARGEST_MESSAGE - (64 << 10)
"""Bytes of a message in its dead letter; other producers may be allowed larger ones than this one."""


class Undelivered(Refusal):
    """Kafka refused a record for good; the process ends and starts again from its last commit."""

    code = ExitCode.TRY_AGAIN


def dead_letter(letter: DeadLetter) -> dict[str, Any]:
    """The DeadLetter record."""
    message = letter.message
    original = message.value or b""
    reason = letter.reason
    if len(original) > _MOST_KEPT:
        reason = f"only the first {_MOST_KEPT} of its {len(original)} bytes are here, the rest in its topic; {reason}"
    return {
        "code": letter.code,
        "reason": reason,
        "topic": BY_CODE[message.topic].name,
        "partition": message.partition,
        "offset": message.offset,
        "line": line_of(letter),
        "log_time": message.log_time,
        "key": message.key,
        "original": original[:_MOST_KEPT],
    }


def line_of(letter: DeadLetter) -> str | None:
    """Which part of the message at its place a letter is about: a line, a bundle's component (`/SKU`), or both."""
    if letter.message.flags & EXPLODED == 0:
        return letter.line
    return f"{letter.line or ''}/{(letter.message.key or b'').decode(errors='replace')}"


def exception(incident: Incident, duty: Duty) -> dict[str, Any]:
    """The Exception record; its id is the same whenever the same thing is told again."""
    parts = (incident.code, incident.sku, incident.location, incident.cause)
    digest = hashlib.sha256("\x00".join(part or "" for part in parts).encode()).hexdigest()[:32]
    return {
        "exception_id": digest,
        "code": incident.code,
        "severity": duty.severity,
        "status": "OPEN" if incident.closed_at is None else "CLOSED",
        "sku": incident.sku,
        "location": incident.location,
        "channel": incident.channel,
        "source": incident.source,
        "owner": duty.owner,
        "correlation_id": incident.correlation_id,
        "opened_at": incident.opened_at,
        "closed_at": incident.closed_at,
        "events": list(incident.events),
        "detail": json.dumps(dict(incident.detail)),
    }


def one_row(message: Message) -> tuple[Origin, Records]:
    """A single message as a row for `routed`."""
    value = message.value or b""
    origin = Origin(
        np.array([message.topic], np.uint8), np.array([message.partition], np.int32),
        np.array([message.offset], np.int64), np.array([message.log_time], np.int64),
        np.array([message.flags], np.uint8),
    )  # fmt: skip
    return origin, Records(
        np.frombuffer(value, np.uint8), np.zeros(1, np.int64), np.array([len(value)], np.int64)
    )


class RuleTexts:
    """The rules that shaped each profile, as the rows and the records want them. Made anew when rules change.

    `as_terms`: what they give (`wire.rows_terms`).
    """

    def __init__(self) -> None:
        self._terms: object = None
        self._ordinals: list[int] = []
        self.channel_ids: list[bytes] = []
        self.as_json: list[bytes] = []
        self.as_terms: list[bytes] = []
        self.as_lists: list[list[list[bytes]]] = []

    def update(self, lane: Lane, profiles: int) -> None:
        """Make sure that profiles 0 to `profiles - 1` of the lane's current terms are there."""
        book, network = lane.masters.rules, lane.masters.network
        stamp = (book.epoch, network.generation)
        if stamp != self._terms:
            self._terms = stamp
            self._ordinals = sorted(network.channel_ordinal.values())
            self.channel_ids = [network.id_of_channel(o).encode() for o in self._ordinals]
            self.as_json, self.as_terms, self.as_lists = [], [], []
        for profile in range(len(self.as_json), profiles):
            ids = [book.rule_ids(profile, ordinal) for ordinal in self._ordinals]
            by_channel = {c.decode(): rules for c, rules in zip(self.channel_ids, ids, strict=True)}
            self.as_json.append(json.dumps(by_channel, separators=(",", ":")).encode())
            self.as_terms.append(encode_terms(book.shapes(profile)))
            self.as_lists.append([[rule.encode() for rule in rules] for rules in ids])
