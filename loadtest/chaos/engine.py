"""The engine as an operator has it: a supervisor and its cells; killed, stopped, paused and started again.

On several hosts there is a supervisor on each, with one cell: to a run each of them is an engine.
"""

import contextlib
import os
import signal
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from loadtest.chaos.network import Host
from loadtest.chaos.waiting import until
from loadtest.errors import ProcessEnded
from loadtest.peak.memory import kinds
from loadtest.processes import Running, running
from runtime.settings import Settings

_LOOK_EVERY_S = 1.0
_PATIENCE_S = 120.0
_CELL = "cell "


class Engine:
    """`python -m dataflows run` under some settings; on a `host` of its own one cell, `only`. `memory`: the high-water
    mark (bytes) of each cell's process, the largest of all its lives."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        folder: Path,
        more: Mapping[str, str] | None = None,
        *,
        host: Host | None = None,
        only: int | None = None,
    ) -> None:
        self.name = name
        self.settings = settings
        self.host = host
        self.only = only
        self.memory: dict[int, int] = {}
        self._folder = folder
        self._more = more
        self._left = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self.start()
        self._watcher.start()

    def start(self) -> None:
        """Start it, where it does not run."""
        words = ["dataflows", "run"] if self.only is None else ["loadtest.chaos.keeper", str(self.only)]
        enter = () if self.host is None else self.host.enter
        self._stack = ExitStack()
        self._process: Running = self._stack.enter_context(
            running(self.name, words, self.settings, self._folder, self._more, enter)
        )

    @property
    def pid(self) -> int:
        """Of the supervisor."""
        return self._process.pid

    @property
    def log(self) -> Path:
        """Everything that it has put out, of all its lives."""
        return self._folder / f"{self.name}.log"

    def check(self) -> None:
        """Raise ProcessEnded if it has ended by itself."""
        self._process.check()

    def cells(self) -> dict[int, int]:
        """The process id of each cell that runs."""
        found = kinds(children(self.pid))
        return {int(kind.removeprefix(_CELL)): pid for pid, kind in found if kind.startswith(_CELL)}

    def signal(self, what: signal.Signals, cell: int) -> None:
        """To one cell, once it runs. Raises NotCaughtUp."""
        until(lambda: cell in self.cells(), f"{self.name} to run cell {cell}")
        self._look()
        os.kill(self.cells()[cell], what)

    def kill(self) -> None:
        """SIGKILL to the supervisor and all cells at once: the machine lost its power."""
        self._look()
        for pid in (self.pid, *self.cells().values()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._stack.close()

    def stop(self) -> int:
        """SIGTERM; its exit code. It may be started again."""
        self._look()
        code = self._process.stop()
        self._stack.close()
        return code

    def ends(self, within_s: float = _PATIENCE_S) -> int:
        """Wait until it ends by itself; its exit code. Raises ProcessEnded."""
        if not self._process.ends_within(within_s):
            raise ProcessEnded(
                f"{self.name} should have ended, and still runs:\n{self._process.last_words()}"
            )
        return self.stop()

    def said(self, text: str) -> int:
        """How often its output holds a text."""
        return self.log.read_text("utf-8", "replace").count(text)

    def says(self, text: str, more_than: int = 0) -> None:
        """Wait until its output holds a text more often than that. Raises NotCaughtUp."""
        until(lambda: self.said(text) > more_than, f"{self.name} to say {text!r}")

    def leave(self) -> None:
        """End it for good, however it is."""
        for pid in self.cells().values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        self._left.set()
        self._watcher.join()
        self._stack.close()

    def _watch(self) -> None:
        """Look at the memory of the cells: a process that is killed tells nothing afterwards."""
        while not self._left.wait(_LOOK_EVERY_S):
            self._look()

    def _look(self) -> None:
        for number, pid in self.cells().items():
            self.memory[number] = max(self.memory.get(number, 0), high_water(pid))


def children(pid: int) -> list[int]:
    """The processes that a process has started, and that run."""
    found = []
    for told in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # that thread has just ended
            found += [int(each) for each in told.read_text().split()]
    return found


def high_water(pid: int) -> int:
    """The most memory that a process has held, in bytes; 0 where it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    lines = (line.split() for line in status.splitlines())
    return next((int(words[1]) << 10 for words in lines if words and words[0] == "VmHWM:"), 0)
