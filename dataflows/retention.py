"""Whether the topics keep records long enough for a lane that is lost: checked at each start."""

import time
from collections.abc import Mapping

from confluent_kafka import KafkaException
from confluent_kafka.admin import ConfigResource, ResourceType

from dataflows.intake import READ
from runtime.exit import ExitCode, Refusal
from runtime.kafka import KafkaUnavailable, admin
from runtime.settings import Settings
from wire.topics import TOPICS

_TIMES = 3
_ANSWER_WITHIN_S = 30.0
_HOUR_MS = 3_600_000


class RetentionTooShort(Refusal):
    """A topic forgets what a lane may still have to read again."""

    code = ExitCode.NEEDS_PERSON


def check_retention(settings: Settings, taken_at: Mapping[int, int | None]) -> None:
    """Raise `RetentionTooShort` unless every input topic keeps what a lost lane needs.

    With checkpoints (`taken_at`: ms of each lane's last, None: none yet) that is three times the age of the last
    one; without any, the longest time that the engine itself remembers facts.
    """
    needed, why = _needed(settings, taken_at)
    enough = (needed // _HOUR_MS + 2) * _HOUR_MS
    faults = [
        f"topic {name} keeps records for {kept / _HOUR_MS:.1f} h (retention.ms={kept}), less than {why}: what a lane "
        "that is lost would have to read again may be gone. To go on, type: kafka-configs.sh --bootstrap-server "
        f"{settings.kafka_bootstrap} --alter --entity-type topics --entity-name {name} --add-config "
        f"retention.ms={enough}"
        for name, kept in _retention(settings).items()
        if 0 <= kept < needed
    ]
    if faults:
        raise RetentionTooShort("\n".join(faults))


def _needed(settings: Settings, taken_at: Mapping[int, int | None]) -> tuple[int, str]:
    if not taken_at:
        longest = max(settings.reservation_memory_ms, settings.count_horizon_ms, settings.dedupe_horizon_ms)
        return longest, (
            f"the {longest / _HOUR_MS:.1f} h that the engine remembers (STOCKTIDE_RESERVATION_MEMORY_MS and other "
            "horizons), and without STOCKTIDE_CHECKPOINT_DIR topics are all that a lane can be rebuilt from"
        )
    now = int(time.time() * 1000)
    ages = {lane: now - at for lane, at in taken_at.items() if at is not None}
    if not ages:
        return 0, ""
    oldest = max(ages, key=lambda lane: ages[lane])
    age = f"{ages[oldest] / _HOUR_MS:.1f} h"
    return _TIMES * ages[oldest], f"{_TIMES} times the age of the last checkpoint of lane {oldest} ({age})"


def _retention(settings: Settings) -> dict[str, int]:
    """retention.ms of each input topic that is not compacted; -1: for ever."""
    names = [name for name in READ if TOPICS[name].cleanup == "delete"]
    client = admin(settings)
    resources = [ConfigResource(ResourceType.TOPIC, settings.topic(name)) for name in names]
    found = {}
    for resource, future in client.describe_configs(resources, request_timeout=_ANSWER_WITHIN_S).items():
        try:
            found[str(resource.name)] = int(future.result()["retention.ms"].value)
        except KafkaException as error:
            raise KafkaUnavailable(
                f"the retention of topic {resource.name} cannot be read: {error.args[0].str()}"
            ) from None
    return found
