"""A process of a load test's own, that sends or asks so that it disturbs nobody, and the pipe to it."""

import multiprocessing
from collections.abc import Callable
from typing import Any, Self

from loadtest.errors import ProcessEnded

SPAWN = multiprocessing.get_context("spawn")

_ENDS_BY_ITSELF_S = 0.1
_LEAVE_S = 30.0


class Child:
    """`who` in messages; it runs `work`, which gets `given` and then its end of the pipe. It ends with the block."""

    def __init__(self, who: str, work: Callable[..., None], *given: object) -> None:
        self._who = who
        self.pipe, theirs = SPAWN.Pipe()
        self._process = SPAWN.Process(target=work, args=(*given, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.join(_ENDS_BY_ITSELF_S)
        self._process.kill()
        self._process.join(_LEAVE_S)

    def hear(self) -> Any:
        """What it says next. Raises ProcessEnded."""
        try:
            return self.pipe.recv()
        except EOFError:
            raise ProcessEnded(f"{self._who}'s process ended by itself; its error stands above") from None
