"""Whether the topics are still those that a lane has read: an offset means nothing in a topic made anew.

A topic that was deleted and created again has another id, and offsets that begin again. A lane that went on at its
old offset would miss what was written below it, without a word. And a topic that has got more partitions has some that
nobody reads.
"""

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection

from runtime.exit import ExitCode, Refusal
from runtime.kafka import KafkaUnavailable, admin
from runtime.settings import Settings

_LOOK_EVERY_S = 2.0
_ANSWER_WITHIN_S = 30.0
_GONE_AFTER = 2
"""So many looks in a row must not find a topic: a broker that has just started may not know of all."""


class PartitionsAdded(Refusal):
    """A topic has more partitions than at the start; a new start reads them."""

    code = ExitCode.TRY_AGAIN


class TooManyPartitions(Refusal):
    """A topic has more partitions than there are lanes."""

    code = ExitCode.NEEDS_PERSON


class TopicReplaced(Refusal):
    """A topic is not the one that was read: deleted, or deleted and made anew."""

    code = ExitCode.NEEDS_PERSON


def how_to_rebuild(settings: Settings) -> str:
    """What a person does when lanes cannot go on in what their topics were."""
    return (
        f"stop every engine, move {settings.state_dir} away, see to it that all topics are there (`python -m dataflows "
        f"topics create`), and start with STOCKTIDE_GENERATION={settings.generation + 1}: all lanes are rebuilt from "
        "what the topics still hold. Then count the stock of the skus concerned"
    )


def how_to_split(settings: Settings, count: int) -> str:
    """What a person does to have as many lanes as partitions."""
    return (
        f"start a rebuild with STOCKTIDE_PARTITIONS={count}, STOCKTIDE_GENERATION={settings.generation + 1} and "
        f"another STOCKTIDE_STATE_DIR than {settings.state_dir}; when it has taken the view over, type `python -m "
        "dataflows topics grow` with the same settings, if any topic has fewer partitions"
    )


class TopicIds:
    """The ids of some topics at the start of a cell (`ids`, by name without prefix) and how many partitions they have
    (`counts`), looked at again and again; of those that are only `written` the ids do not matter. `grown`: why the cell
    is to drain, where a topic has more partitions.
    """

    def __init__(self, settings: Settings, names: Iterable[str], written: Iterable[str] = ()) -> None:
        self._settings = settings
        self._written = set(written)
        self._names = {settings.topic(name): name for name in (*names, *self._written)}
        self._admin = admin(settings)
        self._missed = dict.fromkeys(self._names.values(), 0)
        self._asked: dict[str, Future[Any]] = {}
        self._due = time.monotonic() + _LOOK_EVERY_S
        self.ids: dict[str, str] = {}
        self.counts: dict[str, int] = {}
        self.grown: Refusal | None = None
        for name, future in self._ask().items():
            try:
                found = future.result()
                if self._names[name] not in self._written:
                    self.ids[self._names[name]] = str(found.topic_id)
                self.counts[self._names[name]] = len(found.partitions)
            except KafkaException as error:
                raise KafkaUnavailable(
                    f"the id of topic {name} cannot be read: {error.args[0].str()}"
                ) from None

    def _ask(self) -> dict[str, Future[Any]]:
        topics = TopicCollection(list(self._names))
        return self._admin.describe_topics(topics, request_timeout=_ANSWER_WITHIN_S)

    def compare(self, known: Mapping[str, str]) -> None:
        """Raise `TopicReplaced` where a lane that resumes has read another topic of the same name."""
        for name, before in known.items():
            if self.ids.get(name, before) != before:
                raise self._replaced(name)

    def look(self) -> None:
        """Ask the broker, every two seconds, without waiting. Raises `TopicReplaced`; a broker that is away is no news
        here."""
        if self._asked:
            if all(future.done() for future in self._asked.values()):
                asked, self._asked = self._asked, {}
                for name, future in asked.items():
                    self._take(self._names[name], future)
        elif time.monotonic() >= self._due:
            self._due = time.monotonic() + _LOOK_EVERY_S
            self._asked = self._ask()

    def _take(self, name: str, future: Future[Any]) -> None:
        try:
            found = future.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                return
            self._missed[name] += 1
            if self._missed[name] >= _GONE_AFTER:
                raise self._gone(name) from None
        else:
            self._missed[name] = 0
            if str(found.topic_id) != self.ids.get(name, str(found.topic_id)):
                raise self._replaced(name)
            if len(found.partitions) > self.counts[name]:
                self.grown = self._added(name, len(found.partitions))

    def _added(self, name: str, count: int) -> Refusal:
        settings = self._settings
        if count <= settings.partitions:
            return PartitionsAdded(
                f"topic {settings.topic(name)} has {count} partitions now: starting again to read them all"
            )
        return TooManyPartitions(
            f"topic {settings.topic(name)} has {count} partitions now, and this engine {settings.partitions} lanes, "
            f"which read the first {settings.partitions}. All of these was shown; of the others nothing was read. To "
            f"go on, {how_to_split(settings, count)}"
        )

    def _gone(self, name: str) -> TopicReplaced:
        return TopicReplaced(
            f"topic {self._settings.topic(name)} was deleted: what its lanes had not read is lost, and a new "
            f"topic would begin at offset 0. To go on, {how_to_rebuild(self._settings)}"
        )

    def _replaced(self, name: str) -> TopicReplaced:
        return TopicReplaced(
            f"topic {self._settings.topic(name)} is not the one that was read: it was deleted and made anew, "
            f"and the offsets that the lanes have mean nothing in it. To go on, {how_to_rebuild(self._settings)}"
        )
