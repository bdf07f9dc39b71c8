"""`python -m feeds.trials flash | outage | crashes`: publishers against simulated marketplaces, in simulated time.

They start a Redis of their own.
"""

import argparse
import gc
import json
import logging
import os
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from redis import Redis
from rich.console import Console

from deploy.redis_server import RedisServer
from deploy.services import run_folder
from feeds.trials import flash_report, outage_report, simulated
from feeds.trials.crashes import Ordeal, survive
from feeds.trials.flash import SCHEMES, Outcome, Sale, sell
from feeds.trials.intake import Intake, take_in
from feeds.trials.outage import Outage, compared, endure, without
from runtime.arguments import Parser
from runtime.settings import Settings

REPORTS = Path(__file__).resolve().parents[2] / "reports"


def main(arguments: list[str] | None = None) -> int:
    """The command; its exit code."""
    asked = _parser().parse_args(arguments)
    logging.disable(logging.ERROR)  # that marketplaces misbehave is no news here
    console = Console()
    trial = {"flash": _flash, "outage": _outage, "crashes": _crashes}[asked.command]
    with run_folder() as folder:
        server = RedisServer(folder / "redis")
        server.start()
        try:
            settings = Settings(redis_url=server.url)
            with Redis.from_url(server.url) as redis:
                return trial(asked, redis, settings, console)
        finally:
            server.kill()


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m feeds.trials", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    flash = commands.add_parser(
        "flash", help="a flash sale by each scheme of turns, and how much is taken in"
    )
    sale, outage = Sale(), Outage()
    flash.add_argument("--schemes", nargs="+", choices=list(SCHEMES), default=list(SCHEMES))
    flash.add_argument(
        "--skus", type=int, default=sale.skus, help="on each of four marketplaces (%(default)s)"
    )
    flash.add_argument("--seconds", type=float, default=sale.seconds, help="simulated (%(default)s)")
    flash.add_argument("--seed", type=int, default=sale.seed)
    out = commands.add_parser("outage", help="a marketplace that nobody reaches for an hour of its time")
    out.add_argument("--markets", nargs="+", choices=sale.markets, default=list(sale.markets))
    out.add_argument(
        "--skus", type=int, default=outage.skus, help="on each of four marketplaces (%(default)s)"
    )
    out.add_argument(
        "--moves", type=float, default=outage.moves, help="numbers that change a second (%(default)s)"
    )
    out.add_argument("--seed", type=int, default=outage.seed)
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
    _print_table(console, flash_report.heads(found), flash_report.lines(found))
    console.print(f"taken in: {intake.changes_per_s:,.0f} changes/s by one core", highlight=False)
    _write(console, "feeds", flash_report.document(sale, found, intake.changes_per_s))
    return 0 if flash_report.is_right(found) else 1


def _outage(asked: argparse.Namespace, redis: Redis, settings: Settings, console: Console) -> int:
    outages = [
        Outage(skus=asked.skus, moves=asked.moves, seed=asked.seed, market=name) for name in asked.markets
    ]
    redis.flushall()
    quiet = simulated.run(endure(without(outages[0]), redis, settings))
    found = []
    for outage in outages:
        redis.flushall()
        began = time.monotonic()
        found.append(compared(simulated.run(endure(outage, redis, settings)), quiet))
        console.print(f"{outage.market}: {time.monotonic() - began:.0f} s", highlight=False)
    _print_table(console, outage_report.HEADS, [outage_report.line(each) for each in found])
    _write(console, "feeds-outage", {"outages": [outage_report.document(each) for each in found]})
    return 0 if all(outage_report.is_right(each) for each in found) else 1


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


def _print_table(console: Console, heads: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    for cells in (heads, ["---"] * len(heads), *lines):
        console.print(f"| {' | '.join(cells)} |", highlight=False, soft_wrap=True, markup=False)


def _write(console: Console, name: str, found: dict[str, Any]) -> None:
    told = {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
        **found,
    }
    REPORTS.mkdir(exist_ok=True)
    path = REPORTS / f"{name}.json"
    path.write_text(json.dumps(told, indent=2) + "\n", "utf-8")
    console.print(f"written to {path}", highlight=False)
