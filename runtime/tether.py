"""Run as a script: `tether.py PARENT SIGNAL COMMAND...` becomes COMMAND, tied to the life of PARENT.

The kernel sends SIGNAL to the process when the parent ends, however it ends, SIGKILL included: nothing
is left behind. (Linux; elsewhere the command simply runs.) A script of its own, and not a `preexec_fn`:
code between fork and exec can deadlock in a process with threads.
"""

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Tie, look whether the parent is still there, and become the command."""
    parent, death_signal, *command = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
    if os.getppid() != int(parent):
        sys.exit(1)  # the parent ended before we were tied to it
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}")


if __name__ == "__main__":
    main()
