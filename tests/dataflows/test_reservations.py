"""Reservations through HTTP: the API asks, the engine decides, and both may be killed."""

import json
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis

from deploy.kafka_server import KafkaServer
from deploy.redis_server import RedisServer
from loadtest.readiness import wait_for_reservations
from loadtest.verify.freshness import wait_caught_up
from runtime import redis as redis_link
from runtime.settings import Settings
from runtime.topics import create_topics
from tests.conftest import own_settings
from tests.dataflows.feed import MINUTE, Feed
from tests.dataflows.house import Engine, api, apply_rules, engine, eventually
from wire.codec import Codec
from wire.reservations import request_key, reservation_key


class House:
    """An engine, an API, and stock: 10 SHOE and 5 HAT at DC1. A KIT is 2 SHOE and a HAT; no more than 3 are shown."""

    def __init__(self, settings: Settings, client: httpx.Client, running: Engine, feed: Feed) -> None:
        self.settings, self.client, self.running, self.feed = settings, client, running, feed
        self.granted: list[str] = []

    def ask(self, *lines: tuple[str, int], key: str | None = None, **fields: Any) -> httpx.Response:
        asked = [{"sku": sku, "quantity": quantity} for sku, quantity in lines]
        body = {"channel": "web", "ttl_s": 60, "lines": asked, **fields}
        headers = {} if key is None else {"Idempotency-Key": key}
        answer = self.client.post("/v1/reservations", json=body, headers=headers)
        if answer.status_code == 201:
            self.granted.append(answer.json()["reservation_id"])
        return answer

    def available(self, sku: str) -> int:
        return int(self.client.get(f"/v1/availability/{sku}?channel=web").json()["available"])

    def comes_to(self, sku: str, available: int) -> None:
        eventually(lambda: self.available(sku) == available, f"{sku} to have {available}", 20)

    def give_back(self) -> None:
        """What was granted is free again, and nothing else was taken."""
        for reservation in self.granted:
            assert self.client.delete(f"/v1/reservations/{reservation}").status_code == 200
        self.granted.clear()
        for sku, available in (("SHOE", 10), ("HAT", 5), ("KIT", 3)):
            self.comes_to(sku, available)


RULES = """
locations: [{id: DC1, type: warehouse}]
channels: [{id: web, locations: {}}, {id: app, locations: {}}]
caps: [{id: cap-kit, channel: web, units: 3, match: {sku: KIT}}]
"""
KIT = [{"sku": "SHOE", "quantity": 2}, {"sku": "HAT", "quantity": 1}]


@pytest.fixture
def house(settings: Settings, tmp_path: Path, codec: Codec) -> Iterator[House]:
    """One to break."""
    with _open(settings, tmp_path, codec) as opened:
        yield opened


@pytest.fixture(scope="module")
def open_house(
    kafka: KafkaServer, redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory, codec: Codec
) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    with own_settings(kafka, redis_server, folder) as settings, _open(settings, folder, codec) as opened:
        yield opened


@pytest.fixture
def shared(open_house: House) -> Iterator[House]:
    """One for many tests, each with keys of its own: what a test was granted is given back after it."""
    yield open_house
    open_house.give_back()


@contextmanager
def _open(settings: Settings, folder: Path, codec: Codec) -> Iterator[House]:
    create_topics(settings)
    apply_rules(RULES, settings, folder)
    feed = Feed(settings, codec)
    for sku, quantity in (("SHOE", 10), ("HAT", 5)):
        feed.item(sku)
        feed.count(sku, quantity)
    feed.item("KIT", bundle=KIT)
    feed.item("GHOST", bundle=[{"sku": "NOSUCH", "quantity": 1}])
    with (
        engine(settings, folder) as running,
        api(settings) as url,
        httpx.Client(base_url=url, timeout=10) as client,
        redis_link.connect(settings) as redis,
    ):
        wait_caught_up(redis, settings, int(time.time() * 1000), 60.0)
        wait_for_reservations(url)
        eventually(lambda: client.get("/v1/availability/KIT?channel=web").status_code == 200, "numbers", 20)
        yield House(settings, client, running, feed)


