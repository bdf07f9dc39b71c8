"""Google's shapes: an error, the name of a product in a path, a number of 64 bits."""

import re
from base64 import urlsafe_b64decode
from binascii import Error
from typing import Any

from feeds.simulator.messages import Given, Refused, document

_NUMBER = re.compile(r"[0-9]{1,18}")
_PLAIN = re.compile(r"[A-Za-z0-9._~-]+")


def error(status: int, word: str, message: str, reason: str = "") -> Given:
    """Its shape of an error; `reason`: for machines, where there is one."""
    told: dict[str, Any] = {"code": status, "message": message, "status": word}
    if reason:
        kind = "type.googleapis.com/google.rpc.ErrorInfo"
        metadata = {"REASON": reason}
        told["details"] = [
            {"@type": kind, "reason": reason, "domain": "merchantapi.googleapis.com", "metadata": metadata}
        ]
    return document({"error": told}, status)


def refused(status: int, word: str, message: str, reason: str = "") -> Refused:
    """Ends a call with an error."""
    return Refused(error(status, word, message, reason))


def product_in(segment: str) -> str | None:
    """`language~label~offer`, `local~` before it or not: plain where nothing in it means something in a URL, else as
    base64 without padding. None: it is neither."""
    name = segment
    if "~" not in segment:
        try:
            name = urlsafe_b64decode(segment + "=" * (-len(segment) % 4)).decode()
        except (Error, ValueError):
            return None
    elif not _PLAIN.fullmatch(segment):
        return None
    parts = name.removeprefix("local~").split("~", 2)
    return name if len(parts) == 3 and all(parts) else None


def number_in(value: Any) -> int | None:
    """A whole number of 0 or more, as JSON has those of 64 bits: a text, or a number. None: it is none."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63:
        return value
    return int(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else None
