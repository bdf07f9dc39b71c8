"""What a limiter answers, case by case; test_limiter_exact.py has the proof that no window admits more."""

import asyncio
import threading
import time
import uuid
from collections.abc import Iterator

import pytest
from redis import Redis

from deploy.redis_server import RedisServer
from feeds.buckets import Bucket, Kind, Scope, Weight
from feeds.exchange import Observed, Request
from feeds.limiter import Admitted, AsyncLimiter, Limiter, Refused, Room, Speed, TooLarge
from feeds.plans import plan
from runtime import redis as redis_clients
from runtime.settings import Settings

NOW = 1_700_000_040_000
"""Where a minute begins."""


@pytest.fixture
def settings(redis_server: RedisServer) -> Settings:
    return Settings(redis_url=redis_server.url, redis_prefix=f"t{uuid.uuid4().hex[:8]}:")


@pytest.fixture
def redis(settings: Settings) -> Iterator[Redis]:
    with redis_clients.client(settings) as client:
        yield client
        for key in client.scan_iter(match=settings.redis_prefix + "*"):
            client.unlink(key)


def limiter(
    redis: Redis, settings: Settings, *buckets: Bucket, account: str = "one", **rest: object
) -> Limiter:
    return Limiter(redis, settings, "shop", account, {"write": buckets}, **rest)


def write(items: int = 1, points: int = 0, **listings: bool) -> Request:
    return Request("PUT", "/", "write", items=items, points=points, listings=tuple(listings.items()))


def admitted(answer: Admitted | Refused) -> Admitted:
    assert isinstance(answer, Admitted)
    return answer


def refused(answer: Admitted | Refused) -> Refused:
    assert isinstance(answer, Refused)
    return answer


def test_what_one_bucket_refuses_no_other_has_lost(redis: Redis, settings: Settings) -> None:
    calls = Bucket("calls", Kind.FIXED, 3, 60)
    items = Bucket("items", Kind.SLIDING, 10, 60, weight=Weight.ITEMS)
    limits = limiter(redis, settings, calls, items)

    admitted(limits.ask(write(items=9), NOW))
    assert refused(limits.ask(write(items=2), NOW + 1000)).wait_ms == 59_000
    assert [type(limits.ask(write(items=0), NOW + 1000)) for _ in range(3)] == [Admitted, Admitted, Refused]


def test_two_accounts_share_what_is_the_applications(redis: Redis, settings: Settings) -> None:
    shared = Bucket("all", Kind.FIXED, 3, 60, scope=Scope.APPLICATION)
    own = Bucket("own", Kind.FIXED, 2, 60)
    one = limiter(redis, settings, shared, own)
    two = limiter(redis, settings, shared, own, account="two")

    asked = [each.ask(write(), NOW) for each in (one, two, one, two, one)]
    assert [type(answer) for answer in asked] == [Admitted, Admitted, Admitted, Refused, Refused]
    other = Limiter(redis, settings, "other shop", "one", {"write": [shared]})
    admitted(other.ask(write(), NOW))


def test_the_listings_that_refuse_are_named_and_the_rest_may_go(redis: Redis, settings: Settings) -> None:
    daily = Bucket("daily", Kind.FIXED, 3, 60, scope=Scope.LISTING, kept_for_zero=1)
    limits = limiter(redis, settings, daily, Bucket("calls", Kind.INTERVAL, 1, 2))

    for second in (0, 2):
        admitted(limits.ask(write(spent=False, fresh=second == 0), NOW + second * 1000))
    answer = refused(limits.ask(write(spent=False, fresh=False), NOW + 3000))
    assert answer == Refused(wait_ms=57_000, rest_ms=1000, listings={"spent": 57_000, "fresh": 57_000})
    assert refused(limits.ask(write(spent=False, new=False), NOW + 4000)).listings == {"spent": 56_000}
    admitted(limits.ask(write(spent=True, new=False), NOW + 4000))
    assert refused(limits.ask(write(spent=True), NOW + 6000)).rest_ms == 0