def test_the_life_of_reservations(shared: House) -> None:
    first = shared.ask(("SHOE", 4))
    assert first.status_code == 201, first.text
    told = first.json()
    assert told["decision"] == "ACCEPTED"
    assert told["lines"] == [{"sku": "SHOE", "granted": 4, "available": 10}]
    assert 50_000 < told["expires_at"] - time.time() * 1000 <= 60_000
    shared.comes_to("SHOE", 6)

    refused = shared.ask(("SHOE", 7))
    assert refused.status_code == 409
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["lines"] == [{"sku": "SHOE", "asked": 7, "available": 6}]
    part = shared.ask(("SHOE", 7), allow_partial=True).json()
    assert (part["decision"], part["lines"][0]["granted"]) == ("PARTIAL", 6)

    path = f"/v1/reservations/{told['reservation_id']}"
    assert shared.client.get(path).json()["state"] == "HELD"
    longer = shared.client.post(path + "/extend", json={"ttl_s": 600}).json()
    assert longer["lines"][0]["expires_at"] > told["expires_at"] + 500_000
    for _ in range(2):
        assert shared.client.post(path + "/confirm").json()["state"] == "CONFIRMED"
    assert shared.client.post(path + "/extend", json={"ttl_s": 600}).status_code == 409
    assert shared.client.delete(path).json()["state"] == "CANCELLED"
    assert shared.client.delete(path).json()["state"] == "CANCELLED"
    assert shared.client.post(path + "/confirm").status_code == 409
    shared.comes_to("SHOE", 4)
    assert shared.client.get("/v1/reservations/nobody").status_code == 404


def test_the_way_past_the_framework_leads_to_the_same(shared: House) -> None:
    def placed(kind: str) -> tuple[int, str, dict[str, Any]]:
        body = {"channel": "web", "ttl_s": 60, "lines": [{"sku": "HAT", "quantity": 1}]}
        answer = shared.client.post(
            "/v1/reservations", content=json.dumps(body), headers={"content-type": kind}
        )
        shared.client.delete(f"/v1/reservations/{answer.json()['reservation_id']}")
        told = {**answer.json(), "reservation_id": "", "expires_at": 0}
        return answer.status_code, answer.headers["content-type"], told

    past = placed("application/json; charset=utf-8")
    assert past == placed("application/vnd.shop+json")  # only the framework takes this for JSON
    assert past[0] == 201


def test_several_skus_are_held_together_or_not_at_all(shared: House) -> None:
    both = shared.ask(("SHOE", 2), ("HAT", 1), ("SHOE", 1)).json()
    assert [(line["sku"], line["granted"]) for line in both["lines"]] == [("SHOE", 3), ("HAT", 1)]
    assert 50_000 < both["expires_at"] - time.time() * 1000 <= 60_000
    shared.comes_to("SHOE", 7)
    refused = shared.ask(("SHOE", 2), ("HAT", 5))
    assert refused.json()["lines"][1] == {"sku": "HAT", "asked": 5, "available": 4}
    shared.comes_to("SHOE", 7)
    shared.comes_to("HAT", 4)


def test_asked_again_the_answer_is_the_same(shared: House) -> None:
    for lines in ((("SHOE", 4),), (("SHOE", 2), ("HAT", 5))):
        key = f"key-{len(lines)}"
        first = shared.ask(*lines, key=key)
        assert first.status_code == 201
        assert shared.ask(*lines, key=key).json() == first.json()
    shared.comes_to("SHOE", 4)
    path = f"/v1/reservations/{first.json()['reservation_id']}"
    shared.client.delete(path)
    assert (
        shared.ask(("SHOE", 2), ("HAT", 5), key="key-2").json()["type"]
        == "urn:stocktide:problem:reservation-ended"
    )


OTHERS: list[tuple[tuple[tuple[str, int], ...], dict[str, Any]]] = [
    ((("SHOE", 3),), {}),
    ((("SHOE", 4),), {}),
    ((("HAT", 2),), {}),
    ((("SHOE", 2), ("HAT", 1)), {}),
    ((("KIT", 1),), {}),
    ((("KIT", 9),), {}),
    ((("SHOE", 2),), {"ttl_s": 61}),
    ((("SHOE", 2),), {"allow_partial": True}),
    ((("SHOE", 2),), {"channel": "app"}),
    ((), {"lines": [{"sku": "SHOE", "quantity": 2, "location": "DC1"}]}),
]


