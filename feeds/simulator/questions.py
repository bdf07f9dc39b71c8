"""What is asked about one simulated channel: each question takes the channel, the query, the body and the time."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

from feeds.simulator.channel_settings import AccountSettings
from feeds.simulator.faults import MENU, Fault
from feeds.simulator.limits import Plan
from feeds.simulator.marketplace import Marketplace
from feeds.simulator.places import Place

Query = Mapping[str, str]
Question = Callable[[Marketplace, Query, Any, int], Any]


def summary(channel: Marketplace, now_ms: int) -> dict[str, Any]:
    return {
        "accounts": list(channel.accounts),
        "listings": len(channel.shelf.places),
        "calls": channel.gate.calls.total(),
        "violations": channel.gate.refused.total(),
        "beyond_published": channel.gate.exceeded.total(),
        "orders": len(channel.buyers.orders),
        "sold": channel.buyers.sold,
        "oversold": channel.buyers.oversold,
        "cancelled_share": channel.cancelled_share(now_ms),
        "cancelled_most": channel.cancelled_most,
        "faults": [fault.name for fault in channel.faults.on()],
    }


def _row(place: Place) -> dict[str, Any]:
    names = (
        "account",
        "listing",
        "location",
        "sku",
        "accepted",
        "applied",
        "reserved",
        "onboarded",
        "velocity",
    )
    counts = ("came", "sold", "oversold", "sent_away")
    return {name: getattr(place, name) for name in (*names, *counts)}


def _one(channel: Marketplace, given: Mapping[str, Any]) -> Place:
    return channel.place(given["account"], given["listing"], given.get("location"))


def _listings(channel: Marketplace, query: Query, _: Any, now_ms: int) -> Any:
    at_ms = int(query.get("at_ms", now_ms))
    account = query.get("account")
    rows = [
        {**_row(place), "seen": place.seen_at(at_ms)}
        for place in channel.shelf.places.values()
        if account is None or place.account == channel.owner(account)
    ]
    return {"at_ms": at_ms, "listings": rows}


def _add_listings(channel: Marketplace, _: Query, body: Any, now_ms: int) -> Any:
    for each in body["listings"]:
        channel.add_listing(**{**each, "now_ms": now_ms})
    return {"added": len(body["listings"])}


def _add_account(channel: Marketplace, _: Query, body: Any, __: int) -> Any:
    given = dict(body)
    channel.add_account(given.pop("account"), AccountSettings(**given))
    return {"accounts": list(channel.accounts)}


def _history(channel: Marketplace, query: Query, _: Any, __: int) -> Any:
    place = _one(channel, query)
    return {**_row(place), "history": [{"at_ms": at_ms, "applied": units} for at_ms, units in place.history]}


def _velocity(channel: Marketplace, _: Query, body: Any, now_ms: int) -> Any:
    for each in body["listings"]:
        channel.buyers.come(_one(channel, each), each["velocity"], now_ms)
    return {"changed": len(body["listings"])}


def _edit(channel: Marketplace, _: Query, body: Any, now_ms: int) -> Any:
    place = _one(channel, body)
    channel.edit(place, body["quantity"], now_ms)
    return _row(place)


def _onboard(channel: Marketplace, _: Query, body: Any, now_ms: int) -> Any:
    place = _one(channel, body)
    channel.onboard(place, now_ms)
    return _row(place)


def _buy(channel: Marketplace, _: Query, body: Any, now_ms: int) -> Any:
    return channel.buyers.buy(_one(channel, body), body.get("units", 1), now_ms)._asdict()


def _foreign(channel: Marketplace, _: Query, body: Any, now_ms: int) -> Any:
    channel.queue.foreign(channel.owner(body["account"]), body["takes_ms"], now_ms)
    return {"queued": True}


def _plans(channel: Marketplace, _: Query, __: Any, ___: int) -> Any:
    both = {"published": channel.gate.published, "in_force": channel.gate.in_force}
    return {
        name: {group: [asdict(plan) for plan in plans] for group, plans in limits.plans().items()}
        for name, limits in both.items()
    }


def _plan(channel: Marketplace, _: Query, body: Any, now_ms: int) -> Any:
    """`group`, `name`; `units`, `per_s`, `capacity` where they change; `published`: whether it is also said."""
    before: Plan = channel.gate.published.plan(body["group"], body["name"])
    changed = {key: body[key] for key in ("units", "per_s", "capacity") if key in body}
    channel.gate.change(
        body["group"], replace(before, **changed), now_ms, published=body.get("published", False)
    )
    return _plans(channel, {}, None, now_ms)


def _faults(channel: Marketplace, _: Query, __: Any, ___: int) -> Any:
    on = [asdict(fault) for fault in channel.faults.on()]
    return {"menu": MENU, "on": on, "struck": channel.faults.struck}


def _switch(channel: Marketplace, _: Query, body: Any, now_ms: int) -> Any:
    """A fault by its fields (`for_ms` instead of the instants: from now on so long); with `"on": false` it goes off."""
    given = dict(body)
    if not given.pop("on", True):
        channel.faults.switch_off(given["name"])
    else:
        if "for_ms" in given:
            given |= {"from_ms": now_ms, "until_ms": now_ms + given.pop("for_ms")}
        channel.faults.switch_on(Fault(**{**given, "operations": tuple(given.get("operations", ()))}))
    return {"on": [asdict(fault) for fault in channel.faults.on()]}


def _calls(channel: Marketplace, _: Query, __: Any, ___: int) -> Any:
    gate = channel.gate
    answers: dict[str, Counter[str]] = {}
    for (operation, status), many in channel.answers.items():
        answers.setdefault(operation, Counter())["dropped" if status == 0 else str(status)] += many
    groups = {
        group: {
            "calls": calls,
            "items": gate.items[group],
            "violations": gate.refused[group],
            "beyond_published": gate.exceeded[group],
        }
        for group, calls in gate.calls.items()
    }
    return {"groups": groups, "answers": answers}


def _orders(channel: Marketplace, query: Query, _: Any, __: int) -> Any:
    after, most = int(query.get("after", 0)), int(query.get("most", 1_000))
    found = [order._asdict() for order in channel.orders(after, most)]
    return {"orders": found, "next": after + len(found)}


def _feeds(channel: Marketplace, _: Query, __: Any, ___: int) -> Any:
    names = ("feed_id", "account", "feed_type", "submitted_ms", "started_ms", "ended_ms")
    jobs = channel.queue.jobs.values()
    return {
        "feeds": [{"state": job.state.value, **{name: getattr(job, name) for name in names}} for job in jobs]
    }


QUESTIONS: dict[tuple[str, str], Question] = {
    ("GET", "listings"): _listings,
    ("POST", "listings"): _add_listings,
    ("POST", "accounts"): _add_account,
    ("GET", "history"): _history,
    ("POST", "velocity"): _velocity,
    ("POST", "edit"): _edit,
    ("POST", "onboard"): _onboard,
    ("POST", "buy"): _buy,
    ("POST", "foreign"): _foreign,
    ("GET", "plan"): _plans,
    ("POST", "plan"): _plan,
    ("GET", "faults"): _faults,
    ("POST", "faults"): _switch,
    ("GET", "calls"): _calls,
    ("GET", "orders"): _orders,
    ("GET", "feeds"): _feeds,
}
"""By method and the last part of the path."""
