"""What Walmart's replies say."""

from collections.abc import Iterator, Mapping
from typing import Any

from feeds.connectors.replies import moment_ms, number, seconds_until
from feeds.exchange import Observed, Reply, Request
from feeds.outcomes import Fate, ItemOutcome

_LATER_S = 3600.0
_ITS_OWN = "DATA_ERROR"
"""Something is wrong with the item; the rest, and what is new, is Walmart's trouble with it, which may pass."""


def observe(request: Request, reply: Reply) -> Iterator[Observed]:
    """The token bucket of the call; its bucket has the name of its group. The header for the next token is spelt in
    two ways."""
    if request.limit is None:
        return
    left = number(reply.headers.get("x-current-token-count"))
    moments = (reply.headers.get(f"x-next-{word}-time") for word in ("replenish", "replenishment"))
    wait_s = next((seconds_until(reply, moment) for moment in moments if moment is not None), None)
    if reply.status == 429:
        left = 0.0
    if left is not None or wait_s is not None:
        yield Observed(request.limit, left, wait_s)


def written(reply: Reply) -> ItemOutcome:
    """What became of a single write, in the one node that it named, if any."""
    told = reply.json()
    errors = _errors(told)
    if not errors and "sku" not in told:
        raise ValueError("neither a SKU nor errors")
    for node in told.get("nodes", ()):
        if str(node["status"]).lower() != "success":
            return _failure(node.get("errors") or [])
    if not errors:
        return ItemOutcome(Fate.APPLIED)
    return _failure(errors)


def details(reply: Reply) -> tuple[dict[str, Any], dict[str, ItemOutcome]]:
    """A page of a feed: its state and counters, and those of its items that failed, by SKU."""
    told = reply.json()
    counters = {name: int(told[name]) for name in ("itemsReceived", "itemsFailed", "itemsProcessing")}
    failed = {}
    for item in (told.get("itemDetails") or {}).get("itemIngestionStatus", ()):
        state = item["ingestionStatus"]
        reason = _reason((item.get("ingestionErrors") or {}).get("ingestionError") or [], state)
        if state == _ITS_OWN:
            failed[item["sku"]] = ItemOutcome(Fate.REJECTED, reason)
        elif state != "SUCCESS":
            failed[item["sku"]] = ItemOutcome(Fate.LATER, reason, _LATER_S)
    return {"feedStatus": str(told["feedStatus"]), **counters}, failed


def feeds(reply: Reply) -> tuple[list[tuple[float, str]], int]:
    """A page of the inventory feeds: when each was submitted (ms), and its id; and how many there are in all."""
    told = reply.json()
    found = []
    for feed in told["results"]["feed"]:
        at = moment_ms(feed["feedDate"])
        if at is None:
            raise ValueError(feed["feedDate"])
        if str(feed["feedType"]).lower() in ("inventory", "mp_inventory"):
            found.append((at, str(feed["feedId"])))
    return found, int(told["totalResults"])


def amount(reply: Reply) -> dict[str | None, int]:
    """What a listing without nodes shows."""
    return {None: int(reply.json()["quantity"]["amount"])}


def inputs(reply: Reply) -> dict[str | None, int]:
    """What was written of a listing, by node; what it shows is less by what Walmart has reserved."""
    return {node["shipNode"]: int(node["inputQty"]["amount"]) for node in reply.json()["nodes"]}


def _errors(told: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Those of a body that are no mere information."""
    return [error for error in told.get("errors") or () if error.get("severity", "ERROR") == "ERROR"]


def _failure(errors: list[Mapping[str, Any]]) -> ItemOutcome:
    """The item's own, where a code says so; of what nobody explains it is worth to ask again."""
    reason = _reason(errors, "Failure")
    if errors and errors[0].get("code") and errors[0].get("category") != "SYSTEM":
        return ItemOutcome(Fate.REJECTED, reason)
    return ItemOutcome(Fate.LATER, reason, _LATER_S)


def _reason(errors: list[Mapping[str, Any]], otherwise: str = "") -> str:
    if not errors:
        return otherwise
    parts = (errors[0].get("code"), errors[0].get("description"))
    return ": ".join(str(part) for part in parts if part) or otherwise