def test_a_key_is_for_one_request_whatever_became_of_it(shared: House) -> None:
    granted = shared.ask(("SHOE", 2), key="granted")
    assert granted.status_code == 201
    assert shared.ask(("SHOE", 99), key="refused").status_code == 409
    assert shared.ask(("KIT", 9), ("SHOE", 2), key="at once").status_code == 409
    both = shared.ask(("SHOE", 2), ("HAT", 1), key="both")
    assert both.status_code == 201
    for key in ("granted", "refused", "at once", "both"):
        for lines, fields in OTHERS:
            if key == "both" and lines == (("SHOE", 2), ("HAT", 1)):
                continue
            reused = shared.ask(*lines, key=key, **fields)
            told = reused.status_code, reused.json()["type"]
            assert told == (422, "urn:stocktide:problem:idempotency-key-reused"), (key, lines, fields)
    assert shared.ask(("SHOE", 2), key="granted").json() == granted.json()
    assert shared.ask(("SHOE", 99), key="refused").status_code == 409
    # The same request, written otherwise.
    again = shared.ask(("HAT", 1), ("SHOE", 1), ("SHOE", 1), key="both")
    assert again.json()["reservation_id"] == both.json()["reservation_id"]
    assert again.json()["lines"] == both.json()["lines"][::-1]
    shared.comes_to("SHOE", 6)
    shared.comes_to("HAT", 4)


def test_a_request_that_makes_no_sense_binds_no_key(shared: House) -> None:
    assert shared.ask(("NOSUCH", 1), key="sense").status_code == 404
    assert shared.ask(("SHOE", 0), key="sense").status_code == 422
    assert shared.ask(("SHOE", 1), key="sense").status_code == 201


def test_what_redis_has_not_been_told_yet_is_another_matter_than_what_nobody_knows(
    house: House, redis: Redis, settings: Settings
) -> None:
    for key in ("k", None):
        reservation = house.ask(("SHOE", 1), key=key).json()["reservation_id"]
        path = f"/v1/reservations/{reservation}"
        assert house.client.get(path).json()["state"] == "HELD"
        kept = reservation_key(settings.redis_prefix.encode(), reservation)
        redis.delete(kept)  # as if the engine had not come to write it
        asked = (("GET", path), ("POST", path + "/confirm"), ("DELETE", path))
        with ThreadPoolExecutor(len(asked)) as threads:  # each waits a while for the engine
            answers = list(threads.map(lambda each: house.client.request(*each), asked))
        for late in answers:
            assert (late.status_code, late.headers["retry-after"]) == (503, "1")
            assert late.json()["type"] == "urn:stocktide:problem:reservation-incomplete"
        assert redis.pttl(request_key(settings.redis_prefix.encode(), reservation.partition("-")[0])) > (
            settings.reservation_memory_ms
        )
        begun = time.monotonic()
        for other in (
            "nobody",
            "nobody-1",
            reservation.replace("-1", "-2"),
            reservation + "0",
            "-",
            "\u0663",
        ):
            unknown = house.client.get(f"/v1/reservations/{other}")
            assert unknown.json()["type"] == "urn:stocktide:problem:unknown-reservation"
        assert time.monotonic() - begun < 1.0


def test_a_line_that_has_ended_holds_nothing_and_has_no_end_to_come(shared: House) -> None:
    short = shared.ask(("SHOE", 3), ttl_s=1).json()["reservation_id"]
    made = {
        "CANCELLED": shared.ask(("SHOE", 2)).json()["reservation_id"],
        "CONFIRMED": shared.ask(("HAT", 2)).json()["reservation_id"],
        "REFUSED": shared.ask(("SHOE", 99)).json()["reservation_id"],
    }
    shared.client.delete(f"/v1/reservations/{made['CANCELLED']}")
    shared.client.post(f"/v1/reservations/{made['CONFIRMED']}/confirm")
    for state, held in (("CANCELLED", 0), ("CONFIRMED", 2), ("REFUSED", 0)):
        (line,) = shared.client.get(f"/v1/reservations/{made[state]}").json()["lines"]
        assert (line["state"], line["held"], line["expires_at"]) == (state, held, None)
    path = f"/v1/reservations/{short}"
    eventually(lambda: shared.client.get(path).json()["state"] == "LAPSED", "it to lapse", 10)
    (line,) = shared.client.get(path).json()["lines"]
    assert (line["asked"], line["held"]) == (3, 0)
    assert line["expires_at"] < time.time() * 1000
    assert shared.client.delete(path).json()["lines"][0]["expires_at"] is None


def test_what_stands_is_told_whatever_others_do(house: House, redis: Redis, settings: Settings) -> None:
    """One house for all of it; it costs 12 s."""
    _a_confirm_in_part_leaves_nothing_firm(house)
    _changes_at_once_are_told_as_they_end(house)
    _a_lapsed_hold_is_ended_from_its_end_on(house)
    _a_refused_bundle_has_one_reason(house)
    _an_emptied_redis_cancels_nothing(house, redis, settings.redis_prefix)


