"""Children that fall, drain, refuse, and outlive nobody."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from runtime import supervise as supervisor
from runtime.exit import ExitCode
from runtime.supervise import supervise


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "FIRST_PAUSE_S", 0.01)


def _python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def _falls_once(marker: Path, end: str) -> list[str]:
    return _python(
        f"import os, pathlib, signal, sys; marker = pathlib.Path({str(marker)!r})\n"
        f"if marker.exists(): sys.exit(0)\nmarker.touch(); {end}"
    )


DRAINS = (
    "import signal, sys, time\n"
    "signal.signal(signal.SIGTERM, lambda *a: sys.exit(0))\n"
    "print('up', file=sys.stderr, flush=True)\n"
    "time.sleep(60)"
)


def _signal_soon(number: signal.Signals) -> None:
    threading.Timer(1.0, os.kill, (os.getpid(), number)).start()


def test_all_drained_is_0() -> None:
    assert supervise([_python("pass"), _python("pass")]) == ExitCode.DRAINED


@pytest.mark.parametrize("end", ["sys.exit(75)", "os.kill(os.getpid(), signal.SIGKILL)", "sys.exit(1)"])
def test_a_child_that_fell_starts_again(tmp_path: Path, end: str) -> None:
    starts: list[int] = []
    command = _falls_once(tmp_path / "marker", end)
    assert supervise([command, _python("pass")], on_start=lambda number, pid: starts.append(number)) == 0
    assert starts == [0, 1, 0]


@pytest.mark.parametrize("code", [ExitCode.BAD_CONFIGURATION, ExitCode.NEEDS_PERSON])
def test_what_needs_a_person_is_passed_up_with_its_message(
    code: ExitCode, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    refuses = _python(f"import sys; print('write 8 instead', file=sys.stderr); sys.exit({int(code)})")
    begin = time.monotonic()
    assert supervise([_python(DRAINS), refuses]) == code
    assert time.monotonic() - begin < 20
    assert capfdbinary.readouterr().err.rstrip().endswith(b"write 8 instead")


def test_a_fault_that_no_start_heals_ends_the_whole() -> None:
    starts: list[int] = []
    assert (
        supervise([_python("import sys; sys.exit(1)")], on_start=lambda number, pid: starts.append(pid)) == 1
    )
    assert len(starts) == supervisor.CRASHES


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_all(number: signal.Signals) -> None:
    _signal_soon(number)
    assert supervise([_python(DRAINS), _python(DRAINS)]) == ExitCode.DRAINED


def test_a_child_that_does_not_drain_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "GRACE_S", 0.5)
    _signal_soon(signal.SIGTERM)
    stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    assert supervise([_python(stubborn)]) == ExitCode.TRY_AGAIN


def test_children_drain_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    marker = tmp_path / "drained"
    child = (
        f"import pathlib, signal, sys, time\n"
        f"signal.signal(signal.SIGTERM, lambda *a: (pathlib.Path({str(marker)!r}).touch(), sys.exit(0)))\n"
        f"print('up', file=sys.stderr, flush=True)\ntime.sleep(60)"
    )
    command = [sys.executable, "-c", child]
    code = f"from runtime.supervise import supervise; supervise([{command!r}])"
    parent = subprocess.Popen(_python(code), stderr=subprocess.PIPE)
    assert parent.stderr is not None
    with parent.stderr as lines:
        assert lines.readline() == b"up\n"
        parent.kill()
        parent.wait()
    deadline = time.monotonic() + 10
    while not marker.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert marker.exists()
