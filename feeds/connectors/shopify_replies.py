"""What Shopify's replies say."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from feeds.connectors.replies import number
from feeds.exchange import Observed, Reply, Request
from feeds.outcomes import Fate, ItemOutcome, Setback, Trouble, whole

SPENT_KEY = {"IDEMPOTENCY_KEY_PARAMETER_MISMATCH", "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED"}
"""An earlier call had the same key, and failed or said something else (another buffer): the next needs another key."""
_STALE = {"CHANGE_FROM_QUANTITY_STALE", "COMPARE_QUANTITY_STALE"}
_WHO = {"ACCESS_DENIED", "UNAUTHORIZED", "FORBIDDEN"}
_ITSELF = {"INTERNAL_SERVER_ERROR", "TIMEOUT", "None"}


def observe(_: Request, reply: Reply) -> Iterator[Observed]:
    """The bucket of points, which every reply tells."""
    status = reply.json()["extensions"]["cost"]["throttleStatus"]
    yield Observed("points", number(status["currentlyAvailable"]), rate=number(status["restoreRate"]) or None)


def user_errors(reply: Reply) -> Sequence[Mapping[str, Any]]:
    """What the mutation objects to; nothing: it was done. Raises Setback."""
    told = _data(reply)["inventorySetQuantities"]
    if not told["userErrors"] and not told["inventoryAdjustmentGroup"]:
        # Quantities that were there already: nothing was adjusted.
        return []
    return list(told["userErrors"])


def judged(errors: Sequence[Mapping[str, Any]], many: int) -> list[ItemOutcome]:
    """The outcome of each item. One that is wrong keeps all others from being written. Raises Setback."""
    if not errors:
        return whole(many, Fate.APPLIED)
    poisoned = {}
    for error in errors:
        field = error.get("field") or []
        if len(field) > 2 and field[1] == "quantities":
            fate = Fate.STALE if error["code"] in _STALE else Fate.REJECTED
            poisoned[int(field[2])] = ItemOutcome(fate, f"{error['code']}: {error['message']}")
    if not poisoned:
        raise Setback(Fate.REJECTED, Trouble.NONE, f"{errors[0]['code']}: {errors[0]['message']}")
    return without(poisoned, many)


def without(poisoned: Mapping[int, ItemOutcome], many: int) -> list[ItemOutcome]:
    """The poisoned items have outcomes of their own; the others go again."""
    return [poisoned.get(at, ItemOutcome(Fate.RETURNED)) for at in range(many)]


def quantities(reply: Reply) -> dict[str, int]:
    """The quantity of each inventory item that is stocked at the location. Raises Setback."""
    stocked = [node for node in _data(reply)["nodes"] if node and node.get("inventoryLevel")]
    return {node["id"]: int(node["inventoryLevel"]["quantities"][0]["quantity"]) for node in stocked}


def _data(reply: Reply) -> Any:
    """The data of a body without errors: with status 200, it may have those."""
    told = reply.json()
    for error in told.get("errors") or ():
        code = str(error.get("extensions", {}).get("code"))
        reason = f"{code}: {error.get('message')}"
        if code == "THROTTLED":
            raise Setback(Fate.RETURNED, Trouble.THROTTLED, reason, _wait_s(told))
        if code in _WHO:
            raise Setback(Fate.RETURNED, Trouble.AUTH, reason)
        if code in _ITSELF:
            raise Setback(Fate.UNKNOWN, Trouble.BROKEN, reason)
        raise Setback(Fate.REJECTED, Trouble.NONE, reason)
    return told["data"]


def _wait_s(told: Mapping[str, Any]) -> float | None:
    """Until the points of this call will be there; None: not said."""
    try:
        cost = told["extensions"]["cost"]
        status = cost["throttleStatus"]
        missing = cost["requestedQueryCost"] - status["currentlyAvailable"]
        return max(0.0, float(missing / status["restoreRate"]))
    except (LookupError, TypeError, ZeroDivisionError):
        return None
