"""A supervisor of cells: restarts what fell, stops all together, passes up what needs a person."""

import logging
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from types import FrameType

from runtime.children import spawn
from runtime.exit import ExitCode

_log = logging.getLogger("stocktide.supervisor")

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
STEADY_S = 60.0
"""A child that ran this long has recovered: its next fall starts the back-off anew."""
CRASHES = 5
"""So many unexplained ends in a row are a fault that another start does not heal."""
GRACE_S = 30.0
"""How long children may drain before they are killed."""
_LAST_LINES = 5
_POLL_S = 0.05


class _Flag:
    """Raised by a signal. (`threading.Event` takes a lock, which a handler must not.)"""

    raised = False

    def raise_it(self, number: int, frame: FrameType | None) -> None:
        self.raised = True


class _Child:
    """One command, running, or waiting to be started again."""

    def __init__(self, number: int, command: Sequence[str], env: Mapping[str, str] | None) -> None:
        self.number = number
        self._command = command
        self._env = env
        self._falls = 0
        self._crashes = 0
        self.due: float | None = None
        self.done: int | None = None
        self.start()

    def start(self) -> None:
        self.due = None
        self._started = time.monotonic()
        self.process = spawn(
            self._command, env=self._env, orphan_signal=signal.SIGTERM, stderr=subprocess.PIPE
        )
        self._tail: deque[str] = deque(maxlen=_LAST_LINES)
        self._forwarder = threading.Thread(target=self._forward, args=(self.process, self._tail), daemon=True)
        self._forwarder.start()

    def last_words(self) -> str:
        self._forwarder.join(1.0)
        return "\n".join(self._tail)

    def ended(self, code: int) -> ExitCode | int | None:
        """Decide what an end means: a code to pass up, or None where the child is done or starts again."""
        if code == ExitCode.DRAINED:
            self.done = code
            return None
        if code in (ExitCode.BAD_CONFIGURATION, ExitCode.NEEDS_PERSON):
            return code
        if time.monotonic() - self._started >= STEADY_S:
            self._falls = self._crashes = 0
        explained = code < 0 or code == ExitCode.TRY_AGAIN
        self._crashes = 0 if explained else self._crashes + 1
        if self._crashes >= CRASHES:
            return code
        pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**self._falls)
        self._falls += 1
        self.due = time.monotonic() + pause
        _log.warning(
            "child ended and starts again",
            extra={"child": self.number, "end": _meaning(code), "pause_s": pause},
        )
        return None

    @staticmethod
    def _forward(process: subprocess.Popen[bytes], tail: deque[str]) -> None:
        """Pass the child's stderr on, line by line, and keep the last lines."""
        assert process.stderr is not None
        with process.stderr as lines:
            for line in lines:
                sys.stderr.buffer.write(line)
                sys.stderr.buffer.flush()
                tail.append(line.decode("utf-8", "replace").rstrip())


def supervise(
    commands: Sequence[Sequence[str]],
    env: Mapping[str, str] | None = None,
    on_start: Callable[[int, int], None] | None = None,
) -> int:
    """Run the commands until all have drained (0), or one needs more than another start.

    A child that ends with 75 or by a signal starts again, with back-off and without limit; one that ends
    in any other unknown way likewise, but at most `CRASHES` times in a row. A child's 2 or 76 stops all
    and is returned, with its last lines repeated at the end. SIGTERM and SIGINT stop all: each drains, and
    what does not within `GRACE_S` is killed. `on_start(number, pid)` hears of every start. Call it in the
    main thread.
    """
    stopping = _Flag()
    handlers = {
        number: signal.signal(number, stopping.raise_it) for number in (signal.SIGTERM, signal.SIGINT)
    }
    children: list[_Child] = []
    try:
        for number, command in enumerate(commands):
            children.append(_Child(number, command, env))
            _tell(on_start, children[-1])
        return _watch(children, stopping, on_start)
    finally:
        _kill_all(children)
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _watch(children: list[_Child], stopping: _Flag, on_start: Callable[[int, int], None] | None) -> int:
    while not all(child.done is not None for child in children):
        if stopping.raised:
            return _stop_all(children)
        time.sleep(_POLL_S)
        for child in children:
            if child.done is not None:
                continue
            if child.due is not None:
                if time.monotonic() >= child.due:
                    child.start()
                    _tell(on_start, child)
                continue
            code = child.process.poll()
            if code is None:
                continue
            fatal = child.ended(code)
            if fatal is not None:
                _log.error(
                    "child cannot go on; all are stopped",
                    extra={"child": child.number, "end": _meaning(code)},
                )
                words = child.last_words()
                _stop_all([other for other in children if other is not child])
                print(words, file=sys.stderr, flush=True)
                return fatal
    return ExitCode.DRAINED


def _stop_all(children: list[_Child]) -> int:
    """Let every child drain. 0, or the first other code."""
    running = [child for child in children if child.done is None and child.due is None]
    for child in running:
        child.process.terminate()
    deadline = time.monotonic() + GRACE_S
    worst = int(ExitCode.DRAINED)
    for child in running:
        try:
            code = child.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            _log.error("child did not drain in time and is killed", extra={"child": child.number})
            child.process.kill()
            code = child.process.wait()
        worst = worst or (code if code >= 0 else ExitCode.TRY_AGAIN)
    return worst


def _kill_all(children: list[_Child]) -> None:
    for child in children:
        if child.process.poll() is None:
            child.process.kill()
            child.process.wait()


def _tell(on_start: Callable[[int, int], None] | None, child: _Child) -> None:
    if on_start is not None:
        on_start(child.number, child.process.pid)


def _meaning(code: int) -> str:
    if code < 0:
        return signal.Signals(-code).name
    try:
        return f"{code} ({ExitCode(code).name.lower().replace('_', ' ')})"
    except ValueError:
        return str(code)
