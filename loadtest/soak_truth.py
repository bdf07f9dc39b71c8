"""The verification of more records than the reference model has room for: group by group of skus.

The model keeps every fact for ever, whatever the engine may forget: that is what makes it the judge of the engine's
horizons, as long as no message asks for what is forgotten (the traffic sees to that). So its memory is bounded by
asking it about some skus at a time: each group is a pass over all topics, in a process of its own, that folds what may
concern the group (all names a sku has; master data, counts and batches always) and then compares every number of it.
"""

import time
import zlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from typing import Any

from inventory.reference import Config, ReferenceModel
from loadtest.compare import Differences, compare_rows
from loadtest.compare_api import compare_api
from loadtest.freshness import wait_caught_up
from loadtest.letters import compare_letters, read_letters
from loadtest.pause import no_collection
from loadtest.rows import Places
from loadtest.truth import FOLDED, Place, Truth, config_of, fold_stored
from loadtest.verify import quiet_instant
from runtime import redis as redis_link
from runtime.codec import codec_of
from runtime.readback import Stored, end_offsets, read_topic
from runtime.settings import Settings
from wire.codec import Codec, WireError

RECORDS_A_GROUP = 1_500_000
"""As many fill some gigabytes of the model's."""

_KEYED_BY_SKU = ("stock-movements", "reservations", "expected-supply")
_BY_LINES = "pos-sales"
_QUIET_WITHIN_S = 120.0
_AT_ONCE = 2
"""Groups that are judged side by side: each takes some two gigabytes."""
_CATCH_UP_S = 600.0


Read = Callable[[str], Iterable[Stored]]


@dataclass
class Found:
    """What a group has shown. `refused`, `mislabelled`: as in Truth; `records` were folded."""

    records: int = 0
    refused: dict[Place, str] = field(default_factory=dict)
    mislabelled: list[str] = field(default_factory=list)
    differences: Differences = field(default_factory=Differences)


class _Kin:
    """Who belongs together, directly or through others (union-find)."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}

    def of(self, sku: str) -> str:
        """The one that stands for all that belong together."""
        while (parent := self._parent.get(sku, sku)) != sku:
            self._parent[sku] = self._parent.get(parent, parent)
            sku = parent
        return sku

    def join(self, one: str, other: str) -> None:
        """These two do, and all that belong to either."""
        first, second = sorted((self.of(one), self.of(other)))
        self._parent[second] = first


class Groups:
    """Which skus belong together, and what they are called. A bundle and its components are in one group."""

    def __init__(self, items: Collection[Mapping[str, Any]], many: int) -> None:
        self.many = many
        self._group: dict[str, int] = {}
        self._named: defaultdict[str, set[int]] = defaultdict(set)
        kin = _Kin()
        for item in items:
            for part in item["bundle"]:
                kin.join(item["sku"], part["sku"])
        for item in items:
            self._group[item["sku"]] = zlib.crc32(kin.of(item["sku"]).encode()) % many
        for item in items:
            for name in (item["sku"], *(alias["identifier"] for alias in item["aliases"])):
                self._named[name].add(self._group[item["sku"]])

    def of(self, sku: str) -> int:
        """The group of a sku of the catalog."""
        return self._group[sku]

    def may_concern(self, name: str, group: int) -> bool:
        """Whether a name may mean a sku of the group; one that nobody has may mean any."""
        named = self._named.get(name)
        return named is None or group in named


class _Narrow(Codec):
    """Leaves of a till's transaction the lines that may concern a group."""

    def __init__(self, whole: Codec, groups: Groups, group: int) -> None:
        super().__init__(whole.schemas)
        self.framing = whole.framing
        self._groups, self._group = groups, group

    def decode(self, data: bytes) -> tuple[str, dict[str, Any]]:
        record, fields = super().decode(data)
        if record == "PosTransaction":
            lines = [line for line in fields["lines"] if self._groups.may_concern(line["sku"], self._group)]
            fields = {**fields, "lines": lines}
        return record, fields


