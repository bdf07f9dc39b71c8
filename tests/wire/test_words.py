"""Words between lanes about snapshot batches: whole, or refused."""

from typing import Any

import numpy as np
import pytest

from inventory.sequences import to_text
from wire.framing import WireError
from wire.words import check_word

ITEMS: dict[str, Any] = {
    "kind": "items", "source": "wms", "batch": "b", "lane": 3, "numbers": to_text(np.array([-5, 1, 2**62])),
    "bases": [["NET", "HARD", None, "DC1"]], "after": {"2": 7},
}  # fmt: skip
COMPLETE: dict[str, Any] = {
    "kind": "complete", "source": "wms", "batch": "b", "mode": "NONZERO", "locations": ["DC1"], "basis": "GROSS",
    "net_of": "HARD", "demand_as_of": None, "as_of": 1, "after": {},
}  # fmt: skip


def test_whole_words_pass() -> None:
    assert check_word(ITEMS) == "items"
    assert check_word(COMPLETE) == "complete"


@pytest.mark.parametrize(
    ("word", "broken"),
    [
        (ITEMS, {"numbers": "no numbers"}),
        (ITEMS, {"numbers": 7}),
        (ITEMS, {"numbers": "AAAA"}),
        (ITEMS, {"bases": [["NET", "HARD", None]]}),
        (ITEMS, {"after": {"2": -1}}),
        (COMPLETE, {"mode": "SOME"}),
        (COMPLETE, {"locations": "DC1"}),
        (COMPLETE, {"as_of": None}),
    ],
)
def test_broken_words_are_refused(word: dict[str, Any], broken: dict[str, Any]) -> None:
    with pytest.raises(WireError, match=next(iter(broken))):
        check_word({**word, **broken})
