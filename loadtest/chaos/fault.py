"""What a fault is: a name, how the house must be set up for it, and what it does at its moment."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from loadtest.chaos.site import Site

Strike = Callable[[Site], None]


def _nothing(_: Site) -> AbstractContextManager[None]:
    return nullcontext()


def _always() -> str | None:
    return None


@dataclass(frozen=True)
class Fault:
    """`strike` is called in the middle of the traffic, and returns when the fault is lifted.

    `cells`: of the engine. `proxies`: of "kafka" and "redis", what the engine reaches through a proxy. `prepared`: what
    must stand from before the engine starts until after the judgement. `why_not`: why this machine cannot do it, or
    None. `settles_s`: how long after the lifting the numbers must be right. `tears`: it kills or tears something.
    `hosts`: broker, Redis and each cell are on hosts of their own; everybody else is on another, which is never cut.
    """

    name: str
    about: str
    strike: Strike
    cells: int = 1
    proxies: frozenset[str] = frozenset()
    prepared: Callable[[Site], AbstractContextManager[None]] = _nothing
    why_not: Callable[[], str | None] = _always
    settles_s: float = 0.0
    tears: bool = False
    hosts: bool = False
