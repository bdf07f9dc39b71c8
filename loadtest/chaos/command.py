"""`python -m loadtest chaos`: the fault matrix."""

import argparse
from collections.abc import Callable, Container, Sequence

from rich.console import Console

from loadtest.chaos import report
from loadtest.chaos.catalogue import FAULTS
from loadtest.chaos.crew import Task, one_by_one, side_by_side
from loadtest.chaos.fault import Fault
from loadtest.chaos.run import Options
from runtime.settings import Settings
from wire.codec import Codec

_SEEDS = 1


def add_arguments(parser: argparse.ArgumentParser, positive: Callable[[str], int]) -> None:
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
    parser.add_argument(
        "--jobs",
        type=positive,
        default=1,
        metavar="N",
        help="so many runs side by side, each with services of its own (1)",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="keep the runs of reports/chaos.json that were right, and make those that are missing",
    )
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
    skipped: dict[str, str] = {}
    for name in given.fault:
        why_not = FAULTS[name].why_not()
        if why_not is not None:
            skipped[name] = why_not
            say(f"{name}: SKIPPED: {why_not}")
    entries = [entry for entry in report.kept() if entry["right"]] if given.resume else []
    made = {(entry["fault"], entry["seed"]) for entry in entries}
    tasks = [task for task in _tasks(given, skipped) if task not in made]
    if given.jobs > 1:
        came = side_by_side(tasks, given.jobs, settings, options)
    else:
        came = one_by_one(tasks, settings, codec, options)
    for entry in came:
        entries.append(entry)
        say(report.line_of(entry))
        if not entry["right"]:
            for line in report.told(entry):
                say(line)
        report.write(report.document(entries, skipped, options), FAULTS)
    found = report.document(entries, skipped, options)
    report.write(found, FAULTS)
    say(f"{report.summary(found)}; {report.JSON}")
    return 0 if all(entry["right"] for entry in entries) else 1


def _tasks(given: argparse.Namespace, skipped: Container[str]) -> list[Task]:
    """Those that need hosts come last: their services are others."""
    wanted = sorted(
        (FAULTS[name] for name in given.fault if name not in skipped), key=lambda fault: fault.hosts
    )
    return [(fault.name, seed) for fault in wanted for seed in _seeds(given, fault)]


def _seeds(given: argparse.Namespace, fault: Fault) -> Sequence[int]:
    if given.seed is not None:
        return [given.seed]
    many = given.torn if fault.tears and given.torn is not None else given.seeds
    return range(1, (many or _SEEDS) + 1)
