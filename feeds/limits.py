"""How `limits.lua` is asked and read: the limits of one account, without I/O.

Keys, all of an application in one hash slot (names are percent-encoded, so that they hold no braces and colons):

    PREFIXlimits:{APPLICATION}:of-application:BUCKET         shared by all its accounts
    PREFIXlimits:{APPLICATION}:of-account:ACCOUNT:BUCKET
    PREFIXlimits:{APPLICATION}:of-listing:ACCOUNT:BUCKET:LISTING
    PREFIXlimits:{APPLICATION}:held:ACCOUNT:GROUP            until when a group admits nothing (us)
    PREFIXlimits:{APPLICATION}:lease:ACCOUNT                 who owns the account (lease.py)

A bucket is a hash; a sliding one also has a list `...:log` of what it admitted, at most as many entries as units.
Fields: `u` units (a token bucket's level in d-ths of one; of windows what is used up), `d` that, or which window, `t`
the time (us) of `u`, `s` the sum of all units taken, `g` see the script, `c` closed until (us), `a` `b` the plan that
the channel told, where it is not the declared one. A key lives until its bucket is as good as new, and ten minutes at
least; a plan that was told is kept for a week after the bucket was used last.

What Redis loses is forgotten, and the buckets are full again: keep it append-only where a channel punishes that.
"""

import math
from collections import Counter
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote

from feeds.buckets import Bucket, Kind, Scope, Weight
from feeds.exchange import Observed, Request
from feeds.lease import Claim, lease_key, slot_prefix
from feeds.plans import by_name, microseconds, plan, told_plan
from runtime.settings import Settings

_LEAST_LIFE_MS = 600_000
_DAY_MS = 86_400_000

Word = str | int | float

SCRIPT = Path(__file__).with_name("limits.lua").read_text()


class TooLarge(Exception):
    """A call that no bucket will ever admit; split it."""


class Admitted(NamedTuple):
    """The call may be sent, at once. It is also what `observe` and `give_back` know the call by. `at_us`: when."""

    request: Request
    at_us: int
    after: Sequence[int]


class Refused(NamedTuple):
    """The call may not be sent now, and nothing was taken. It could be in `wait_ms`, if nobody else calls; without the
    `listings`, each of which refuses for so many ms, in `rest_ms` (0: at once). Times are of the limiter's clock."""

    wait_ms: int
    rest_ms: int
    listings: Mapping[str, int]


class Room(NamedTuple):
    """A call with so many `items` would be admitted now; with one item in `wait_ms`."""

    items: int
    wait_ms: int


@dataclass(frozen=True, slots=True)
class Speed:
    """A clock that showed `start_ms` when the server's was `began_ms`, and runs `factor` times as fast."""

    factor: float
    began_ms: int
    start_ms: int

    def __post_init__(self) -> None:
        if self.factor <= 0:
            raise ValueError(f"a clock of speed {self.factor}: write more than 0")


class Asked(NamedTuple):
    """One call of the script."""

    keys: list[str]
    words: list[Word]


T = TypeVar("T")
Question = Generator[Asked, Any, T]
"""Yields one call and is sent its reply."""


class _Row(NamedTuple):
    """A bucket, its keys, and for each of them the words of the question."""

    bucket: Bucket
    keys: Sequence[str]
    words: Sequence[Sequence[Word]]


