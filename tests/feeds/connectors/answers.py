"""What the stand-ins of marketplaces answer with."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from feeds.exchange import Reply, Request
from tests.feeds.connectors.market import NOW_MS

CREATED = datetime.fromtimestamp(NOW_MS / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """A reply with a JSON body."""
    return Reply(status, headers or {}, json.dumps(body).encode())


def form_of(request: Request) -> dict[str, str]:
    """The fields of a form, each of which is there once."""
    return {name: values[0] for name, values in parse_qs(request.body.decode()).items()}


TOKEN = {"access_token": "a-token", "token_type": "bearer", "expires_in": 3600}
