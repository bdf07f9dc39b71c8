"""The engine as an operator has it: processes, signals, exit codes, and what they said."""

import contextlib
import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from rules.__main__ import main as rules_main
from runtime.exit import run
from runtime.settings import Settings
from tests.nursery import Forked, api_process, environment

ROOT = Path(__file__).resolve().parents[2]
ENDS_WITHIN_S = 60.0
COMES_ABOUT_WITHIN_S = 60.0


class Engine:
    """One `python -m dataflows ...` process under these settings alone; its output is in `log`."""

    def __init__(self, settings: Settings, folder: Path, *arguments: str, **more: str) -> None:
        self.log = folder / f"engine-{time.monotonic_ns()}.log"
        self.log.touch()
        words = list(arguments or (("run",) if settings.cells > 1 else ("cell", "0")))
        self._process = Forked("dataflows", words, environment(settings) | more, self.log)

    @property
    def pid(self) -> int:
        """Of the process itself: the only cell, or the supervisor."""
        return self._process.pid

    def cell(self, number: int) -> int:
        """The process id of a cell under the supervisor."""
        found = [
            pid for pid, words in self._children() if words[-2:] == [b"%d" % number, b""] and b"cell" in words
        ]
        assert found, f"no cell {number} runs under {self.pid}:\n{self.said()}"
        return found[0]

    def _children(self) -> Iterator[tuple[int, list[bytes]]]:
        for status in Path("/proc").glob("[0-9]*/status"):
            try:
                if f"PPid:\t{self.pid}\n" in status.read_text():
                    yield int(status.parent.name), (status.parent / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue  # it has just ended

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def said(self) -> str:
        """Everything that it has put out."""
        return self.log.read_text("utf-8", "replace")

    def says(self, text: str, times: int = 1, within_s: float = COMES_ABOUT_WITHIN_S) -> None:
        """Wait until its output holds a text so often."""

        def said() -> bool:
            assert self.running or self.said().count(text) >= times, f"ended before {text!r}:\n{self.said()}"
            return self.said().count(text) >= times

        eventually(said, f"the engine to say {text!r}", within_s)

    def kill(self, pid: int | None = None) -> None:
        """SIGKILL to the process itself, or to a cell of the supervisor."""
        os.kill(pid or self.pid, signal.SIGKILL)
        if pid is None:
            self._process.wait()

    def ends(self, within_s: float = ENDS_WITHIN_S) -> int:
        """Wait for its exit code."""
        try:
            return self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it did not end within {within_s:g} s:\n{self.said()}") from None

    def stop(self, within_s: float = ENDS_WITHIN_S) -> int:
        """SIGTERM; its exit code."""
        self._process.terminate()
        return self.ends(within_s)

    def leave(self) -> None:
        """Kill it with its cells."""
        if self.running:
            cells = [pid for pid, _ in self._children()]
            self._process.kill()
            for pid in cells:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._process.wait()


@contextmanager
def api(settings: Settings) -> Iterator[str]:
    """The API until the block ends: its URL."""
    with api_process(settings) as (_, url):
        yield url


@contextmanager
def engine(settings: Settings, folder: Path, *arguments: str, **more: str) -> Iterator[Engine]:
    """An engine until the block ends; without arguments its only cell, without a supervisor. `more`: environment."""
    child = Engine(settings, folder, *arguments, **more)
    try:
        yield child
    finally:
        child.leave()


def eventually(check: Callable[[], bool], what: str, within_s: float = COMES_ABOUT_WITHIN_S) -> None:
    """Wait until `check` holds."""
    deadline = time.monotonic() + within_s
    while not check():
        assert time.monotonic() < deadline, f"waited {within_s:g} s in vain for {what}"
        time.sleep(0.02)


def typed(
    main: Callable[[list[str]], int], settings: Settings, *words: str, **environment: str
) -> tuple[int, str]:
    """A command's exit code and what it put out. It runs in this process: to start one takes longer than it does."""
    said, root = StringIO(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    with pytest.MonkeyPatch.context() as variables, redirect_stdout(said), redirect_stderr(said):
        for name, value in (settings.environment() | environment).items():
            variables.setenv(name, value)
        try:
            return run(lambda: main(list(words))), said.getvalue()
        finally:  # commands send the logs where they want them
            root.handlers[:] = handlers
            root.setLevel(level)


def apply_rules(text: str, settings: Settings, folder: Path) -> None:
    """Make a rules file live."""
    file = folder / "rules.yaml"
    file.write_text(text, "utf-8")
    code, said = typed(rules_main, settings, "apply", str(file), "--author", "us", "--approved-by", "them")
    assert code == 0, said