class Limits:
    """Of one account of an application. `groups`: the connector's `limits`. `lease`: who asks must hold it; None:
    nobody does. Every question may raise `LeaseLost`, and ValueError for what was not declared. `now_ms`: the time,
    instead of the server's; all that asks for an application must go by one clock, whose speed is `speed`.
    """

    def __init__(
        self,
        settings: Settings,
        application: str,
        account: str,
        groups: Mapping[str, Sequence[Bucket]],
        lease: Claim | None = None,
        speed: Speed | None = None,
    ) -> None:
        self._prefix = slot_prefix(settings, application)
        self._account = quote(account, safe="")
        self._lease_key = lease_key(settings, application, account)
        self._groups = groups
        self._lease = lease
        self._factor = speed.factor if speed else 1.0
        self._clock = (speed.began_ms * 1000, speed.start_ms * 1000, speed.factor) if speed else (0, 0, 1)
        self._buckets = by_name(groups)
        self._plans = {name: plan(bucket) for name, bucket in self._buckets.items()}

    def ask(self, request: Request, now_ms: int | None) -> Question[Admitted | Refused]:
        """Whether a request may be sent: all buckets of its group are debited, or none. Raises `TooLarge`."""
        zeroes = {listing for listing, to_zero in request.listings if to_zero}
        rows: list[_Row] = []
        listings: list[str] = []
        for bucket, of in self._concerned(request):
            units = _units(bucket, request)
            kept = bucket.kept_for_zero
            words = [(units[each], 0 if each in zeroes else kept) for each in of]
            rows.append(self._row(bucket, of, words))
            listings += of
        reply = yield self._asked("ask", request.limit, rows, now_ms)
        self._check(reply, rows)
        if reply[0]:
            return Admitted(request, reply[1], tuple(reply[2:]))
        waits: dict[str, int] = {}
        for nth, wait_ms in zip(reply[2::2], reply[3::2], strict=True):
            waits[listings[nth - 1]] = max(wait_ms, waits.get(listings[nth - 1], 0))
        return Refused(max(reply[1], *waits.values(), 0), reply[1], waits)

    def room(self, group: str, most: int, points: int, now_ms: int | None) -> Question[Room]:
        """How many items, `most` at most, a call of a group could have now. Buckets of listings are not asked."""
        rows = []
        for bucket in self._group(group):
            if bucket.scope is not Scope.LISTING:
                each = bucket.weight is Weight.ITEMS and bucket.kind is not Kind.INTERVAL
                units = points if bucket.weight is Weight.POINTS else 1
                rows.append(self._row(bucket, [""], [(units, int(each))]))
        reply = yield self._asked("room", group, rows, now_ms)
        self._check(reply, rows)
        return Room(most if reply[1] < 0 else min(most, reply[1]), reply[0])

    def observe(
        self, observed: Iterable[Observed], admitted: Admitted | None, now_ms: int | None
    ) -> Question[None]:
        """Believe what an answer said of buckets. `admitted`: the call that was answered; what was admitted after it
        is not in the `left` of the answer. Without it, and of buckets that it did not take from, `left` can only
        lower.
        """
        taken = self._taken(admitted) if admitted else {}
        for said in observed:
            bucket = self._buckets.get(said.bucket)
            if bucket is None or bucket.scope is Scope.LISTING:
                names = sorted(
                    name for name, each in self._buckets.items() if each.scope is not Scope.LISTING
                )
                raise ValueError(
                    f"{said.bucket} is not a bucket that answers speak of; write one of {', '.join(names)}"
                )
            call: Sequence[Word] = ("", "")
            if admitted and said.bucket in taken:
                call = taken[said.bucket][0], admitted.at_us
            left = "" if said.left is None else said.left
            wait = "" if said.wait_s is None else microseconds(said.wait_s)
            row = self._row(bucket, [""], [(left, wait, *told_plan(bucket, said.rate), *call)])
            reply = yield self._asked("correct", None, [row], now_ms)
            self._check(reply, [row])

    def hold(self, group: str, seconds: float, now_ms: int | None) -> Question[None]:
        """Admit nothing of a group for a while: it was throttled, and nobody said by what. The account's token buckets
        in it begin again with one unit; those of the application are left alone."""
        mine = [
            each for each in self._group(group) if each.scope is Scope.ACCOUNT and each.kind is Kind.TOKEN
        ]
        rows = [self._row(bucket, [""], [()]) for bucket in mine]
        asked = self._asked("hold", group, rows, now_ms)
        asked.words.insert(7, microseconds(seconds))
        self._check((yield asked), rows)

    def give_back(self, admitted: Admitted, points: int | None, now_ms: int | None) -> Question[None]:
        """Put back what a call did not take, once: all of it (it was certainly not sent), or so many `points`. Never
        more than is certainly missing: of what a bucket has been refilled with since, nothing is put back."""
        rows = []
        after = iter(zip(*[iter(admitted.after)] * 3, strict=True))
        for bucket, of in self._concerned(admitted.request):
            units = _units(bucket, admitted.request)
            words = []
            for each in of:
                _, level, gained = next(after)
                words.append((units[each] if points is None else points, admitted.at_us, level, gained))
            if points is None or bucket.weight is Weight.POINTS:
                rows.append(self._row(bucket, of, words))
        if rows:
            self._check((yield self._asked("back", admitted.request.limit, rows, now_ms)), rows)

    def _group(self, group: str | None) -> Sequence[Bucket]:
        if group is None:
            return ()
        if group not in self._groups:
            raise ValueError(f"no group of buckets {group}; the connector declares {', '.join(self._groups)}")
        return self._groups[group]

    def _concerned(self, request: Request) -> Iterable[tuple[Bucket, Sequence[str]]]:
        """The buckets of a request, each with the listings that have one of their own; "": it has only one."""
        listings = list(dict.fromkeys(listing for listing, _ in request.listings))
        for bucket in self._group(request.limit):
            if bucket.scope is Scope.LISTING and not listings:
                raise ValueError(
                    f"bucket {bucket.name} is of each listing: name the `listings` in the request"
                )
            yield bucket, listings if bucket.scope is Scope.LISTING else [""]

    def _taken(self, admitted: Admitted) -> dict[str, Sequence[int]]:
        """What buckets were after a call, by name."""
        names = [bucket.name for bucket, of in self._concerned(admitted.request) for _ in of]
        return dict(zip(names, zip(*[iter(admitted.after)] * 3, strict=True), strict=True))

    def _row(self, bucket: Bucket, of: Sequence[str], words: Sequence[Sequence[Word]]) -> _Row:
        if bucket.scope is Scope.APPLICATION:
            return _Row(bucket, [f"{self._prefix}of-application:{quote(bucket.name, safe='')}"], words)
        own = f"{self._account}:{quote(bucket.name, safe='')}"
        if bucket.scope is Scope.ACCOUNT:
            return _Row(bucket, [f"{self._prefix}of-account:{own}"], words)
        return _Row(
            bucket, [f"{self._prefix}of-listing:{own}:{quote(listing, safe='')}" for listing in of], words
        )

    def _asked(self, what: str, group: str | None, rows: Sequence[_Row], now_ms: int | None) -> Asked:
        if self._lease and not self._lease.text:
            raise self._lease.lost()
        claim = self._lease.text if self._lease else ""
        held = f"{self._prefix}held:{self._account}:{quote(group or '', safe='')}"
        keys = [self._lease_key, held]
        now = "" if now_ms is None else now_ms * 1000
        words: list[Word] = [what, claim, now, *self._clock, 0.001 / self._factor]
        for row in rows:
            kind, a, b, capacity, lasts_ms = self._plans[row.bucket.name]
            # A time that is given may stand still while the server's runs.
            life = max(_LEAST_LIFE_MS if now_ms is None else _DAY_MS, math.ceil(lasts_ms / self._factor))
            words += kind, a, b, capacity, life, int(row.bucket.scope is Scope.LISTING), len(row.keys)
            for key, of in zip(row.keys, row.words, strict=True):
                keys += [key, key + ":log"] if row.bucket.kind is Kind.SLIDING else [key]
                words += of
        return Asked(keys, words)

    def _check(self, reply: Sequence[int], rows: Sequence[_Row]) -> None:
        if reply[0] == -1 and self._lease:
            raise self._lease.lost()
        if reply[0] == -2:
            bucket = [row.bucket for row in rows for _ in row.keys][reply[1] - 1]
            raise TooLarge(
                f"bucket {bucket.name} never admits a call that large; split it, or `room` says how much fits"
            )


def _units(bucket: Bucket, request: Request) -> Mapping[str, int]:
    """What a request takes from a bucket, or from that of each listing."""
    if bucket.scope is Scope.LISTING:
        counted = Counter(listing for listing, _ in request.listings)
        return counted if bucket.weight is Weight.ITEMS else dict.fromkeys(counted, 1)
    if bucket.weight is Weight.CALL or bucket.kind is Kind.INTERVAL:
        return {"": 1}
    units = request.items if bucket.weight is Weight.ITEMS else request.points
    if units < 0:
        raise ValueError(
            f"a request takes {units} from bucket {bucket.name}: write 0 or more items and points"
        )
    return {"": units}
