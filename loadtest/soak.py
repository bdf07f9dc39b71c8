"""`python -m loadtest soak`: an hour of traffic with short horizons. Does memory stay, and are the numbers right?"""

import json
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console

from loadtest.errors import ProcessEnded
from loadtest.freshness import wait_caught_up
from loadtest.peak import FOLDER, machine
from loadtest.peak_html import html_table, page, section
from loadtest.peak_observer import Watch
from loadtest.peak_probes import opening, probe_skus
from loadtest.peak_rows import write_csv
from loadtest.peak_run import CATCH_UP_S, Outcome, load
from loadtest.peak_sending import sending
from loadtest.peak_system import system, with_ports
from loadtest.processes import apply_rules, warm_up
from loadtest.sender import Sender, send_now
from loadtest.soak_report import Growth, flat, growths, markdown
from loadtest.soak_traffic import Shape, SoakTraffic, shape
from loadtest.soak_truth import verify_by_groups
from loadtest.world import world
from runtime.settings import Settings
from wire.codec import Codec

_OPENED_BEFORE_MS = 1_000
_LEAVE_S = 10.0


@dataclass(frozen=True)
class Options:
    """`horizon`: minutes, of ids, counts and closed lines. A second: `rate` messages, `probes`, `lookups`."""

    minutes: float = 60.0
    rate: float = 5_000.0
    horizon: float = 10.0
    probes: float = 20.0
    lookups: float = 50.0
    cells: int = 1
    seed: int = 1

    def horizons(self) -> dict[str, int]:
        """The settings."""
        ms = int(self.horizon * 60_000)
        return {"dedupe_horizon_ms": ms, "count_horizon_ms": ms, "reservation_memory_ms": ms}

    def shape(self) -> Shape:
        """The traffic."""
        return shape(self.rate, self.minutes * 60, int(self.horizon * 60_000), self.seed)


def soak(given: Settings, codec: Codec, options: Options, console: Console, folder: Path = FOLDER) -> int:
    """Run it, write the report, print it; 1 if a number was wrong, a probe was never seen, or a cell grew."""

    def say(text: str) -> None:
        console.print(f"[dim]{time.strftime('%H:%M:%S')}[/dim] {text}", highlight=False, soft_wrap=True)

    outcome = _run(given, codec, options, say)
    found = growths(outcome.rows, options.rate, options.minutes * 60)
    text = write(outcome, found, options, folder)
    console.print(text, highlight=False, soft_wrap=True, markup=False)
    say(f"written to {folder}: soak.md, soak.json, soak.html, soak.csv")
    return 1 if outcome.differences or outcome.probes.lost or not flat(found) else 0


def _run(given: Settings, codec: Codec, options: Options, say: Callable[[str], None]) -> Outcome:
    with world(given) as place:
        settings = with_ports(place.settings.replace(**options.horizons()), options.cells)
        traffic = SoakTraffic(settings, options.shape())
        with _building(traffic) as check, sending(settings, traffic) as sender:
            warm_up(settings, place.folder)
            say("soak: the builder draws the first round, and sends what is there beforehand")
            stage = sender.prepared(check)
            apply_rules(stage.rules, settings, place.folder)
            skus = probe_skus(stage.place, settings.partitions)
            send_now(Sender(settings), opening(skus, codec, int(time.time() * 1000) - _OPENED_BEFORE_MS))
            with system(settings, place.folder, options.cells) as running:
                wait_caught_up(
                    running.redis, settings, int(time.time() * 1000), CATCH_UP_S, running.engine.check
                )
                start = time.time() + stage.lead_s
                watch = Watch(running.api.url, start, skus, options.probes, stage.skus, options.lookups)
                sender.begin(start)
                say(
                    f"soak: {options.minutes:g} minutes at {options.rate:,.0f}/s begin in {stage.lead_s:.0f} s"
                )
                outcome = load(
                    running, sender, watch, "soak", (), options.minutes * 60, options.cells, say, check
                )
                lines, differences = verify_by_groups(settings, codec, running.api.url, options.seed, say)
                outcome.verdict, outcome.differences = lines, len(differences.found)
                running.engine.check()
                return outcome


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
    folder.mkdir(parents=True, exist_ok=True)
    write_csv(outcome.rows, folder / "soak.csv")
    command = shlex.join(["python", "-m", "loadtest", *sys.argv[1:]])
    seconds = options.minutes * 60
    text = markdown(outcome, found, options.horizons(), command, options.rate, seconds)
    (folder / "soak.md").write_text(text, "utf-8")
    report = {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "machine": machine(), "options": asdict(options),
        "flat": flat(found), "growth": [asdict(growth) for growth in found], **outcome.report(),
    }  # fmt: skip
    (folder / "soak.json").write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    heads = ("process", "MB/h", "± (95 %)", "bound")
    lines = [
        [each.kind, "-" if each.line is None else f"{each.line.per_hour:+.2f}",
         "-" if each.line is None else f"{each.line.margin:.2f}", f"{each.bound:.2f}"]
        for each in found
    ]  # fmt: skip
    title = f"Stocktide soaked: {options.minutes:g} minutes at {options.rate:,.0f} messages/s"
    html = page(title, [f"Made at {report['at']} by {command}."], html_table(heads, lines), [
        section("Second by second", outcome.verdict, outcome.rows)
    ])  # fmt: skip
    (folder / "soak.html").write_text(html, "utf-8")
    return text
