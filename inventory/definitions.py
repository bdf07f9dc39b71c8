"""Structured values of master records, which travel as JSON in a text."""

import json
from typing import Any


def read_object(text: object) -> dict[str, Any] | None:
    """The JSON object in a text; None where there is none, it nests too deep, or a text in it is not Unicode."""
    try:
        value = json.loads(text) if isinstance(text, str) else None
        json.dumps(value, ensure_ascii=False).encode()
    except (RecursionError, ValueError):  # a lone surrogate is a ValueError too
        return None
    return value if isinstance(value, dict) else None
