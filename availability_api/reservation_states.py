"""What Redis says of reservations. The engine writes there what it decided; the API, which request a key stands for."""

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from availability_api import problems
from availability_api.asks import Ask
from availability_api.engine_link import Decision
from availability_api.holding import ANSWER_WITHIN_S
from availability_api.keys import lines_of, name_of
from availability_api.redis_link import RedisAway, RedisLink
from wire.reservations import read_lines, request_key, reservation_key
from wire.resp import command

_LOOK_AGAIN_S = 0.02
_LOOKS = int(ANSWER_WITHIN_S / _LOOK_AGAIN_S)
"""How often to look for what was decided a moment ago."""


_REFUSED = b":refused"
"""After a request's key: what it was refused with before the engine was asked."""


class Refusal(NamedTuple):
    """`why`: what is short; `lines`: what was asked and what there was, of each sku."""

    why: list[dict[str, Any]]
    lines: list[dict[str, Any]]

    def problem(self, reservation: str) -> problems.Problem:
        """As it is told."""
        return problems.refused(reservation, self.why, self.lines)


class States:
    """Reads reservations from Redis. `remembered`: how long a request is beyond its end, ms."""

    def __init__(self, redis: RedisLink, prefix: bytes, remembered: int) -> None:
        self._redis = redis
        self._prefix = prefix
        self._remembered = remembered

    async def claim(
        self, reservation: str, digest: bytes, ttl_s: int, channel: str, asks: Sequence[Ask]
    ) -> Refusal | None:
        """Bind the reservation's name to this request. The refusal that was told before, if one was kept.

        Raises Problem where it is another request's.
        """
        key, value = self._request_key(reservation), digest + b" " + reservation.encode()
        _, first, values, refused = await self._ask(
            command(b"SET", key, value, b"NX", b"PX", self._kept(ttl_s))
            + command(b"GET", key)
            + command(b"HVALS", reservation_key(self._prefix, reservation))
            + command(b"GET", key + _REFUSED),
            4,
        )
        if first is not None and first != value:
            raise problems.key_reused()
        # The name may have been forgotten while the reservation was not.
        wanted = {(ask.sku, ask.line): ask.location for ask in asks}
        for line in read_lines(values):
            place = wanted.get((line["sku"], line["line"]), line)
            if place is line or (
                line["channel"] is not None and (line["channel"], line["location"]) != (channel, place)
            ):
                raise problems.key_reused()
        return None if refused is None else Refusal(**orjson.loads(refused))

    async def refuse(self, reservation: str, refusal: Refusal, ttl_s: int) -> Refusal:
        """Keep a refusal that is not the engine's, to be told again. Returns the one that came first."""
        key = self._request_key(reservation) + _REFUSED
        _, kept = await self._ask(
            command(b"SET", key, orjson.dumps(refusal._asdict()), b"NX", b"PX", self._kept(ttl_s))
            + command(b"GET", key),
            2,
        )
        return refusal if kept is None else Refusal(**orjson.loads(kept))

    def _kept(self, ttl_s: int) -> bytes:
        return b"%d" % (ttl_s * 1000 + self._remembered)

    async def lines(self, reservation: str) -> list[dict[str, Any]]:
        """All lines; a moment after they were decided some may still be missing. Raises Problem."""
        expected = lines_of(reservation)
        values, request = await self._ask(
            command(b"HVALS", reservation_key(self._prefix, reservation))
            + command(b"GET", self._request_key(reservation)),
            2,
        )
        issued = request is not None and request.partition(b" ")[2] == reservation.encode()
        if not values and not issued:
            raise problems.unknown_reservation(reservation)
        lines = read_lines(values)
        for _ in range(_LOOKS):
            if len(lines) >= max(expected, 1):
                return lines
            await asyncio.sleep(_LOOK_AGAIN_S)
            lines = await self._read(reservation)
        raise problems.incomplete_reservation(reservation)

    async def reached(self, reservation: str, told: Sequence[Decision | None]) -> None:
        """Return when Redis says what was decided. Raises Problem where that takes too long."""
        wanted = {
            (d["sku"], d["line"]): d["version"] for d in told if d is not None and d["reason"] != "conflict"
        }
        for _ in range(_LOOKS):
            has = {(line["sku"], line["line"]): line["version"] for line in await self._read(reservation)}
            if all(has.get(line, 0) >= version for line, version in wanted.items()):
                return
            await asyncio.sleep(_LOOK_AGAIN_S)
        raise problems.incomplete_reservation(reservation)

    async def _read(self, reservation: str) -> list[dict[str, Any]]:
        (values,) = await self._ask(command(b"HVALS", reservation_key(self._prefix, reservation)), 1)
        return read_lines(values)

    async def _ask(self, commands: bytes, replies: int) -> list[Any]:
        try:
            return await self._redis.ask(commands, replies)
        except RedisAway as error:
            raise problems.unavailable(f"reservations cannot be read: {error}") from None

    def _request_key(self, reservation: str) -> bytes:
        return request_key(self._prefix, name_of(reservation))