def _a_confirm_in_part_leaves_nothing_firm(house: House) -> None:
    made = house.ask(("SHOE", 2), ("HAT", 1), key="part").json()["reservation_id"]
    house.feed.line("HAT", made, 3, 1, ago=0, line="1", action="CANCEL", commitment="SOFT", location=None)
    house.comes_to("HAT", 5)
    refused = house.client.post(f"/v1/reservations/{made}/confirm").json()
    assert refused["type"] == "urn:stocktide:problem:refused"
    assert {line["sku"]: line["state"] for line in refused["lines"]} == {"HAT": "CANCELLED", "SHOE": "HELD"}
    states = house.client.get(f"/v1/reservations/{made}").json()
    assert {line["state"] for line in states["lines"]} == {"CANCELLED", "HELD"}
    assert house.client.post(f"/v1/reservations/{made}/confirm").status_code == 409
    assert house.client.delete(f"/v1/reservations/{made}").json()["state"] == "CANCELLED"
    house.comes_to("SHOE", 10)


def _changes_at_once_are_told_as_they_end(house: House) -> None:
    for _ in range(4):
        made = house.ask(("SHOE", 1), ("HAT", 1)).json()["reservation_id"]
        path = f"/v1/reservations/{made}"
        with ThreadPoolExecutor(3) as threads:
            confirmed = threads.submit(house.client.post, path + "/confirm")
            extended = threads.submit(house.client.post, path + "/extend", json={"ttl_s": 30})
            deleted = threads.submit(house.client.delete, path)
        assert deleted.result().json().get("state") == "CANCELLED", deleted.result().text
        for other in (confirmed, extended):
            assert other.result().json().get("state") != "MIXED"
        assert house.client.get(path).json()["state"] == "CANCELLED"
    house.comes_to("SHOE", 10)
    house.comes_to("HAT", 5)


def _a_lapsed_hold_is_ended_from_its_end_on(house: House) -> None:
    asked: list[tuple[tuple[str, int], ...]] = [(("SHOE", 1),), (("SHOE", 1), ("HAT", 1))]
    for lines in asked:
        for _ in range(2):
            made = house.ask(*lines, key=f"short-{len(lines)}", ttl_s=3)
            assert made.status_code == 201, made.text
    path = f"/v1/reservations/{made.json()['reservation_id']}"
    eventually(lambda: house.client.get(path).json()["state"] == "LAPSED", "it to lapse", 10)
    for lines in asked:
        again = house.ask(*lines, key=f"short-{len(lines)}", ttl_s=3)
        assert again.json()["type"] == "urn:stocktide:problem:reservation-ended", again.text
        house.client.delete(f"/v1/reservations/{again.json()['reservation_id']}")
    confirmed = house.ask(("SHOE", 1), key="firm").json()["reservation_id"]
    house.client.post(f"/v1/reservations/{confirmed}/confirm")
    assert house.ask(("SHOE", 1), key="firm").json()["expires_at"] is None
    house.client.delete(f"/v1/reservations/{confirmed}")


def _a_refused_bundle_has_one_reason(house: House) -> None:
    holder = house.ask(("HAT", 5)).json()["reservation_id"]
    house.comes_to("KIT", 0)
    first = house.ask(("KIT", 1), key="kit")
    assert first.status_code == 409
    house.client.delete(f"/v1/reservations/{holder}")
    house.comes_to("KIT", 3)
    again = house.ask(("KIT", 1), key="kit")
    assert (again.status_code, again.json()) == (first.status_code, first.json())