def test_a_call_that_never_fits_is_an_error_that_says_so(redis: Redis, settings: Settings) -> None:
    limits = limiter(redis, settings, Bucket("items", Kind.TOKEN, 1, 1, 10, weight=Weight.ITEMS))
    with pytest.raises(TooLarge, match="items"):
        limits.ask(write(items=11), NOW)


def test_room_is_what_the_tightest_bucket_has(redis: Redis, settings: Settings) -> None:
    calls = Bucket("calls", Kind.FIXED, 2, 60)
    items = Bucket("items", Kind.FIXED, 2000, 60, weight=Weight.ITEMS)
    limits = limiter(redis, settings, calls, items)

    assert limits.room("write", most=1000, now_ms=NOW) == Room(1000, 0)
    admitted(limits.ask(write(items=1900), NOW))
    assert limits.room("write", most=1000, now_ms=NOW) == Room(100, 0)
    admitted(limits.ask(write(items=100), NOW))
    assert limits.room("write", most=1000, now_ms=NOW + 1) == Room(0, 59_999)


def test_room_asks_for_the_points_of_a_call(redis: Redis, settings: Settings) -> None:
    limits = limiter(redis, settings, Bucket("points", Kind.TOKEN, 10, 1, 20, weight=Weight.POINTS))
    admitted(limits.ask(write(points=15), NOW))
    assert limits.room("write", most=250, points=13, now_ms=NOW) == Room(0, 800)
    assert limits.room("write", most=250, points=5, now_ms=NOW) == Room(250, 0)


def test_what_was_admitted_after_a_call_is_not_in_its_answer(redis: Redis, settings: Settings) -> None:
    limits = limiter(redis, settings, Bucket("calls", Kind.TOKEN, 1, 1, 10))
    first = admitted(limits.ask(write(), NOW))
    for _ in range(9):
        admitted(limits.ask(write(), NOW))
    limits.observe([Observed("calls", left=9)], first, NOW)
    assert refused(limits.ask(write(), NOW)).wait_ms == 1000
    limits.observe([Observed("calls", left=9)], now_ms=NOW)
    assert isinstance(limits.ask(write(), NOW), Refused)


def test_an_answer_of_the_last_window_says_nothing_of_this(redis: Redis, settings: Settings) -> None:
    limits = limiter(redis, settings, Bucket("calls", Kind.FIXED, 2, 60))
    last = admitted(limits.ask(write(), NOW + 59_000))
    limits.observe([Observed("calls", left=0)], last, NOW + 60_000)
    admitted(limits.ask(write(), NOW + 60_000))


def test_a_bucket_is_closed_until_a_unit_comes_but_not_while_it_has_some(
    redis: Redis, settings: Settings
) -> None:
    limits = limiter(redis, settings, Bucket("calls", Kind.TOKEN, 5, 1, 5))
    limits.observe([Observed("calls", left=3, wait_s=2)], now_ms=NOW)
    admitted(limits.ask(write(), NOW))
    limits.observe([Observed("calls", left=0, wait_s=2)], now_ms=NOW)
    assert refused(limits.ask(write(), NOW)).wait_ms == 2000
    answers = [limits.ask(write(), NOW + 2000) for _ in range(2)]
    assert [type(answer) for answer in answers] == [Admitted, Refused]


def test_a_rate_that_was_told_holds_until_another_is(redis: Redis, settings: Settings) -> None:
    limits = limiter(redis, settings, Bucket("calls", Kind.TOKEN, 5, 1, 1))
    limits.observe([Observed("calls", rate=0.25)], now_ms=NOW)
    admitted(limits.ask(write(), NOW))
    assert refused(limits.ask(write(), NOW)).wait_ms == 4000
    limits.observe([Observed("calls", rate=5)], now_ms=NOW)
    assert refused(limits.ask(write(), NOW)).wait_ms == 200
    key = next(key for key in redis.scan_iter(match=settings.redis_prefix + "*") if b"calls" in key)
    assert redis.hget(key, "a") is None


