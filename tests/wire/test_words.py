"""Words between lanes about snapshot batches and components: whole, or refused."""

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
SHELF: dict[str, Any] = {
    "nodes": [[0, 4, 1]], "lines": [3], "promised": [[1, 2, 0, [3]]], "kits": [["KIT", 1, 0, 2]],
}  # fmt: skip


def told(offers: Any, shelf: Any) -> dict[str, Any]:
    """What a lane tells of a component."""
    return {"kind": "components", "rows": [["LAMP", 7, 1, True, 9, offers, shelf]]}


def test_whole_words_pass() -> None:
    assert check_word(ITEMS) == "items"
    assert check_word(COMPLETE) == "complete"
    assert check_word(told([[0, 5, 2]], SHELF)) == check_word(told([], None)) == "components"


def test_what_an_earlier_version_told_of_components_passes() -> None:
    assert check_word(told([[0, 5, 2, 3]], [[0, 4]])) == "components"


@pytest.mark.parametrize(
    "broken",
    [
        {"nodes": [[0, 4]]}, {"lines": [-1]}, {"lines": []},
        {"promised": [[1, 2, 0, []]]}, {"kits": [["KIT", 0, 0, 2]]},
        {"more": 1},
    ],
)  # fmt: skip
def test_a_broken_shelf_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(WireError, match="rows"):
        check_word(told([[0, 5, 2]], SHELF | broken))


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
