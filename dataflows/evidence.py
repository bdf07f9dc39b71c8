"""What a lane knows about a position that differs from a stock list."""

from typing import Any

from dataflows.causes import Cause, Evidence
from inventory.hindsight import Delta, anchor_of, coming_to, deltas_of, position_of, unsellable_of
from inventory.incomplete import is_withheld
from inventory.lane import Lane


def evidence_of(lane: Lane, sku: int, place: int, at: int, difference: int) -> Evidence:
    """All but what is parked, and what follows from the declared basis. `sku`: a row, `place`: an ordinal."""
    position = position_of(lane.memory, sku, place)
    coming = coming_to(lane.memory, sku)
    transfers = [(each.location, each.units) for each in coming if each.transfer]
    told = Evidence(
        difference,
        at,
        on_the_way=[units for to, units in transfers if to == place],
        sent_off=[units for to, units in transfers if to != place],
        expected=[each.units for each in coming if not each.transfer and each.location == place],
    )
    if position < 0:
        return told
    deltas: list[Delta] = deltas_of(lane.memory, position)
    return told._replace(
        deltas=deltas,
        anchor=anchor_of(lane.memory, position),
        unsellable=unsellable_of(lane.memory, position),
    )


def why_not_told(lane: Lane, sku: int, place: int, at: int) -> tuple[Cause, str]:
    """Why a position cannot be told as of an instant."""
    position = position_of(lane.memory, sku, place)
    if position >= 0 and is_withheld(lane.memory.state(), position):
        told = "the log of the engine does not go back far enough, and nobody has counted it since"
        return Cause.INCOMPLETE, told
    return Cause.NOT_KEPT, _why_not_kept(lane, position, at)


def _why_not_kept(lane: Lane, position: int, at: int) -> str:
    anchor = anchor_of(lane.memory, position) if position >= 0 else None
    if anchor is not None and anchor.counted_at > at:
        return f"it was counted later: {anchor.quantity} by {anchor.source}, and what was before is not kept"
    return "what moved since then is no longer kept"


def category_of(lane: Lane, sku: int) -> str:
    """Of the catalog; "" where it says none."""
    number = int(lane.memory.stores["skus"].table.rows["item_class"][sku])
    told: Any = lane.masters.documents.get(f"class:{number}")
    return "" if not told or told[0] is None else str(told[0])
