"""`python -m loadtest soak`: an hour of traffic with short horizons. Does memory stay, and are the numbers right?"""

import json
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console

from loadtest.errors import ProcessEnded
from loadtest.peak.html import html_table, page, section
from loadtest.peak.rows import write_csv
from loadtest.peak.run import Outcome, played
from loadtest.peak.scenarios import Pace
from loadtest.peak.sending import Sending
from loadtest.peak.system import with_ports
from loadtest.reporting import REPORTS, Say, made, timed
from loadtest.soak.report import GROWTH_HEADS, Growth, flat, growth_lines, growths, markdown
from loadtest.soak.traffic import Shape, SoakTraffic, shape
from loadtest.soak.truth import verify_by_groups
from loadtest.world import world
from runtime.settings import Settings
from wire.codec import Codec

_LEAVE_S = 10.0


@dataclass(frozen=True, kw_only=True)
class Options(Pace):
    """`horizon`: minutes, of ids, counts and closed lines; `rate`: messages a second."""

    minutes: float = 60.0
    rate: float = 5_000.0
    horizon: float = 10.0
    probes: float = 20.0
    lookups: float = 50.0

    def horizons(self) -> dict[str, int]:
        """The settings. Facts are kept for the horizon, the tolerance and an eighth of both: all of it is forgotten
        once before memory is judged."""
        ms = int(self.horizon * 60_000)
        horizons = {"dedupe_horizon_ms": ms, "count_horizon_ms": ms, "reservation_memory_ms": ms}
        return {**horizons, "clock_tolerance_ms": ms // 10}

    def shape(self) -> Shape:
        """The traffic."""
        return shape(self.rate, self.seconds, int(self.horizon * 60_000), self.seed)


def soak(given: Settings, codec: Codec, options: Options, console: Console, folder: Path = REPORTS) -> int:
    """Run it, write the report, print it; 1 if a number was wrong, a probe was never seen, or a cell grew."""
    say = timed(console)
    outcome, found = _run(given, codec, options, say, folder)
    text = write(outcome, found, options, folder)
    console.print(text, highlight=False, soft_wrap=True, markup=False)
    say(f"written to {folder}: soak.md, soak.json, soak.html, soak.csv")
    return 1 if outcome.differences or outcome.probes.lost or not flat(found) else 0


def _run(
    given: Settings, codec: Codec, options: Options, say: Say, folder: Path
) -> tuple[Outcome, list[Growth]]:
    with world(given, lasting=True) as place:
        settings = with_ports(place.settings.replace(**options.horizons()), options.cells)
        traffic = SoakTraffic(settings, options.shape())
        say(f"soak: {options.minutes:g} minutes at {options.rate:,.0f}/s; the builder draws the first round")
        with (
            _building(traffic) as check,
            Sending(settings, traffic) as sender,
            played(settings, place.folder, codec, "soak", sender, options, say, check=check) as (running, outcome),
        ):  # fmt: skip
            # The numbers take an hour too: what the hour of load has shown is told, and kept, before.
            found = growths(outcome.rows, options.rate, options.seconds)
            folder.mkdir(parents=True, exist_ok=True)
            write_csv(outcome.rows, folder / "soak.csv")
            for line in growth_lines(found):
                say(f"soak: memory of {', '.join(line)}")
            lines, differences = verify_by_groups(
                settings, codec, running.api.url, options.seed, say, place.folder
            )
            outcome.verdict, outcome.differences = lines, len(differences.found)
            return outcome, found


@contextmanager
def _building(traffic: SoakTraffic) -> Iterator[Callable[[], None]]:
    """The process that makes the rounds, until the block ends; yields what raises ProcessEnded if it has failed."""
    builder = traffic.builder()
    builder.start()

    def check() -> None:
        if builder.exitcode:
            raise ProcessEnded(
                f"the builder of rounds ended with exit code {builder.exitcode}; its error stands above"
            )

    try:
        yield check
    finally:
        builder.kill()
        builder.join(_LEAVE_S)


def write(outcome: Outcome, found: list[Growth], options: Options, folder: Path) -> str:
    """Leave the report; returns its Markdown."""
    command = shlex.join(["python", "-m", "loadtest", *sys.argv[1:]])
    text = markdown(outcome, found, options.horizons(), command, options.rate, options.seconds)
    (folder / "soak.md").write_text(text, "utf-8")
    report = made() | {
        "options": asdict(options),
        "flat": flat(found), "growth": [asdict(growth) for growth in found], **outcome.report(),
    }  # fmt: skip
    (folder / "soak.json").write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    title = f"Stocktide soaked: {options.minutes:g} minutes at {options.rate:,.0f} messages/s"
    html = page(title, [f"Made at {report['at']} by {command}."], html_table(GROWTH_HEADS, growth_lines(found)), [
        section("Second by second", outcome.verdict, outcome.rows)
    ])  # fmt: skip
    (folder / "soak.html").write_text(html, "utf-8")
    return text
