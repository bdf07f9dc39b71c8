"""Answers about skus, read from the view: each is one round trip, and nothing read is kept."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from time import time
from typing import Any, NamedTuple

from availability_api import problems
from availability_api.explanation import Unsettled, explained, explained_part
from availability_api.network import Channel, Network
from availability_api.places import spare_units
from availability_api.places import warm as warm_places
from availability_api.projected import project, project_bundle
from availability_api.redis_link import RedisAway, RedisLink
from availability_api.watch import Watch
from inventory.murmur import shard_of
from wire.resp import command
from wire.rows_explained import read_offers
from wire.rows_read import (
    Node,
    read_channel,
    read_dated,
    read_header,
    read_incomplete,
    read_nodes,
    read_parts,
)
from wire.view_reads import row_reads
from wire.viewkeys import row_key

Answer = dict[str, Any]

_LOOKS = 10
_LOOK_AGAIN_S = 0.1
"""Row and network are told one after the other: how often to look, and when again, until they fit."""
_CHANNELS_FIELD = b"c"
_DATED_FIELD = b"s"
_PARTS_FIELD = b"k"
_OFFERS_FIELD = b"o"
_INCOMPLETE_FIELD = b"i"
_READ_CHANNELS = b"*3\r\n$4\r\nHGET\r\n$%d\r\n%s\r\n$1\r\nc\r\n"


class Offered(NamedTuple):
    """What there is of a sku in a channel. `parts`: units of each component in one, of a bundle, which ships
    `together` or not."""

    available: int
    parts: Mapping[str, int]
    together: bool


def warm() -> None:
    """Compile, or load, the kernels that requests use, so that no request waits for it."""
    row_reads(b"", [b"%d" % shard_of("sku")], _CHANNELS_FIELD)
    warm_places()


class View:
    """Reads rows. Every method raises `Problem` where it cannot answer."""

    def __init__(self, link: RedisLink, watch: Watch, prefix: bytes) -> None:
        self._link = link
        self._watch = watch
        self._prefix = prefix

    @property
    def network(self) -> Network:
        """The network, once one is published."""
        network = self._watch.network
        if network is None:
            raise problems.unavailable("; ".join(self._watch.reasons_not_ready()))
        return network

    def channel(self, name: str) -> Channel:
        """The channel of that id."""
        channels = self.network.channels
        channel = channels.get(name)
        if channel is None:
            raise problems.unknown_channel(name, list(channels))
        return channel

    async def lookup(self, sku: bytes, channel: Channel) -> Answer:
        """The number of one sku in one channel."""
        shard = shard_of(sku)
        key = row_key(self._prefix, shard, sku)
        (packed,) = await self._ask(_READ_CHANNELS % (len(key), key), 1)
        answer = None if packed is None else self._answer(sku, shard, packed, channel, int(time() * 1000))
        if answer is None:
            raise await self._absent(sku, shard, packed, channel)
        return answer

    async def batch(self, skus: list[bytes], channel: Channel) -> tuple[list[Answer], list[str]]:
        """The numbers of many skus in their order, and the skus that have none. 503 while that cannot be told."""
        if not skus:
            return [], []
        commands, shards = row_reads(self._prefix, skus, _CHANNELS_FIELD)
        replies = await self._ask(commands, len(skus))
        now = int(time() * 1000)
        items: list[Answer] = []
        unknown: list[str] = []
        absent: set[int] = set()
        for sku, shard, packed in zip(skus, shards.tolist(), replies, strict=True):
            answer = None if packed is None else self._answer(sku, shard, packed, channel, now)
            if answer is not None:
                items.append(answer)
                continue
            unknown.append(sku.decode())
            if packed is None:
                absent.add(shard)
        if absent:
            await self._certain(absent)
        return items, unknown

    async def offered(self, skus: Sequence[str], channel: Channel) -> dict[str, Offered]:
        """What there is of some skus, and what they are made of. 404 where one is not known."""
        names = [sku.encode() for sku in skus]
        shards = [shard_of(name) for name in names]
        commands = b"".join(
            command(
                b"HMGET", row_key(self._prefix, shard, name), _CHANNELS_FIELD, _PARTS_FIELD, _OFFERS_FIELD
            )
            for name, shard in zip(names, shards, strict=True)
        )
        found: dict[str, Offered] = {}
        replies = await self._ask(commands, len(names))
        for name, shard, (packed, parts, offers) in zip(names, shards, replies, strict=True):
            row = {_CHANNELS_FIELD: packed} if packed is not None else {}
            answer = await self._row_answer(name, shard, row, channel, int(time() * 1000))
            bundle = read_offers(offers)
            together = bundle is not None and bundle.together is not None
            found[answer["sku"]] = Offered(answer["available"], read_parts(parts), together)
        return found

    async def knows(self, skus: Sequence[str], channel: Channel) -> bool:
        """Whether all of them have a number in the channel."""
        _, unknown = await self.batch([sku.encode() for sku in skus], channel)
        return not unknown

    async def locations(self, sku: bytes, channel: Channel) -> Answer:
        """The number of one sku in one channel, and the positions the channel may sell from."""
        shard = shard_of(sku)
        (row,) = await self._rows([sku])
        answer = await self._row_answer(sku, shard, row, channel, int(time() * 1000))
        nodes = read_nodes(row)
        unknown = frozenset(read_incomplete(row.get(_INCOMPLETE_FIELD)))
        spare = spare_units(row, nodes, channel, self.network)
        answer["locations"] = [
            _position(channel.sells_from[node.ordinal], node, min(answer["available"], spare[node.ordinal]))
            | ({"incomplete": True} if node.ordinal in unknown else {})
            for node in nodes
            if node.ordinal in channel.sells_from
        ]
        return answer

    async def projected(self, sku: bytes, channel: Channel, days: int) -> Answer:
        """What one channel may promise of one sku by the end of each of `days` UTC days."""
        shard = shard_of(sku)
        (row,) = await self._rows([sku])
        now = int(time() * 1000)
        answer = await self._row_answer(sku, shard, row, channel, now)
        parts = read_parts(row.get(_PARTS_FIELD))
        if parts and _is_active(row):
            rows = await self._rows([part.encode() for part in parts])
            told = [_project(part, channel, now, days) for part in rows]
            entries = project_bundle(zip(parts.values(), told, strict=True))
        else:
            entries = _project(row, channel, now, days)
        today = datetime.fromtimestamp(now / 1000, UTC).date()
        by_day = [
            {"date": (today + timedelta(days=after)).isoformat(), "available": units}
            for after, units in enumerate(entries)
        ]
        about: Answer = {name: answer[name] for name in ("sku", "channel", "incomplete") if name in answer}
        return {**about, "days": by_day}

    async def explanation(self, sku: bytes, name: str) -> Answer:
        """Why a number is what it is: every term that led to it, the rules, and the facts that moved it last."""
        shard = shard_of(sku)
        for _ in range(_LOOKS):
            network, channel = self.network, self.channel(name)
            (row,) = await self._rows([sku])
            answer = await self._row_answer(sku, shard, row, channel, int(time() * 1000))
            try:
                told = explained(answer, row, channel, network)
            except Unsettled as error:
                why = str(error)
                await asyncio.sleep(_LOOK_AGAIN_S)
                continue
            parts = told["components"]
            if parts:
                rows = await self._rows([part["sku"].encode() for part in parts])
                for part, its_row in zip(parts, rows, strict=True):
                    part["explanation"] = explained_part(part["sku"], its_row, channel, network)
            return told
        raise problems.unsettled(sku.decode(), channel.id, why)

    async def _rows(self, skus: list[bytes]) -> list[dict[bytes, bytes]]:
        """All fields of some rows; empty where there is none."""
        commands = b"".join(command(b"HGETALL", row_key(self._prefix, shard_of(sku), sku)) for sku in skus)
        return [
            dict(zip(flat[::2], flat[1::2], strict=True)) for flat in await self._ask(commands, len(skus))
        ]

    async def _row_answer(
        self, sku: bytes, shard: int, row: dict[bytes, bytes], channel: Channel, now_ms: int
    ) -> Answer:
        packed = row.get(_CHANNELS_FIELD)
        answer = None if packed is None else self._answer(sku, shard, packed, channel, now_ms)
        if answer is None:
            raise await self._absent(sku, shard, packed, channel)
        return answer

    async def _ask(self, commands: bytes | memoryview, replies: int) -> list[Any]:
        try:
            return await self._link.ask(commands, replies)
        except RedisAway as error:
            raise problems.unavailable(f"the view cannot be read: {error}") from None

    def _answer(self, sku: bytes, shard: int, packed: bytes, channel: Channel, now_ms: int) -> Answer | None:
        header = read_header(packed)
        numbers = read_channel(packed, channel.ordinal)
        if numbers is None:
            return None
        age_ms, stale = self._watch.age_ms(shard, now_ms)
        answer: Answer = {
            "sku": sku.decode(),
            "channel": channel.id,
            "available": numbers.available,
            "status": numbers.status,
            "version": header.version,
            "as_of": header.as_of if header.as_of > 0 else None,
            "age_ms": age_ms,
            "stale": stale,
        }
        if numbers.incomplete:
            answer["incomplete"] = True
        return answer

    async def _absent(
        self, sku: bytes, shard: int, packed: bytes | None, channel: Channel
    ) -> problems.Problem:
        if packed is not None:
            return problems.not_published(sku.decode(), channel.id)
        await self._certain({shard})
        return problems.unknown_sku(sku.decode())

    async def _certain(self, shards: set[int]) -> None:
        """Return if rows of these shards that are absent do not exist: an emptied Redis says nothing about a sku."""
        try:
            certain = await self._watch.still_complete(shards)
        except RedisAway as error:
            raise problems.unavailable(f"the view cannot be read: {error}") from None
        if not certain:
            reasons = self._watch.reasons_not_ready() or ["the view has changed this moment"]
            raise problems.unavailable("; ".join(reasons))


def _is_active(row: dict[bytes, bytes]) -> bool:
    return _CHANNELS_FIELD in row and read_header(row[_CHANNELS_FIELD]).active != 0


def _project(row: dict[bytes, bytes], channel: Channel, now: int, days: int) -> list[int]:
    """By day, of a row with positions; 0 where it is not active, or not there."""
    dated = read_dated(row.get(_DATED_FIELD))
    return project(_is_active(row), read_nodes(row), dated, channel.sells_from, channel.near, now, days)


def _position(location: str, node: Node, available: int) -> Answer:
    return {
        "location": location,
        "available": available,
        "on_hand": node.on_hand,
        "damaged": node.damaged,
        "quality_control": node.quality_control,
        "blocked": node.blocked,
        "sellable": node.sellable,
        "soft": node.soft,
        "hard": node.hard,
        "net": node.net,
        "shortage": node.shortage,
        "safety_stock": node.safety_stock,
        "withheld": node.withheld,
        "safety_shortfall": node.safety_shortfall,
        "node_ats": node.node_ats,
    }
