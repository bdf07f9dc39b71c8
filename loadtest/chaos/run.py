"""One run: a fault and a seed. Everything starts, traffic flows, the fault strikes and is lifted, the judge speaks."""

import random
import shutil
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from loadtest.chaos.account import account_state
from loadtest.chaos.fault import Fault
from loadtest.chaos.house import House
from loadtest.chaos.judge import Judged, judge_numbers
from loadtest.chaos.readers import ApiReader, RowReader, reading, wait_for_looks
from loadtest.chaos.site import Site
from loadtest.chaos.traffic import CHANNEL, Traffic
from loadtest.chaos.waiting import until
from loadtest.processes import api, apply_rules
from loadtest.verify.freshness import wait_caught_up
from runtime import redis as redis_link
from runtime.settings import Settings
from runtime.topics import create_topics
from wire.codec import Codec

_KEPT = Path("reports/chaos")
_MOMENT = (0.15, 0.45)
_STARTS_WITHIN_S = 180.0
_LOOKS_AFTER = 3
_MANY_CHANGES = 50


@dataclass(frozen=True)
class Options:
    """Of the traffic of each run: how long its live part lasts, and real till lines a second."""

    seconds: float = 20.0
    rate: float = 300.0


@dataclass
class Result:
    """What came of a run. `moment_s` after the traffic began the fault struck; it lasted `struck_s`; `fresh_s` after it
    was lifted every lane was fresh. `memory`: high-water mark (bytes) of each cell of each engine. `broken`: what else
    was not as it must be."""

    fault: str
    seed: int
    moment_s: float
    struck_s: float = 0.0
    fresh_s: float | None = None
    judged: Judged = field(default_factory=Judged)
    messages: int = 0
    looks: int = 0
    changes: int = 0
    memory: dict[str, int] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def kept(self) -> Path:
        """Where the logs stay if it failed."""
        return _KEPT / f"{self.fault}-{self.seed}"

    @property
    def right(self) -> bool:
        """Whether everything is as it must be."""
        return not (self.judged.wrong or self.judged.back or self.judged.account.lines or self.broken)

    def differences(self) -> list[str]:
        """Whatever is not as it must be, a line each."""
        return [*self.broken, *self.judged.wrong, *self.judged.back, *self.judged.account.lines]


def moment_of(fault: str, seed: int, span_s: float) -> float:
    """How long after the beginning of the traffic a fault strikes."""
    return random.Random(f"{seed}-{fault}-moment").uniform(*_MOMENT) * span_s


def run(house: House, fault: Fault, seed: int, codec: Codec, options: Options) -> Result:
    """One run in a house. What goes wrong, of whatever sort, is in the result, and its logs are kept."""
    began = time.monotonic()
    folder = house.folder / f"{fault.name}-{seed}-{time.time_ns():x}"
    folder.mkdir()
    settings = house.settings.replace(
        topic_prefix=f"{folder.name}-",
        redis_prefix=f"{folder.name}:",
        state_dir=folder / "state",
        cells=fault.cells,
    )
    traffic = Traffic(settings, codec, seed, options.seconds, options.rate)
    result = Result(fault.name, seed, moment_of(fault.name, seed, traffic.span_s))
    site = Site(house, settings, folder, traffic, random.Random(f"{seed}-{fault.name}"))
    try:
        house.tidy(settings)
        _through(site, fault, result, codec)
    except Exception as error:
        result.broken.append(f"{type(error).__name__}: {error}")
    result.broken += site.surprises
    result.memory = {
        f"{engine.name} cell {cell}": most for engine in site.engines for cell, most in engine.memory.items()
    }
    if not result.right:
        _keep(house, folder, result.kept)
    try:
        house.tidy(settings)
    except Exception as error:
        result.broken.append(f"afterwards: {type(error).__name__}: {error}")
    shutil.rmtree(folder, ignore_errors=True)
    result.seconds = time.monotonic() - began
    return result


def _through(site: Site, fault: Fault, result: Result, codec: Codec) -> None:
    settings, traffic = site.settings, site.traffic
    with ExitStack() as stack:
        create_topics(settings)
        with ThreadPoolExecutor(1) as beside:
            applied = beside.submit(apply_rules, traffic.replay.simulation.rules, settings, site.folder)
            url = stack.enter_context(api(settings, site.folder))
            site.api.base_url = url
            stack.callback(site.api.close)
            applied.result()
        stack.enter_context(fault.prepared(site))
        stack.callback(site.remove_hosts)
        stack.callback(site.leave)
        if fault.hosts:
            site.start_apart(fault.cells)
        else:
            site.start_engine(_as_the_engine_goes(site, fault))
        traffic.prologue()
        redis = stack.enter_context(redis_link.client(settings))
        wait_caught_up(redis, settings, int(time.time() * 1000), _STARTS_WITHIN_S, site.check)
        until(lambda: len(site.numbers()) == len(traffic.probes), "the API to tell the probes")
        readers: list[RowReader | ApiReader] = [
            RowReader(settings, traffic.watched()), ApiReader(url, traffic.watched(), CHANNEL),
        ]  # fmt: skip
        with reading(readers):
            with traffic.live():
                before = site.numbers()
                time.sleep(result.moment_s)
                lifted = _strike(site, fault, result, before)
            time.sleep(max(0.0, lifted + fault.settles_s - time.monotonic()))
            truth = judge_numbers(result.judged, settings, redis, codec, url, traffic, result.seed)
            if not wait_for_looks(readers, _LOOKS_AFTER, _STARTS_WITHIN_S):
                result.broken.append("a reader does not come to look any more")
        _take_readers(result, readers)
        result.messages = sum(truth.records.values())
        site.stop()
        account_state(result.judged.account, site.lanes(), truth)


def _take_readers(result: Result, readers: Sequence[RowReader | ApiReader]) -> None:
    result.judged.back = [line for reader in readers for line in reader.seen.back]
    result.looks = sum(reader.seen.looks for reader in readers)
    result.changes = min(reader.seen.changes for reader in readers)
    if result.changes < _MANY_CHANGES:
        result.broken.append(f"a reader has seen only {result.changes} changes: that proves nothing")


def _as_the_engine_goes(site: Site, fault: Fault) -> Settings:
    return site.house.through_proxies(
        site.settings, kafka="kafka" in fault.proxies, redis="redis" in fault.proxies
    )


def _strike(site: Site, fault: Fault, result: Result, before: dict[str, int]) -> float:
    """The fault, and how long after its lifting everything was fresh; when it was lifted."""
    began = time.monotonic()
    fault.strike(site)
    lifted = time.monotonic()
    result.struck_s = lifted - began
    site.fresh_again(before)
    result.fresh_s = time.monotonic() - lifted
    return lifted


def _keep(house: House, folder: Path, kept: Path) -> None:
    """The logs of a run that failed, beside those of the services."""
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True)
    for log in folder.glob("*.log"):
        shutil.copy(log, kept)
    for server in (house.kafka, house.redis):
        if server.log_file.exists():
            shutil.copy(server.log_file, kept / f"{server.name.lower()}.log")
