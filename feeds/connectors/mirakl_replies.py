"""What Mirakl's replies say."""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from io import StringIO
from typing import NamedTuple

from feeds.connector import Item
from feeds.connectors.replies import REASON_MOST
from feeds.exchange import Reply
from feeds.outcomes import Fate, ItemOutcome

COMPLETE, FAILED = "COMPLETE", "FAILED"
"""How an import ends. Every other state, known or new, is one of an import that is open."""
_NEVER = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]|^\s|\s$")
"""Offers come from files with a line each, whose fields are trimmed: no id has a line break, or a space at its ends."""


class Standing(NamedTuple):
    """How an import stands: its state, its lines `in_success` and `in_error` (None: not said), and whether it has a
    report."""

    state: str
    in_success: int | None
    in_error: int | None
    has_report: bool


class Report(NamedTuple):
    """The lines of an import that were not taken: by offer and warehouse what is wrong with each ("": nothing, but with
    another line of the offer), and how many they are."""

    reasons: Mapping[tuple[str, str | None], str]
    lines: int


CLEAN, MISSING = Report({}, 0), Report({}, -1)
"""There is nothing to report; there is, but nobody knows what."""


def is_possible(item: Item) -> bool:
    """Whether Mirakl may have an offer and a warehouse that are called so."""
    names = (item.listing,) if item.location is None else (item.listing, item.location)
    return all(name and not _NEVER.search(name) for name in names)


def import_id(reply: Reply) -> str:
    """The import that was handed in, or else the one of the address at which to ask for it."""
    found = reply.json().get("import_id")
    return str(found) if found else reply.headers["location"].split("/imports/")[1].split("/")[0]


def stands(reply: Reply) -> Standing:
    """How an import stands. The counters need not be there."""
    told = reply.json()
    in_success, in_error = (told.get(f"lines_in_{end}") for end in ("success", "error"))
    return Standing(
        str(told["status"]),
        None if in_success is None else int(in_success),
        None if in_error is None else int(in_error),
        bool(told["has_error_report"]),
    )


def report(reply: Reply) -> Report:
    """Reads a report: the file with the lines that were not taken, before them their numbers and reasons (OF03 has
    both behind them). The numbers are of the file as it was sent, whose order nobody knows after a restart. Raises
    ValueError, LookupError."""
    try:
        text = reply.body.decode("utf-8-sig")
        header, *rows = csv.reader(StringIO(text, newline=""), delimiter=";", strict=True)
    except csv.Error as error:
        raise ValueError(f"the report is damaged: {error}") from None
    sku = header.index("offer-sku")
    code = header.index("warehouse-code") if "warehouse-code" in header else None
    why = header.index("error-message") if "error-message" in header else 1
    reasons, lines = dict[tuple[str, str | None], str](), [row for row in rows if row]
    for row in lines:
        key = row[sku], None if code is None else row[code] or None
        reasons[key] = row[why].strip()[:REASON_MOST] or reasons.get(key, "")
    return Report(reasons, len(lines))


def outcomes(standing: Standing, report: Report, items: Sequence[Item]) -> list[ItemOutcome]:
    """What became of each. Where the report does not name as many lines as are said to be in error, or fewer are said
    to be in success than it leaves over, nobody knows which of the rest was taken. Of an import that failed nobody
    does either."""
    sent = [item for item in items if is_possible(item)]
    left = sum(_reason(report, item) is None for item in sent)
    all_told = report.lines >= (standing.in_error or 0)
    all_taken = standing.in_success is None or standing.in_success >= left
    rest = ItemOutcome(Fate.UNKNOWN, f"the import is {standing.state}, and the report does not name it")
    if standing.state == COMPLETE and all_told and all_taken:
        rest = ItemOutcome(Fate.APPLIED)
    return [_outcome(item, report, rest) for item in items]


def _outcome(item: Item, report: Report, rest: ItemOutcome) -> ItemOutcome:
    if not is_possible(item):
        return IMPOSSIBLE
    reason = _reason(report, item)
    if reason is None:
        return rest
    if not reason:
        return ItemOutcome(Fate.UNKNOWN, "another line of the offer is in error")
    return ItemOutcome(Fate.REJECTED, reason)


IMPOSSIBLE = ItemOutcome(Fate.REJECTED, "no offer has such an id")


def _reason(report: Report, item: Item) -> str | None:
    """What the report says of it; None: nothing."""
    of_offer = report.reasons.get((item.listing, None))
    return report.reasons.get((item.listing, item.location), of_offer)


def shown(reply: Reply) -> Iterator[tuple[tuple[str, str | None], int]]:
    """What the offers of a page show, by SKU and warehouse; None: altogether."""
    for offer in reply.json()["offers"]:
        sku = str(offer["shop_sku"])
        yield (sku, None), int(offer["quantity"])
        for warehouse in offer.get("warehouses") or ():
            yield (sku, str(warehouse["code"])), int(warehouse["quantity"])
