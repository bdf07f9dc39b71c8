"""What a system goes through at peak: what is sent, and what happens meanwhile."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from loadtest.peak.schedule import black_friday, steady
from loadtest.peak.sending import Traffic
from loadtest.peak.system import Reader, System
from loadtest.peak.tills import TillsTraffic
from loadtest.peak.w1 import W1Traffic
from loadtest.processes import apply_rules
from loadtest.w1 import workload as w1
from loadtest.w1.draw import Size


@dataclass(frozen=True, kw_only=True)
class Pace:
    """What every load has: `minutes` of it, and probes and lookups a second."""

    minutes: float = 1.0
    probes: float = 50.0
    lookups: float = 100.0
    cells: int = 1
    seed: int = 1

    @property
    def seconds(self) -> float:
        """How long the load is."""
        return self.minutes * 60


@dataclass(frozen=True, kw_only=True)
class Options(Pace):
    """`speed`: how many times faster than it was the year passes. `rate`: events a second of the others, `top` at the
    top of the ramp. `minutes`: of each scenario. `positions`: in the snapshot."""

    speed: float = 20_000.0
    rate: float = 5_000.0
    top: float = 200_000.0
    positions: int = 1_000_000


class Action(NamedTuple):
    """Something that happens `at` a share of the whole time."""

    at: float
    note: str
    do: Callable[[System], None]


class Scenario(NamedTuple):
    """`say`: what it is, for people."""

    say: str
    traffic: Callable[[Options], Traffic]
    actions: tuple[Action, ...] = ()


def _year(options: Options) -> Traffic:
    return TillsTraffic(options.seconds, options.speed, options.seed)


def _outage(options: Options) -> Traffic:
    return TillsTraffic(options.seconds, options.speed, options.seed, outage=True)


def _even(options: Options) -> Traffic:
    return W1Traffic(steady(options.rate, options.seconds), options.seed)


def _flash(options: Options) -> Traffic:
    return W1Traffic(steady(options.rate, options.seconds), options.seed, hot=True)


def _ramp(options: Options) -> Traffic:
    return W1Traffic(black_friday(options.rate, options.top, options.seconds), options.seed)


def _snapshot(options: Options) -> Traffic:
    return W1Traffic(steady(options.rate, options.seconds), options.seed, positions=options.positions)


def _other_rules(system: System) -> None:
    """Another buffer for one channel: the numbers of every sku there change. (Those of probes are in another.)"""
    text = w1.rules(Size()).replace(
        f"channel: amazon, units: {w1.BUFFER}}}", f"channel: amazon, units: {w1.BUFFER + 2}}}"
    )
    apply_rules(text, system.settings, system.folder)


def _stall_reader(system: System) -> None:
    assert system.reader is not None
    system.reader.stall()


def _go_on_reading(system: System) -> None:
    assert system.reader is not None
    system.reader.go_on()


def _read(system: System) -> None:
    system.reader = Reader(system.settings)


SCENARIOS: Mapping[str, Scenario] = {
    "year": Scenario("the real year of tills from its first day on, with all that surrounds them", _year),
    "flash-sale": Scenario("nine of ten events are about ten skus", _flash),
    "black-friday": Scenario(
        "the rate grows beyond what the machine takes, and falls again: what has been left is made up for", _ramp
    ),
    "store-batches": Scenario(
        "a fifth of the stores is cut off for a third of the time, and then sends three hours at once", _outage
    ),
    "snapshot": Scenario("one snapshot of all positions in the middle of the traffic", _snapshot),
    "rule-change": Scenario(
        "a rule that changes the numbers of every sku is applied in the middle of the traffic", _even,
        (Action(0.4, "rules applied: another buffer for every sku", _other_rules),),
    ),
    "channel-failures": Scenario(
        "the API is killed and comes back; a reader of `availability` stops reading, and goes on", _even,
        (
            Action(0.0, "a reader of availability begins", _read),
            Action(0.2, "the API is killed", lambda system: system.api.kill()),
            Action(0.3, "the API is started", lambda system: system.api.start()),
            Action(0.4, "the reader stops reading", _stall_reader),
            Action(0.8, "the reader goes on", _go_on_reading),
        ),
    ),
}  # fmt: skip
