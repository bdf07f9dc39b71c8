"""What Google's replies say."""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from feeds.connectors.replies import REASON_MOST, moment_ms, refusal, retry_after_s
from feeds.exchange import Observed, Reply, Request
from feeds.outcomes import Fate, ItemOutcome, Setback, Trouble

OUT, LIMITED, IN_STOCK = "OUT_OF_STOCK", "LIMITED_AVAILABILITY", "IN_STOCK"
_DAY_S, _MIDDAY_S = 86_400.0, 43_200.0
_LATER_S = 3_600.0
_PRICE = re.compile(r"(\d{1,9}(?:\.\d{1,6})?) ([A-Z]{3})")


def observe(request: Request, reply: Reply) -> Iterator[Observed]:
    """Nothing is said of what is left; a refusal says that nothing is. The bucket has the name of its group."""
    if reply.status == 429 and request.limit is not None:
        yield Observed(request.limit, 0, retry_after_s(reply))


def kept(reply: Reply, entry: Mapping[str, Any]) -> ItemOutcome:
    """What became of an entry: the reply repeats what was kept of it. A word that Google does not know is left out
    without any other sign."""
    told = reply.json()
    (place, where), (attributes, asked) = entry.items()
    if told[place] != where:
        raise ValueError(f"{told[place]} in the place of {where}")
    said = (told.get(attributes) or {}).get("availability")
    if said != asked["availability"]:
        return ItemOutcome(Fate.LATER, f"{asked['availability']} was not kept, but {said}", _LATER_S)
    return ItemOutcome(Fate.ACCEPTED)


def entries(reply: Reply, many: str, place: str, few: str) -> tuple[dict[str, str], str]:
    """A page of entries: what each says, by place, and the token of the next page. None at all is `{}`."""
    told = reply.json()
    if not isinstance(told, dict):
        raise TypeError("no page")
    following = str(told.get("nextPageToken", ""))
    if told and many not in told and not following:
        raise ValueError(f"neither {many} nor nothing")
    found = {}
    for entry in told.get(many, ()):
        said = (entry.get(f"{few}InventoryAttributes") or {}).get("availability")
        if said is not None:
            found[str(entry[place])] = str(said)
    return found, following


def refused(reply: Reply) -> Any:
    """Raises Setback for a 4xx: which quota was used up is said in words, and with which status is not."""
    error = reply.json()["error"]
    if not isinstance(error, dict):
        raise TypeError("no error of the API")  # the token service has another shape
    words = [str(error.get("status", "")), *_reasons(error), str(error.get("message", ""))]
    reason = ": ".join(dict.fromkeys(word for word in words if word))[:REASON_MOST]
    told = f"{reply.status} {reason}"
    if "daily_limit_exceeded" in reason:
        raise Setback(Fate.RETURNED, Trouble.EXHAUSTED, told, retry_after_s(reply) or _until_midday_s(reply))
    if "request_rate_too_high" in reason:
        raise Setback(Fate.RETURNED, Trouble.THROTTLED, told, retry_after_s(reply))
    if error.get("status") == "FAILED_PRECONDITION":  # something else has to happen first
        raise Setback(Fate.LATER, Trouble.NONE, told, _LATER_S)
    raise refusal(reply, reason)


def priced(text: str) -> dict[str, str]:
    """`19.99 EUR` as Google writes it. Raises ValueError."""
    found = _PRICE.fullmatch(text)
    if found is None:
        raise ValueError(f"the price {text!r} cannot be read: write it as 19.99 EUR")
    return {"amountMicros": str(int(Decimal(found[1]) * 1_000_000)), "currencyCode": found[2]}


def _reasons(error: Mapping[str, Any]) -> Iterator[str]:
    """The words for machines, of all shapes that its errors have."""
    for detail in error.get("details") or ():
        yield str(detail.get("reason") or "")
        yield str((detail.get("metadata") or {}).get("REASON") or "")
    for each in error.get("errors") or ():
        yield str(each.get("reason") or "")


def _until_midday_s(reply: Reply) -> float | None:
    """Quotas of a day begin anew at 12:00 UTC."""
    now_ms = moment_ms(reply.headers.get("date"))
    return None if now_ms is None else _DAY_S - (now_ms / 1000 - _MIDDAY_S) % _DAY_S
