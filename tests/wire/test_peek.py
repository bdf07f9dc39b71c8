"""What a record is about is told without decoding it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.codec import Codec, WireError
from wire.peek import sku_and_version

CODEC = Codec()
FIELDS = {"generation": 1, "computed_at": 1, "as_of": 1, "active": True, "channels": []}


@given(st.text(max_size=80), st.integers(-(2**63), 2**63 - 1))
def test_it_tells_what_decoding_tells(sku: str, version: int) -> None:
    data = CODEC.encode("Availability", {"sku": sku, "version": version, **FIELDS})
    assert sku_and_version(CODEC, data) == (sku, version)


def test_what_is_no_such_record() -> None:
    whole = CODEC.encode("Availability", {"sku": "SKU", "version": 2**40, **FIELDS})
    for data in (
        CODEC.encode("CatalogItem", {"sku": "SKU"}),
        whole[:10],
        whole[:14],
        whole[:16],
        b"",
        b"nonsense",
    ):
        with pytest.raises(WireError):
            sku_and_version(CODEC, data)
