"""Exit codes, and the one way in which a command refuses to go on: a message and a code.

A supervisor reads the code, a person reads the message: it says what to do.
"""

import sys
from collections.abc import Callable
from enum import IntEnum


class ExitCode(IntEnum):
    """What a process says by ending."""

    DRAINED = 0
    """All that was accepted is written; nothing is left to do."""
    BAD_CONFIGURATION = 2
    """A setting, a file or a topic contradicts; starting again without a change is of no use."""
    DIFFERENT = 3
    """Of a command that compares: all went well, and there are differences."""
    TRY_AGAIN = 75
    """Something outside was away or has changed; a supervisor starts the process again, with back-off."""
    NEEDS_PERSON = 76
    """Only a person can decide; the message is the command to type."""


class Refusal(Exception):
    """An error whose text is for a person: what is wrong and what to do. Ends the process with `code`."""

    code = ExitCode.BAD_CONFIGURATION


def run(main: Callable[[], int]) -> int:
    """The exit code of `main()`; a `Refusal` becomes its message on stderr and its code."""
    try:
        return main()
    except Refusal as refusal:
        print(refusal, file=sys.stderr, flush=True)
        return refusal.code
    except KeyboardInterrupt:
        return 130  # 128 + SIGINT, as shells count it
