"""What a place has for a channel when what others need is left."""

from availability_api.network import Channel, Network
from availability_api.places import spare_of
from inventory.shelves import Promised
from wire.rows_read import Node

WEB = Channel("web", 0, {0: "DC1", 1: "S001"}, frozenset({0, 1, 3}))
AMAZON = Channel("amazon", 1, {0: "DC1"}, frozenset({0, 1}))
PICKUP = Channel("pickup", 3, {1: "S001"}, frozenset({0, 3}))
NETWORK = Network({each.id: each for each in (WEB, AMAZON, PICKUP)}, {}, {}, {})


def node(ordinal: int, on_hand: int, safety_stock: int = 0) -> Node:
    return Node(ordinal, on_hand, 0, 0, 0, 0, 0, safety_stock)


def spare(channel: Channel, *needs: Promised, kept: int = 0) -> dict[int, int]:
    return spare_of([node(0, 10, kept), node(1, 8)], list(needs), channel, NETWORK)


def test_without_needs_it_is_what_safety_stock_leaves() -> None:
    assert spare(WEB, kept=3) == {0: 7, 1: 8}
    assert spare(AMAZON) == {0: 10}


def test_what_a_fence_holds_for_another_channel_is_left() -> None:
    fence: Promised = [1, 6, 1, []]
    assert spare(WEB, fence) == {0: 4, 1: 8}
    assert spare(WEB, fence, kept=3) == {0: 1, 1: 8}
    assert spare(AMAZON, fence) == {0: 10}


def test_what_was_promised_without_a_place_is_left_where_it_can_be_kept_from_nowhere_else() -> None:
    assert spare(WEB, [3, 5, 0, []]) == {0: 10, 1: 3}
    assert spare(WEB, [0, 12, 0, []]) == {0: 6, 1: 6}
    assert spare(WEB, [0, 12, 0, []], kept=3) == {0: 6, 1: 6}  # what is kept for thieves serves a promise


def test_what_moves_out_of_the_way_makes_room() -> None:
    assert spare(WEB, [0, 8, 0, []], [1, 2, 1, []]) == {0: 8, 1: 8}
