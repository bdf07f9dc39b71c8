"""Memory that costs nothing before it is touched."""

from pathlib import Path

import numpy as np
import pytest

from inventory.pages import MAPPED_FROM, untouched

_WIDE = np.dtype([("key", np.int64), ("next", np.int32), ("more", np.int32)])
_LONG = 8 << 20  # rows: 128 MB
_PAGE = 4096


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * _PAGE


@pytest.mark.parametrize("size", [0, 1, MAPPED_FROM // 16 - 1, MAPPED_FROM // 16, MAPPED_FROM])
def test_they_are_zeros_to_write_on(size: int) -> None:
    rows = untouched(size, _WIDE)
    assert (rows.size, rows.dtype, rows.flags.writeable, rows.flags.aligned) == (size, _WIDE, True, True)
    assert not rows.view(np.uint8).any()
    rows["next"] = 7
    assert (rows["next"] == 7).all()


def test_only_what_is_touched_is_in_memory_and_it_is_given_back() -> None:
    before = _resident()
    rows = untouched(_LONG, _WIDE)
    rows[: _LONG // 4]["key"] = 1
    quarter = rows.nbytes // 4
    assert quarter * 0.9 < _resident() - before < quarter * 1.5
    del rows
    assert _resident() - before < quarter / 2
