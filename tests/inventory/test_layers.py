import pytest

from inventory.layers import (
    BY_KEY,
    BY_NAME,
    FIELDS,
    LAYERS,
    Level,
    Rounding,
    match_keys,
    scaled,
    value_of,
)


def test_every_layer_is_listed_once() -> None:
    assert [layer.name for layer in LAYERS] == [
        "exclusion", "safety_stock", "network_safety_stock", "ring_fence", "share", "buffer", "cap",
        "threshold", "low_stock", "in_transit", "backorder",
    ]  # fmt: skip
    assert len(BY_NAME) == len(BY_KEY) == len(LAYERS)


def test_only_safety_stock_and_in_transit_may_match_places() -> None:
    assert {layer.name for layer in LAYERS if "region" in match_keys(layer)} == {"safety_stock", "in_transit"}


def test_what_is_withheld_rounds_up_and_what_is_shown_rounds_down() -> None:
    assert BY_NAME["safety_stock"].rounding is Rounding.UP
    assert {BY_NAME[name].rounding for name in ("share", "ring_fence", "in_transit")} == {Rounding.DOWN}


def test_the_layers_of_a_channel_and_no_others_name_one() -> None:
    assert {layer.name for layer in LAYERS if not layer.names_channel} == {
        "safety_stock",
        "network_safety_stock",
    }
    assert BY_NAME["safety_stock"].level is Level.NODE


def test_every_field_of_a_layer_has_a_kind() -> None:
    for layer in LAYERS:
        assert {*layer.values, *layer.required, *layer.optional} <= set(FIELDS)


@pytest.mark.parametrize(
    ("text", "number"),
    [("12.5", 125_000), ("100", 1_000_000), ("0", 0), ("0.0001", 1), ("12.50000", 125_000), ("-1", -10_000)],
)
def test_decimals_are_exact(text: str, number: int) -> None:
    assert scaled(text) == number


@pytest.mark.parametrize("text", ["", "ten", "1e2", "nan", "1_0", "0x1", ".", " 1", "١"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a number"):
        scaled(text)


def test_more_decimals_than_can_be_kept_are_refused() -> None:
    with pytest.raises(ValueError, match="more than 4 decimals"):
        scaled("12.00001")


@pytest.mark.parametrize(
    ("field", "text", "number"),
    [("units", "3", 3), ("percent", "12.5", 125_000), ("confidence", "0.9", 9_000)],
)
def test_values(field: str, text: str, number: int) -> None:
    assert value_of(field, text) == number


@pytest.mark.parametrize(
    ("field", "text"),
    [("units", "-1"), ("units", "2.5"), ("units", "9" * 14), ("percent", "100.0001"), ("confidence", "1.1")],
)
def test_values_out_of_range(field: str, text: str) -> None:
    with pytest.raises(ValueError, match="is not"):
        value_of(field, text)
