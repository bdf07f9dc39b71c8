"""The reservation storm: far more customers than units, while engine and API are killed at random.

Each customer asks for one unit under an idempotency key of its own, again and again until it has an answer. In the end
exactly as many units must be granted as there were, every customer that was told 201 must have its unit, and nothing
may be oversold.
"""

import asyncio
import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table

from deploy.ports import free_port
from loadtest.errors import ProcessEnded
from loadtest.processes import Running, apply_rules, running, warm_up
from loadtest.readiness import wait_for_reservations
from loadtest.retail.drafts import Outgoing, partition_of
from loadtest.sender import Sender, send_catalog
from loadtest.world import world
from runtime.settings import Settings
from wire.codec import Codec

SKU = "STORM"
RULES = """
locations: [{id: DC1, type: warehouse}]
channels: [{id: web, locations: {}}]
"""
REPORT = Path("reports/storm.json")
_TTL_S = 3_600
_SETTLED_WITHIN_S = 180.0
_BETWEEN_KILLS_S = (0.4, 2.5)
_SHOWN_WITHIN_S = 60.0


@dataclass(frozen=True)
class Options:
    """`seeds`: how many storms, each with its own seed."""

    customers: int = 2_000
    units: int = 100
    connections: int = 50
    kills: int = 6
    seeds: int = 20


@dataclass
class Storm:
    """What came of one. `granted`: customers that were told 201; `kept`: those of them whose unit is held in the end;
    `left`: units still available; `oversold`: units that are promised and not there."""

    seed: int
    granted: int = 0
    kept: int = 0
    left: int = 0
    oversold: int = 0
    kills: dict[str, int] = field(default_factory=dict)
    answers: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    def right(self, units: int) -> bool:
        """Whether everything is as it must be."""
        return self.granted == self.kept == units and self.left == self.oversold == 0


class _Victim:
    """A process that is killed and started again."""

    def __init__(self, name: str, arguments: list[str], settings: Settings, folder: Path) -> None:
        self.name = name
        self._how = name, arguments, settings, folder
        self._stack = ExitStack()
        self._process: Running | None = None
        self.start()

    def start(self) -> None:
        self._process = self._stack.enter_context(running(*self._how))

    def kill(self) -> None:
        """SIGKILL, and at once another one."""
        assert self._process is not None
        self._process.check()
        os.kill(self._process.pid, signal.SIGKILL)
        self._stack.close()
        self.start()

    def leave(self) -> None:
        self._stack.close()


@contextmanager
def _victims(settings: Settings, folder: Path) -> Iterator[list[_Victim]]:
    found: list[_Victim] = []
    try:
        found.append(_Victim("engine", ["dataflows", "cell", "0"], settings, folder))
        found.append(_Victim("api", ["availability_api"], settings, folder))
        yield found
    finally:
        for victim in found:
            victim.leave()


class _Customers:
    """All who want a unit."""

    def __init__(self, client: httpx.AsyncClient, seed: int, options: Options) -> None:
        self._client = client
        self._seed = seed
        self._options = options
        self.counted: Counter[str] = Counter()
        self.reservations: dict[int, str] = {}

    async def ask(self, who: int, turn: int) -> None:
        """Ask until there is an answer: with the same key while nobody can know, with another when it is void."""
        attempt = 0
        while True:
            key = f"storm-{self._seed}-{who}-{turn}-{attempt}"
            body = {"channel": "web", "ttl_s": _TTL_S, "lines": [{"sku": SKU, "quantity": 1}]}
            try:
                response = await self._client.post(
                    "/v1/reservations", json=body, headers={"Idempotency-Key": key}
                )
            except httpx.TransportError as error:
                self.counted[type(error).__name__] += 1
                await asyncio.sleep(0.1)
                continue
            if response.status_code == 201:
                self.counted["granted"] += 1
                self.reservations[who] = response.json()["reservation_id"]
                return
            kind = response.json()["type"].rpartition(":")[2]
            self.counted[kind] += 1
            if kind == "refused":
                return
            if kind in ("undecided", "reservation-ended"):
                attempt += 1
            elif response.status_code < 500:
                raise ProcessEnded(f"the API answered {response.status_code}: {response.text}")
            await asyncio.sleep(0.1)

    async def rush(self, turn: int, most: int) -> None:
        """Everybody without a unit asks, `connections` at a time, in an order of the seed."""
        waiting = [who for who in range(self._options.customers) if who not in self.reservations]
        random.Random(self._seed * 1000 + turn).shuffle(waiting)
        queue = iter(waiting[:most])

        async def one_after_the_other() -> None:
            for who in queue:
                await self.ask(who, turn)

        await asyncio.gather(*(one_after_the_other() for _ in range(self._options.connections)))

    async def kept(self) -> int:
        """Of how many the unit is held."""
        states = [await self._state(reservation) for reservation in self.reservations.values()]
        return sum(state == "HELD" for state in states)

    async def _state(self, reservation: str) -> str:
        response = await self._client.get(f"/v1/reservations/{reservation}")
        return str(response.json()["state"]) if response.status_code == 200 else response.text

    async def available(self) -> int:
        """Units that are left."""
        response = await self._client.get(f"/v1/availability/{SKU}?channel=web")
        return int(response.json()["available"]) if response.status_code == 200 else -1


