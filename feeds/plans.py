"""Declared buckets as `limits.lua` counts them: in whole numbers of units and microseconds, so that all is exact."""

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction

from feeds.buckets import Bucket, Kind, Scope, Weight

_EXACT = 2**52
"""Lua's whole numbers are exact below twice this."""


def by_name(groups: Mapping[str, Sequence[Bucket]]) -> dict[str, Bucket]:
    """All buckets. Raises ValueError where two are not to be told apart, or one cannot be kept."""
    buckets: dict[str, Bucket] = {}
    for group, members in groups.items():
        if len({bucket.name for bucket in members}) < len(members):
            raise ValueError(f"group {group} names a bucket twice; write it once")
        for bucket in members:
            if buckets.setdefault(bucket.name, bucket) != bucket:
                raise ValueError(
                    f"bucket {bucket.name} is declared in two ways; give the second another name"
                )
            most = bucket.capacity if bucket.kind is Kind.TOKEN else bucket.units
            if bucket.kept_for_zero and (bucket.scope is not Scope.LISTING or bucket.kept_for_zero >= most):
                raise ValueError(
                    f"bucket {bucket.name}: only of a listing's units some, not all, are kept for writes of 0"
                )
            if bucket.scope is Scope.LISTING and bucket.weight is Weight.POINTS:
                raise ValueError(
                    f"bucket {bucket.name}: points are of a call, not of a listing; weigh calls or items"
                )
    return buckets


def plan(bucket: Bucket) -> tuple[str, float, float, float, float]:
    """Kind, plan (a, b), capacity, and after how long it is as good as new (ms)."""
    per_us = microseconds(bucket.per_s)
    if bucket.kind is Kind.TOKEN:
        rate = _exactly(bucket.units) / _exactly(bucket.per_s)
        lasts_ms = 1000 * bucket.capacity / float(rate)
        return bucket.kind.value, *_token_plan(bucket, rate), bucket.capacity, lasts_ms
    units = 1 if bucket.kind is Kind.INTERVAL else bucket.units
    return bucket.kind.value, units, per_us, 0, 1000 * bucket.per_s


def told_plan(bucket: Bucket, rate: float | None) -> tuple[float | str, float | str]:
    """The plan (a, b) at a rate that was told (units a second), never above it. Raises ValueError for one without any
    unit."""
    if rate is None:
        return "", ""
    if not 0 < rate < math.inf:
        raise ValueError(
            f"bucket {bucket.name} at a rate of {rate}: write more than 0, or for how long it is closed"
        )
    if bucket.kind is Kind.TOKEN:
        return _token_plan(bucket, _exactly(rate))
    if bucket.kind is Kind.INTERVAL:
        return 1, math.ceil(1_000_000 / _exactly(rate))
    units = math.floor(_exactly(rate) * _exactly(bucket.per_s))
    if not units:
        raise ValueError(f"bucket {bucket.name} at a rate of {rate} has no unit in {bucket.per_s:g} s")
    return units, microseconds(bucket.per_s)


def _token_plan(bucket: Bucket, rate: Fraction) -> tuple[int, int]:
    """(a, b): a b-ths of a unit come each us, which is exact; where that needs too large a b, a little less comes."""
    each_us = rate / 1_000_000
    size = _exactly(bucket.capacity).denominator
    a, b = each_us.numerator * size, each_us.denominator * size
    if b * bucket.capacity > _EXACT:
        b = int(_EXACT // bucket.capacity)
        a = math.floor(each_us * b)
    if not a:
        raise ValueError(
            f"bucket {bucket.name}: a capacity of {bucket.capacity:g} is too much for a rate this low"
        )
    return a, b


def _exactly(number: float) -> Fraction:
    """The number as it is written."""
    return Fraction(repr(number))


def microseconds(seconds: float) -> int:
    return math.ceil(_exactly(seconds) * 1_000_000)
