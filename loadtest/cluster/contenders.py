"""Both ways to run two processes that share the lanes: started, one of them paused or killed, the
lanes of one moved."""

import os
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path
from tempfile import mkdtemp
from typing import NamedTuple, Self

from loadtest.chaos.engine import children
from loadtest.chaos.waiting import until
from loadtest.cluster.supervisor import MEMBER
from loadtest.cpu import cpu_seconds
from loadtest.processes import Running, Start, engine, running
from runtime.settings import Settings

PROCESSES = 2
PAUSE_S = 3.0


def cluster(settings: Settings, processes: int, folder: Path, *more: str) -> AbstractContextManager[Running]:
    """A Bytewax cluster of so many processes that drives the lanes, until the block ends."""
    arguments = ["loadtest.cluster.supervisor", *more]
    return running("cluster", arguments, settings.replace(cells=processes), folder)


class Deployment(ABC):
    """Two processes under a supervisor, until the block ends. Process n has the lanes `l mod 2 = n` either way."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings = settings.replace(cells=PROCESSES, checkpoint_dir=folder / "checkpoints")
        self._folder = folder
        self._stack = ExitStack()

    @abstractmethod
    def _begin(self) -> Running: ...

    def __enter__(self) -> Self:
        self._supervisor = self._begin()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def check(self) -> None:
        """Raise ProcessEnded if it does not run any more."""
        self._supervisor.check()

    def pids(self) -> dict[int, int]:
        """The process id of each process that runs."""
        return members(self._supervisor.pid)

    def cpu_s(self) -> float:
        """Processor seconds of all its processes so far."""
        return cpu_seconds(self._supervisor.pid)

    def pause(self, number: int) -> None:
        """One process stands still for some seconds, as in a long stall of its host."""
        pid = self.pids()[number]
        os.kill(pid, signal.SIGSTOP)
        time.sleep(PAUSE_S)
        os.kill(pid, signal.SIGCONT)

    def kill(self, number: int) -> None:
        """SIGKILL to one process; its supervisor sees to the rest."""
        os.kill(self.pids()[number], signal.SIGKILL)

    @abstractmethod
    def move(self, number: int) -> None:
        """Give the lanes of a process to one that has nothing of them but their checkpoints, as on another host."""

    def _elsewhere(self) -> str:
        return mkdtemp(dir=self._folder)


class Cells(Deployment):
    """Two cells, as they are."""

    _moved: tuple[int, Running] | None = None

    def _begin(self) -> Running:
        return self._stack.enter_context(engine(self._settings, PROCESSES, self._folder))

    def check(self) -> None:
        super().check()
        if self._moved is not None:
            self._moved[1].check()

    def pids(self) -> dict[int, int]:
        found = super().pids()
        if self._moved is not None:
            found[self._moved[0]] = self._moved[1].pid
        return found

    def move(self, number: int) -> None:
        """SIGTERM to that cell, which drains; the same cell is started elsewhere. The other one hears nothing of it."""
        pid = self.pids()[number]
        os.kill(pid, signal.SIGTERM)
        until(lambda: pid not in self.pids().values(), f"cell {number} to drain")
        arguments = ["dataflows", "cell", "--cells", str(PROCESSES), str(number)]
        settings = self._settings.replace(state_dir=Path(self._elsewhere()))
        there = self._stack.enter_context(running("moved", arguments, settings, self._folder))
        self._moved = number, there


class Cluster(Deployment):
    """A Bytewax cluster of two processes."""

    def _begin(self) -> Running:
        return self._stack.enter_context(cluster(self._settings, PROCESSES, self._folder))

    def move(self, number: int) -> None:
        """Every process is told at its start where all of them are: all drain, and all start again."""
        self._supervisor.stop()
        elsewhere = "--state", str(number), self._elsewhere()
        self._supervisor = self._stack.enter_context(
            cluster(self._settings, PROCESSES, self._folder, *elsewhere)
        )


class Contender(NamedTuple):
    """`name` in reports, `title` for people; `start` for a drain, `deploy` for what is struck under load."""

    name: str
    title: str
    start: Start
    deploy: Callable[[Settings, Path], Deployment]


CONTENDERS = (
    Contender("cells", "two cells", engine, Cells),
    Contender("cluster", "a cluster of two", cluster, Cluster),
)


def members(supervisor: int) -> dict[int, int]:
    """The process ids of the cells, or of the members of a cluster, that a supervisor has started, by their numbers."""
    found = {}
    for pid in children(supervisor):
        with suppress(OSError):  # it has just ended
            words = Path(f"/proc/{pid}/cmdline").read_text("utf-8").rstrip("\0").split("\0")
            if "cell" in words or MEMBER in words:
                found[int(words[-1])] = pid
    return found
