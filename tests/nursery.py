"""Commands whose processes begin with everything imported and every kernel loaded, which takes some three seconds of
processor else, and took most of many tests' time: one server a test process does both, and forks for each.

What it forks is a process like any other in all else: arguments, environment, output, signals, exit code. How processes
start is tried by those tests that have no use for this, and by all load tests.
"""

import ctypes
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

from loadtest import processes
from runtime.exit import run
from runtime.settings import PREFIX, Settings

_ROOT = Path(__file__).resolve().parents[1]
_PR_SET_PDEATHSIG = 1
_LISTENS_WITHIN_S = 60.0
_URL = "availability API on "

_server = multiprocessing.get_context("forkserver")
_server.set_forkserver_preload(["tests.preloaded"])


class Forked:
    """`python -m PACKAGE ARGUMENTS` with this environment alone, its output at the end of a file; and then what
    `subprocess.Popen` has, by the same names."""

    def __init__(self, package: str, arguments: list[str], environment: Mapping[str, str], out: Path) -> None:
        self._process = _server.Process(target=_become, args=(package, arguments, dict(environment), out))
        self._process.daemon = True  # it ends with the tests
        self._process.start()
        assert self._process.pid is not None
        self.pid: int = self._process.pid

    def poll(self) -> int | None:
        """Its exit code (negative: a signal); None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, once it has ended. Raises `subprocess.TimeoutExpired` (seconds)."""
        self._process.join(timeout)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        """Nothing happens to one that has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def environment(settings: Settings) -> dict[str, str]:
    """That of this process, with these settings alone."""
    kept = {
        name: os.environ[name] for name in (f"{PREFIX}KERNEL_CACHE", f"{PREFIX}CONFIG") if name in os.environ
    }
    return processes.environment(kept | settings.environment())


@contextmanager
def api_process(settings: Settings) -> Iterator[tuple[Forked, str]]:
    """The API on a free port until the block ends: its process, and its URL once it listens."""
    with tempfile.NamedTemporaryFile("r") as out:
        arguments = ["--port", "0"]
        process = Forked("availability_api", arguments, environment(settings), Path(out.name))
        try:
            deadline = time.monotonic() + _LISTENS_WITHIN_S
            said = ""
            while _URL not in said or not said.endswith("\n"):
                assert process.poll() is None, said
                assert time.monotonic() < deadline, said
                time.sleep(0.01)
                said += out.read()
            yield process, said.split(_URL)[1].split()[0]
        finally:
            process.kill()
            process.wait()


def _become(package: str, arguments: list[str], environment: dict[str, str], out: Path) -> None:
    os.setsid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    os.chdir(_ROOT)
    with out.open("ab") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    os.environ.clear()
    os.environ.update(environment)
    main = import_module(f"{package}.__main__").main
    sys.exit(run(lambda: main(arguments)))
