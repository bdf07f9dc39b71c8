"""`python -m loadtest compare`: W1 by the engine and by what a user would pick instead, in turns, on one machine."""

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from loadtest.bench.consume import consume_only
from loadtest.peers import latency
from loadtest.peers import report as compare_report
from loadtest.peers.drain import Run, drain_engine, drain_peer
from loadtest.peers.launch import PEERS, Peer, build
from loadtest.peers.report import Comparison
from loadtest.processes import apply_rules, warm_up
from loadtest.reporting import Say, made, timed
from loadtest.sender import preload, send_catalog
from loadtest.w1 import workload as w1
from loadtest.w1.draw import Size
from loadtest.w1.write import TOPIC_OF
from loadtest.world import world
from runtime.settings import Settings
from runtime.topics import create_topics
from wire.codec import Codec

PARTS = ("drain", "latency")
_ENGINE_LIMIT_S = 600.0
_SMALL_LIMIT_S = 600.0
_SMALL = "small-"


@dataclass(frozen=True)
class Options:
    """What to measure, and how long. `limit`: seconds after which a slow peer is cut, and drains the small set as well,
    of which `small` are the events, so that its numbers are checked; `rate`: events a second for latency, into topics
    of so many partitions, `lanes`."""

    parts: tuple[str, ...] = PARTS
    peers: tuple[str, ...] = tuple(PEERS)
    events: int = 2_000_000
    small: int = 200_000
    cells: tuple[int, ...] = (1, 2)
    rounds: int = 3
    limit: int = 150
    rate: int = 10_000
    lanes: int = 4
    seconds: int = 60


QUICK = Options(events=20_000, small=5_000, rounds=1, limit=60, rate=1_000, seconds=5)
"""Small sizes: to see that it works, not to quote."""


def add_arguments(parser: argparse.ArgumentParser, positive: Callable[[str], int]) -> None:
    """The options of the command; `positive` reads a number."""
    defaults = asdict(Options())
    parser.add_argument("--only", nargs="+", choices=PARTS, dest="parts", help="parts to measure (all)")
    parser.add_argument("--peers", nargs="+", choices=tuple(PEERS), help="peers to run (all)")
    parser.add_argument(
        "--cells", type=positive, nargs="+", metavar="N", help="numbers of cells of ours (1 2)"
    )
    for name, said in _NUMBERS.items():
        parser.add_argument(
            f"--{name}", type=positive, metavar="N", help=f"{said} ({defaults[name]:,})"
        )  # fmt: skip
    parser.add_argument(
        "--quick", action="store_true", help="small sizes: to see that it works, not to quote"
    )


_NUMBERS = {
    "events": "events of W1",
    "small": "events of the small set, for peers that are cut",
    "rounds": "rounds, of which the medians",
    "limit": "seconds after which a peer is cut",
    "rate": "events a second for latency",
    "lanes": "partitions of the topics for latency",
    "seconds": "how long, for latency",
}


def options_of(given: argparse.Namespace) -> Options:
    """What was asked for."""
    asked = {name: getattr(given, name) for name in asdict(QUICK)}
    chosen: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in asked.items()
        if value is not None
    }
    return replace(QUICK if given.quick else Options(), **chosen)


def compare(settings: Settings, codec: Codec, options: Options, console: Console) -> int:
    """Build the peers, measure, leave the reports, print the tables; 1 if a number was wrong."""
    say = timed(console)
    say("building the peers where that has not been done")
    build()
    comparison = Comparison(**made())
    peers = [PEERS[name] for name in options.peers]
    if "drain" in options.parts:
        _drain_all(settings, codec, options, peers, comparison, say)
    if "latency" in options.parts:
        for contender in latency.contenders(peers):
            title = compare_report.title(contender.name)
            say(
                f"latency of {title}: {options.rate:,} events/s for {options.seconds} s, {options.lanes} lanes"
            )
            paced = settings.replace(partitions=options.lanes)
            measured = latency.measure(paced, codec, contender, options.rate, options.seconds)
            comparison.latencies[contender.name] = measured
            say(f"{title}: {measured.line()}")
    compare_report.write(comparison)
    for table in compare_report.tables(comparison):
        console.print(table)
    say(f"written to {compare_report.JSON} and {compare_report.MARKDOWN}")
    return 1 if comparison.wrong else 0


@dataclass(frozen=True)
class _Set:
    """A workload that is in the topics of these settings."""

    settings: Settings
    workload: w1.Workload


def _drain_all(
    given: Settings, codec: Codec, options: Options, peers: list[Peer], comparison: Comparison, say: Say
) -> None:
    with _loaded(given, codec, options, say) as (full, small, folder):
        for number in range(options.rounds):
            floor = consume_only(full.settings, TOPIC_OF)
            comparison.consume_only.append(floor)
            say(f"round {number + 1}: consuming alone {floor:,.0f} records/s")
            for run in _round(full, small, folder, options, peers, backwards=number % 2 == 1):
                comparison.runs.append(run)
                say(f"round {number + 1}: {compare_report.line(run)}")


@contextmanager
def _loaded(given: Settings, codec: Codec, options: Options, say: Say) -> Iterator[tuple[_Set, _Set, Path]]:
    """Services, the full set and the small set in Kafka, and a folder for logs and state."""
    with world(given) as place:
        settings = place.settings
        size = Size(events=options.events)
        apply_rules(w1.rules(size), settings, place.folder)
        warm_up(settings, place.folder)
        send_catalog(settings, codec, w1.catalog(size))
        apart = settings.replace(topic_prefix=settings.topic_prefix + _SMALL)
        create_topics(apart)
        sets = []
        for mine, events in ((settings, options.events), (apart, options.small)):
            workload = w1.drain(Size(events=events), int(time.time() * 1000), w1.headers(codec))
            seconds = preload(mine, [workload.opening, workload.run])
            say(f"{workload.records:,} records preloaded in {seconds:.1f} s")
            sets.append(_Set(mine, workload))
        full, small = sets
        yield full, small, place.folder


def _round(
    full: _Set, small: _Set, folder: Path, options: Options, peers: list[Peer], backwards: bool
) -> Iterator[Run]:
    """Every contender once; every second round the other way round, so that none is always the one after another."""

    def theirs(peer: Peer) -> Iterator[Run]:
        run = drain_peer(full.settings, folder, peer, full.workload, options.limit)
        yield run
        if run.cut:
            checked = drain_peer(small.settings, folder, peer, small.workload, _SMALL_LIMIT_S)
            yield replace(checked, on_small=True)

    turns: list[int | Peer] = list(options.cells)
    for place, peer in enumerate(peers):
        turns.insert(2 * place + 1, peer)  # one of ours, one of theirs
    for turn in reversed(turns) if backwards else turns:
        if isinstance(turn, Peer):
            yield from theirs(turn)
        else:
            yield drain_engine(full.settings, folder, turn, full.workload, _ENGINE_LIMIT_S)
