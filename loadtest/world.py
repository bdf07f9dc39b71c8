"""A place of its own for a load test: services, topics, a Redis prefix, folders; nothing of it stays."""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from operator import methodcaller
from pathlib import Path

from confluent_kafka import KafkaException

from deploy.services import local_services, run_folder
from runtime import kafka
from runtime import redis as redis_link
from runtime.settings import Settings
from runtime.topics import create_topics


@dataclass(frozen=True)
class World:
    """`folder` is for logs and state; it goes with the world."""

    settings: Settings
    folder: Path


@contextmanager
def world(given: Settings, *, lasting: bool = False) -> Iterator[World]:
    """Services of its own where `given` names none; where it does, names of its own on them.

    Topics exist. At the end everything is removed: whoever's services they are, nothing else is touched.
    `lasting`: for minutes; what is measured there begins when a broker has warmed up.
    """
    with local_services(given, lasting=lasting) as endpoints, run_folder() as folder:
        mark = f"loadtest-{secrets.token_hex(4)}-"
        own = {"state_dir": folder / "state", "log_format": "text"}
        if endpoints.kafka is None:
            own["topic_prefix"] = given.topic_prefix + mark
        if endpoints.redis is None:
            own["redis_prefix"] = given.redis_prefix + mark
        settings = endpoints.settings.replace(**own)
        try:
            create_topics(settings)
            yield World(settings, folder)
        finally:
            if endpoints.kafka is None:
                delete_topics(settings)
            if endpoints.redis is None:
                delete_rows(settings)


OUTPUTS = ("routed", "availability", "exceptions", "dead-letters", "reservation-decisions")
"""What the engine writes in Kafka."""

_DELETED_WITHIN_S = 20.0


def fresh_outputs(settings: Settings) -> None:
    """Empty what an earlier engine has written: its topics and its view."""
    delete_topics(settings, {settings.topic_prefix + name for name in OUTPUTS}.__contains__)
    delete_rows(settings)
    deadline = time.monotonic() + _DELETED_WITHIN_S
    while True:
        try:
            create_topics(settings)
            return
        except KafkaException:  # the broker is still deleting them
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def delete_topics(settings: Settings, doomed: Callable[[str], bool] | None = None) -> None:
    """Delete topics by their whole names, by default all that carry the prefix of this world."""
    client = kafka.admin(settings)
    if doomed is None:
        doomed = methodcaller("startswith", settings.topic_prefix)
    names = list(filter(doomed, client.list_topics(timeout=10).topics))
    if names:
        for future in client.delete_topics(names).values():
            future.result()


def delete_rows(settings: Settings) -> None:
    """Delete all keys under the Redis prefix of this world."""
    client = redis_link.connect(settings)
    pattern = settings.redis_prefix.replace("[", "\\[").replace("*", "\\*").replace("?", "\\?") + "*"
    batch: list[bytes] = []
    for key in client.scan_iter(match=pattern, count=5_000):
        batch.append(key)
        if len(batch) == 5_000:
            client.unlink(*batch)
            batch.clear()
    if batch:
        client.unlink(*batch)
    client.close()
