"""A receiver of somebody's own making: it is called with JSON, signed as Standard Webhooks 1.0 has it."""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import inf
from typing import Any
from uuid import uuid4

from feeds.buckets import Bucket, Kind, Weight
from feeds.connector import Connector, Identity, Item, Operation
from feeds.connectors.bodies import JSON, as_json
from feeds.connectors.keys import key_of
from feeds.connectors.options import amount, secret, whole_number
from feeds.connectors.receivers import path_of, refused
from feeds.connectors.replies import Talk
from feeds.connectors.webhook_replies import results, units
from feeds.exchange import Conversation, Request
from feeds.outcomes import Answer, Fate, ItemOutcome, Setback, Shown, Trouble, whole

_KEY_BYTES = 24
_MOST = 10_000
_ID = "webhook-id"


class Webhook(Connector):
    """A listing and its location are whatever the receiver calls them; docs/marketplaces.md has its format. Options:
    `path`; `read_path`, where it can be read; `most` items a call (100), `every_s` seconds at the earliest (0),
    `at_once` calls (2); its limits `calls_per_s` (5) with a `burst` (5), and `items_per_minute`. Secrets: `secret`,
    which is `whsec_` and the base64 of 24 bytes or more; `former_secret`, while it is being changed."""

    name = "webhook"

    def __init__(self, identity: Identity) -> None:
        super().__init__(identity)
        self.path = path_of(identity, "path", "where the receiver takes calls, such as /stock")
        reads = "read_path" in identity.options
        self.read_path = path_of(identity, "read_path", "where it is read") if reads else None
        secret(identity, "secret")
        self.most = whole_number(identity, "most", 100, 1, _MOST)
        at_once = whole_number(identity, "at_once", 2, 1, 32)
        every_s = amount(identity, "every_s", 0, 0, 86_400)
        self._operations = (Operation("post", "post", self.most, every_s=every_s, at_once=at_once),)
        rate, burst = (
            amount(identity, "calls_per_s", 5, 0.001, 1000),
            whole_number(identity, "burst", 5, 1, 1000),
        )
        calls = Bucket("calls", Kind.TOKEN, rate, 1, burst)
        self._limits = {"post": [calls], "read": [calls]}
        if "items_per_minute" in identity.options:
            items = whole_number(identity, "items_per_minute", 0, self.most, 10_000_000)
            self._limits["post"] = [calls, Bucket("items", Kind.SLIDING, items, 60, weight=Weight.ITEMS)]

    @property
    def operations(self) -> Sequence[Operation]:
        return self._operations

    @property
    def limits(self) -> Mapping[str, Sequence[Bucket]]:
        return self._limits

    @property
    def reads_most(self) -> int:
        return self.most if self.read_path else 0

    def write(self, operation: Operation, items: Sequence[Item], intent: str) -> Conversation[Answer]:
        talk = Talk()
        told = [
            {
                "listing": item.listing,
                "location": item.location,
                "quantity": item.quantity,
                "version": item.version,
                "write": item.write,
            }
            for item in items
        ]
        key = key_of(self.identity.account, items)
        ask = self._call(self.path, "post", key, {"items": told}, len(items))
        try:
            found = yield from talk.ask(ask, results, refused=refused)
        except Setback as setback:
            return talk.set_back(setback, len(items))
        if found is None:
            return talk.answer(whole(len(items), Fate.APPLIED))
        missing = ItemOutcome(Fate.UNKNOWN, "not in the reply")
        return talk.answer([found.get((item.listing, item.location), missing) for item in items])

    def read_back(self, listings: Sequence[tuple[str, str | None]]) -> Conversation[Shown]:
        talk = Talk()
        asked = [{"listing": listing, "location": location} for listing, location in listings]
        # Asked twice it is two questions: a receiver that drops an id it knows must not answer with what was.
        ask = self._call(str(self.read_path), "read", uuid4().hex, {"listings": asked})
        try:
            shows = yield from talk.ask(ask, units, refused=refused)
        except Setback as setback:
            return talk.unseen(setback)
        return Shown({of: shows[of] for of in listings if of in shows}, observed=talk.observed)

    def authorise(self) -> Conversation[tuple[dict[str, str], float]]:
        yield from ()  # the signature says who we are; a secret that is none is told before anything is sent
        self._keys()
        return {}, inf

    def sign(self, request: Request, now_ms: int) -> Request:
        stamp = str(now_ms // 1000)
        signed = f"{request.headers[_ID]}.{stamp}.".encode() + request.body
        made = (b64encode(hmac.digest(key, signed, "sha256")).decode() for key in self._keys())
        own = {"webhook-timestamp": stamp, "webhook-signature": " ".join(f"v1,{each}" for each in made)}
        return replace(request, headers={**request.headers, **own})

    def _call(self, path: str, limit: str, key: str, body: Mapping[str, Any], items: int = 1) -> Request:
        told = as_json({"account": self.identity.account, **body})
        return Request("POST", path, limit, {}, {**JSON, _ID: key}, told, items)

    def _keys(self) -> list[bytes]:
        secrets = self.identity.secrets
        return [_key(name, secrets[name]) for name in ("secret", "former_secret") if name in secrets]


def _key(name: str, text: str) -> bytes:
    coded = text.removeprefix("whsec_")
    try:
        key = b64decode(coded + "=" * (-len(coded) % 4), validate=True)
    except ValueError:
        key = b""
    if len(key) < _KEY_BYTES:
        wanted = f"write whsec_ and the base64 of {_KEY_BYTES} random bytes or more"
        raise Setback(Fate.RETURNED, Trouble.AUTH, f"the secret {name} is no key: {wanted}")
    return key
