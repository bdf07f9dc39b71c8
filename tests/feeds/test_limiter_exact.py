"""The limiter against an oracle that looks at every window: it admits neither more nor less."""

import itertools
import uuid
from collections.abc import Iterator
from fractions import Fraction

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from redis import Redis

from deploy.redis_server import RedisServer
from feeds.buckets import Bucket, Kind, Scope, Weight
from feeds.exchange import Observed, Request
from feeds.limiter import Admitted, Limiter, Refused, TooLarge
from runtime import redis as redis_clients
from runtime.settings import Settings
from tests.feeds.limiter_oracle import Judge

ACCOUNTS = ["a", "b:{c}"]
GROUPS = {
    "calls": [
        Bucket("calls", Kind.TOKEN, 3, 2, 4),
        Bucket("items", Kind.FIXED, 12, 5, weight=Weight.ITEMS),
        Bucket("all", Kind.TOKEN, 5, 3, 6, scope=Scope.APPLICATION),
    ],
    "points": [
        Bucket("points", Kind.TOKEN, 7, 1, 20, weight=Weight.POINTS),
        Bucket("gap", Kind.INTERVAL, 1, 0.7),
    ],
    "windows": [
        Bucket("any", Kind.SLIDING, 9, 4, weight=Weight.ITEMS),
        Bucket("daily", Kind.FIXED, 4, 11, scope=Scope.LISTING, kept_for_zero=2),
        Bucket("each", Kind.SLIDING, 3, 6, scope=Scope.LISTING, weight=Weight.ITEMS),
    ],
    "shared": [
        Bucket("points", Kind.TOKEN, 7, 1, 20, weight=Weight.POINTS),
        Bucket("any", Kind.SLIDING, 9, 4, weight=Weight.ITEMS),
    ],
}
BUCKETS = {bucket.name: bucket for group in GROUPS.values() for bucket in group}
CORRECTED = sorted(name for name, bucket in BUCKETS.items() if bucket.scope is not Scope.LISTING)
SLACK = Fraction(1, 10**6)
"""Of a level that was converted to another plan: less than that may be lost."""

Key = tuple[str, str, str]


@pytest.fixture(scope="module")
def redis(redis_server: RedisServer) -> Iterator[Redis]:
    with redis_clients.client(Settings(redis_url=redis_server.url)) as client:
        yield client


def test_a_limiter_agrees_with_every_window(redis: Redis) -> None:
    class Machine(LimiterMachine):
        client = redis

    run_state_machine_as_test(Machine)