def _an_emptied_redis_cancels_nothing(house: House, redis: Redis, prefix: str) -> None:
    """And the engine stands still when it is asked again."""
    kept = {}
    for key, change in (("one", "confirm"), ("two", "extend"), ("three", None)):
        kept[key] = house.ask(("SHOE", 1), key=key).json()["reservation_id"]
        if change is not None:
            house.client.post(f"/v1/reservations/{kept[key]}/{change}", json={"ttl_s": 600})
    for kept_key in redis.scan_iter(match=prefix + "*", count=1000):
        redis.delete(kept_key)
    lookup = "/v1/availability/SHOE?channel=web"
    eventually(lambda: house.client.get(lookup).status_code == 503, "the loss to be noticed", 10)
    eventually(lambda: house.client.get(lookup).status_code == 200, "the view to be filled again", 30)
    cell = house.running.pid
    os.kill(cell, signal.SIGSTOP)
    try:
        for key in kept:
            told = house.ask(("SHOE", 1), key=key).json()
            assert told.get("type") == "urn:stocktide:problem:reservation-incomplete", (key, told)
    finally:
        os.kill(cell, signal.SIGCONT)
    for key, state in (("one", "CONFIRMED"), ("two", "HELD"), ("three", "HELD")):
        eventually(lambda key=key: house.ask(("SHOE", 1), key=key).status_code == 201, "an answer", 20)  # type: ignore[misc]
        path = f"/v1/reservations/{kept[key]}"
        eventually(lambda path=path: house.client.get(path).status_code == 200, "Redis to be told", 10)  # type: ignore[misc]
        assert house.client.get(path).json()["state"] == state


def test_bundles_are_held_by_their_components(shared: House) -> None:
    first = shared.ask(("KIT", 3), ("SHOE", 1), key="bundle")
    assert first.status_code == 201, first.text
    assert first.json()["decision"] == "ACCEPTED"
    assert first.json()["lines"] == [
        {"sku": "KIT", "granted": 3, "available": 5},
        {"sku": "SHOE", "granted": 1, "available": 4},
    ]
    shared.comes_to("SHOE", 3)
    shared.comes_to("HAT", 2)
    shared.comes_to("KIT", 1)
    path = f"/v1/reservations/{first.json()['reservation_id']}"
    told = shared.client.get(path).json()
    assert [(each["sku"], each["line"], each["bundle"], each["held"]) for each in told["lines"]] == [
        ("HAT", "c", "KIT", 3),
        ("SHOE", "1", None, 1),
        ("SHOE", "c", "KIT", 6),
    ]
    # More is asked than there is now, but the key holds it already.
    assert shared.ask(("KIT", 3), ("SHOE", 1), key="bundle").json() == first.json()
    assert shared.client.post(path + "/confirm").json()["state"] == "CONFIRMED"
    assert shared.client.delete(path).json()["state"] == "CANCELLED"
    shared.comes_to("KIT", 3)
    assert shared.ask(("KIT", 3), ("SHOE", 1), key="bundle").json()["type"].endswith("reservation-ended")


def test_a_bundle_is_refused_beyond_its_own_number_and_nothing_is_held(shared: House) -> None:
    for key in (None, "refused bundle", "refused bundle"):
        refused = shared.ask(("SHOE", 1), ("KIT", 4), key=key)
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:stocktide:problem:refused")
        assert refused.json()["lines"] == [
            {"sku": "SHOE", "asked": 1, "available": 10},
            {"sku": "KIT", "asked": 4, "available": 3},
        ]
    assert shared.ask(("GHOST", 1), key="ghost").json()["lines"] == [
        {"sku": "GHOST", "asked": 1, "available": 0}
    ]
    assert shared.available("SHOE") == 10
    # Each of both could be had, but not both: of the components it is the engine that knows.
    both = shared.ask(("KIT", 3), ("HAT", 3))
    assert both.json()["lines"] == [
        {"sku": "SHOE", "asked": 6, "available": 10, "bundle": "KIT"},
        {"sku": "HAT", "asked": 3, "available": 5, "bundle": "KIT"},
        {"sku": "HAT", "asked": 3, "available": 2},
    ]
    shared.comes_to("KIT", 3)
    shared.comes_to("HAT", 5)
    part = shared.ask(("KIT", 1), ("HAT", 9), allow_partial=True, key="part of it").json()
    assert (part["decision"], [line["granted"] for line in part["lines"]]) == ("PARTIAL", [1, 4])


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"channel": "nowhere", "lines": [{"sku": "SHOE", "quantity": 1}]}, 404),
        ({"channel": "web", "lines": [{"sku": "NOSUCH", "quantity": 1}]}, 404),
        ({"channel": "web", "lines": []}, 422),
        ({"channel": "web", "lines": [{"sku": "SHOE", "quantity": 0}]}, 422),
        ({"channel": "web", "lines": [{"sku": "SHOE", "quantity": 1, "location": "MARS"}]}, 422),
        (
            {
                "channel": "web",
                "lines": [{"sku": "KIT", "quantity": 1}, {"sku": "KIT", "quantity": 1, "location": "DC1"}],
            },
            422,
        ),
        ({"channel": "web", "lines": [{"sku": "SHOE", "quantity": True}]}, 422),
        ({"channel": "web", "lines": [{"sku": "SHOE", "quantity": "1"}]}, 422),
        ({"channel": "web", "lines": [{"sku": "SHOE", "quantity": 10**9}] * 2}, 422),
        ({"channel": "web", "lines": [{"sku": "KIT", "quantity": 10**9}]}, 422),
    ],
)
def test_what_cannot_be_asked(shared: House, body: dict[str, Any], status: int) -> None:
    response = shared.client.post("/v1/reservations", json=body)
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")


