"""What eBay's replies say."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from feeds.connector import Item
from feeds.connectors.replies import REASON_MOST, refusal
from feeds.exchange import Reply
from feeds.outcomes import Fate, ItemOutcome, Setback, Trouble

_INVALID_QUANTITY = 25004
_FOR_GOOD = {_INVALID_QUANTITY, 25604, 25701, 25702, 25707, 25708, 25709, 25710, 25712, 25713}
"""A SKU, an offer or a value that is wrong. All else may pass: that a listing was revised too often today is nowhere
said to have a code of its own, and that it cannot be revised, or that of "any user error", may mean this."""
_ITSELF = {25001, 25025}
"""Trouble that is eBay's own, or two who write at once."""
_ITSELF_S, _LATER_S = 300.0, 3600.0


class Line(NamedTuple):
    """What became of a SKU's total, or of one of its offers. `code`: of the error; None: there was none, or it has
    none. `fate`: APPLIED, or what is to be made of the refusal."""

    sku: str | None
    offer: str | None
    fate: Fate
    code: int | None = None
    reason: str | None = None


def lines(reply: Reply) -> list[Line]:
    """Those of a reply to a write."""
    return [_line(each) for each in reply.json()["responses"]]


def refused(reply: Reply) -> list[Line]:
    """The lines of a call of which nothing was taken. Raises Setback for one that was refused as a whole."""
    told = reply.json()
    if reply.status == 400 and "responses" in told:
        return lines(reply)
    code, reason = _error(told["errors"])
    if reply.status != 400:
        raise refusal(reply, reason)
    fate, after_s = _meaning(code)
    raise Setback(fate, Trouble.NONE, f"400 {reason}", after_s)


def outcome(item: Item, offers: Sequence[str], told: Sequence[Line]) -> ItemOutcome:
    """What became of an item, by the lines of its total and its offers; an offer that eBay does not know is named
    without a SKU."""
    own = [line for line in told if line.sku == item.listing or line.offer in offers]
    if not own:
        return ItemOutcome(Fate.UNKNOWN, "not in the reply")
    if item.quantity == 0 and any(line.offer is None and line.fate is Fate.APPLIED for line in own):
        return ItemOutcome(Fate.APPLIED)  # with a total of 0 nothing is sold, whatever the offers have
    bad = [line for line in own if line.fate is not Fate.APPLIED]
    if item.quantity == 0 and bad and all(line.code == _INVALID_QUANTITY for line in bad):
        # Seen in its sandbox: so it answers a write of 0, and has taken it. Let it be read.
        return ItemOutcome(Fate.ACCEPTED, bad[0].reason)
    if bad:
        worst = next((line for line in bad if line.fate is Fate.LATER), bad[0])
        return ItemOutcome(worst.fate, worst.reason, _meaning(worst.code)[1])
    if set(offers) <= {line.offer for line in own}:
        return ItemOutcome(Fate.APPLIED)
    return ItemOutcome(Fate.ACCEPTED, "an offer is not in the reply")


def totals(reply: Reply) -> dict[str, int]:
    """The total of each SKU that it knows, and that has one."""
    found = {}
    for each in reply.json()["responses"]:
        availability = (each.get("inventoryItem") or {}).get("availability") or {}
        units = (availability.get("shipToLocationAvailability") or {}).get("quantity")
        if units is not None:
            found[str(each["sku"])] = int(units)
    return found


def some_totals(reply: Reply) -> dict[str, int]:
    """The same, of a reply that knows none of them. Raises Setback."""
    told = reply.json()
    if reply.status in (400, 404) and "responses" in told:
        return totals(reply)
    raise refusal(reply, _error(told["errors"])[1])


def offered(reply: Reply) -> list[int]:
    """What the offers of a SKU have that buyers see. An auction sells what was set aside for it; one that came from
    elsewhere may have no quantity of its own."""
    seen = (each for each in reply.json()["offers"] if each["status"] == "PUBLISHED")
    fixed = (each for each in seen if each.get("format") != "AUCTION")
    return [int(each["availableQuantity"]) for each in fixed if each.get("availableQuantity") is not None]


def _line(told: Mapping[str, Any]) -> Line:
    sku, offer, status = told.get("sku"), told.get("offerId"), int(told["statusCode"])
    if told.get("errors"):
        code, reason = _error(told["errors"])
        return Line(sku, offer, _meaning(code)[0], code, reason)
    if 200 <= status < 300:
        return Line(sku, offer, Fate.APPLIED)
    return Line(sku, offer, Fate.LATER, None, str(status))


def _meaning(code: int | None) -> tuple[Fate, float | None]:
    if code in _FOR_GOOD:
        return Fate.REJECTED, None
    return Fate.LATER, _ITSELF_S if code in _ITSELF else _LATER_S


def _error(errors: Sequence[Mapping[str, Any]]) -> tuple[int, str]:
    """Of several the first."""
    code = int(errors[0]["errorId"])
    return code, f"{code}: {errors[0].get('message')}"[:REASON_MOST]
