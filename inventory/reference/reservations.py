"""Checked reservations: the one input that is first come, first served."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, NamedTuple

from inventory.reference.demand import ends_at, lapses_after, open_quantity
from inventory.reference.facts import LineFacts, LineId, Version
from inventory.reference.network import Network
from inventory.reference.numbering import SkuNumbers
from inventory.reference.shelves import to_hold


class Decision(NamedTuple):
    """What was answered to one version of a checked line.

    `outcome` is ACCEPTED, PARTIAL or REFUSED; `quantity` the units granted to the whole line, of which it may
    have used up some; `available` what there was for it beside what it held already. `reason` is why not all
    was granted: `insufficient`, `expired`, `fact_line`, `bundle_sku`, or `conflict`, which answers its event and
    decides nothing. Times are ms.
    """

    reservation_id: str
    line: str
    sku: str
    version: int
    outcome: str
    reason: str | None
    quantity: int
    available: int
    decided_at: int


class Request(NamedTuple):
    """A version of a line that asks for a decision. `is_component`: what it asks for is part of a bundle.

    The last three fields are those of its record.
    """

    sku: str
    line_id: LineId
    version: Version
    allow_partial: bool
    is_component: bool
    log_time: int
    source: str
    event_id: str


DecisionKey = tuple[str, str, str]
"""reservation_id, line and sku."""


class Decisions:
    """What was decided, refusals too, by line and version; and what an earlier life had published."""

    def __init__(self) -> None:
        self._made: defaultdict[DecisionKey, dict[int, Decision]] = defaultdict(dict)
        self._published: dict[tuple[DecisionKey, int], Decision] = {}

    def publish(self, value: Mapping[str, Any]) -> None:
        """A record of the decisions topic. The first of a version stands; a conflict decided nothing."""
        decision = Decision(*(value[name] for name in Decision._fields))
        if decision.reason != "conflict":
            key = (decision.reservation_id, decision.line, decision.sku)
            self._published.setdefault((key, decision.version), decision)

    def made(self, request: Request) -> dict[int, Decision]:
        """All decisions of the line, by version. To be added to."""
        return self._made[(*request.line_id, request.sku)]

    def published(self, request: Request) -> Decision | None:
        return self._published.get(((*request.line_id, request.sku), request.version.version))

    def of(self, sku: str) -> list[Decision]:
        """All decisions of a sku."""
        return sorted(
            decision for key, made in self._made.items() if key[2] == sku for decision in made.values()
        )


def answer(
    request: Request,
    decisions: Decisions,
    line: LineFacts,
    numbers: SkuNumbers,
    network: Network,
    now: int,
    *,
    is_bundle: bool,
) -> Decision:
    """What to answer to a version that was not decided yet. `line` and `numbers` are as of `now` (ms).

    Who wants a bundle asks for its components (`is_bundle`: this one does not).

    What is published stands even where it would be decided otherwise today. A line that was told of as a
    fact belongs to whoever told it: nobody can ask for it any more. That is a decision and no conflict, since
    it depends on which facts were in the same batch, and must not be taken back in another life.
    """
    asked = request.version
    available, limit = room(request, line, numbers, network, now)
    used = line.released() + line.consumed()
    wanted = 0 if asked.action == "CANCEL" else asked.quantity

    def decision(outcome: str, reason: str | None, granted: int) -> Decision:
        reservation_id, number = request.line_id
        return Decision(
            reservation_id, number, request.sku, asked.version, outcome, reason, granted, available, now
        )

    if asked.version != max(decisions.made(request), default=0) + 1:
        return decision("REFUSED", "conflict", 0)
    published = decisions.published(request)
    if published is not None:
        return published
    if is_bundle:
        return decision("REFUSED", "bundle_sku", 0)
    if line.versions and not line.is_checked():
        return decision("REFUSED", "fact_line", 0)
    if has_expired(asked, line.last(), now):
        return decision("REFUSED", "expired", 0)
    if wanted <= used + limit:
        return decision("ACCEPTED", None, wanted)
    if request.allow_partial and limit > 0:
        return decision("PARTIAL", "insufficient", used + limit)
    return decision("REFUSED", "insufficient", 0)


def has_expired(asked: Version, last: Version | None, now: int) -> bool:
    """Is it too late for a version? It may be told late that a line was confirmed in time, not the reverse."""
    if asked.action == "CANCEL":
        return False
    if last is not None and last.action != "CANCEL" and asked.occurred_at > ends_at(last):
        return True
    # Whoever asked so long ago that nothing would be held must not be told that it is.
    return now > lapses_after(asked)


def room(
    request: Request, line: LineFacts, numbers: SkuNumbers, network: Network, now: int
) -> tuple[int, int]:
    """What is available to a request beside what its line holds, and up to how much the line may be open.

    What the line holds at the same place, or of the same channel, is taken out of the numbers already: it has
    that much more. So a version that asks for no more than its line holds is never short of stock.

    At a place it has to be there, beyond what safety stock keeps, and free: what customers were promised
    without a place, or a fence sets aside for others, may stand there and nowhere else.
    """
    asked, last = request.version, line.last()
    held = open_quantity(line, now)
    sells_from = {place.id for place in network.sells_from(asked.channel)}
    told = numbers.channels.get(asked.channel)
    of_channel = 0 if told is None else told.offer if request.is_component else told.available
    is_there = last is not None and last.location == asked.location
    in_pool = (
        last is not None
        and last.channel == asked.channel
        and (is_there or last.location is None or last.location in sells_from)
    )
    if asked.location is None:
        return of_channel, of_channel + (held if in_pool else 0)
    node = numbers.nodes.get(asked.location)
    # A place that the channel may not sell from has nothing for it.
    at_node = 0
    if node is not None and asked.location in sells_from:
        shelf = numbers.shelf
        gives_back = last if last is not None and not is_there and held else None
        if gives_back is not None and gives_back.bundle in shelf.each:
            # Kits of one sort change places with one another; of others it is not known whether they could.
            shelf = shelf.with_kit(gives_back.bundle)
        unmet = shelf.unmet(asked.channel)
        if gives_back is not None:
            # What it holds elsewhere, or nowhere yet, it gives back when it moves: it is not in its own way.
            shelf = shelf.without(gives_back.channel, gives_back.location, held)
        at_node = min(node.node_ats, to_hold(asked.location, asked.channel, shelf, unmet))
    limit = min(of_channel + (held if in_pool else 0), at_node + (held if is_there else 0))
    return min(of_channel, at_node), limit
