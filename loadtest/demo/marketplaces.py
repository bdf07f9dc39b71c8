"""Simulated marketplaces and the publisher that feeds them, as processes of their own; and what buyers see there.

The marketplaces' clock may run faster than ours, so that what takes them minutes is over while somebody watches.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from deploy.ports import free_port
from loadtest.demo.market_accounts import MarketAccount, secrets
from loadtest.errors import ProcessEnded
from loadtest.processes import Running, running
from runtime.readback import read_topic
from runtime.settings import Settings
from wire.codec import Codec

_LATE_MS = 100
_MINUTE_MS = 60_000
_PROCESSING = {"service": {"p50_ms": 5 * _MINUTE_MS, "p95_ms": 30 * _MINUTE_MS, "most_ms": 30 * _MINUTE_MS}}
_BOUNDED = {
    "amazon": {
        "apply": {"p50_ms": _MINUTE_MS, "p95_ms": 10 * _MINUTE_MS, "most_ms": 30 * _MINUTE_MS},
        "feed": _PROCESSING,
    },
    "walmart": {"feed": _PROCESSING},
}
"""Half an hour at most for whatever a marketplace takes its time with: somebody waits for the end."""
_LISTEN_WITHIN_S = 30.0
_LOOK_EVERY_S = 0.5
_AT_ONCE = 5_000


@dataclass(frozen=True)
class Marketplaces:
    """Simulated ones at `url`, on which some products (`skus`) are listed, by accounts of ours."""

    url: str
    accounts: Sequence[MarketAccount]
    skus: Sequence[str]

    def list_all(self) -> None:
        """Put the products on sale, with nothing in stock."""
        for account in self.accounts:
            for first in range(0, len(self.skus), _AT_ONCE):
                rows = [
                    {
                        "account": account.seller, "listing": account.listing(sku), "location": account.place,
                        "quantity": 0,
                    }
                    for sku in self.skus[first : first + _AT_ONCE]
                ]  # fmt: skip
                path = f"{self.url}/_simulator/{account.market}/listings"
                httpx.post(path, json={"listings": rows}, timeout=60).raise_for_status()

    def differences(self, published: dict[str, dict[str, int]]) -> list[str]:
        """Listings that show buyers anything else than was published, a line each."""
        found = []
        for account in self.accounts:
            rows = self._ask(f"/{account.market}/listings?account={account.seller}")["listings"]
            shown = {row["listing"]: row["applied"] for row in rows}
            for sku in self.skus:
                wanted, listing = published[sku].get(account.channel), account.listing(sku)
                if shown[listing] != wanted:
                    found.append(f"{account.name} {listing}: {wanted} published, {shown[listing]} shown")
        return found

    def counted(self) -> dict[str, dict[str, int]]:
        """By marketplace: calls, and those of them beyond a quota (`beyond_published`)."""
        told: dict[str, dict[str, int]] = self._ask("")["channels"]
        return told

    def _ask(self, path: str) -> Any:
        return httpx.get(f"{self.url}/_simulator{path}", timeout=60).raise_for_status().json()


@contextmanager
def simulated(
    settings: Settings, folder: Path, accounts: Sequence[MarketAccount], skus: Sequence[str], speed: float
) -> Iterator[Marketplaces]:
    """The marketplaces with the products on sale, until the block ends. Raises ProcessEnded."""
    described = folder / "marketplaces.yaml"
    described.write_text(yaml.safe_dump(_BOUNDED), "utf-8")
    arguments = ["feeds", "simulate", "--speed", f"{speed:g}", "--late-ms", str(_LATE_MS)]
    with running("marketplaces", [*arguments, "--settings", str(described)], settings, folder) as simulator:
        there = Marketplaces(_url(simulator), accounts, skus)
        there.list_all()
        yield there


@dataclass(frozen=True)
class Fed:
    """A publisher that runs under `settings`, and whom it feeds."""

    settings: Settings
    folder: Path
    publisher: Running
    there: Marketplaces
    codec: Codec

    def published(self) -> dict[str, dict[str, int]]:
        """What each channel may sell of each product that is listed, as the engine published it last."""
        found: dict[str, dict[str, int]] = {sku: {} for sku in self.there.skus}
        for stored in read_topic(self.settings, "availability"):
            sku = (stored.key or b"").decode()
            if sku in found and stored.value is not None:
                fields = self.codec.decode(stored.value)[1]
                found[sku] = {each["channel"]: each["available"] for each in fields["channels"]}
        return found

    def settled(self, within_s: float) -> list[str]:
        """What still differs when nothing does any more, or the time is over. Raises ProcessEnded."""
        deadline = time.monotonic() + within_s
        published = self.published()
        while (found := self.there.differences(published)) and time.monotonic() < deadline:
            self.publisher.check()
            time.sleep(_LOOK_EVERY_S)
        return found

    def report(self, out: Path) -> None:
        """The publisher's own page. Raises ProcessEnded with what the command says."""
        arguments = ["feeds", "report", "--out", str(out)]
        with running("feeds-report", arguments, self.settings, self.folder) as writing:
            writing.wait()


@contextmanager
def fed(settings: Settings, folder: Path, codec: Codec, there: Marketplaces, speed: float) -> Iterator[Fed]:
    """A publisher for all accounts, until the block ends."""
    described = {"accounts": [account.described(there.url, speed) for account in there.accounts]}
    file = folder / "accounts.yaml"
    file.write_text(yaml.safe_dump(described), "utf-8")
    own = settings.replace(feeds_accounts=file, feeds_metrics_port=free_port())
    with running("feeds", ["feeds", "run"], own, folder, secrets(there.accounts)) as publisher:
        yield Fed(own, folder, publisher, there, codec)


def _url(simulator: Running) -> str:
    """Where it listens: its first words say so."""
    deadline = time.monotonic() + _LISTEN_WITHIN_S
    while "http://" not in simulator.last_words():
        simulator.check()
        if time.monotonic() > deadline:
            raise ProcessEnded(f"no marketplaces within {_LISTEN_WITHIN_S:g} s:\n{simulator.last_words()}")
        time.sleep(0.05)
    return simulator.last_words().split()[-1]
