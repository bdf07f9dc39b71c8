"""Which slot is to show how much, as catalog, view and rows come in any order."""

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson

from feeds.account import AccountFeed
from feeds.accounts import Account
from feeds.connector import Operation
from feeds.joining import Fed, Joining
from feeds.numbers import Row
from feeds.slots import Fact, Slot

OPERATIONS = [Operation("set", "set", 10)]
PLAIN = {
    "id": "acme",
    "connector": "walmart",
    "channel": "web",
    "mode": "sandbox",
    "url": "https://acme.example",
}
PLACED = {**PLAIN, "id": "zed", "channel": "app", "locations": {"north": ["DC1"], "south": ["S001"]}}


def _joining(*accounts: Mapping[str, Any]) -> tuple[Joining, list[Account]]:
    found = [Account(**account) for account in accounts]
    joining = Joining(found, orjson.loads)
    joining.places.ordinals = {"DC1": 0, "S001": 1}
    return joining, found


def _begin(joining: Joining, account: Account, *slots: Slot) -> Fed:
    fed = Fed(account, AccountFeed(account.id, OPERATIONS), lambda: 1_000, lambda: None)
    asyncio.run(joining.begin(fed, slots))
    return fed


def _aliases(*names: str) -> list[Mapping[str, str]]:
    return [{"source": name.split(":")[0], "identifier": name.split(":")[1]} for name in names]


def _publish(joining: Joining, sku: str, version: int, web: int, app: int = 0) -> None:
    channels = [{"channel": "web", "available": web}, {"channel": "app", "available": app}]
    joining.availability(sku, version, orjson.dumps({"channels": channels}))


def test_a_sku_that_was_listed_nowhere_when_its_number_came() -> None:
    joining, (acme,) = _joining(PLAIN)
    fed = _begin(joining, acme)
    _publish(joining, "SKU", 5, 7)
    joining.availability("SKU", 4, b"never looked into")
    assert len(joining.numbers) == 1
    joining.catalog("SKU", _aliases("acme:A"))
    assert _wanted(fed) == {"A": 7}
    _publish(joining, "SKU", 5, 9)
    assert _wanted(fed) == {"A": 7}
    _publish(joining, "SKU", 6, 3)
    assert _wanted(fed) == {"A": 3}


def _wanted(fed: Fed) -> dict[Any, int]:
    return {key if key[1] else key[0]: slot.wanted for key, slot in fed.feed.slots.items()}


def test_a_slot_comes_with_its_first_number() -> None:
    joining, (acme,) = _joining(PLAIN)
    fed = _begin(joining, acme)
    joining.catalog("SKU", _aliases("acme:A", "acme:B"))
    assert _wanted(fed) == {}
    _publish(joining, "SKU", 5, 7)
    assert _wanted(fed) == {"A": 7, "B": 7}
    _publish(joining, "SKU", 4, 9)
    assert _wanted(fed) == {"A": 7, "B": 7}
    joining.deleted("SKU")
    assert _wanted(fed) == {"A": 0, "B": 0}
    joining.catalog("OTHER", _aliases("acme:C"))
    _publish(joining, "OTHER", 1, 3)
    joining.end("acme")
    _publish(joining, "OTHER", 2, 4)
    assert _wanted(fed)["C"] == 3
    again = _begin(joining, acme)
    assert _wanted(again) == {"A": 0, "B": 0, "C": 4}
    assert again.feed.measures.changes == 0


def test_a_start_sends_only_what_differs() -> None:
    joining, (acme,) = _joining(PLAIN)
    joining.catalog("SKU", _aliases("acme:A", "acme:B"))
    _publish(joining, "SKU", 5, 7)
    same = Slot("A", None, "SKU", believed=7, applied=Fact(7, 3, 1))
    other = Slot("B", None, "SKU", believed=9, applied=Fact(9, 3, 1))
    gone = Slot("C", None, "SKU", believed=1)
    fed = _begin(joining, acme, same, other, gone)
    assert [slot.key[0] for slot in fed.feed.slots.values() if slot.queued] == ["B"]
    assert list(fed.gone) == [("C", None)]


def test_what_is_on_its_way_stays_the_listings() -> None:
    joining, (acme,) = _joining(PLAIN)
    fed = _begin(joining, acme)
    for sku, units in (("OLD", 7), ("NEW", 2)):
        _publish(joining, sku, 50, units)
    joining.catalog("OLD", _aliases("acme:A"))
    call = fed.feed.take(OPERATIONS[0], 10, "", 1_000)
    assert call is not None
    joining.catalog("OLD", ())
    assert _wanted(fed) == {}
    assert list(fed.gone) == [("A", None)]
    joining.catalog("NEW", _aliases("acme:A"))
    assert _wanted(fed) == {"A": 2}
    assert not fed.gone
    slot = fed.feed.slots["A", None]
    assert (slot.sku, slot.calling, [write.quantity for write in slot.writes]) == ("NEW", True, [7])
    joining.catalog("NEXT", _aliases("acme:A"))
    joining.catalog("NEW", ())
    assert _wanted(fed) == {}
    _publish(joining, "NEXT", 1, 4)
    assert _wanted(fed) == {"A": 4}
    assert fed.feed.slots["A", None] is slot


def test_places_wait_for_a_row_that_is_new_enough() -> None:
    joining, (_, zed) = _joining(PLAIN, PLACED)
    wanted: list[str] = []
    joining.want = wanted.append
    fed = _begin(joining, zed)
    joining.catalog("SKU", _aliases("zed:A"))
    _publish(joining, "SKU", 5, 0, 9)
    assert (wanted, _wanted(fed), joining.awaits_rows(fed)) == (["SKU"], {}, 1)
    assert not joining.found("SKU", Row(4, {0: 20, 1: 20}, False))
    assert _wanted(fed) == {("A", "north"): 9, ("A", "south"): 0}
    assert joining.found("SKU", Row(5, {0: 4, 1: 3}, False))
    assert _wanted(fed) == {("A", "north"): 4, ("A", "south"): 3}
    _publish(joining, "SKU", 6, 0, 0)
    assert _wanted(fed) == {("A", "north"): 0, ("A", "south"): 0}
    assert wanted == ["SKU"]
    _publish(joining, "SKU", 7, 0, 5)
    assert joining.found("SKU", Row(8, {0: 4, 1: 3}, True))
    assert _wanted(fed) == {("A", "north"): 4, ("A", "south"): 1}
