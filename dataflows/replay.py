"""Sending dead letters again, once their cause is gone.

A letter goes to the partition it came from, with the log time at which it was read first, so that it is judged as it
would have been then; one that was beyond the horizon is let past that one guard. Each is noted in `audit` once Kafka
has it, and is not sent a second time: the engine forgets ids, and an event that it has forgotten would be booked twice.
"""

import json
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, Message

from inventory.reasons import CODES
from runtime.exit import ExitCode, Refusal
from runtime.kafka import producer, send
from runtime.readback import read_topic
from runtime.settings import Settings
from wire.codec import Codec
from wire.replayed import headers_of
from wire.topics import LARGEST_MESSAGE, TOPICS

ACTION = "dataflows.replay"
_FLUSH_S = 60.0


class NotSent(Refusal):
    """Kafka did not take a letter; those that it took are noted."""

    code = ExitCode.TRY_AGAIN


class Wanted(NamedTuple):
    """Which letters: each set that is not empty must hold. `places` are "topic:partition:offset[:line]"."""

    codes: frozenset[str] = frozenset()
    topics: frozenset[str] = frozenset()
    places: frozenset[str] = frozenset()

    def holds(self, letter: dict[str, Any]) -> bool:
        """Whether the letter is wanted."""
        asked = (
            (self.codes, letter["code"]),
            (self.topics, letter["topic"]),
            (self.places, place_of(letter)),
        )
        return all(not among or what in among for among, what in asked)

    def check(self) -> None:
        """Raises `Refusal` where a code or a topic is none."""
        for names, known, what in (
            (self.codes, CODES, "code of a dead letter"),
            (self.topics, TOPICS, "topic of a dead letter"),
        ):
            for name in sorted(names.difference(known)):
                raise Refusal(f"{name} is no {what}; write one of {', '.join(sorted(known))}")


class Tally(NamedTuple):
    """Letters by (topic, code): sent now, left out because they had been sent before, and not wanted."""

    sent: Counter[tuple[str, str]]
    before: Counter[tuple[str, str]]
    others: Counter[tuple[str, str]]

    def lines(self, *, dry: bool) -> list[str]:
        """What to tell a person; where nothing was like what they want, what there is."""
        told = [f"{each}: {'would be sent' if dry else 'sent'} again" for each in _in_words(self.sent)]
        if self.before:
            told.append(f"{self.before.total()} were sent again before, and are left out")
        if not told:
            there = ", ".join(_in_words(self.others)) or "none at all"
            told.append(f"no dead letter is like that; there are: {there}")
        return told


def _in_words(letters: Counter[tuple[str, str]]) -> list[str]:
    return [f"{n} {code} of {topic}" for (topic, code), n in sorted(letters.items())]


def place_of(letter: dict[str, Any]) -> str:
    """What identifies a letter."""
    parts = (letter["topic"], letter["partition"], letter["offset"])
    return ":".join(map(str, parts if letter["line"] is None else (*parts, letter["line"])))


def replay(settings: Settings, codec: Codec, wanted: Wanted, actor: str, *, dry: bool = False) -> Tally:
    """Send the wanted letters again. Raises `NotSent`; `dry`: only count them."""
    done = set(_sent_before(settings, codec))
    tally = Tally(Counter(), Counter(), Counter())
    sending = _Sending(settings, codec, actor)
    for letter in _letters(settings, codec):
        kind = letter["topic"], letter["code"]
        if not wanted.holds(letter):
            tally.others[kind] += 1
            continue
        if place_of(letter) in done:
            tally.before[kind] += 1
            continue
        tally.sent[kind] += 1
        if not dry:
            sending.send(letter)
    sending.finish()
    return tally


def _letters(settings: Settings, codec: Codec) -> Iterator[dict[str, Any]]:
    """Each letter once: after a crash of the engine one may lie in the topic twice."""
    seen = set()
    for stored in read_topic(settings, "dead-letters"):
        letter = codec.decode(stored.value or b"")[1]
        place = place_of(letter)
        if place not in seen:
            seen.add(place)
            yield letter


def _sent_before(settings: Settings, codec: Codec) -> Iterator[str]:
    for stored in read_topic(settings, "audit"):
        entry = codec.decode(stored.value or b"")[1]
        if entry["action"] == ACTION and entry["outcome"] == "DONE":
            yield str(entry["subject"])


class _Sending:
    """Letters on their way; each is noted when Kafka has it."""

    def __init__(self, settings: Settings, codec: Codec, actor: str) -> None:
        self._prefix = settings.topic_prefix
        self._codec = codec
        self._actor = actor
        self._producer = producer(settings, message_max_bytes=LARGEST_MESSAGE)
        self._taken: list[dict[str, Any]] = []
        self._failures: list[str] = []

    def send(self, letter: dict[str, Any]) -> None:
        def delivered(error: KafkaError | None, _: Message) -> None:
            if error is None:
                self._taken.append(letter)
            else:
                self._failures.append(f"{place_of(letter)}: {error.str()}")

        send(
            self._producer, self._prefix + letter["topic"], letter["original"], letter["key"], letter["partition"],
            headers=headers_of(letter["log_time"], letter["code"]), on_delivery=delivered,
        )  # fmt: skip
        self._note_taken()

    def finish(self) -> None:
        """Wait until everything, the notes too, is delivered."""
        left = self._producer.flush(_FLUSH_S)
        self._note_taken()
        left += self._producer.flush(_FLUSH_S)
        if self._failures or left:
            first = self._failures[0] if self._failures else f"Kafka did not answer within {_FLUSH_S:g} s"
            raise NotSent(
                f"not everything was sent ({first}); run the command again, it goes on with the rest"
            )

    def _note_taken(self) -> None:
        taken, self._taken = self._taken, []
        for letter in taken:
            self._note(letter)

    def _note(self, letter: dict[str, Any]) -> None:
        entry = {
            "entry_id": uuid.uuid4().hex, "occurred_at": int(time.time() * 1000), "token_id": "",
            "actor": self._actor, "action": ACTION, "subject": place_of(letter), "outcome": "DONE",
            "detail": json.dumps({"code": letter["code"]}),
        }  # fmt: skip

        def noted(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                self._failures.append(f"the audit entry of {place_of(letter)}: {error.str()}")

        value = self._codec.encode("AuditEntry", entry)
        send(self._producer, f"{self._prefix}audit", value, b"", on_delivery=noted)
