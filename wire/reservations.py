"""The state of checked reservations in Redis: one hash a reservation, one field a line. docs/view.md has the layout."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from inventory.columns import NULL
from inventory.decisions import ACTIONS, OUTCOMES, REASONS, Answer
from inventory.murmur import shard_of
from wire.viewkeys import TAGS

_COMMITMENTS = ("SOFT", "HARD")

SCRIPT = b"""
local old = redis.call('HGET', KEYS[1], ARGV[1])
if not old or tonumber(string.match(old, '^%d+')) <= tonumber(ARGV[2]) then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ' ' .. ARGV[3])
end
return redis.call('PEXPIRE', KEYS[1], ARGV[4])
"""
"""KEYS[1] a reservation; ARGV: field, decided version, JSON, ms to keep it. A line never goes back a version."""


def reservation_key(prefix: bytes, reservation_id: str) -> bytes:
    """The hash of a reservation; its lines may be of several lanes."""
    name = reservation_id.encode()
    return b"%sr:{%d}:%s" % (prefix, shard_of(name) % TAGS, name)


def request_key(prefix: bytes, name: str) -> bytes:
    """Which request the API first asked under a name: its digest, a space, the id of its reservation."""
    text = name.encode()
    return b"%sk:{%d}:%s" % (prefix, shard_of(text) % TAGS, text)


def line_state(answer: Answer) -> tuple[bytes, int, bytes]:
    """Field, version and JSON of a line after a decision that stands."""
    identity, decision, hold = answer.identity, answer.decision, answer.hold
    state = {
        "line": identity.line,
        "sku": identity.sku,
        "version": identity.version,
        "outcome": OUTCOMES[decision.outcome],
        "reason": REASONS[decision.reason],
        "granted": decision.quantity,
        "available": decision.available,
        "decided_at": decision.decided_at,
        "held": hold.open + hold.used,
        "open": hold.open,
        "asked": hold.asked,
        "action": ACTIONS[hold.action],
        "commitment": _COMMITMENTS[hold.commitment],
        "expires_at": None if hold.expires_at == NULL else hold.expires_at,
        "needed_at": None if hold.needed_at == NULL else hold.needed_at,
        "allow_partial": hold.allow_partial,
        "channel": hold.channel,
        "location": hold.location,
        "bundle": hold.bundle,
    }
    field = f"{identity.line}:{identity.sku}".encode()
    return field, identity.version, json.dumps(state, separators=(",", ":"), ensure_ascii=False).encode()


def read_lines(values: Iterable[bytes]) -> list[dict[str, Any]]:
    """The lines of a reservation, from the values of its hash; in order of sku and line."""
    lines = [json.loads(value.partition(b" ")[2]) for value in values]
    return sorted(lines, key=_order)


def _order(line: Mapping[str, Any]) -> tuple[str, str]:
    return line["sku"], line["line"]
