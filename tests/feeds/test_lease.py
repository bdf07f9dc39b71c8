import asyncio
import uuid
from collections.abc import Iterator

import pytest
from redis import Redis
from redis.exceptions import ConnectionError

from deploy.redis_server import RedisServer
from feeds.buckets import Bucket, Kind
from feeds.exchange import Observed, Request
from feeds.lease import AsyncLease, Lease, LeaseLost
from feeds.limiter import Admitted, AsyncLimiter, Limiter
from runtime import redis as redis_clients
from runtime.settings import Settings

GROUPS = {"write": [Bucket("calls", Kind.FIXED, 100, 60)]}
WRITE = Request("PUT", "/", "write")


@pytest.fixture
def settings(redis_server: RedisServer) -> Settings:
    return Settings(redis_url=redis_server.url, redis_prefix=f"t{uuid.uuid4().hex[:8]}:")


@pytest.fixture
def redis(settings: Settings) -> Iterator[Redis]:
    with redis_clients.client(settings) as client:
        yield client
        for key in client.scan_iter(match=settings.redis_prefix + "*"):
            client.unlink(key)


def lapse(redis: Redis, settings: Settings) -> None:
    """Let the time of a lease pass."""
    assert redis.delete(f"{settings.redis_prefix}limits:{{shop}}:lease:one")


def test_a_second_owner_is_told_who_has_the_account(redis: Redis, settings: Settings) -> None:
    first = Lease(redis, settings, "shop", "one", owner="first")
    second = Lease(redis, settings, "shop", "one", owner="second")
    assert first.acquire() is None
    taken = second.acquire()
    assert taken is not None
    assert taken.owner == first.owner
    assert 14_000 < taken.for_ms <= 15_000
    first.release()
    assert second.acquire() is None
    assert second.token > first.token == 0


def test_who_was_paused_beyond_the_lease_may_ask_for_nothing(redis: Redis, settings: Settings) -> None:
    paused, other = (Lease(redis, settings, "shop", "one") for _ in range(2))
    limits = Limiter(redis, settings, "shop", "one", GROUPS, lease=paused)
    paused.acquire()
    call = limits.ask(WRITE)
    assert isinstance(call, Admitted)
    old, text = paused.token, paused.text
    lapse(redis, settings)
    assert other.acquire() is None
    assert other.token > old

    for question in (
        lambda: limits.ask(WRITE),
        lambda: limits.ask(Request("PUT", "https://elsewhere/document")),
        lambda: limits.room("write", 1),
        lambda: limits.observe([Observed("calls", left=0)], call),
        lambda: limits.hold("write", 60),
        lambda: limits.give_back(call),
    ):
        paused.text = text  # as each would be the first to learn of it
        with pytest.raises(LeaseLost, match="account one"):
            question()
        assert paused.text == ""
    paused.text = text
    with pytest.raises(LeaseLost):
        paused.renew()
    paused.text = text
    paused.release()

    theirs = Limiter(redis, settings, "shop", "one", GROUPS, lease=other)
    assert theirs.room("write", 100).items == 100
    assert redis.hget(f"{settings.redis_prefix}limits:{{shop}}:of-account:one:calls", "u") == b"1"
    other.renew()


def test_nobody_asks_before_it_has_the_lease(redis: Redis, settings: Settings) -> None:
    limits = Limiter(redis, settings, "shop", "one", GROUPS, lease=Lease(redis, settings, "shop", "one"))
    with pytest.raises(LeaseLost):
        limits.ask(WRITE)


def test_a_lease_that_lapsed_unwanted_is_renewed(redis: Redis, settings: Settings) -> None:
    lease = Lease(redis, settings, "shop", "one", lasts_ms=60_000)
    lease.acquire()
    lapse(redis, settings)
    lease.renew()
    limits = Limiter(redis, settings, "shop", "one", GROUPS, lease=lease)
    assert isinstance(limits.ask(WRITE), Admitted)


def test_a_token_grows_even_where_redis_forgot_the_last(redis: Redis, settings: Settings) -> None:
    lease = Lease(redis, settings, "shop", "one")
    lease.acquire()
    first = lease.token
    redis.delete(*redis.scan_iter(match=settings.redis_prefix + "*"))
    again = Lease(redis, settings, "shop", "one")
    while redis.time()[0] * 1000 + redis.time()[1] // 1000 <= first:
        pass
    again.acquire()
    assert again.token > first


def test_accounts_have_leases_of_their_own(redis: Redis, settings: Settings) -> None:
    leases = [Lease(redis, settings, "shop", account) for account in ("one", "two")]
    assert [lease.acquire() for lease in leases] == [None, None]
    lives = [redis.pttl(key) for key in redis.scan_iter(match=settings.redis_prefix + "*")]
    assert len(lives) == 4
    assert min(lives) > 0


def test_a_stand_by_takes_over_when_the_owner_is_gone(redis: Redis, settings: Settings) -> None:
    async def take_over() -> None:
        client = redis_clients.client_async(settings)
        owner, stand_by = (AsyncLease(client, settings, "shop", "one", lasts_ms=60) for _ in range(2))
        assert await owner.acquire() is None
        keeping = asyncio.create_task(owner.keep())
        waiting = asyncio.create_task(stand_by.stand_by())
        await asyncio.sleep(0.15)
        assert not waiting.done()
        keeping.cancel()  # the owner dies
        await asyncio.wait_for(waiting, 5)
        limits = AsyncLimiter(client, settings, "shop", "one", GROUPS, lease=owner)
        with pytest.raises(LeaseLost):
            await limits.ask(WRITE)
        await stand_by.release()
        assert await owner.acquire() is None
        await client.aclose()

    asyncio.run(take_over())


def test_who_cannot_renew_for_longer_than_the_lease_has_lost_it(
    redis: Redis, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def keep() -> int:
        client = redis_clients.client_async(settings)
        now = iter(range(1000))
        lease = AsyncLease(client, settings, "shop", "one", lasts_ms=3, clock=lambda: next(now) / 1000)
        await lease.acquire()
        tries = 0

        async def away() -> None:
            nonlocal tries
            tries += 1
            raise ConnectionError("away")

        monkeypatch.setattr(lease, "renew", away)
        with pytest.raises(LeaseLost):
            await lease.keep()
        await client.aclose()
        return tries

    assert asyncio.run(keep()) == 2


def test_a_lease_without_length_is_refused(redis: Redis, settings: Settings) -> None:
    with pytest.raises(ValueError, match="1 or more"):
        Lease(redis, settings, "shop", "one", lasts_ms=0)
