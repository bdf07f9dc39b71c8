"""Errors as RFC 9457 problems: a type a program can tell apart, a detail that helps a person."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson

MEDIA_TYPE = "application/problem+json"
_TYPE = "urn:stocktide:problem:"


class Problem(Exception):
    """An answer that is not what was asked for. `name` is the last part of its type."""

    def __init__(
        self,
        status: int,
        name: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.name = name
        self.detail = detail
        self.headers = dict(headers or {})
        self.more = more

    def body(self, instance: str) -> bytes:
        """The document; `instance` is the path that was asked for."""
        return orjson.dumps(
            {
                "type": _TYPE + self.name,
                "title": HTTPStatus(self.status).phrase,
                "status": self.status,
                "detail": self.detail,
                "instance": instance,
                **self.more,
            }
        )


def malformed(detail: str) -> Problem:
    """400: what came cannot be read."""
    return Problem(400, "malformed-request", detail)


def invalid(detail: str) -> Problem:
    """422: what came can be read, but makes no request."""
    return Problem(422, "invalid-request", detail)


def unknown_channel(channel: str, known: Sequence[str]) -> Problem:
    """404, with the channels that there are."""
    names = ", ".join(known) or "none"
    return Problem(404, "unknown-channel", f"there is no channel {channel!r}; there are: {names}")


def unknown_sku(sku: str) -> Problem:
    """404: the view has no row for it."""
    return Problem(404, "unknown-sku", f"sku {sku!r} is not known: it is from its record in `catalog` on")


def not_published(sku: str, channel: str) -> Problem:
    """404: the row was written before the channel was there."""
    return Problem(
        404, "not-published", f"no number is published for sku {sku!r} in channel {channel!r} yet; ask again"
    )


def not_found(path: str) -> Problem:
    """404: no such route."""
    return Problem(
        404,
        "not-found",
        f"there is nothing at {path}; the routes are in /openapi.json (a slash in a sku is written %2F)",
    )


def not_allowed(method: str, allowed: str) -> Problem:
    """405, with what is allowed."""
    return Problem(
        405, "method-not-allowed", f"{method} is not allowed here; use {allowed}", headers={"Allow": allowed}
    )


def unavailable(detail: str) -> Problem:
    """503: the view cannot be read now; asking again soon may do."""
    return Problem(503, "view-unavailable", detail, headers={"Retry-After": "1"})


def too_large(most: int) -> Problem:
    """413: the body is longer than any request needs."""
    return Problem(413, "too-large", f"the body is longer than {most} bytes; ask in several requests")


def internal() -> Problem:
    """500: our fault, and in the log."""
    return Problem(500, "internal", "the request could not be answered; the log of the API says why")
