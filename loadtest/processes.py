"""The engine and the API as processes of their own, started and stopped by a load test."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from deploy.ports import answers, free_port
from loadtest.cpu import tree
from loadtest.errors import ProcessEnded
from runtime.children import spawn, stop
from runtime.settings import PREFIX, Settings

_ROOT = Path(__file__).resolve().parent.parent
_START_WITHIN_S = 60.0
_STOP_WITHIN_S = 30.0
_LAST_WORDS = 2_000


class Running:
    """A process, and the file its output goes to."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self.log = log
        self.started_at = time.time()
        self._process = process

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def check(self) -> None:
        """Raise ProcessEnded, with its last words, if it does not run any more."""
        code = self._process.poll()
        if code is not None:
            raise ProcessEnded(
                f"{self.name} ended with exit code {code}; its last words:\n{self.last_words()}"
            )

    def last_words(self) -> str:
        """The end of its output."""
        return self.log.read_bytes()[-_LAST_WORDS:].decode(errors="replace").rstrip()

    def wait(self) -> None:
        """Return when it has ended well. Raises ProcessEnded if it has not."""
        if self._process.wait():
            self.check()

    def ends_within(self, seconds: float) -> bool:
        """Whether it ends so soon."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        """End it and all that it has started at once, as a machine that dies does."""
        for number in tree(self.pid):
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> int:
        """Ask it to end, wait, and return its exit code."""
        return stop(self._process, _STOP_WITHIN_S)


def environment(own: Mapping[str, str]) -> dict[str, str]:
    """For a process that hears of no other settings of ours than these."""
    return {key: value for key, value in os.environ.items() if not key.startswith(PREFIX)} | dict(own)


@contextmanager
def running(
    name: str,
    arguments: list[str],
    settings: Settings,
    folder: Path,
    more: Mapping[str, str] | None = None,
    enter: Sequence[str] = (),
) -> Iterator[Running]:
    """`python -m ARGUMENTS` under these settings alone, until the block ends; its output goes to `folder`. `more`:
    variables beside the settings. `enter`: what brings it to another host."""
    log = folder / f"{name}.log"
    with log.open("ab") as out:
        process = spawn(
            [*enter, sys.executable, "-m", *arguments],
            env=environment({**settings.environment(), **(more or {})}),
            cwd=_ROOT,
            stdout=out.fileno(),
            stderr=out.fileno(),
        )
    child = Running(name, process, log)
    try:
        yield child
    finally:
        child.stop()


Start = Callable[[Settings, int, Path], AbstractContextManager[Running]]
"""Starts an engine of so many processes, which ends with the block; its output goes to a folder."""


@contextmanager
def engine(settings: Settings, cells: int, folder: Path) -> Iterator[Running]:
    """The engine with so many cells."""
    with running("engine", ["dataflows", "run", "--cells", str(cells)], settings, folder) as child:
        yield child


@contextmanager
def api(settings: Settings, folder: Path) -> Iterator[str]:
    """The API on a free port; yields its URL once it answers. Raises ProcessEnded."""
    settings = settings.replace(api_port=free_port())
    with listening_api(settings, folder):
        yield f"http://{settings.api_host}:{settings.api_port}"


@contextmanager
def listening_api(settings: Settings, folder: Path) -> Iterator[Running]:
    """The API on the port of the settings, once it answers. Raises ProcessEnded."""
    with running("api", ["availability_api"], settings, folder) as child:
        deadline = time.monotonic() + _START_WITHIN_S
        while not answers(settings.api_port):
            child.check()
            if time.monotonic() > deadline:
                raise ProcessEnded(
                    f"the API did not listen within {_START_WITHIN_S:g} s:\n{child.last_words()}"
                )
            time.sleep(0.05)
        yield child


def warm(settings: Settings, folder: Path) -> AbstractContextManager[Running]:
    """Compile the engine's kernels, which takes a while on a machine that has not done so before."""
    return running("warm", ["dataflows", "warm"], settings, folder)


def warm_up(settings: Settings, folder: Path) -> None:
    """Compile the engine's kernels now, so that no measurement waits for it. Raises ProcessEnded."""
    with warm(settings, folder) as warming:
        warming.wait()


def apply_rules(text: str, settings: Settings, folder: Path) -> None:
    """Make a rules file live. Raises ProcessEnded with what `rules apply` says."""
    file = folder / "rules.yaml"
    file.write_text(text, "utf-8")
    _rules(settings, "apply", str(file), "--author", "loadtest", "--approved-by", "loadtest")


def rebalance(settings: Settings) -> None:
    """Resolve the ring-fences with a percentage. Raises ProcessEnded with what `rules rebalance` says."""
    _rules(settings, "rebalance")


def _rules(settings: Settings, *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rules", *arguments],
        env=environment(settings.environment()),
        cwd=_ROOT,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        said = (done.stdout + done.stderr).decode(errors="replace").strip()
        raise ProcessEnded(f"`rules {arguments[0]}` ended with exit code {done.returncode}:\n{said}")
