"""One part of what is written down of a lane: a name, a small JSON header and bytes."""

import json
from dataclasses import asdict
from typing import Any, NamedTuple

from inventory.parking import Parked


class Section(NamedTuple):
    """One part of a dump."""

    name: str
    header: dict[str, Any]
    payload: bytes | memoryview

    def value(self) -> Any:
        """What is in a section whose payload is JSON."""
        return json.loads(bytes(self.payload))


def json_section(name: str, value: object) -> Section:
    """A section whose payload is JSON."""
    return Section(name, {}, json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())


def parked_to_json(parked: Parked | None) -> Any:
    """A parked message; None of one that is parked no more."""
    if parked is None:
        return None
    value = asdict(parked)
    for key in ("value", "key"):
        raw = value["message"][key]
        value["message"][key] = None if raw is None else raw.hex()
    return value
