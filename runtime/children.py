"""Child processes that never outlive the process that started them."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

_TETHER = Path(__file__).with_name("tether.py")


def _new_spawner() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")


# The kernel ties a child to the *thread* that started it, so all are started by one that lives to the end.
_spawner = _new_spawner()


def _after_fork() -> None:
    global _spawner
    _spawner = _new_spawner()  # threads do not survive a fork


os.register_at_fork(after_in_child=_after_fork)


def spawn(
    command: Sequence[str],
    *,
    orphan_signal: signal.Signals = signal.SIGKILL,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: int = subprocess.DEVNULL,
    stdout: IO[bytes] | int | None = None,
    stderr: IO[bytes] | int | None = None,
) -> subprocess.Popen[bytes]:
    """Start `command`, which gets `orphan_signal` when this process ends in whatever way.

    It has a session of its own: Ctrl-C at the terminal reaches this process alone, which then stops its
    children in the right order.
    """
    tied = [sys.executable, "-I", "-S", str(_TETHER), str(os.getpid()), str(int(orphan_signal)), *command]
    return _spawner.submit(
        subprocess.Popen,
        tied,
        env=env,
        cwd=cwd,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
    ).result()


def stop(process: subprocess.Popen[bytes], grace_s: float) -> int:
    """Ask the process to end; kill it after `grace_s`. Returns its exit code (negative: the signal)."""
    process.terminate()
    try:
        return process.wait(grace_s)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()
