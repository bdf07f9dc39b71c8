"""Counts what an account asks of its limits: requests, and how much of each bucket's plan they took of late."""

from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from feeds.buckets import Bucket, Kind, Scope, Weight
from feeds.exchange import Request
from feeds.limits import Admitted, Refused, Room
from feeds.line import Limiting

_SLICES = 30
_LEAST_S = 60.0


class Used(NamedTuple):
    """Of a bucket: `taken` units in the last `window_s` seconds, in which its plan has `plan` units, without what a
    burst had saved up."""

    bucket: str
    taken: float
    plan: float
    window_s: float


class _Recent:
    """How much there was in the last so many seconds, by slices of them."""

    def __init__(self, window_s: float) -> None:
        self.window_s = window_s
        self._slice_ms = window_s * 1000 / _SLICES
        self._slices: deque[list[float]] = deque()

    def add(self, now_ms: int, units: float) -> None:
        number = now_ms // self._slice_ms
        if not self._slices or self._slices[-1][0] != number:
            self._slices.append([number, 0.0])
        self._slices[-1][1] += units

    def total(self, now_ms: int) -> float:
        oldest = now_ms // self._slice_ms - _SLICES
        while self._slices and self._slices[0][0] <= oldest:
            self._slices.popleft()
        return sum(units for _, units in self._slices)


class Counted:
    """The limits of an account, with what passes them counted. `requests` and `refused` by group: a request that is
    refused is asked for again until it is admitted."""

    def __init__(
        self, limits: Limiting, groups: Mapping[str, Sequence[Bucket]], now_ms: Callable[[], int]
    ) -> None:
        self._limits = limits
        self._groups = groups
        self._now_ms = now_ms
        self.requests: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self._recent = {
            bucket.name: (bucket, _Recent(max(_LEAST_S, bucket.per_s)))
            for group in groups.values()
            for bucket in group
            if bucket.scope is not Scope.LISTING
        }

    def used(self) -> list[Used]:
        """Each bucket that is not a listing's."""
        now_ms, found = self._now_ms(), []
        for name, (bucket, recent) in self._recent.items():
            units = 1.0 if bucket.kind is Kind.INTERVAL else bucket.units
            plan = units * recent.window_s / bucket.per_s
            found.append(Used(name, recent.total(now_ms), plan, recent.window_s))
        return found

    async def ask(self, request: Request) -> Admitted | Refused:
        answer = await self._limits.ask(request)
        group = request.limit or ""
        if isinstance(answer, Refused):
            self.refused[group] += 1
            return answer
        self.requests[group] += 1
        self._count(request, 1)
        return answer

    async def room(self, group: str, most: int, points: int = 0) -> Room:
        return await self._limits.room(group, most, points)

    async def observe(self, observed: Any, admitted: Admitted | None = None) -> None:
        await self._limits.observe(observed, admitted)

    async def hold(self, group: str, seconds: float) -> None:
        await self._limits.hold(group, seconds)

    async def give_back(self, admitted: Admitted) -> None:
        self._count(admitted.request, -1)
        await self._limits.give_back(admitted)

    def _count(self, request: Request, sign: int) -> None:
        now_ms = self._now_ms()
        for bucket in self._groups.get(request.limit or "", ()):
            if bucket.name in self._recent:
                weights = {Weight.CALL: 1, Weight.ITEMS: request.items, Weight.POINTS: request.points}
                units = 1 if bucket.kind is Kind.INTERVAL else weights[bucket.weight]
                self._recent[bucket.name][1].add(now_ms, sign * units)
