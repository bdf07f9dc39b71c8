"""What the harness tells a peer, in environment variables. The peers of all languages read the same ones."""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

_PREFIX = "PEER_"

TOPICS = ("stock-movements", "reservations", "wms-adjustments")
OUTPUT = "availability"


@dataclass(frozen=True)
class Given:
    """`script`: the SHA of `views.lua`, which Redis has. `application`: the name of this run, for consumer groups and
    topics of its own. `state`: an empty folder. `guarantee`, `parallel` (threads or processes): where a peer has the
    choice."""

    bootstrap: str
    redis_url: str
    redis_prefix: str
    script: str
    topic_prefix: str
    application: str
    state: str
    schemas: str
    publish_every_ms: int
    guarantee: str
    parallel: int

    def environment(self) -> dict[str, str]:
        """The variables."""
        return {_PREFIX + name.upper(): str(value) for name, value in asdict(self).items()}

    @classmethod
    def load(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """What this process was told. KeyError: it was not started by the harness."""
        values: dict[str, Any] = {
            name: environment[_PREFIX + name.upper()] for name in cls.__dataclass_fields__
        }
        for name in ("publish_every_ms", "parallel"):
            values[name] = int(values[name])
        return cls(**values)
