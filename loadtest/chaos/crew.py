"""Who makes the runs: this process, one after the other, or several side by side, each with services of its own.

A worker is a process that is told a fault and a seed on a line of its standard input, and answers with a line: the
entry of the run, as JSON.
"""

import json
import logging
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from queue import SimpleQueue
from typing import IO, Any

from loadtest.chaos import report
from loadtest.chaos.catalogue import FAULTS
from loadtest.chaos.house import House, house
from loadtest.chaos.run import Options, run
from loadtest.errors import ProcessEnded
from loadtest.processes import environment
from runtime import exit as exits
from runtime import logs
from runtime.children import spawn, stop
from runtime.codec import codec_of
from runtime.settings import Settings
from wire.codec import Codec

_LANES = 4
_TIDIES_UP_S = 10.0
_LEAVE_S = 1.0
_WORKER = (sys.executable, "-m", __name__)

Task = tuple[str, int]
"""A fault and a seed."""


def one_by_one(
    tasks: Iterable[Task], settings: Settings, codec: Codec, options: Options
) -> Iterator[report.Entry]:
    """Make the runs in this process; what comes of each, as soon as it has. Raises as `house` does."""
    logging.getLogger("stocktide.kafka").setLevel(logging.CRITICAL)  # that it is away is no news here
    with ExitStack() as stack:
        services: House | None = None
        hosts = False
        for name, seed in tasks:
            fault = FAULTS[name]
            if services is None or fault.hosts != hosts:
                stack.close()
                hosts = fault.hosts
                services = stack.enter_context(house(settings, _LANES, hosts=hosts))
            yield report.entry_of(run(services, fault, seed, codec, options))


def side_by_side(
    tasks: Sequence[Task], workers: int, settings: Settings, options: Options
) -> Iterator[report.Entry]:
    """Let so many processes make the runs; what comes of each, as soon as it has. Raises ProcessEnded."""
    free: SimpleQueue[_Worker] = SimpleQueue()

    def make(task: Task) -> report.Entry:
        worker = free.get()
        try:
            return worker.make(task)
        finally:
            free.put(worker)

    with ExitStack() as stack:
        for _ in range(min(workers, len(tasks))):
            free.put(stack.enter_context(_worker(settings, options)))
        threads = ThreadPoolExecutor(workers)
        stack.callback(threads.shutdown, wait=False, cancel_futures=True)
        for done in as_completed([threads.submit(make, task) for task in tasks]):
            yield done.result()


class _Worker:
    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._told: IO[bytes] = process.stdin
        self._heard: IO[bytes] = process.stdout

    def make(self, task: Task) -> dict[str, Any]:
        """Have it make a run. Raises ProcessEnded."""
        try:
            self._told.write(json.dumps(task).encode() + b"\n")
            self._told.flush()
            return dict(json.loads(self._heard.readline()))
        except (OSError, ValueError):
            raise ProcessEnded(
                f"the process for {task[0]} seed {task[1]} ended; its error stands above"
            ) from None


@contextmanager
def _worker(settings: Settings, options: Options) -> Iterator[_Worker]:
    process = spawn(
        [*_WORKER, json.dumps(asdict(options))], env=environment(settings.environment()),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    with process:
        try:
            yield _Worker(process)
        except BaseException:
            stop(process, _LEAVE_S)
            raise
        assert process.stdin is not None
        process.stdin.close()  # nothing is left to do
        with suppress(subprocess.TimeoutExpired):
            process.wait(_TIDIES_UP_S)
        stop(process, _LEAVE_S)


def _work() -> int:
    settings = Settings.load()
    logs.configure(settings.replace(log_level="error"))
    told = (tuple(json.loads(line)) for line in sys.stdin)
    for entry in one_by_one(told, settings, codec_of(settings), Options(**json.loads(sys.argv[1]))):
        print(json.dumps(entry), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(exits.run(_work))
