"""Errors as RFC 9457 problems: a type a program can tell apart, a detail that helps a person."""

from collections.abc import Iterable, Mapping, Sequence
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


def misfit(errors: Iterable[Mapping[str, Any]]) -> Problem:
    """400 or 422: what a model says of a body. Each field that does not fit is named."""
    found = list(errors)
    for error in found:
        if error["type"] == "json_invalid":
            return malformed(f"the body is not JSON: {error['ctx']['error']}")
    told = [f"{'.'.join(map(str, error['loc'][1:])) or 'the body'}: {error['msg']}" for error in found]
    return invalid("; ".join(told))


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


def unsettled(sku: str, channel: str, why: str) -> Problem:
    """503: network or rules have just changed, and the number is not computed anew yet."""
    return Problem(
        503, "view-unavailable", f"the number of sku {sku!r} in channel {channel!r} is being computed anew for a "
        f"changed network, and cannot be explained this moment ({why})", headers={"Retry-After": "1"},
    )  # fmt: skip


def too_large(most: int) -> Problem:
    """413: the body is longer than any request needs."""
    return Problem(413, "too-large", f"the body is longer than {most} bytes; ask in several requests")


def internal() -> Problem:
    """500: our fault, and in the log."""
    return Problem(500, "internal", "the request could not be answered; the log of the API says why")


def no_reservations(detail: str) -> Problem:
    """503: nothing can be asked of the engine now. Lookups are another matter."""
    return Problem(
        503,
        "reservations-unavailable",
        f"reservations cannot be made now: {detail}",
        headers={"Retry-After": "1"},
    )


def undecided(reservation: str) -> Problem:
    """503: the engine did not answer in time, and then said that it is cancelled."""
    return Problem(
        503, "undecided", "the engine did not decide in time, and what was asked for has been cancelled; ask again",
        headers={"Retry-After": "1"}, reservation_id=reservation,
    )  # fmt: skip


def uncertain(reservation: str) -> Problem:
    """503: the engine did not answer in time, neither what was asked nor that it is cancelled."""
    return Problem(
        503, "reservation-incomplete", "the engine did not decide in time: it is not known yet whether what was asked "
        f"for is held or cancelled; GET /v1/reservations/{reservation} says what became of it, DELETE gives it back. A "
        "request with an Idempotency-Key can be sent again instead", headers={"Retry-After": "1"},
        reservation_id=reservation,
    )  # fmt: skip


def undecided_yet(reservation: str) -> Problem:
    """503: not all of it was decided in time; asked for again, it is not held twice."""
    return Problem(
        503, "reservation-incomplete", "the engine did not decide all of it in time; ask again under the same "
        "Idempotency-Key", headers={"Retry-After": "1"}, reservation_id=reservation,
    )  # fmt: skip


def refused(
    reservation: str, why: Sequence[Mapping[str, Any]], lines: Sequence[Mapping[str, Any]]
) -> Problem:
    """409, with what was available when it was decided, or of a change what every line is now."""
    words = "; ".join(
        f"sku {each['sku']!r}: asked {each['asked']}, available {each['available']} ({each['reason']})"
        for each in why
    )
    return Problem(409, "refused", words, reservation_id=reservation, decision="REFUSED", lines=list(lines))


def ended(reservation: str, lines: Sequence[Mapping[str, Any]]) -> Problem:
    """409: there was such a reservation; it is held no more, or not all of it. Lines that are firm are named."""
    firm = ", ".join(repr(line["sku"]) for line in lines if line.get("state") == "CONFIRMED")
    left = f" (but {firm} is confirmed, and stays so until it is given back)" if firm else ""
    return Problem(
        409, "reservation-ended", f"reservation {reservation} was cancelled, has lapsed or was refused{left}; ask "
        "again with another Idempotency-Key", reservation_id=reservation, lines=list(lines),
    )  # fmt: skip


def changed(reservation: str, detail: str, lines: Sequence[Mapping[str, Any]] = ()) -> Problem:
    """409: the reservation is not what it would have to be."""
    return Problem(409, "reservation-conflict", detail, reservation_id=reservation, lines=list(lines))


def key_reused() -> Problem:
    """422: one idempotency key, two different requests."""
    return Problem(
        422,
        "idempotency-key-reused",
        "this Idempotency-Key came with another request before; take a new one for each",
    )


def unknown_reservation(reservation: str) -> Problem:
    """404: no such reservation, or it ended long ago."""
    return Problem(
        404, "unknown-reservation", f"there is no reservation {reservation!r}, or it was forgotten"
    )


def incomplete_reservation(reservation: str) -> Problem:
    """503: it was asked for, and what was decided last is not in Redis yet."""
    return Problem(
        503, "reservation-incomplete", f"not all that was decided about {reservation!r} is told yet; ask again",
        headers={"Retry-After": "1"},
    )  # fmt: skip


def unanswered(reservation: str) -> Problem:
    """503: a change was sent, and not answered in time; sent again it is not made twice."""
    return Problem(
        503, "undecided", "the engine did not decide all of it in time: some lines may be changed, and some not; ask "
        "for the same again", headers={"Retry-After": "1"}, reservation_id=reservation,
    )  # fmt: skip
