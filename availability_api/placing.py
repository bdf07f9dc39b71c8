"""`POST /v1/reservations`: what a checkout waits for, and asks all the time.

It is answered as plain ASGI, since a framework's ways cost more than all that is done here. What cannot be read as it
should be goes into the framework, which says of every body what is wrong with it.
"""

from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from availability_api.asking import asks_of, granted_lines, too_many, wishes
from availability_api.bodies import read_once
from availability_api.holding import Holding, NotDecided
from availability_api.keys import request_digest, reservation_id
from availability_api.metrics import Metrics
from availability_api.plain import read_body, respond
from availability_api.problems import Problem
from availability_api.reservation_models import LONGEST_KEY, AskedReservation, GrantedLine, Reservation
from availability_api.reservation_states import Refusal, States
from availability_api.view import View

PLACE = b"/v1/reservations"


class Placing:
    """Holds units: all that is asked for, or nothing."""

    def __init__(self, view: View, states: States, holding: Holding) -> None:
        self._view = view
        self._states = states
        self._holding = holding

    async def place(self, asked: AskedReservation, key: str | None) -> Reservation:
        """What is held now. Asked again under the same idempotency key, the answer is the same. Raises Problem."""
        view, states = self._view, self._states
        channel = view.channel(asked.channel)
        wanted = wishes(asked.lines, channel, await view.offered([line.sku for line in asked.lines], channel))
        asks = asks_of(wanted)
        reservation = reservation_id(key, len(asks))
        short = too_many(wanted)
        refusal = Refusal(short, [wish.told() for wish in wanted])
        if short and key is None:
            raise refusal.problem(reservation)
        digest = request_digest(asked.channel, asked.ttl_s, asked.allow_partial, asked.lines)
        before = await states.claim(reservation, digest, asked.ttl_s, asked.channel, asks)
        if before is not None:
            raise before.problem(reservation)
        try:
            if short and not await view.knows([ask.sku for ask in asks], channel):
                raise NotDecided
            # What the key holds already is missing from what there is now: only the engine knows whether it does.
            granted = await self._holding.place(
                reservation, asked.channel, asks, asked.ttl_s * 1000, asked.allow_partial,
                again=key is not None, only_if_decided=bool(short),
            )  # fmt: skip
        except NotDecided:
            raise (await states.refuse(reservation, refusal, asked.ttl_s)).problem(reservation) from None
        return Reservation(
            reservation_id=reservation,
            decision=granted.decision,
            lines=[GrantedLine(**line) for line in granted_lines(wanted, granted)],
            expires_at=granted.expires_at,
        )


class PlacingDoor:
    """Placing as plain ASGI; `otherwise` takes what is not well asked."""

    def __init__(self, placing: Placing, metrics: Metrics, otherwise: ASGIApp) -> None:
        self._placing = placing
        self._metrics = metrics
        self._otherwise = otherwise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one POST."""
        try:
            body = await read_body(receive)
        except Problem as problem:
            await respond(scope, send, self._metrics, PLACE.decode(), _raise(problem))
            return
        read = _read(scope, body)
        if read is None:
            await self._otherwise(scope, _again(body, receive), send)
            return
        await respond(scope, send, self._metrics, PLACE.decode(), self._document(*read), 201)

    async def _document(self, asked: AskedReservation, key: str | None) -> bytes:
        return (await self._placing.place(asked, key)).model_dump_json().encode()


def _read(scope: Scope, body: bytes) -> tuple[AskedReservation, str | None] | None:
    """What is asked, and under which key; None where it is not well asked."""
    kind, keys = b"", []
    for name, value in scope["headers"]:
        if name == b"content-type":
            kind = value
        elif name == b"idempotency-key":
            keys.append(value.decode("latin-1"))
    if kind.partition(b";")[0] != b"application/json" or len(keys) > 1:
        return None
    if keys and not 1 <= len(keys[0]) <= LONGEST_KEY:
        return None
    try:
        return AskedReservation.model_validate(read_once(body)), keys[0] if keys else None
    except (ValueError, RecursionError):  # a ValidationError is a ValueError
        return None


async def _raise(problem: Problem) -> Any:
    raise problem


def _again(body: bytes, receive: Receive) -> Receive:
    """What comes in, for somebody else to read from its beginning."""
    left: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return left.pop() if left else await receive()

    return again
