"""Processes that compute for minutes, and that nobody waits for when whoever asked them goes."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import active_children, get_context


@contextmanager
def workers(many: int) -> Iterator[ProcessPoolExecutor]:
    """A pool of so many processes, a new one for each task: what a task took is given back. If the block fails (Ctrl-C
    and SIGTERM are failures too) they are killed, whatever they do."""
    others = active_children()
    with ProcessPoolExecutor(many, get_context("spawn"), max_tasks_per_child=1) as pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for each in active_children():
                if each not in others:
                    each.kill()
            raise