class _Model(ReferenceModel):
    """Answers for the skus of one group."""

    def __init__(self, config: Config, groups: Groups, group: int) -> None:
        super().__init__(config)
        self._groups, self._group = groups, group

    def skus(self) -> list[str]:
        return [sku for sku in super().skus() if self._groups.of(sku) == self._group]


def groups_of(settings: Settings, codec: Codec) -> Groups:
    """As many groups as the records need."""
    records = sum(end_offsets(settings, FOLDED).values())
    items = [
        codec.decode(stored.value)[1]
        for stored in read_topic(settings, "catalog")
        if stored.value is not None
    ]
    return Groups(items, max(1, -(-records // RECORDS_A_GROUP)))


def tell_group(settings: Settings, groups: Groups, group: int, read: Read) -> tuple[Truth, int]:
    """The model after all that may concern a group, and how many records that were; `read` yields those of a topic."""
    codec = _Narrow(codec_of(settings), groups, group)
    truth = Truth(_Model(config_of(settings), groups, group), grace_ms=settings.confirm_grace_ms)
    records = 0
    with no_collection():
        for topic in (*FOLDED, "reservation-decisions"):
            for stored in read(topic):
                if _concerns(stored, codec, groups, group):
                    fold_stored(truth, codec, stored)
                    records += 1
    truth.model.decide(int(time.time() * 1000))
    return truth, records


def _concerns(stored: Stored, codec: Codec, groups: Groups, group: int) -> bool:
    if stored.topic in _KEYED_BY_SKU:
        return groups.may_concern((stored.key or b"").decode(), group)
    if stored.topic != _BY_LINES:
        return True
    try:
        return bool(codec.decode(stored.value or b"")[1]["lines"])
    except WireError:
        return True


def judge(settings: Settings, groups: Groups, group: int, api_url: str | None, seed: int) -> Found:
    """Fold one group and compare every number of it. Called in a process of its own."""
    truth, records = tell_group(settings, groups, group, partial(read_topic, settings))
    found = Found(records, truth.refused, truth.mislabelled)
    now = quiet_instant(truth, _QUIET_WITHIN_S)
    with redis_link.client(settings) as redis:
        compare_rows(
            redis, settings, truth.model, now, found.differences, lambda sku: groups.of(sku) == group
        )
        if api_url is not None and truth.model.skus():
            compare_api(api_url, truth.model, Places(redis, settings), now, seed, found.differences)
    return found


def verify_by_groups(
    settings: Settings, codec: Codec, api_url: str | None, seed: int, say: Callable[[str], None]
) -> tuple[list[str], Differences]:
    """Every number compared, group by group, and all dead letters at the end: lines for people, and what differs.

    Nothing may be sent any more. Raises NotCaughtUp.
    """
    began = time.monotonic()
    with redis_link.client(settings) as redis:
        wait_caught_up(redis, settings, int(time.time() * 1000), _CATCH_UP_S)
    groups, whole, records = groups_of(settings, codec), Found(), 0
    say(f"computing every number a second time, in {groups.many} groups of skus")
    # A process of its own for each: what the model took is given back.
    with ProcessPoolExecutor(_AT_ONCE, get_context("spawn"), max_tasks_per_child=1) as processes:
        judging = [
            processes.submit(judge, settings, groups, group, api_url, seed) for group in range(groups.many)
        ]
        for group, judged in enumerate(judging):
            found = judged.result()
            records += found.records
            whole.refused |= found.refused
            whole.mislabelled += found.mislabelled
            whole.differences.found += found.differences.found
            whole.differences.compared += found.differences.compared
            say(f"group {group + 1} of {groups.many}: {len(found.differences.found):,} differences")
    refused = Truth(ReferenceModel(), refused=whole.refused, mislabelled=sorted(set(whole.mislabelled)))
    compare_letters(read_letters(settings, codec), refused, whole.differences)
    compared = ", ".join(f"{many:,} {what}" for what, many in whole.differences.compared.items())
    many = len(whole.differences.found)
    lines = [
        f"{records:,} records folded by the reference model in {groups.many} groups; compared: {compared} "
        f"({time.monotonic() - began:.0f} s)",
        *(f"  {line}" for line in whole.differences.found[:40]),
        f"{many:,} differences",
    ]
    return lines, whole.differences
