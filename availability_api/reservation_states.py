"""What Redis says of reservations. The engine writes there what it decided; the API, which request a key stands for."""

import asyncio
from collections.abc import Sequence
from typing import Any

from availability_api import problems
from availability_api.engine_link import Decision
from availability_api.holding import ANSWER_WITHIN_S, Ask
from availability_api.keys import lines_of, name_of
from availability_api.redis_link import RedisAway, RedisLink
from wire.reservations import read_lines, request_key, reservation_key
from wire.resp import command

_LOOK_AGAIN_S = 0.02
_LOOKS = int(ANSWER_WITHIN_S / _LOOK_AGAIN_S)
"""How often to look for what was decided a moment ago."""


class States:
    """Reads reservations from Redis. `remembered`: how long a request is beyond its end, ms."""

    def __init__(self, redis: RedisLink, prefix: bytes, remembered: int) -> None:
        self._redis = redis
        self._prefix = prefix
        self._remembered = remembered

    async def claim(
        self, reservation: str, digest: bytes, ttl_s: int, channel: str, asks: Sequence[Ask]
    ) -> bool:
        """Bind the reservation's name to this request, and tell whether nobody had done so before.

        Raises Problem where it is another request's.
        """
        key, value = self._request_key(reservation), digest + b" " + reservation.encode()
        kept = b"%d" % (ttl_s * 1000 + self._remembered)
        bound, first, values = await self._ask(
            command(b"SET", key, value, b"NX", b"PX", kept)
            + command(b"GET", key)
            + command(b"HVALS", reservation_key(self._prefix, reservation)),
            3,
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
        return bound is not None and not values

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