async def _kill(victims: list[_Victim], chance: random.Random, kills: int, killed: Counter[str]) -> None:
    for _ in range(kills):
        await asyncio.sleep(chance.uniform(*_BETWEEN_KILLS_S))
        victim = chance.choice(victims)
        await asyncio.to_thread(victim.kill)
        killed[victim.name] += 1


async def _weather(url: str, victims: list[_Victim], seed: int, options: Options) -> Storm:
    storm, killed = Storm(seed), Counter[str]()
    started = time.monotonic()
    limits = httpx.Limits(max_connections=options.connections, max_keepalive_connections=options.connections)
    async with httpx.AsyncClient(base_url=url, timeout=10.0, limits=limits) as client:
        customers = _Customers(client, seed, options)
        await _until(customers.available, options.units)
        killing = asyncio.create_task(_kill(victims, random.Random(seed), options.kills, killed))
        await customers.rush(0, options.customers)
        await killing
        # What an undecided request had been granted came back; who was refused meanwhile asks again.
        turn = 0
        deadline = time.monotonic() + _SETTLED_WITHIN_S
        while len(customers.reservations) < options.units and time.monotonic() < deadline:
            turn += 1
            await asyncio.sleep(0.5)
            await customers.rush(turn, 2 * options.units)
        await _until(customers.available, 0)
        storm.granted = len(customers.reservations)
        storm.kept = await customers.kept()
        storm.left = await customers.available()
        storm.oversold = await _oversold(client)
        storm.answers = dict(customers.counted)
    storm.kills = dict(killed)
    storm.seconds = round(time.monotonic() - started, 1)
    return storm


async def _until(number: Callable[[], Awaitable[int]], wanted: int) -> None:
    deadline = time.monotonic() + _SHOWN_WITHIN_S
    while time.monotonic() < deadline:
        try:
            if await number() == wanted:
                return
        except httpx.TransportError:
            pass
        await asyncio.sleep(0.1)


async def _oversold(client: httpx.AsyncClient) -> int:
    """Units that are asked of places which do not have them, and what nobody has."""
    response = await client.get(f"/v1/availability/{SKU}/locations?channel=web")
    return sum(place["shortage"] for place in response.json()["locations"])


def storm(given: Settings, codec: Codec, options: Options, console: Console) -> int:
    """Run all seeds, each in a world of its own; 0 if each was right. Writes `reports/storm.json`."""
    found: list[Storm] = []
    for seed in range(1, options.seeds + 1):
        with world(given) as place:
            settings = place.settings.replace(api_port=free_port(), cells=1)
            apply_rules(RULES, settings, place.folder)
            if seed == 1:
                warm_up(settings, place.folder)
            _stock(settings, codec, options.units)
            with _victims(settings, place.folder) as victims:
                url = f"http://{settings.api_host}:{settings.api_port}"
                wait_for_reservations(url, _SHOWN_WITHIN_S)
                found.append(asyncio.run(_weather(url, victims, seed, options)))
        said = "right" if found[-1].right(options.units) else "WRONG"
        console.print(f"seed {seed} of {options.seeds}: {said}, {found[-1].seconds:g} s", highlight=False)
    console.print(table(found, options.units))
    right = sum(each.right(options.units) for each in found)
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(
        json.dumps(
            {"options": asdict(options), "right": right, "storms": [asdict(each) for each in found]}, indent=1
        )
    )
    console.print(f"{right} of {len(found)} storms right; {REPORT}")
    return 0 if right == len(found) else 1


def table(found: Sequence[Storm], units: int) -> Table:
    """All storms for people."""
    shown = Table("seed", "granted", "kept", "left", "oversold", "killed", "s", "", title="Storms")
    for each in found:
        killed = ", ".join(f"{many} {what}" for what, many in sorted(each.kills.items()))
        numbers = (each.granted, each.kept, each.left, each.oversold)
        verdict = "right" if each.right(units) else "WRONG"
        shown.add_row(str(each.seed), *map(str, numbers), killed, f"{each.seconds:g}", verdict)
    return shown


def _stock(settings: Settings, codec: Codec, units: int) -> None:
    now = int(time.time() * 1000)
    count = {
        "event_id": "stock", "source": "storm", "occurred_at": now - 1000, "recorded_at": now, "sku": SKU,
        "location": "DC1", "quantity": units, "counted_at": now - 1000, "basis": "GROSS",
    }  # fmt: skip
    send_catalog(settings, codec, [{"sku": SKU}])
    lane, value = partition_of(SKU, settings.partitions), codec.encode("StockCount", count)
    sender = Sender(settings)
    sender.send(Outgoing("wms-adjustments", lane, SKU.encode(), value, "count", None))
    sender.close()
