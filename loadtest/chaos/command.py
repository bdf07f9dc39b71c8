"""`python -m loadtest chaos`: the fault matrix."""

import argparse
import logging
from collections.abc import Sequence
from itertools import groupby

from rich.console import Console

from loadtest.chaos import report
from loadtest.chaos.catalogue import FAULTS
from loadtest.chaos.fault import Fault
from loadtest.chaos.house import house
from loadtest.chaos.run import Options, Result, run
from runtime.settings import Settings
from wire.codec import Codec

_LANES = 4
_SEEDS = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which faults, which seeds, what traffic."""
    defaults = Options()
    parser.add_argument(
        "--fault", nargs="+", choices=list(FAULTS), default=list(FAULTS), metavar="NAME", help="(all)"
    )
    parser.add_argument(
        "--seeds", type=int, metavar="N", help=f"so many runs of each, by seeds 1 to N ({_SEEDS})"
    )
    parser.add_argument(
        "--torn",
        type=int,
        metavar="N",
        help="so many of those that kill or tear something (as many as of the others)",
    )
    parser.add_argument("--seed", type=int, metavar="S", help="one run of each, by this seed")
    parser.add_argument(
        "--seconds", type=float, default=defaults.seconds, metavar="N",
        help=f"how long traffic flows in a run ({defaults.seconds:g})",
    )  # fmt: skip
    parser.add_argument(
        "--rate", type=float, default=defaults.rate, metavar="N",
        help=f"till lines a second, on average ({defaults.rate:g})",
    )  # fmt: skip
    parser.add_argument("--list", action="store_true", help="only say which faults there are")
    parser.set_defaults(run=chaos)


def chaos(given: argparse.Namespace, settings: Settings, codec: Codec, console: Console) -> int:
    """Run what was asked for; 0, or 1 where a run was not right. Writes `reports/chaos.{json,md,html}`."""

    def say(text: str) -> None:
        console.print(text, highlight=False, soft_wrap=True, markup=False)

    if given.list:
        for fault in FAULTS.values():
            why_not = fault.why_not()
            say(f"{fault.name:24} {fault.about}" + (f" (not here: {why_not})" if why_not else ""))
        return 0
    options = Options(given.seconds, given.rate)
    logging.getLogger("stocktide.kafka").setLevel(logging.CRITICAL)  # that it is away is no news here
    results: list[Result] = []
    skipped: dict[str, str] = {}
    for name in given.fault:
        why_not = FAULTS[name].why_not()
        if why_not is not None:
            skipped[name] = why_not
            say(f"{name}: SKIPPED: {why_not}")
    wanted = [FAULTS[name] for name in given.fault if name not in skipped]
    for hosts, faults in groupby(wanted, lambda fault: fault.hosts):
        with house(settings, _LANES, hosts=hosts) as services:
            for fault in faults:
                for seed in _seeds(given, fault):
                    results.append(run(services, fault, seed, codec, options))
                    say(report.line_of(results[-1]))
                    if not results[-1].right:
                        for line in report.told(results[-1]):
                            say(line)
                    report.write(report.document(results, skipped, options), FAULTS)
    found = report.document(results, skipped, options)
    report.write(found, FAULTS)
    say(f"{report.summary(found)}; {report.JSON}")
    return 0 if all(result.right for result in results) else 1


def _seeds(given: argparse.Namespace, fault: Fault) -> Sequence[int]:
    if given.seed is not None:
        return [given.seed]
    many = given.torn if fault.tears and given.torn is not None else given.seeds
    return range(1, (many or _SEEDS) + 1)
