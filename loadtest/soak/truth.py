"""The verification of more records than the reference model has room for: group by group of skus.

The model keeps every fact for ever, whatever the engine may forget: that is what makes it the judge of the engine's
horizons, as long as no message asks for what is forgotten (the traffic sees to that). So its memory is bounded by
asking it about some skus at a time: the records are dealt out to the groups that they may concern (by all names a sku
has; master data, counts and batches concern all), and each group is folded and compared by a process of its own.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from inventory.reference import Config, ReferenceModel
from loadtest.pause import no_collection
from loadtest.soak.groups import Groups, groups_of
from loadtest.soak.spool import SPOOLED, Spool
from loadtest.verify.command import quiet_instant
from loadtest.verify.compare import Differences, compare_rows
from loadtest.verify.compare_api import compare_api
from loadtest.verify.freshness import wait_caught_up
from loadtest.verify.letters import compare_letters, read_letters
from loadtest.verify.rows import Places
from loadtest.verify.truth import FOLDED, Place, Truth, config_of, fold_stored
from loadtest.workers import workers
from runtime import redis as redis_link
from runtime.codec import codec_of
from runtime.readback import Stored, read_topic
from runtime.settings import Settings
from wire.codec import Codec

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


class _Narrow(Codec):
    """Leaves of a till's transaction the lines that may concern a group."""

    def __init__(self, whole: Codec, groups: Groups, group: int) -> None:
        super().__init__(whole.schemas)
        self.framing = whole.framing
        self._groups, self._group = groups, group

    def decode(self, data: bytes) -> tuple[str, dict[str, Any]]:
        record, fields = super().decode(data)
        if record == "PosTransaction":
            lines = [line for line in fields["lines"] if self._group in self._groups.named(line["sku"])]
            fields = {**fields, "lines": lines}
        return record, fields


class _Model(ReferenceModel):
    """Answers for the skus of one group."""

    def __init__(self, config: Config, groups: Groups, group: int) -> None:
        super().__init__(config)
        self._groups, self._group = groups, group

    def skus(self) -> list[str]:
        return [sku for sku in super().skus() if self._groups.of(sku) == self._group]


def tell_group(settings: Settings, groups: Groups, group: int, read: Read) -> tuple[Truth, int]:
    """The model after all that may concern a group, and how many records that were; `read` yields those of a topic that
    do."""
    codec = _Narrow(codec_of(settings), groups, group)
    truth = Truth(_Model(config_of(settings), groups, group), grace_ms=settings.confirm_grace_ms)
    records = 0
    with no_collection():
        for topic in (*FOLDED, "reservation-decisions"):
            for stored in read(topic):
                fold_stored(truth, codec, stored)
                records += 1
    truth.model.decide(int(time.time() * 1000))
    return truth, records


def deal(settings: Settings, groups: Groups, topic: str, folder: Path) -> int:
    """Deal a topic out; how many records it had. Called in a process of its own."""
    with no_collection():
        return Spool(folder).deal(topic, read_topic(settings, topic), groups, codec_of(settings))


def judge(
    settings: Settings, groups: Groups, group: int, folder: Path, api_url: str | None, seed: int
) -> Found:
    """Fold one group of what was dealt out, and compare every number of it. Called in a process of its own."""
    spool = Spool(folder)

    def read(topic: str) -> Iterable[Stored]:
        return spool.read(topic, group) if topic in SPOOLED else read_topic(settings, topic)

    truth, records = tell_group(settings, groups, group, read)
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
    settings: Settings, codec: Codec, api_url: str | None, seed: int, say: Callable[[str], None], folder: Path
) -> tuple[list[str], Differences]:
    """Every number compared, group by group, and all dead letters at the end: lines for people, and what differs.
    `folder` has room for the records.

    Nothing may be sent any more. Raises NotCaughtUp.
    """
    began = time.monotonic()
    with redis_link.client(settings) as redis:
        wait_caught_up(redis, settings, int(time.time() * 1000), _CATCH_UP_S)
    groups, whole, records = groups_of(settings, codec), Found(), 0
    say(f"computing every number a second time, in {groups.many} groups of skus")
    with workers(_AT_ONCE) as processes, TemporaryDirectory(dir=folder) as dealt:
        dealing = [processes.submit(deal, settings, groups, topic, Path(dealt)) for topic in SPOOLED]
        many = sum(each.result() for each in dealing)
        say(f"{many:,} records were dealt out to the groups")
        judging = [
            processes.submit(judge, settings, groups, group, Path(dealt), api_url, seed)
            for group in range(groups.many)
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
