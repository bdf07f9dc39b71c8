"""The lookup measurement, small: that it measures, not how fast this machine is."""

import pytest

from loadtest.bench.lookup import LookupBenchFailed, _complete, lookup_bench


def test_it_measures_all_three() -> None:
    figures = lookup_bench(skus=200, connections=4, batch=20, rounds=1, seconds=0.2)
    assert figures.keys() == {"lookup_ratio_to_bare", "lookups_per_s", "bare_per_s", "batch_skus_per_s"}
    assert all(figure > 0 for figure in figures.values())


def test_an_answer_may_come_in_pieces() -> None:
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"
    assert [_complete(answer[:end]) for end in (10, 38, 42, len(answer))] == [False, False, False, True]


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"])
def test_any_other_answer_ends_the_measurement(answer: bytes) -> None:
    with pytest.raises(LookupBenchFailed, match="the server answered"):
        _complete(answer)
