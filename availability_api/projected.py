"""What may be promised by date: stock, less what is needed by then, and what is to come until then."""

from collections.abc import Container, Iterable
from itertools import accumulate

from wire.rows_read import EXPECTED, NEEDED, Dated, Node

DAY = 86_400_000


def project(
    active: bool,
    nodes: Iterable[Node],
    dated: Iterable[Dated],
    sells_from: Container[int],
    near: Container[int],
    now: int,
    days: int,
) -> list[int]:
    """Units by the end of each of `days` UTC days, the first of which is that of `now` (ms).

    `sells_from`: the ordinals of the channel's locations; `near`: those of the channels whose demand without a
    location counts. An entry is the least of what is left on that day and on every later one, asked for or not: what
    is promised to somebody is not promised twice. Negative where more is promised than there is and will be; 0 for a
    sku that is not active.
    """
    if not active:
        return [0] * days
    today = now // DAY
    changes: dict[int, int] = {today: 0}

    def move(day: int, units: int) -> None:
        day = max(day, today)
        changes[day] = changes.get(day, 0) + units

    for node in nodes:
        if node.ordinal in sells_from:
            move(today, max(0, node.sellable) - node.soft - node.hard)
    for each in dated:
        day = each.at // DAY
        if each.kind == EXPECTED:
            if each.ordinal in sells_from and each.at >= now:
                move(day, each.quantity)
        elif each.kind == NEEDED:
            if each.ordinal in sells_from:  # the node counts it as needed now
                move(today, each.quantity)
                move(day, -each.quantity)
        elif each.ordinal in near:
            move(day, -each.quantity)
    for day in range(today, today + days):
        changes.setdefault(day, 0)
    order = sorted(changes)
    left = dict(zip(order, accumulate(changes[day] for day in order), strict=True))
    entries = {}
    least = left[order[-1]]
    for day in reversed(order):
        least = min(least, left[day])
        entries[day] = least
    return [entries[day] for day in range(today, today + days)]
