"""A steady load, and what happens under it: nothing for a while; then one process stands still for some seconds; then
it is killed; then its lanes move."""

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from loadtest.bench.latency import WARM_UP_S, System, under_load
from loadtest.chaos.waiting import until
from loadtest.cluster.contenders import PROCESSES, Contender, Deployment
from loadtest.cluster.waits import by_process, longest_s, percentiles_ms, within
from loadtest.pause import no_collection
from loadtest.peers.latency import through_redis
from loadtest.probes import Probed, Seen
from runtime.settings import Settings
from wire.codec import Codec

PROBES_PER_S = 100
STRUCK = PROCESSES - 1
"""The process that is paused and killed, and whose lanes move."""
_SETTLES_S = 4.0
"""What was left to be done by a pause is done so long after it."""
_SEED = 11
_PATIENCE_S = 60.0
"""Processes may still be starting when the last probe is due."""
_BEFORE_S = 0.5
"""What was due so shortly before a process was struck may not have been published yet."""


class Plan(NamedTuple):
    """`rate`: events a second, probes included; `seconds` in which nothing happens; `after` each of three strokes."""

    rate: int
    seconds: int
    after: int

    @property
    def whole(self) -> int:
        """Seconds that are measured."""
        return self.seconds + 3 * self.after


class Stroke(NamedTuple):
    """When it was begun (epoch seconds), how long it took to do, and how many processes have begun anew by it."""

    at: float
    took: float
    anew: int


class Struck(NamedTuple):
    """The strokes, and how many cores the processes used before."""

    cores: float
    paused: Stroke
    killed: Stroke
    moved: Stroke


@dataclass(frozen=True)
class Cost:
    """What a stroke cost: how long lanes were not fresh, those of the process that was struck (`own_s`) and those of
    the other one; `took_s` to do it, `anew` processes began anew."""

    own_s: float
    others_s: float
    took_s: float
    anew: int

    def line(self) -> str:
        """For people."""
        return (
            f"not fresh {self.own_s:.1f} s, the other's lanes {self.others_s:.1f} s, {self.anew} began anew"
        )


@dataclass(frozen=True)
class Steady:
    """One run. Milliseconds from when a change was due to when Redis showed it, and processor seconds a second of the
    processes (`cores`), of the undisturbed seconds, in which `probes` were due (`p50_slower`: of the process that was
    slower; `p50_later`: the same some seconds after a pause); `lost` of all probes; `behind_ms`: how late the load was
    sent at worst."""

    contender: str
    probes: int
    p50: float
    p99: float
    worst: float
    p50_slower: float
    cores: float
    paused: Cost
    p50_later: float
    killed: Cost
    moved: Cost
    lost: int
    behind_ms: float
    mismatches: int

    def line(self) -> str:
        """For people."""
        calm = f"p50 {self.p50:.1f}, p99 {self.p99:.1f}, worst {self.worst:.0f} ms, {self.cores:.2f} cores"
        wrong = f"{self.lost} lost, {self.mismatches} mismatches"
        paused = f"{self.paused.line()}, later p50 {self.p50_later:.1f} ms"
        strokes = f"paused: {paused}; killed: {self.killed.line()}; moved: {self.moved.line()}"
        return f"{calm}; {strokes}; {wrong}"


def measure(given: Settings, codec: Codec, contender: Contender, plan: Plan) -> Steady:
    """One run of one contender, from nothing."""
    deployed: list[Deployment] = []

    @contextmanager
    def start(settings: Settings, _: int, folder: Path) -> Iterator[Deployment]:
        with contender.deploy(settings, folder) as deployment:
            deployed.append(deployment)
            yield deployment

    load = plan.rate - PROBES_PER_S
    with under_load(given, codec, PROCESSES, load, plan.whole, _SEED, start) as system:
        begins = system.begin()
        first = begins + WARM_UP_S
        with ThreadPoolExecutor(1) as other, system.load() as sending, no_collection():
            striking = other.submit(strike, deployed[0], first, plan, system.heard_of)
            asked = through_redis(system)
            probed = system.probes.run(asked, begins, plan.whole, PROBES_PER_S, WARM_UP_S, _PATIENCE_S)
            behind = sending.recv()
        return _steady(contender.name, system, probed, first, striking.result(), behind)


def strike(deployment: Deployment, first: float, plan: Plan, is_back: Callable[[float], bool]) -> Struck:
    """Look at a deployment from `first` (epoch seconds) on, pause one of its processes, kill it, and move its lanes.
    `is_back` says whether every lane has been heard of since an instant. NotCaughtUp where one is not for minutes."""
    _sleep_until(first)
    spent, since = deployment.cpu_s(), time.time()
    _sleep_until(first + plan.seconds)
    cores = (deployment.cpu_s() - spent) / (time.time() - since)
    strokes = []
    for number, do in enumerate((deployment.pause, deployment.kill, deployment.move)):
        _sleep_until(first + plan.seconds + number * plan.after)
        strokes.append(_stroke(deployment, do, is_back))
    return Struck(cores, *strokes)


def _sleep_until(at: float) -> None:
    time.sleep(max(0.0, at - time.time()))


def _stroke(deployment: Deployment, do: Callable[[int], None], is_back: Callable[[float], bool]) -> Stroke:
    before, began = deployment.pids(), time.time()
    do(STRUCK)
    done = time.time()
    until(partial(is_back, done), "all lanes to be there again")
    anew = sum(before.get(number) != pid for number, pid in deployment.pids().items())
    return Stroke(began, done - began, anew)


def _steady(
    contender: str, system: System, probed: Probed, first: float, struck: Struck, behind: float
) -> Steady:
    cores, paused, killed, moved = struck
    seen, lanes = probed.seen, system.settings.partitions

    def between(begun: float, end: float) -> list[Seen]:
        return within(seen, begun, end - _BEFORE_S)

    calm = between(first, paused.at)
    p50, p99, worst = percentiles_ms(calm, 50, 99, 100)
    later = between(paused.at + paused.took + _SETTLES_S, killed.at)
    return Steady(
        contender, len(calm), p50, p99, worst, slower_p50(calm, lanes), cores,
        cost(between(paused.at - _BEFORE_S, killed.at), paused, lanes), slower_p50(later, lanes),
        cost(between(killed.at - _BEFORE_S, moved.at), killed, lanes),
        cost(between(moved.at - _BEFORE_S, float("inf")), moved, lanes),
        probed.lost, behind * 1000, system.mismatches(),
    )  # fmt: skip


def slower_p50(seen: Iterable[Seen], lanes: int) -> float:
    """Milliseconds: the median wait of the process that was slower."""
    return max(percentiles_ms(own, 50)[0] for own in by_process(seen, lanes, PROCESSES))


def cost(seen: Iterable[Seen], stroke: Stroke, lanes: int) -> Cost:
    """What a stroke cost, by the probes from shortly before it on."""
    longest = [longest_s(own) for own in by_process(seen, lanes, PROCESSES)]
    own = longest.pop(STRUCK)
    return Cost(own, max(longest), stroke.took, stroke.anew)
