"""How callers say who they are."""

import base64
import binascii


def basic(header: str) -> tuple[str | None, str | None]:
    """Client and secret of an `Authorization: Basic` header; (None, None) where it is none."""
    kind, _, coded = header.partition(" ")
    try:
        text = base64.b64decode(coded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None, None
    client, colon, secret = text.partition(":")
    return (client, secret) if kind.lower() == "basic" and colon else (None, None)
