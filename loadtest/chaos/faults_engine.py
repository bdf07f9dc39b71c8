"""Faults of the engine's own processes."""

import signal

from loadtest.chaos.fault import Fault
from loadtest.chaos.site import Site
from loadtest.verify.freshness import wait_caught_up
from runtime import redis as redis_link
from runtime.exit import ExitCode
from runtime.settings import Settings

_RESUMED = "resumed=True"
_TIME_OUTS_S = (11.0, 13.0)
"""Longer than a lookup stays fresh, and than anybody waits for an answer of Redis."""
_CATCH_UP_S = 180.0


def nothing(site: Site) -> None:
    """The control: what a run says when nothing happens."""
    site.rest(0.0, 0.5)


def cell_killed(site: Site) -> None:
    """SIGKILL to the last cell; the supervisor starts it again, and the others go on."""
    before, last = site.engine.said(_RESUMED), site.settings.cells - 1
    others = {cell: pid for cell, pid in site.engine.cells().items() if cell != last}
    site.engine.signal(signal.SIGKILL, last)
    site.engine.says(_RESUMED, before)
    for cell, pid in others.items():
        site.expect(f"the process of cell {cell}, which nobody killed", site.engine.cells().get(cell), pid)


def cell_killed_again(site: Site) -> None:
    """SIGKILL, and once more while it starts."""
    site.engine.signal(signal.SIGKILL, 0)
    site.rest(2.0, 4.0)
    cell_killed(site)


def engine_killed(site: Site) -> None:
    """Everything of it at once, and started again by hand."""
    site.engine.kill()
    site.rest(0.5, 2.0)
    site.engine.start()


def drained(site: Site) -> None:
    """SIGTERM, exit 0, started again."""
    site.expect("SIGTERM drains", site.engine.stop(), int(ExitCode.DRAINED))
    site.rest(0.5, 2.0)
    site.engine.start()


def cell_paused(site: Site) -> None:
    """SIGSTOP to a cell, for longer than all time-outs."""
    site.engine.signal(signal.SIGSTOP, 0)
    site.last(_TIME_OUTS_S, lambda: site.engine.signal(signal.SIGCONT, 0))


def taken_over(site: Site) -> None:
    """An engine stands still; a second one, of the next generation, takes its lanes over; the first wakes up."""
    first = site.engine
    for cell in first.cells():
        first.signal(signal.SIGSTOP, cell)
    second = site.start_engine(_next_generation(first.settings))
    try:
        _caught_up(site, second.settings)
    finally:
        for cell in first.cells():
            first.signal(signal.SIGCONT, cell)
    site.expect("the first engine ends fenced", first.ends(), int(ExitCode.NEEDS_PERSON))
    site.expect("it says who has the view", first.said("belongs to generation 2") > 0, True)


def _next_generation(settings: Settings) -> Settings:
    generation = settings.generation + 1
    return settings.replace(
        generation=generation, state_dir=settings.state_dir.with_name(f"state-{generation}")
    )


def _caught_up(site: Site, settings: Settings) -> None:
    """Every lane of an engine has all that there is, and has offered it."""
    with redis_link.client(site.settings) as redis:
        wait_caught_up(redis, settings, 0, _CATCH_UP_S, site.engine.check)


FAULTS = (
    Fault("nothing", "the control: nothing happens", nothing),
    Fault("cell-killed", "SIGKILL of the only cell", cell_killed, tears=True),
    Fault("one-of-two-cells-killed", "SIGKILL of one of two cells", cell_killed, cells=2, tears=True),
    Fault("cell-killed-twice", "SIGKILL, and again while it starts", cell_killed_again, tears=True),
    Fault("engine-killed", "SIGKILL of supervisor and cells, started by hand", engine_killed, cells=2, tears=True),
    Fault("drained", "SIGTERM, started again", drained),
    Fault("cell-paused", "a cell stands still beyond all time-outs", cell_paused),
    Fault("two-engines", "one stands still, one of the next generation takes over, the first wakes up", taken_over),
)  # fmt: skip