def test_a_group_that_was_throttled_is_held_and_no_other(redis: Redis, settings: Settings) -> None:
    groups = {
        "write": [
            Bucket("calls", Kind.TOKEN, 5, 1, 5),
            Bucket("all", Kind.TOKEN, 9, 1, 9, scope=Scope.APPLICATION),
        ],
        "read": [Bucket("reads", Kind.TOKEN, 5, 1, 5)],
    }
    limits, two = (Limiter(redis, settings, "shop", account, groups) for account in ("one", "two"))
    limits.hold("write", 3, NOW)
    limits.hold("write", 1, NOW)
    assert refused(limits.ask(write(), NOW)).wait_ms == 3000
    assert limits.room("write", 1, now_ms=NOW + 2999) == Room(0, 1)
    admitted(limits.ask(Request("GET", "/", "read"), NOW))
    admitted(two.ask(write(), NOW))
    answers = [limits.ask(write(), NOW + 3000) for _ in range(2)]
    assert [type(answer) for answer in answers] == [Admitted, Refused]


def test_a_request_that_was_never_sent_gives_back_what_it_took(redis: Redis, settings: Settings) -> None:
    limits = limiter(
        redis,
        settings,
        Bucket("calls", Kind.TOKEN, 1, 1, 2),
        Bucket("gap", Kind.INTERVAL, 1, 5),
        Bucket("hour", Kind.SLIDING, 1, 3600),
        Bucket("daily", Kind.FIXED, 1, 60, scope=Scope.LISTING),
    )
    call = admitted(limits.ask(write(x=False), NOW))
    assert isinstance(limits.ask(write(x=False), NOW), Refused)
    limits.give_back(call, now_ms=NOW)
    admitted(limits.ask(write(x=False), NOW))


def test_what_has_been_filled_up_again_is_not_given_back(redis: Redis, settings: Settings) -> None:
    limits = limiter(redis, settings, Bucket("calls", Kind.TOKEN, 5, 1, 5))
    call = admitted(limits.ask(write(), NOW))
    for _ in range(5):
        admitted(limits.ask(write(), NOW + 200))
    limits.give_back(call, now_ms=NOW + 200)
    assert isinstance(limits.ask(write(), NOW + 200), Refused)


def test_points_that_a_call_did_not_cost_come_back(redis: Redis, settings: Settings) -> None:
    calls = Bucket("calls", Kind.FIXED, 100, 60)
    points = Bucket("points", Kind.TOKEN, 1, 10, 20, weight=Weight.POINTS)
    limits = limiter(redis, settings, calls, points)
    admitted(limits.ask(write(points=10), NOW))
    call = admitted(limits.ask(write(points=10), NOW))
    limits.give_back(call, points=3, now_ms=NOW)
    assert isinstance(limits.ask(write(points=4), NOW), Refused)
    admitted(limits.ask(write(points=3), NOW))
    assert redis.hget(f"{settings.redis_prefix}limits:{{shop}}:of-account:one:calls", "u") == b"3"