class LimiterMachine(RuleBasedStateMachine):
    """`most`: judges who know what was given back; the limiter must not admit more. `least`: those who do not, and so
    say what it must admit."""

    client: Redis

    def __init__(self) -> None:
        super().__init__()
        self.settings = Settings(redis_prefix=f"t{uuid.uuid4().hex[:8]}:")
        self.limiters = {
            account: Limiter(self.client, self.settings, "app", account, GROUPS) for account in ACCOUNTS
        }
        self.now = 1_000_000
        self.most: dict[Key, Judge] = {}
        self.least: dict[Key, Judge] = {}
        self.order = itertools.count()
        self.taken: dict[Key, list[tuple[int, int]]] = {}
        self.calls: list[tuple[str, Admitted, int, dict[Key, int]]] = []
        """Account, call, when in the order of all, and for each bucket how often it had been corrected."""

    def teardown(self) -> None:
        for key in self.client.scan_iter(match=self.settings.redis_prefix + "*"):
            assert self.client.pttl(key) > 0
            self.client.unlink(key)

    def key(self, account: str, name: str, listing: str = "") -> Key:
        scope = BUCKETS[name].scope
        key = ("" if scope is Scope.APPLICATION else account, name, listing)
        for judges in (self.most, self.least):
            judges.setdefault(key, Judge(BUCKETS[name]))
        return key

    @rule(
        account=st.sampled_from(ACCOUNTS),
        group=st.sampled_from(sorted(GROUPS)),
        items=st.integers(1, 5),
        points=st.integers(0, 21),
        listings=st.lists(st.tuples(st.sampled_from("xyz"), st.booleans()), min_size=1, max_size=3),
        times=st.integers(1, 4),
    )
    def ask(
        self, account: str, group: str, items: int, points: int, listings: list[tuple[str, bool]], times: int
    ) -> None:
        request = Request("PUT", "/", group, items=items, points=points, listings=tuple(listings))
        for _ in range(times):
            self.ask_once(account, request)

    def ask_once(self, account: str, request: Request) -> None:
        assert request.limit is not None
        zero = {listing for listing, to_zero in request.listings if to_zero}
        needs: dict[Key, tuple[int, int]] = {}
        for bucket in GROUPS[request.limit]:
            if bucket.scope is Scope.LISTING:
                for listing in {listing for listing, _ in request.listings}:
                    count = sum(each == listing for each, _ in request.listings)
                    units = count if bucket.weight is Weight.ITEMS else 1
                    kept = 0 if listing in zero else int(bucket.kept_for_zero)
                    needs[self.key(account, bucket.name, listing)] = (units, kept)
            else:
                weighed = {Weight.CALL: 1, Weight.ITEMS: request.items, Weight.POINTS: request.points}
                needs[self.key(account, bucket.name)] = (weighed[bucket.weight], 0)
        try:
            answer = self.limiters[account].ask(request, self.now)
        except TooLarge:
            assert any(units + kept > self.most[key].most() for key, (units, kept) in needs.items())
            return
        assert not any(units + kept > self.most[key].most() for key, (units, kept) in needs.items())

        if isinstance(answer, Admitted):
            assert self.fits(self.most, needs, self.now)
            for key, (units, _) in needs.items():
                self.taken.setdefault(key, []).append((next(self.order), units))
                if units:
                    self.most[key].take(self.now, units, answer)
                    self.least[key].take(self.now, units, answer)
            corrected = {key: self.most[key].corrections for key in needs}
            self.calls.append((account, answer, next(self.order), corrected))
            return
        assert isinstance(answer, Refused)
        assert not self.fits(self.least, needs, self.now, SLACK)
        assert answer.wait_ms > 0
        assert self.fits(self.most, needs, self.now + answer.wait_ms)
        assert not self.fits(self.least, needs, self.now + answer.wait_ms - 1, SLACK)
        rest = {key: need for key, need in needs.items() if not key[2]}
        assert self.fits(self.most, rest, self.now + answer.rest_ms)
        if answer.rest_ms:
            assert not self.fits(self.least, rest, self.now + answer.rest_ms - 1, SLACK)
        for listing in {key[2] for key in needs if key[2]}:
            own = {key: need for key, need in needs.items() if key[2] == listing}
            if listing in answer.listings:
                assert self.fits(self.most, own, self.now + answer.listings[listing])
                assert not self.fits(self.least, own, self.now + answer.listings[listing] - 1, SLACK)
            else:
                assert self.fits(self.most, own, self.now)

    def fits(
        self,
        judges: dict[Key, Judge],
        needs: dict[Key, tuple[int, int]],
        now: int,
        slack: Fraction = Fraction(0),
    ) -> bool:
        return all(
            judges[key].free(Fraction(now)) >= units + kept + (slack if judges[key].begins else 0)
            for key, (units, kept) in needs.items()
            if units
        )

    @rule(account=st.sampled_from(ACCOUNTS), group=st.sampled_from(["calls", "points", "shared"]))
    def room(self, account: str, group: str) -> None:
        room = self.limiters[account].room(group, most=7, points=3, now_ms=self.now)
        keys = [self.key(account, bucket.name) for bucket in GROUPS[group]]
        for judges, slack, certain in ((self.most, Fraction(0), True), (self.least, SLACK, False)):
            for items in (room.items, room.items + 1):
                needs = {
                    key: ({Weight.CALL: 1, Weight.ITEMS: items, Weight.POINTS: 3}[BUCKETS[key[1]].weight], 0)
                    for key in keys
                }
                fits = self.fits(judges, needs, self.now, slack)
                if certain and items and items == room.items:
                    assert fits
                    assert room.wait_ms == 0
                if not certain and items > room.items and items <= 7:
                    assert not fits

    @rule(ms=st.one_of(st.integers(1, 400), st.integers(400, 9_000)))
    def pass_time(self, ms: int) -> None:
        self.now += ms

    @precondition(lambda self: self.calls)
    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        nth = data.draw(st.integers(0, len(self.calls) - 1))
        account, admitted, _, corrected = self.calls.pop(nth)
        self.limiters[account].give_back(admitted, now_ms=self.now)
        for key, corrections in corrected.items():
            if self.most[key].corrections == corrections:
                self.most[key].remove(admitted)
                if self.most[key].bucket.kind is not Kind.TOKEN:  # which may have been full in between
                    self.least[key].remove(admitted)

    @rule(
        account=st.sampled_from(ACCOUNTS),
        name=st.sampled_from([name for name in CORRECTED if name != "gap"]),
        left=st.integers(0, 10),
        data=st.data(),
    )
    def observe_left(self, account: str, name: str, left: int, data: st.DataObject) -> None:
        key = self.key(account, name)
        own = [call for call in self.calls if call[0] == account and key in call[3]]
        call = data.draw(st.one_of(st.none(), st.sampled_from(own))) if own else None
        later = at = None
        if call is not None:
            later = Fraction(sum(units for order, units in self.taken.get(key, []) if order > call[2]))
            at = call[1].at_us // 1000
        self.limiters[account].observe([Observed(name, left=left)], call and call[1], self.now)
        for judges in (self.most, self.least):
            judges[key].correct(self.now, left, later, at)

    @rule(account=st.sampled_from(ACCOUNTS), name=st.sampled_from(CORRECTED), wait_ms=st.integers(100, 4000))
    def observe_wait(self, account: str, name: str, wait_ms: int) -> None:
        self.limiters[account].observe([Observed(name, wait_s=wait_ms / 1000)], now_ms=self.now)
        for judges in (self.most, self.least):
            judges[self.key(account, name)].close(self.now, wait_ms)

    @rule(
        account=st.sampled_from(ACCOUNTS),
        name=st.sampled_from([name for name in CORRECTED if name != "gap"]),
        rate=st.sampled_from([0.5, 1, 1.75, 3.333333, 8]),
    )
    def observe_rate(self, account: str, name: str, rate: float) -> None:
        self.limiters[account].observe([Observed(name, rate=rate)], now_ms=self.now)
        for judges in (self.most, self.least):
            judges[self.key(account, name)].change(self.now, rate)
