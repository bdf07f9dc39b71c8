"""The business exceptions that stand for a sku: what its facts show to be wrong.

Those that depend on which record came first (`conflicting_duplicate`, `alias_conflict`) or on a record that
was not folded as it is (`unknown_channel`) are noted by the model as it folds. What stands for a count that
was refused or for a whole batch is found where these are kept; drift where it is measured.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from inventory.reference.deficit import oversold
from inventory.reference.demand import open_at, open_quantity
from inventory.reference.facts import ON_HAND, LineFacts, LineId, SkuFacts, Version
from inventory.reference.network import Network
from inventory.reference.numbering import SkuNumbers
from inventory.reference.positions import last_count
from inventory.reference.supply import over_received


class Incident(NamedTuple):
    """`subject` is a location, a channel, a reference, a component, a reservation line as RESERVATION/LINE, or
    as is said at its code.
    """

    code: str
    subject: str


def standing(facts: SkuFacts, numbers: SkuNumbers, network: Network, now: int) -> Iterator[Incident]:
    for location, node in numbers.nodes.items():
        if node.sellable < 0:
            yield Incident("negative_stock", location)
        if node.shortage > 0:
            yield Incident("oversell", location)
        if network.is_deleted(location) and node.on_hand > 0:
            yield Incident("stock_at_deleted_location", location)
        if is_clamped(facts, location):
            yield Incident("clamped_basis", location)
    for channel in oversold(numbers.promised):
        yield Incident("oversell", channel)
    for reference, line_of_supply in facts.supply.items():
        if over_received(line_of_supply):
            yield Incident("over_receipt", reference)
    for line_id, line in facts.lines.items():
        for code in line_incidents(line, now):
            yield Incident(code, subject(line_id))


def is_clamped(facts: SkuFacts, location: str) -> bool:
    """Does the anchor say 0 net of demand, where there is demand? Its source may stop at 0, and hide more."""
    last = last_count(facts, location, ON_HAND)
    if last is None:
        return False
    _, count = last
    return count.number == 0 and open_at(facts, location, count.net_of, count.demand_as_of) > 0


def line_incidents(line: LineFacts, now: int) -> Iterator[str]:
    """What is wrong with a line: only what a later version has not put right, and while it matters."""
    last = line.last()
    if last is None:
        yield "orphan_consumption"
        return
    if len({version.content for version in line.versions if version.version == last.version}) > 1:
        yield "conflicting_version"
    if last.action == "CANCEL":
        if sum(used.consumed for used in line.consumption if used.occurred_at > last.occurred_at) > 0:
            yield "shipped_after_cancel"
    elif line.released() + line.consumed() > line.ordered():
        yield "over_release"
    if open_quantity(line, now) and any(revived(*pair) for pair in pairwise(sorted(line.versions))):
        yield "confirmed_after_expiry"


def revived(before: Version, after: Version) -> bool:
    """A line that had lapsed, and that a later version took up again."""
    return (
        before.commitment == "SOFT"
        and before.action != "CANCEL"
        and after.action != "CANCEL"
        and after.version > before.version
        and before.expires_at is not None
        and after.occurred_at > before.expires_at
    )


def subject(line_id: LineId) -> str:
    return "/".join(line_id)
