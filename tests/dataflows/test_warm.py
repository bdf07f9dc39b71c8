"""The history that compiles the kernels goes from either end, and reaches every stage."""

import pytest

from dataflows.warm import warm


@pytest.mark.parametrize("from_the_end", [False, True])
def test_the_history_goes_from_either_end(from_the_end: bool) -> None:
    assert warm(from_the_end=from_the_end) > 0
