"""Fetching an OAuth token with a form, as most token services want it."""

from base64 import b64encode
from collections.abc import Callable, Mapping
from urllib.parse import urlencode

from feeds.connector import Identity
from feeds.connectors.options import secret
from feeds.connectors.replies import Talk
from feeds.exchange import Conversation, Reply, Request

_SECONDS = 600.0
"""How long a token holds of which that was not said."""


def fetch_token(
    path: str,
    form: Mapping[str, str],
    headers: Mapping[str, str] | None = None,
    *,
    limit: str | None = None,
    read: Callable[[Reply], tuple[str, float]] | None = None,
) -> Conversation[tuple[str, float]]:
    """An access token, and for how many seconds it holds. `limit`: the group that must admit the request, where there
    is one. `read`: instead of looking for `access_token` and `expires_in`. Raises Setback."""
    kind = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
    body = urlencode(form).encode()
    request = Request("POST", path, limit, headers={**kind, **(headers or {})}, body=body, secret=True)
    return (yield from Talk().ask(request, read or _token, carries=False))


def refreshed(path: str, identity: Identity) -> Conversation[tuple[str, float]]:
    """The same for the account's refresh token, its client and secret in the form. Raises Setback, and ValueError."""
    names = ("client_id", "client_secret", "refresh_token")
    form = {"grant_type": "refresh_token", **{name: secret(identity, name) for name in names}}
    return (yield from fetch_token(path, form))


def basic(user: str, password: str) -> str:
    """The value of an `Authorization` header."""
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


def _token(reply: Reply) -> tuple[str, float]:
    told = reply.json()
    return str(told["access_token"]), float(told.get("expires_in", _SECONDS))
