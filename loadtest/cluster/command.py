"""`python -m loadtest cluster`: two cells and a Bytewax cluster of two processes, in turns, on one machine."""

import argparse
import shlex
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace

from rich.console import Console
from rich.table import Table

from loadtest.bench.consume import consume_only
from loadtest.bench.w1 import drain_once, loaded
from loadtest.cluster import report
from loadtest.cluster.contenders import CONTENDERS, PROCESSES, Contender
from loadtest.cluster.report import Comparison, Drained
from loadtest.cluster.steady import Plan, measure
from loadtest.reporting import Say, made, timed
from loadtest.w1.write import TOPIC_OF
from runtime.arguments import Parser
from runtime.settings import Settings
from wire.codec import Codec


@dataclass(frozen=True)
class Options:
    """How much, and how often. `rounds` of the steady load, in each of which both are struck in three ways."""

    events: int = 1_000_000
    drains: int = 3
    rounds: int = 2
    rate: int = 5_000
    seconds: int = 12
    after: int = 12


QUICK = Options(events=20_000, drains=1, rounds=1, rate=500, seconds=5)
"""Small sizes: to see that it works, not to quote."""

_NUMBERS = {
    "events": "events of W1 that are drained",
    "drains": "drains of each, of which the medians",
    "rounds": "runs of each under a steady load, of which the medians",
    "rate": "events a second of that load",
    "seconds": "how long nothing happens, for latency",
    "after": "how long it is watched after a process was paused, after it was killed, and after its lanes moved",
}


def add_cluster(commands: "argparse._SubParsersAction[Parser]", positive: Callable[[str], int]) -> None:
    """The command; `positive` reads a number."""
    parser = commands.add_parser(
        "cluster", help="two cells or a Bytewax cluster of two; writes reports/cells-or-cluster.json"
    )
    defaults = asdict(Options())
    for name, said in _NUMBERS.items():
        parser.add_argument(f"--{name}", type=positive, metavar="N", help=f"{said} ({defaults[name]:,})")
    parser.add_argument(
        "--quick", action="store_true", help="small sizes: to see that it works, not to quote"
    )
    parser.set_defaults(run=_run)


def _run(given: argparse.Namespace, settings: Settings, codec: Codec, console: Console) -> int:
    asked = {name: value for name in _NUMBERS if (value := getattr(given, name)) is not None}
    return compare(settings, codec, replace(QUICK if given.quick else Options(), **asked), console)


def compare(settings: Settings, codec: Codec, options: Options, console: Console) -> int:
    """Measure, leave the reports, print the table; 1 if a number was wrong or a probe was lost."""
    say = timed(console)
    comparison = Comparison(**made(), command=f"python -m loadtest {shlex.join(sys.argv[1:])}")
    _drain_all(settings, codec, options, comparison, say)
    plan = Plan(options.rate, options.seconds, options.after)
    for contender in _turns(options.rounds):
        say(
            f"{contender.title}: {plan.rate:,} events/s for {plan.whole} s; one process is paused, killed, moved"
        )
        comparison.steady.append(measure(settings, codec, contender, plan))
        report.write(comparison)  # what was measured is kept, whatever becomes of the next one
        say(f"{contender.title}: {comparison.steady[-1].line()}")
    table = Table(*report.heads())
    for row in report.rows(comparison):
        table.add_row(*row)
    console.print(table)
    say(f"written to {report.JSON} and {report.MARKDOWN}")
    return 1 if comparison.mismatches or comparison.lost else 0


def _turns(rounds: int) -> Iterator[Contender]:
    """Both in each round; every second round the other way round, so that neither is always the one after the other."""
    for number in range(rounds):
        yield from reversed(CONTENDERS) if number % 2 else CONTENDERS


def _drain_all(given: Settings, codec: Codec, options: Options, comparison: Comparison, say: Say) -> None:
    with loaded(given, codec, options.events) as (place, workload, seconds):
        say(f"W1: {workload.records:,} records preloaded in {seconds:.1f} s")
        for number, contender in enumerate(_turns(options.drains)):
            if number % len(CONTENDERS) == 0:
                comparison.consume_only.append(consume_only(place.settings, TOPIC_OF))
                say(f"consuming alone {comparison.consume_only[-1]:,.0f} records/s")
            drain, wrong = drain_once(place.settings, place.folder, PROCESSES, workload, contender.start)
            comparison.drains.append(Drained(contender.name, drain, wrong))
            say(f"{contender.title}: {comparison.drains[-1].line()}")