@pytest.mark.parametrize("body", [b"{", b'{"channel": "\xff"}', b"[" * 100_000])
def test_what_is_no_json(shared: House, body: bytes) -> None:
    response = shared.client.post(
        "/v1/reservations", content=body, headers={"content-type": "application/json"}
    )
    assert (response.status_code, response.json()["type"]) == (400, "urn:stocktide:problem:malformed-request")
    assert ".py" not in response.text


def test_a_field_that_does_not_fit_is_named_and_nothing_of_the_server_is(shared: House) -> None:
    response = shared.client.post("/v1/reservations", json={"channel": "web", "lines": [{"sku": 5}]})
    assert response.status_code == 422
    assert "lines.0.sku" in response.json()["detail"]
    assert ".py" not in response.text


def test_nobody_who_was_told_loses_it_when_the_engine_is_killed(
    house: House, settings: Settings, tmp_path: Path
) -> None:
    assert house.ask(("SHOE", 4), key="k").status_code == 201
    house.running.kill()
    nobody = house.ask(("SHOE", 1)).json()  # there is nobody who could say that it is cancelled
    assert nobody["type"] == "urn:stocktide:problem:reservation-incomplete"
    house.feed.movement("SHOE", "SHIP", 3, ago=MINUTE)
    with engine(settings, tmp_path):
        house.comes_to("SHOE", 3)
        assert house.ask(("SHOE", 4), key="k").status_code == 201
        assert house.ask(("SHOE", 4)).status_code == 409
        assert house.ask(("SHOE", 3)).status_code == 201
        path = f"/v1/reservations/{nobody['reservation_id']}"
        assert house.client.get(path).json()["state"] == "CANCELLED"


def test_two_apis_that_are_asked_under_one_key_at_once(shared: House, tmp_path: Path) -> None:
    with api(shared.settings) as url, httpx.Client(base_url=url, timeout=10) as other:
        wait_for_reservations(url)
        beside = House(shared.settings, other, shared.running, shared.feed)
        houses = [shared, beside] * 4
        with ThreadPoolExecutor(8) as threads:
            same = list(threads.map(lambda each: each.ask(("SHOE", 1), ("HAT", 1), key="same"), houses))
            assert [each.status_code for each in same] == [201] * 8, [each.text for each in same]
            assert len({each.text for each in same}) == 1
            one = list(threads.map(lambda each: each.ask(("SHOE", 1), key="one"), houses))
            assert [each.status_code for each in one] == [201] * 8, [each.text for each in one]
            assert len({each.text for each in one}) == 1
            differ = list(
                threads.map(
                    lambda n: houses[n].ask(("SHOE", n + 1), key="differ", allow_partial=True), range(8)
                )
            )
        assert sorted(each.status_code for each in differ) == [201] + [422] * 7
        (granted,) = (each.json()["lines"][0]["granted"] for each in differ if each.status_code == 201)
    shared.granted += beside.granted
    shared.comes_to("SHOE", 8 - granted)
    shared.comes_to("HAT", 4)


def test_without_kafka_lookups_go_on_and_reservations_say_why(shared: House, tmp_path: Path) -> None:
    without = shared.settings.replace(kafka_bootstrap="")
    with api(without) as url, httpx.Client(base_url=url) as client:
        assert client.get("/v1/availability/SHOE?channel=web").json()["available"] == 10
        body = {"channel": "web", "lines": [{"sku": "SHOE", "quantity": 1}]}
        told = client.post("/v1/reservations", json=body)
        assert (told.status_code, told.json()["type"]) == (
            503,
            "urn:stocktide:problem:reservations-unavailable",
        )
        assert "STOCKTIDE_KAFKA_BOOTSTRAP" in told.json()["detail"]
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["reservations"]) == (
            200,
            "STOCKTIDE_KAFKA_BOOTSTRAP is not set",
        )