def test_every_key_ends_and_lies_in_the_applications_slot(redis: Redis, settings: Settings) -> None:
    groups = {
        "write": [
            Bucket("calls", Kind.TOKEN, 1, 1, 10),
            Bucket("hour", Kind.SLIDING, 5, 3600),
            Bucket("gap", Kind.INTERVAL, 1, 1),
            Bucket("daily", Kind.FIXED, 250, 86_400, scope=Scope.LISTING),
            Bucket("all", Kind.FIXED, 9, 60, scope=Scope.APPLICATION),
        ]
    }
    limits = Limiter(redis, settings, "a{b}:c", "d:{e}", groups)
    call = admitted(limits.ask(write(**{"f:{g}": False})))
    limits.observe([Observed("calls", left=2, rate=3), Observed("hour", wait_s=7000)], call)
    limits.hold("write", 5)
    lives = {key: redis.pttl(key) for key in redis.scan_iter(match=settings.redis_prefix + "*")}
    assert len(lives) == 7
    for key, life in lives.items():
        assert key.startswith(f"{settings.redis_prefix}limits:{{a%7Bb%7D%3Ac}}:".encode())
        assert 590_000 < life <= 700_000_000
    names = {key.split(b":", 4)[-1]: life for key, life in lives.items()}
    assert all(b"{" not in name for name in names)
    assert next(life for name, life in names.items() if b"daily" in name) > 86_000_000
    assert next(life for name, life in names.items() if name.endswith(b"hour:log")) > 7_000_000


def test_a_sliding_log_has_no_more_entries_than_units(redis: Redis, settings: Settings) -> None:
    limits = limiter(redis, settings, Bucket("hour", Kind.SLIDING, 20, 10, weight=Weight.ITEMS))
    log = f"{settings.redis_prefix}limits:{{shop}}:of-account:one:hour:log"
    for step in range(300):
        answer = limits.ask(write(items=1 + step % 2), NOW + step * 170)
        if isinstance(answer, Admitted) and step % 5 == 0:
            limits.give_back(answer, now_ms=NOW + step * 170)
        assert redis.llen(log) <= 20


def test_what_has_left_a_sliding_window_leaves_it_once(redis: Redis, settings: Settings) -> None:
    limits = limiter(redis, settings, Bucket("any", Kind.SLIDING, 2, 4))
    for _ in range(2):
        admitted(limits.ask(write(), NOW))
    for _ in range(2):
        limits.observe([Observed("any", rate=0.5)], now_ms=NOW + 5000)
    answers = [limits.ask(write(), NOW + 5000) for _ in range(3)]
    assert [type(answer) for answer in answers] == [Admitted, Admitted, Refused]


def test_a_clock_that_runs_back_lets_nothing_through(redis: Redis, settings: Settings) -> None:
    limits = limiter(redis, settings, Bucket("calls", Kind.TOKEN, 1, 1, 1))
    admitted(limits.ask(write(), NOW))
    assert isinstance(limits.ask(write(), NOW - 60_000), Refused)


def test_a_clock_with_a_speed_fills_buckets_faster(redis: Redis, settings: Settings) -> None:
    began = int(time.time() * 1000)
    fast = Speed(factor=10_000, began_ms=began, start_ms=NOW)
    limits = limiter(redis, settings, Bucket("calls", Kind.SLIDING, 1, 600), speed=fast)
    first = admitted(limits.ask(write()))
    assert NOW - 60_000 < first.at_us // 1000 < NOW + 600_000_000
    assert 0 < refused(limits.ask(write())).wait_ms <= 600_000
    time.sleep(0.08)
    admitted(limits.ask(write()))


