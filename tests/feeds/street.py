"""Simulated marketplaces in a process of their own, and a publisher in another, over real Kafka, Redis and HTTP."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
import yaml

from deploy.ports import free_port
from feeds.ledger_link import decoded, last_records
from runtime.kafka import producer, send
from runtime.redis import client
from runtime.settings import Settings
from runtime.topics import create_topics
from tests.nursery import Forked, environment
from tests.wire import sample_views
from wire.codec import Codec
from wire.rows import encode_calls, script, script_sha
from wire.topics import TOPICS
from wire.viewkeys import network_key

SPEED = 100
_NONE = {"p50_ms": 0, "p95_ms": 0, "most_ms": 0}
_QUICK = {"p50_ms": 500, "p95_ms": 2_000, "most_ms": 5_000}
_FEED = {"service": {"p50_ms": 20_000, "p95_ms": 60_000, "most_ms": 60_000}}
SIMULATED = {
    "amazon": {"answer": _QUICK, "apply": _QUICK, "feed": _FEED},
    "walmart": {"answer": _QUICK, "feed": _FEED},
    "shopify": {"answer": _QUICK},
    "zalando": {"answer": _QUICK, "apply": _NONE},
}
SELLER = "seller"
SECRETS = {
    "FEEDS_CLIENT": f"client-{SELLER}", "FEEDS_SECRET": f"secret-{SELLER}", "FEEDS_REFRESH": f"refresh-{SELLER}",
    "FEEDS_ACCESS": f"access-{SELLER}",
}  # fmt: skip
PLACES = {"gid://shopify/Location/1": ["DC1"], "gid://shopify/Location/2": ["S001", "S002"]}
NETWORK = {
    "locations": {
        name: {"ordinal": at, "status": "ACTIVE"} for at, name in enumerate(("DC1", "S001", "S002"))
    },
    "channels": {},
}
CHANNELS = ("amazon", "walmart", "shopify", "zalando")


def accounts(url: str, names: Sequence[str] = CHANNELS) -> dict[str, Any]:
    """The accounts file of a seller at all of them."""
    pair = {"client_id": "env:FEEDS_CLIENT", "client_secret": "env:FEEDS_SECRET"}
    own: dict[str, dict[str, Any]] = {
        "amazon": {
            "options": {"seller_id": SELLER, "marketplace_ids": "A1PA6795UKMFR9"},
            "secrets": {**pair, "refresh_token": "env:FEEDS_REFRESH"},
            "policy": {"confirm_s": 5, "grace_s": 60, "sample_s": None},
        },
        "walmart": {"secrets": pair, "policy": {"sample_s": None}},
        "shopify": {"secrets": {"access_token": "env:FEEDS_ACCESS"}, "locations": PLACES},
        "zalando": {"options": {"merchant_id": SELLER, "sales_channel": "zalando-de"}, "secrets": pair},
    }
    found = []
    for name in names:
        base = {"id": f"{name}-1", "connector": name, "channel": f"to-{name}", "mode": "sandbox"}
        found.append({**base, "url": f"{url}/{name}", "clock_speed": SPEED, **own[name]})
    return {"accounts": found}


class Street:
    """The world around publishers. `settings` are theirs."""

    def __init__(self, settings: Settings, folder: Path, url: str) -> None:
        self.settings = settings.replace(feeds_accounts=folder / "accounts.yaml", feeds_lease_ms=3_000)
        self.folder = folder
        self.url = url
        self.codec = Codec()
        self.http = httpx.Client(base_url=f"{url}/_simulator", timeout=10)
        self._versions = 0
        self._processes = 0
        (folder / "accounts.yaml").write_text(yaml.safe_dump(accounts(url), sort_keys=False))
        create_topics(settings, {name: TOPICS[name] for name in ("catalog", "availability", "feed-results")})
        self._producer = producer(settings, partitioner="murmur2_random")
        self._redis = client(settings)
        self._redis.set(network_key(settings.redis_prefix.encode()), orjson.dumps(NETWORK))
        self._redis.script_load(script().decode())

    def close(self) -> None:
        self.http.close()
        self._redis.close()

    @contextmanager
    def publisher(self) -> Iterator[tuple[Forked, int]]:
        """A publisher until the block ends; its process, and the port of its metrics."""
        self._processes += 1
        port = free_port()
        out = self.folder / f"publisher-{self._processes}.log"
        settings = self.settings.replace(feeds_metrics_port=port)
        process = Forked("feeds", ["run"], {**environment(settings), **SECRETS}, out)
        try:
            yield process, port
        finally:
            process.kill()
            process.wait(10)
            print(out.read_text()[-6000:])

    # -- the marketplaces ----------------------------------------------------------------------------------------

    def list(self, skus: Sequence[str]) -> None:
        """Put skus on sale everywhere."""
        for channel in CHANNELS:
            spots: Sequence[str | None] = (None,)
            if channel == "shopify":
                spots = list(PLACES)
            elif channel == "zalando":
                spots = ("zalando-de",)
            rows = [
                {"account": SELLER, "listing": listing_of(channel, sku), "location": spot, "quantity": 0}
                for sku in skus
                for spot in spots
            ]
            self.http.post(f"/{channel}/listings", json={"listings": rows}).raise_for_status()

    def applied(self, channel: str) -> dict[tuple[str, str | None], int]:
        """What buyers see."""
        rows = self.http.get(f"/{channel}/listings").raise_for_status().json()["listings"]
        return {(row["listing"], row["location"]): row["applied"] for row in rows}

    def calls(self) -> int:
        """How many the marketplaces have had."""
        return sum(each["calls"] for each in self.http.get("").raise_for_status().json()["channels"].values())

    def exceeded(self) -> int:
        """Calls beyond what a marketplace lets us. (A busy machine holds some up, and a fast clock makes that long:
        refused they may be.)"""
        told = self.http.get("").raise_for_status().json()["channels"]
        return sum(each["beyond_published"] for each in told.values())

    # -- the engine ----------------------------------------------------------------------------------------------

    def catalog(self, sku: str, names: Sequence[str] = CHANNELS, listing: str | None = None) -> None:
        """The record of a sku that is listed at these; none: its tombstone."""
        aliases = [{"source": f"{name}-1", "identifier": listing or listing_of(name, sku)} for name in names]
        value = self.codec.encode("CatalogItem", {"sku": sku, "aliases": aliases}) if names else None
        send(self._producer, self.settings.topic("catalog"), value, sku.encode())

    def publish(self, numbers: Mapping[str, tuple[int, int, int]]) -> None:
        """Rows with the stock of three locations for each sku, and its record: every channel may sell all of it."""
        self._versions += 1
        rows = [
            sample_views.Row(sku, self._versions, [(sum(at), 2, *[sum(at)] * 2, 0, sum(at), 0, 0)] * 3,
                             {place: (units, 0, 0, 0, 0, 0, 0) for place, units in enumerate(at)})
            for sku, at in numbers.items()
        ]  # fmt: skip
        calls = encode_calls(
            sample_views.views_of(rows), prefix=self.settings.redis_prefix.encode(), lane=0, generation=1,
            offsets=b"", rules=[b"{}"], terms=[b""], sha=script_sha(),
        )  # fmt: skip
        connection = self._redis.connection_pool.get_connection()
        connection.send_packed_command(calls)  # type: ignore[no-untyped-call]
        for _ in calls:
            connection.read_response()
        self._redis.connection_pool.release(connection)
        for sku, at in numbers.items():
            entries = [
                {
                    "channel": f"to-{channel}", "available": sum(at), "status": "IN_STOCK", "view": sum(at),
                    "pool": sum(at), "grant": 0, "shared": sum(at), "shortage": 0, "unmet": 0, "rules": [],
                }
                for channel in CHANNELS
            ]  # fmt: skip
            fields = {
                "sku": sku, "version": self._versions, "generation": 1, "computed_at": 1, "as_of": 1,
                "active": True, "channels": entries,
            }  # fmt: skip
            value = self.codec.encode("Availability", fields)
            send(self._producer, self.settings.topic("availability"), value, sku.encode())

    def flush(self) -> None:
        """All of it is on Kafka."""
        assert not self._producer.flush(20)

    # -- the ledger ----------------------------------------------------------------------------------------------

    def ledger(self) -> dict[tuple[str, str, str | None], Mapping[str, Any]]:
        """The last record of each slot."""
        names = [f"{channel}-1" for channel in CHANNELS]
        found = last_records(self.settings, names)
        fields = [each for records in found.values() for each in decoded(self.codec, records)]
        return {(each["account"], each["listing"], each["location"]): each for each in fields}


def listing_of(channel: str, sku: str) -> str:
    """What a marketplace calls a sku."""
    return f"gid://shopify/InventoryItem/{sku[1:]}" if channel == "shopify" else f"{channel}-{sku}"


def wanted(channel: str, numbers: Mapping[str, tuple[int, int, int]]) -> dict[tuple[str, str | None], int]:
    """What a marketplace should show."""
    found: dict[tuple[str, str | None], int] = {}
    for sku, (first, second, third) in numbers.items():
        listing = listing_of(channel, sku)
        if channel == "shopify":
            one, two = PLACES
            found |= {(listing, one): first, (listing, two): second + third}
        else:
            found[listing, "zalando-de" if channel == "zalando" else None] = first + second + third
    return found


@contextmanager
def street(settings: Settings, folder: Path) -> Iterator[Street]:
    """A simulator and what is around it, until the block ends."""
    with simulator(folder) as url:
        made = Street(settings, folder, url)
        try:
            yield made
        finally:
            made.close()


@contextmanager
def simulator(folder: Path) -> Iterator[str]:
    """A simulator, until the block ends; its URL."""
    (folder / "simulator.yaml").write_text(yaml.safe_dump(SIMULATED))
    out = folder / "simulator.log"
    arguments = [
        "simulate",
        "--speed",
        str(SPEED),
        "--late-ms",
        "100",
        "--settings",
        str(folder / "simulator.yaml"),
    ]
    process = Forked("feeds", arguments, dict(os.environ), out)
    try:
        eventually(lambda: "http://" in (out.read_text() if out.exists() else ""), 30)
        yield out.read_text().split()[-1]
    finally:
        process.kill()
        process.wait(10)


def eventually(check: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait until `check` holds; fail if it does not in time."""
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, "did not come about in time"
        time.sleep(0.1)
