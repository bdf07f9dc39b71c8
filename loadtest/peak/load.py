"""A load: messages as they go to Kafka, in columns, each with the time at which it is due."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from inventory.murmur import shard_of
from loadtest.peak.schedule import Doubles, Longs
from loadtest.retail.drafts import Outgoing
from loadtest.w1.write import TOPIC_OF, Written, sku_name


class Load(NamedTuple):
    """n messages, ascending in `due` (seconds after the start).

    `topic`, `lane`, `key` (n): indices into `topics`, partitions, and `keys`. Message i is `whole[first[i]:last[i]]`.
    `poison`: of some messages (by number), the dead-letter code that they must get.
    """

    due: Doubles
    topics: Sequence[str]
    topic: Longs
    lane: Longs
    keys: Sequence[bytes]
    key: Longs
    whole: bytes
    first: Longs
    last: Longs
    poison: Mapping[int, str]

    @property
    def many(self) -> int:
        """How many messages."""
        return len(self.due)


def of_written(written: Written, due: Doubles, lanes: int) -> Load:
    """Records of the workload W1, or of its opening."""
    keys = [sku_name(sku).encode() for sku in range(int(written.sku.max(initial=-1)) + 1)]
    lane = np.array([shard_of(key) % lanes for key in keys], np.int64)
    first = np.concatenate([[0], written.end[:-1]]).astype(np.int64)
    return Load(
        due, TOPIC_OF, written.what.astype(np.int64), lane[written.sku], keys, written.sku.astype(np.int64),
        written.buf.tobytes(), first, written.end, {},
    )  # fmt: skip


def of_messages(messages: Iterable[Outgoing], due: npt.ArrayLike) -> Load:
    """Messages one by one; `due` is ascending."""
    topics, keys = dict[str, int](), dict[bytes, int]()
    topic, lane, key, values = list[int](), list[int](), list[int](), list[bytes]()
    poison = dict[int, str]()
    for number, message in enumerate(messages):
        topic.append(topics.setdefault(message.topic, len(topics)))
        key.append(keys.setdefault(message.key, len(keys)))
        lane.append(message.partition)
        values.append(message.value)
        if message.poison is not None:
            poison[number] = message.poison
    last = np.cumsum([len(value) for value in values], dtype=np.int64)
    first = np.concatenate([[0], last[:-1]]).astype(np.int64)
    return Load(
        np.asarray(due, np.float64), list(topics), np.array(topic, np.int64), np.array(lane, np.int64),
        list(keys), np.array(key, np.int64), b"".join(values), first[: len(last)], last, poison,
    )  # fmt: skip


def merged(one: Load, other: Load) -> Load:
    """Both, in the order in which they are due; of what is due at once, `one` goes first."""
    order = np.argsort(np.concatenate([one.due, other.due]), kind="stable")
    place = np.argsort(order)
    poison = {int(place[number]): code for number, code in one.poison.items()}
    poison |= {int(place[one.many + number]): code for number, code in other.poison.items()}

    def both(left: Longs, right: Longs, offset: int = 0) -> Longs:
        return np.concatenate([left, right + offset])[order]

    return Load(
        np.concatenate([one.due, other.due])[order],
        [*one.topics, *other.topics], both(one.topic, other.topic, len(one.topics)), both(one.lane, other.lane),
        [*one.keys, *other.keys], both(one.key, other.key, len(one.keys)),
        one.whole + other.whole, both(one.first, other.first, len(one.whole)),
        both(one.last, other.last, len(one.whole)), poison,
    )  # fmt: skip
