"""Processes that compute for whoever may go before they have done."""

import time
from concurrent.futures import Future

import pytest

from loadtest.workers import workers

_LONG_S = 60.0


def test_they_compute() -> None:
    with workers(2) as pool:
        assert [each.result() for each in [pool.submit(pow, 2, n) for n in range(4)]] == [1, 2, 4, 8]


def _leave_at_work(under_way: list[Future[None]]) -> None:
    with workers(1) as pool:
        under_way += [pool.submit(time.sleep, _LONG_S) for _ in range(3)]
        while not under_way[0].running():
            time.sleep(0.01)
        raise KeyboardInterrupt


def test_nobody_waits_for_them_when_the_block_fails() -> None:
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        _leave_at_work([])
    assert time.monotonic() - began < _LONG_S / 2
