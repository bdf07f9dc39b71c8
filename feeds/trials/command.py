"""`python -m feeds.trials flash | crashes`: publishers against simulated marketplaces, in simulated time.

They start a Redis of their own.
"""

import argparse
import gc
import json
import logging
import os
import platform
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from redis import Redis
from rich.console import Console

from deploy.redis_server import RedisServer
from deploy.services import run_folder
from feeds.trials import simulated
from feeds.trials.crashes import Ordeal, survive
from feeds.trials.flash import SCHEMES, Outcome, Sale, sell
from feeds.trials.intake import Intake, take_in
from runtime.arguments import Parser
from runtime.settings import Settings

REPORT = Path(__file__).resolve().parents[2] / "reports" / "feeds.json"
_FEWER = 5.0
"""So many times fewer units than first come first served must be oversold by ours."""


def main(arguments: list[str] | None = None) -> int:
    """The command; its exit code."""
    asked = _parser().parse_args(arguments)
    logging.disable(logging.ERROR)  # that marketplaces misbehave is no news here
    console = Console()
    with run_folder() as folder:
        server = RedisServer(folder / "redis")
        server.start()
        try:
            settings = Settings(redis_url=server.url)
            with Redis.from_url(server.url) as redis:
                if asked.command == "flash":
                    return _flash(asked, redis, settings, console)
                return _crashes(asked, redis, settings, console)
        finally:
            server.kill()


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m feeds.trials", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    flash = commands.add_parser(
        "flash", help="a flash sale by each scheme of turns, and how much is taken in"
    )
    sale = Sale()
    flash.add_argument("--schemes", nargs="+", choices=list(SCHEMES), default=list(SCHEMES))
    flash.add_argument(
        "--skus", type=int, default=sale.skus, help="on each of four marketplaces (%(default)s)"
    )
    flash.add_argument("--seconds", type=float, default=sale.seconds, help="simulated (%(default)s)")
    flash.add_argument("--seed", type=int, default=sale.seed)
    crashes = commands.add_parser("crashes", help="publishers that die at any step")
    crashes.add_argument("--seeds", type=int, default=200, help="(%(default)s)")
    crashes.add_argument("--first", type=int, default=1, help="the first seed (%(default)s)")
    return parser


def _flash(asked: argparse.Namespace, redis: Redis, settings: Settings, console: Console) -> int:
    share = asked.skus / Sale().skus
    sale = Sale(
        skus=asked.skus, moves=Sale().moves * share, batch=int(Sale().batch * share), hot=int(Sale().hot * share),
        seconds=asked.seconds, seed=asked.seed,
    )  # fmt: skip
    found: dict[str, Outcome] = {}
    for scheme in asked.schemes:
        redis.flushall()
        began = time.monotonic()
        found[scheme] = simulated.run(sell(sale, scheme, redis, settings))
        gc.collect()
        console.print(f"{scheme}: {time.monotonic() - began:.0f} s", highlight=False)
    intake = take_in(Intake())
    for line in _table(found):
        console.print(line, highlight=False, soft_wrap=True, markup=False)
    console.print(f"taken in: {intake.changes_per_s:,.0f} changes/s by one core", highlight=False)
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(_document(sale, found, intake.changes_per_s), indent=2) + "\n", "utf-8")
    console.print(f"written to {REPORT}", highlight=False)
    return 0 if _kept(found) else 1


def _kept(found: Mapping[str, Outcome]) -> bool:
    """Whether no quota was exceeded, and ours oversold so many times fewer units."""
    if any(outcome.exceeded for outcome in found.values()):
        return False
    if "ours" not in found or "fcfs" not in found:
        return True
    return found["fcfs"].oversold >= _FEWER * found["ours"].oversold


def quantile(ordered: Sequence[int], share: float) -> int | None:
    """The element of an ordered list at that share; None where it is empty."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


def _table(found: Mapping[str, Outcome]) -> list[str]:
    markets = list(next(iter(found.values())).oversold_by)
    heads = [
        "scheme",
        "sold",
        "oversold",
        *markets,
        "to zero p50 s",
        "p99 s",
        "oldest change s",
        "quota exceeded",
    ]
    rows = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for outcome in found.values():
        oldest = ", ".join(f"{name} {ms / 1000:.0f}" for name, ms in outcome.oldest_ms.items())
        cells = [
            outcome.scheme, f"{outcome.sold:,}", f"{outcome.oversold:,}",
            *(f"{outcome.oversold_by[name]:,}" for name in markets),
            _seconds(quantile(outcome.to_zero_ms, 0.5)), _seconds(quantile(outcome.to_zero_ms, 0.99)), oldest,
            str(outcome.exceeded),
        ]  # fmt: skip
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def _seconds(ms: int | None) -> str:
    return "" if ms is None else f"{ms / 1000:.1f}"


def _document(sale: Sale, found: Mapping[str, Outcome], changes_per_s: float) -> dict[str, Any]:
    return {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
        "sale": vars(sale),
        "oversold": {name: outcome.oversold for name, outcome in found.items()},
        "oversold_by": {name: outcome.oversold_by for name, outcome in found.items()},
        "time_to_zero_ms": {
            name: {"p50": quantile(outcome.to_zero_ms, 0.5), "p99": quantile(outcome.to_zero_ms, 0.99)}
            for name, outcome in found.items()
        },
        "oldest_ms": {name: outcome.oldest_ms for name, outcome in found.items()},
        "quota_exceeded": sum(outcome.exceeded for outcome in found.values()),
        "changes_per_s": round(changes_per_s),
    }


def _crashes(asked: argparse.Namespace, redis: Redis, settings: Settings, console: Console) -> int:
    wrong = exceeded = deaths = 0
    for seed in range(asked.first, asked.first + asked.seeds):
        redis.flushall()
        survived = simulated.run(survive(Ordeal(), seed, redis, settings))
        wrong, exceeded = wrong + len(survived.wrong), exceeded + survived.exceeded
        deaths += survived.deaths
        for line in survived.wrong:
            console.print(f"seed {seed}: {line}", highlight=False, soft_wrap=True, markup=False)
    console.print(
        f"{asked.seeds} seeds, {deaths:,} deaths: {wrong} listings wrong in the end, {exceeded} calls beyond a quota",
        highlight=False,
    )
    return 1 if wrong or exceeded else 0
