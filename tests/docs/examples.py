"""The worked examples of a page: fenced blocks that begin with ```yaml example, and what they say.

An example is a small world: master data, facts with the time of day at which they happened, and the numbers that
follow. The page's ```yaml frame is the rules file that all its examples start from.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from rules.current import Current
from rules.plan import plan_changes
from rules.validate import read_document
from tests.reference.histories import Told

MINUTE = 60_000
DAY = 24 * 60 * MINUTE
TODAY = 1_790_000_000_000 // DAY * DAY
"""Midnight of the day on which the examples play, ms."""
LONG_AGO = TODAY - 30 * DAY

SKU = "SKU-1"
_BLOCK = re.compile(r"^```yaml (frame|example)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_MOMENT = re.compile(r"(?:(\d+) days? ago )?(?:in (\d+) days? )?(\d\d):(\d\d)")
_MOMENTS = (
    "counted_at", "expires_at", "needed_at", "recorded_at", "expected_at", "demand_as_of", "as_of", "set_at",
)  # fmt: skip
_DATED = {"StockCount": "counted_at", "SnapshotMarker": "as_of"}
_MASTER_DATA = ("CatalogItem", "Allocation")


class Step(NamedTuple):
    """What holds at one moment: numbers by sku and place or channel, what was refused or reported since the last
    step, how many facts wait (looked at in the last step), by channel the sentences that explain its number, what
    was decided since the last step (some fields of each), by (sku, channel) what may be promised from today on, and
    the units that percentage fences would come to."""

    at: int
    numbers: Mapping[tuple[str, str], Mapping[str, Any]]
    dead_letters: list[str]
    exceptions: set[str]
    parked: int
    why: Mapping[str, list[str]]
    decisions: list[Mapping[str, Any]]
    projected: Mapping[tuple[str, str], list[int]]
    rebalance: Mapping[str, int] | None


class Example(NamedTuple):
    """`facts` in the order of the page; those with a broker time after a step are not there yet. `since` (ms): what was
    dated before may be missing."""

    line: int
    master_data: list[Told]
    facts: list[Told]
    steps: list[Step]
    any_order: bool
    since: int | None


def examples(page: Path) -> list[Example]:
    """All of them. Raises ValueError where one is written in a way that nobody could check."""
    text = page.read_text("utf-8")
    frame: dict[str, Any] = {}
    found = []
    for block in _BLOCK.finditer(text):
        value = yaml.safe_load(block[2])
        if block[1] == "frame":
            frame = value
            continue
        found.append(example(text.count("\n", 0, block.start()) + 1, frame, value))
    return found


def moment(text: str) -> int:
    """`09:30`, `2 days ago 09:30` or `in 2 days 09:30`, in ms."""
    match = _MOMENT.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no moment: write 09:30, 2 days ago 09:30 or in 2 days 09:30")
    ago, ahead, hours, minutes = (int(part or 0) for part in match.groups())
    return TODAY + (ahead - ago) * DAY + (60 * hours + minutes) * MINUTE


def example(line: int, frame: Mapping[str, Any], value: dict[str, Any]) -> Example:
    """One example, on top of a rules file. Raises ValueError."""
    unknown = value.keys() - {"rules", "catalog", "facts", "then", "any_order", "since"}
    if unknown:
        raise ValueError(f"line {line}: an example has no {', '.join(sorted(unknown))}")
    places = {entry["id"] for entry in (*frame["locations"], *frame["channels"])}
    return Example(
        line,
        [*_rules(line, frame | value.get("rules", {})), *_catalog(value.get("catalog", [{}]))],
        [_fact(number, dict(fact)) for number, fact in enumerate(value["facts"], 1)],
        [_step(places, dict(step)) for step in value["then"]],
        value.get("any_order", True),
        moment(value["since"]) if "since" in value else None,
    )


def _rules(line: int, content: Mapping[str, Any]) -> Iterator[Told]:
    document, problems = read_document(yaml.safe_dump(dict(content), sort_keys=False))
    if document is None or problems:
        raise ValueError(f"line {line}: {problems}")
    for change in plan_changes(document, Current(), "docs", "docs", LONG_AGO).changes:
        yield Told(change.name, dict(change.record), LONG_AGO)


def _catalog(items: list[dict[str, Any]]) -> Iterator[Told]:
    for item in items:
        yield Told("CatalogItem", {"sku": SKU, **item}, LONG_AGO)


def _fact(number: int, fact: dict[str, Any]) -> Told:
    """A record with everything that the example leaves out."""
    record, at = str(fact.pop("record")), moment(fact.pop("at"))
    reached = moment(fact.pop("broker")) if "broker" in fact else at
    if record in _MASTER_DATA:
        return Told(record, {"sku": SKU, **_dated(fact)}, reached)
    first_read = moment(fact.pop("first_read")) if "first_read" in fact else None
    value: dict[str, Any] = {
        "event_id": f"e{number}", "source": "demo", "occurred_at": at, "recorded_at": reached, **_defaults(record),
    }  # fmt: skip
    if record in _DATED:
        value[_DATED[record]] = at
    if record == "PosTransaction":
        fact["lines"] = [{"line": str(n), "sku": SKU, **one} for n, one in enumerate(fact["lines"], 1)]
    return Told(record, value | _dated(fact), reached, first_read)


def _dated(value: Any) -> Any:
    """The same with its moments in ms."""
    if isinstance(value, list):
        return [_dated(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: moment(told) if name in _MOMENTS and told is not None else _dated(told)
        for name, told in value.items()
    }


def _defaults(record: str) -> dict[str, Any]:
    own: dict[str, dict[str, Any]] = {
        "StockMovement": {"sku": SKU},
        "StockCount": {"sku": SKU, "basis": "GROSS"},
        "StockCorrection": {"sku": SKU, "state": "SELLABLE", "reason": "found"},
        "SnapshotMarker": {"batch_id": "b", "marker": "END", "basis": "GROSS"},
        "PosTransaction": {"transaction_id": "t"},
        "ExpectedSupply": {
            "sku": SKU, "version": 1, "kind": "PURCHASE_ORDER", "status": "OPEN",
        },
        "Reservation": {
            "sku": SKU, "line": "1", "version": 1, "action": "PLACE", "channel": "web", "location": None,
            "commitment": "HARD", "expires_at": None,
        },
    }  # fmt: skip
    return own[record]


def _step(places: set[str], step: dict[str, Any]) -> Step:
    at = moment(step.pop("at"))
    letters, exceptions = sorted(step.pop("dead_letters", [])), set(step.pop("exceptions", []))
    parked, why, decisions = step.pop("parked", 0), step.pop("why", {}), step.pop("decisions", [])
    rebalance = step.pop("rebalance", None)
    by_sku = {**step.pop("skus", {}), **({SKU: step} if step else {})}
    numbers = {(sku, name): dict(terms) for sku, named in by_sku.items() for name, terms in named.items()}
    if not {*why, *(name for _, name in numbers)} <= places:
        raise ValueError(f"there is no place or channel {', '.join({name for _, name in numbers} - places)}")
    projected = {where: terms.pop("projected") for where, terms in numbers.items() if "projected" in terms}
    return Step(at, numbers, letters, exceptions, parked, why, decisions, projected, rebalance)