def test_many_at_once_are_admitted_no_more_than_the_bucket_holds(redis: Redis, settings: Settings) -> None:
    groups = {
        "write": [
            Bucket("calls", Kind.TOKEN, 100, 1, 20, scope=Scope.APPLICATION),
            Bucket("any", Kind.SLIDING, 15, 0.1, weight=Weight.ITEMS, scope=Scope.APPLICATION),
        ]
    }
    times: list[list[int]] = [[] for _ in range(6)]
    ends = time.monotonic() + 0.5

    def ask_on(nth: int) -> None:
        with redis_clients.client(settings) as client:
            mine = Limiter(client, settings, "shop", f"account {nth}", groups)
            while time.monotonic() < ends:
                answer = mine.ask(write())
                if isinstance(answer, Admitted):
                    times[nth].append(answer.at_us)

    threads = [threading.Thread(target=ask_on, args=(nth,)) for nth in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    all_times = sorted(at for each in times for at in each)
    assert len(all_times) > 30
    for first, since in enumerate(all_times):
        for last in range(first, len(all_times)):
            many, long_us = last - first + 1, all_times[last] - since
            assert many <= 20 + long_us / 10_000
            assert many <= 15 or long_us >= 100_000


def test_the_asyncio_door_answers_the_same(redis: Redis, settings: Settings) -> None:
    async def ask_all() -> None:
        client = redis_clients.client_async(settings)
        points = Bucket("points", Kind.TOKEN, 1, 1, 10, weight=Weight.POINTS)
        limits = AsyncLimiter(client, settings, "shop", "one", {"write": [points]})
        call = admitted(await limits.ask(write(points=10), NOW))
        assert refused(await limits.ask(write(points=1), NOW)).wait_ms == 1000
        await limits.give_back(call, points=4, now_ms=NOW)
        assert await limits.room("write", 5, points=4, now_ms=NOW) == Room(5, 0)
        await limits.observe([Observed("points", left=1)], now_ms=NOW)
        assert await limits.room("write", 5, points=4, now_ms=NOW) == Room(0, 3000)
        await limits.hold("write", 9, NOW)
        assert (await limits.room("write", 5, points=1, now_ms=NOW)).wait_ms == 9000
        await client.aclose()

    asyncio.run(ask_all())


def test_a_request_without_a_limit_always_passes(redis: Redis, settings: Settings) -> None:
    admitted(limiter(redis, settings).ask(Request("PUT", "https://elsewhere/document"), NOW))


@pytest.mark.parametrize(
    ("bucket", "says"),
    [
        (Bucket("x", Kind.FIXED, 9, 60, kept_for_zero=1), "kept for writes of 0"),
        (Bucket("x", Kind.FIXED, 9, 60, scope=Scope.LISTING, kept_for_zero=9), "kept for writes of 0"),
        (Bucket("x", Kind.FIXED, 9, 60, scope=Scope.LISTING, weight=Weight.POINTS), "points"),
    ],
)
def test_a_declaration_that_cannot_be_kept_is_refused(
    redis: Redis, settings: Settings, bucket: Bucket, says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        limiter(redis, settings, bucket)


def test_two_buckets_of_one_name_are_refused(redis: Redis, settings: Settings) -> None:
    groups = {"a": [Bucket("x", Kind.FIXED, 1, 60)], "b": [Bucket("x", Kind.FIXED, 2, 60)]}
    with pytest.raises(ValueError, match="two ways"):
        Limiter(redis, settings, "shop", "one", groups)


def test_what_was_not_declared_is_an_error(redis: Redis, settings: Settings) -> None:
    daily = Bucket("daily", Kind.FIXED, 9, 60, scope=Scope.LISTING)
    limits = limiter(redis, settings, Bucket("calls", Kind.TOKEN, 1, 1, 1), daily)
    with pytest.raises(ValueError, match="group of buckets"):
        limits.ask(Request("GET", "/", "read"), NOW)
    with pytest.raises(ValueError, match="listings"):
        limits.ask(write(), NOW)
    with pytest.raises(ValueError, match="write one of calls"):
        limits.observe([Observed("daily", left=1)], now_ms=NOW)
    with pytest.raises(ValueError, match="rate of 0"):
        limits.observe([Observed("calls", rate=0)], now_ms=NOW)


def test_a_plan_is_exact_or_a_little_less() -> None:
    assert plan(Bucket("x", Kind.TOKEN, 200, 60, 200))[1:3] == (1, 300_000)
    assert plan(Bucket("x", Kind.TOKEN, 0.0083, 1, 15))[1:3] == (83, 10**10)
    _, a, b, *_ = plan(Bucket("x", Kind.TOKEN, 3.3333333333333335, 1, 2000))
    assert isinstance(a, int)
    assert isinstance(b, int)
    assert b * 2000 <= 2**52
    assert 0.999_999 < a / b / 3.3333333333333335e-6 <= 1
