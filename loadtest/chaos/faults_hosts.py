"""A host is cut off from all others, dies or is given up: broker, Redis and both cells are on hosts of their own."""

import signal

from loadtest.chaos.engine import Engine
from loadtest.chaos.fault import Fault
from loadtest.chaos.network import Host, why_no_hosts
from loadtest.chaos.site import Site
from loadtest.chaos.waiting import until
from loadtest.verify.freshness import wait_caught_up
from runtime import redis as redis_link
from runtime.checkpoints import Checkpoints
from runtime.exit import ExitCode

_CELLS = 2
_LOST = 1
"""The cell whose host it is."""
_TIME_OUTS_S = (13.0, 17.0)
"""Longer than a lookup stays fresh, and than anybody waits for an answer of Redis."""
_RESTORED = "lane restored from its checkpoint"
_CATCH_UP_S = 180.0


def cut_off(site: Site) -> None:
    """Nothing arrives at a host, nor from it, for longer than all time-outs; the other cell goes on."""
    host, others = _host(_victim(site)), _lanes(site, of=1 - _LOST)
    host.cut()
    try:
        site.rest(*_TIME_OUTS_S)
        _only_they_are_fresh(site, others)
        site.moves(others)
    finally:
        host.join()


def dead(site: Site) -> None:
    """A host is gone with all that it had, and nobody is told; its cell starts on another one."""
    lost = _victim(site)
    _wait_for_checkpoints(site)
    _host(lost).cut()
    lost.kill()
    site.rest(0.5, 2.0)
    site.start_cell(_LOST).says(_RESTORED, len(_lanes(site, of=_LOST)) - 1)


def given_up(site: Site) -> None:
    """A host is cut off, and its cell started on another one; then the network is there again, and with it a cell that
    knows of nothing. By the seed it was started again meanwhile."""
    lost = _victim(site)
    _wait_for_checkpoints(site)
    _host(lost).cut()
    if site.dice.random() < 0.5:
        lost.signal(signal.SIGKILL, _LOST)
    site.rest(0.5, 2.0)
    following = site.start_cell(_LOST)
    following.says(_RESTORED, len(_lanes(site, of=_LOST)) - 1)
    with redis_link.client(site.settings) as redis:
        wait_caught_up(redis, site.settings, 0, _CATCH_UP_S, site.check)
    _host(lost).join()
    site.expect("the cell that was given up ends", lost.ends(), int(ExitCode.NEEDS_PERSON))
    site.expect("it says why", lost.said("was given to another engine") > 0, True)
    lost.start()
    site.expect("started again it ends as well", lost.ends(), int(ExitCode.NEEDS_PERSON))


def _victim(site: Site) -> Engine:
    return site.serving[_LOST]


def _host(engine: Engine) -> Host:
    assert engine.host is not None
    return engine.host


def _lanes(site: Site, of: int) -> list[int]:
    return [lane for lane in range(site.settings.partitions) if lane % _CELLS == of]


def _only_they_are_fresh(site: Site, lanes: list[int]) -> None:
    """The network is cut indeed, and only that one."""
    fresh = {site.traffic.probes[lane] for lane in lanes}
    until(lambda: site.numbers().keys() == fresh, "exactly the lanes of the other host to be fresh")


def _wait_for_checkpoints(site: Site) -> None:
    """Of every lane that is to be lost there is one. Raises NotCaughtUp."""
    of = _victim(site).settings
    assert of.checkpoint_dir is not None
    kept = [
        Checkpoints(of.checkpoint_dir, lane, of.partitions, of.generation) for lane in _lanes(site, _LOST)
    ]
    until(lambda: all(each.newest() is not None for each in kept), "a checkpoint of every lane of the cell")


FAULTS = (
    Fault("host-cut-off", "the host of one of two cells is cut off beyond all time-outs", cut_off, cells=_CELLS,
          why_not=why_no_hosts, hosts=True),
    Fault("host-dead", "a cell's host is gone at once; another one takes over from the checkpoint", dead, cells=_CELLS,
          why_not=why_no_hosts, tears=True, hosts=True),
    Fault("host-given-up", "a cell's host is cut off and replaced, and comes back", given_up, cells=_CELLS,
          why_not=why_no_hosts, hosts=True),
)  # fmt: skip
