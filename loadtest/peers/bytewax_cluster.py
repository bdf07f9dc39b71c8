"""Starts the processes of the Bytewax peer, with recovery and a snapshot a second; ends when one of them does."""

import os
import subprocess
import sys
import time
from pathlib import Path

from deploy.ports import HOST, free_port
from loadtest.peers.given import Given
from runtime.children import spawn, stop

_FLOW = "loadtest.peers.bytewax_flow:flow"
_RECOVERY_PARTITIONS = 4
_LOOK_EVERY_S = 0.2
_GRACE_S = 2.0
"""A cluster that is told to end does not always: nothing is lost, a run begins from nothing."""


def main() -> int:
    """The exit code of the process that ended first."""
    given = Given.load()
    recovery = Path(given.state) / "recovery"
    recovery.mkdir(parents=True)
    subprocess.check_call([
        sys.executable, "-m", "bytewax.recovery", str(recovery), str(_RECOVERY_PARTITIONS)
    ])  # fmt: skip
    command = [sys.executable, "-m", "bytewax.run", _FLOW, "-r", str(recovery), "-s", "1", "-b", "0"]
    addresses = ";".join(f"{HOST}:{free_port()}" for _ in range(given.parallel))
    processes = [
        spawn([*command, "-i", str(number), "-a", addresses], env=os.environ)
        for number in range(given.parallel)
    ]
    try:
        while all(process.poll() is None for process in processes):
            time.sleep(_LOOK_EVERY_S)
        return next(code for process in processes if (code := process.poll()) is not None)
    finally:
        for process in processes:
            stop(process, _GRACE_S)


if __name__ == "__main__":
    sys.exit(main())
