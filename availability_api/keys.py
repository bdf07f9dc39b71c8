"""What names a reservation: the id that follows from an Idempotency-Key, and the one request that a key stands for."""

import hashlib
import json
import uuid
from collections import Counter
from collections.abc import Sequence

from availability_api.asking import AskedLine


def reservation_id(key: str | None, lines: int) -> str:
    """The id that a request has under its idempotency key. It ends in the number of its lines, so that whoever reads
    the reservation knows whether all of it is there."""
    digest = hashlib.sha256(key.encode()).hexdigest()[:32] if key is not None else uuid.uuid4().hex
    return f"{digest}-{lines}"


def name_of(reservation: str) -> str:
    """The part of an id that follows from the key alone, whatever was asked under it."""
    return reservation.partition("-")[0]


def lines_of(reservation: str) -> int:
    """How many lines a reservation has; 0 where the id is none of ours."""
    _, _, lines = reservation.rpartition("-")
    return int(lines) if lines.isascii() and lines.isdecimal() and len(lines) < 6 else 0


def request_digest(channel: str, ttl_s: int, allow_partial: bool, lines: Sequence[AskedLine]) -> bytes:
    """Stands for all that is asked, and for nothing of how it is written: neither the order of lines, nor whether a sku
    is in one line or in two."""
    units: Counter[tuple[str, str | None]] = Counter()
    for line in lines:
        units[line.sku, line.location] += line.quantity
    asked = sorted((sku, location or "", quantity) for (sku, location), quantity in units.items())
    text = json.dumps([channel, ttl_s, allow_partial, asked], separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32].encode()
