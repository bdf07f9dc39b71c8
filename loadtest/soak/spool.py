"""The records of a topic dealt out to files, one for each group of skus: so each is read and looked into once, however
many groups there are."""

import pickle
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

from loadtest.soak.groups import Groups
from runtime.readback import Stored
from wire.codec import Codec, WireError

KEYED_BY_SKU = ("stock-movements", "reservations", "expected-supply")
BY_LINES = "pos-sales"
SPOOLED = (*KEYED_BY_SKU, BY_LINES)
"""Of all other topics, every record may concern every group."""
_AT_ONCE = 1_000


class Spool:
    """Files in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def deal(self, topic: str, records: Iterable[Stored], groups: Groups, codec: Codec) -> int:
        """Write each record of a topic to the groups that it may concern; how many were read."""
        many = 0
        with ExitStack() as files:
            out = [files.enter_context(self._file(topic, group).open("wb")) for group in range(groups.many)]
            waiting: list[list[Stored]] = [[] for _ in out]
            for stored in records:
                many += 1
                for group in concerned(stored, groups, codec):
                    waiting[group].append(stored)
                    if len(waiting[group]) == _AT_ONCE:
                        pickle.dump(waiting[group], out[group], pickle.HIGHEST_PROTOCOL)
                        waiting[group].clear()
            for group, rest in enumerate(waiting):
                pickle.dump(rest, out[group], pickle.HIGHEST_PROTOCOL)
        return many

    def read(self, topic: str, group: int) -> Iterator[Stored]:
        """The records of a topic for a group, in their order."""
        with self._file(topic, group).open("rb") as file:
            while True:
                try:
                    yield from pickle.load(file)
                except EOFError:
                    return

    def _file(self, topic: str, group: int) -> Path:
        return self._folder / f"{topic}-{group}"


def concerned(stored: Stored, groups: Groups, codec: Codec) -> Collection[int]:
    """The groups of a record's sku, or of the skus of its lines; all where that cannot be told."""
    if stored.topic != BY_LINES:
        return groups.named((stored.key or b"").decode())
    try:
        lines = codec.decode(stored.value or b"")[1]["lines"]
    except WireError:
        return range(groups.many)
    return {group for line in lines for group in groups.named(line["sku"])}
