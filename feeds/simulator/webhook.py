"""A receiver of webhooks, as an author might write one who has read of the format in the seller's documentation.

A call is signed as Standard Webhooks 1.0 has it. Of two writes of a listing the one with the greater `write` holds,
whichever comes first.
"""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any, ClassVar

from feeds.simulator.answered import Answered
from feeds.simulator.channel_settings import AccountSettings
from feeds.simulator.gate import Use, Verdict
from feeds.simulator.headers import retry_after
from feeds.simulator.marketplace import Marketplace
from feeds.simulator.messages import Given, Received, Refused, document
from feeds.simulator.routes import Call, Route
from feeds.simulator.truth import Truth
from feeds.simulator.webhook_settings import WebhookSettings

_PREFIX = "whsec_"
_NUMBERS = ("quantity", "version", "write")


class Webhook(Marketplace):
    """`newest`: the greatest `write` that was taken, by account, listing and location."""

    name: ClassVar[str] = "webhook"

    def __init__(
        self, settings: WebhookSettings | None = None, *, seed: int = 1, truth: Truth | None = None
    ) -> None:
        self.settings = settings or WebhookSettings()
        self.answered = Answered(self.settings.remember_s * 1000)
        self.newest: dict[tuple[str, str, str | None], int] = {}
        super().__init__(self.settings, seed=seed, truth=truth)

    def add_account(self, account: str, settings: AccountSettings | None = None) -> None:
        """Take a seller in. Raises ValueError where its secret is no base64."""
        given = settings or AccountSettings()
        secret = given.client_secret or secret_of(account)
        try:
            _key(secret)
        except ValueError:
            raise ValueError(
                f"webhook: account {account}: write client_secret as whsec_ and base64"
            ) from None
        super().add_account(account, replace(given, client_secret=secret))

    def routes(self) -> Sequence[Route]:
        """To write, and to read."""
        return [
            Route("POST", "/stock", "post_stock", self._post, "calls"),
            Route("POST", "/stock/read", "read_stock", self._read, "calls"),
        ]

    # Who calls

    def authorise(self, call: Call) -> str:
        """The account with whose key the call is signed, not long ago."""
        headers = call.received.headers
        name, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        signed = f"{name}.{stamp}.".encode() + call.received.body
        told = [each.encode() for each in headers.get("webhook-signature", "").split()]
        for account, secrets in self.accounts.items():
            code = hmac.digest(_key(secrets.client_secret or ""), signed, "sha256")
            own = b"v1," + b64encode(code)
            if name and any(hmac.compare_digest(own, each) for each in told):
                late_ms = abs(int(stamp) * 1000 - call.now_ms) if stamp.isdecimal() else None
                if late_ms is None or late_ms > self.settings.tolerance_s * 1000:
                    raise Refused(problem(401, "timestamp", "The call is not of now."))
                return account
        raise Refused(problem(401, "signature", "Nobody we know has signed this."))

    def expire(self, call: Call) -> None:
        """The secret was changed, and this call is the last to have the former one."""
        raise Refused(problem(401, "signature", "Nobody we know has signed this."))

    # What it says of itself

    def use(self, route: Route, call: Call) -> Use:
        """Items are counted, though nothing limits them."""
        return Use("calls", call.owner, len(self._items(call)) if route.operation == "post_stock" else 1)

    def throttled(self, call: Call, use: Use, verdict: Verdict) -> Given:
        """429."""
        given = problem(429, "slowly", "Too many calls.")
        if not self.settings.retry_after:
            return given
        told = retry_after(self.faults, verdict.wait_ms, call.now_ms)
        return given._replace(headers={**given.headers, **told})

    def broken(self, status: int) -> Given:
        """An error without reason; also 410 of a receiver that was taken down, or whatever else an outage says."""
        return problem(status, "error", "Something went wrong.")

    def not_found(self, received: Received) -> Given:
        """An unknown path."""
        return problem(404, "path", f"There is no {received.method} {received.path}.")

    # Stock

    def _post(self, call: Call) -> Given:
        name = call.received.headers["webhook-id"]
        before = self.answered.before(call.owner, name, call.now_ms)
        if before is not None:
            return before
        given = self._take(call, self._items(call))
        self.answered.note(call.owner, name, given, call.now_ms)
        return given

    def _take(self, call: Call, items: list[dict[str, Any]]) -> Given:
        busy = self.failing("partial_items", call, len(items), call.now_ms)
        wrong = self.failing("invalid_items", call, len(items), call.now_ms)
        places = [self.shelf.get(call.owner, item["listing"], item["location"]) for item in items]
        wrong |= {n for n, place in enumerate(places) if place is None}
        if not self.settings.results and (wrong or busy):
            status = 422 if wrong else 409
            raise Refused(problem(status, "items", "Some of the items cannot be written."))
        results = []
        for n, (item, place) in enumerate(zip(items, places, strict=True)):
            told = {"listing": item["listing"], "location": item["location"]}
            if place is None or n in wrong:
                told |= {
                    "status": "rejected",
                    "reason": "unknown listing" if place is None else "not for sale",
                }
            elif n in busy:
                told |= {"status": "later", "reason": "being edited", "after_s": self.settings.later_s}
            else:
                key = (call.owner, item["listing"], item["location"])
                if item["write"] < self.newest.get(key, 0):
                    told |= {"status": "stale"}
                else:
                    self.newest[key] = item["write"]
                    self.write(call, place, item["quantity"])
                    told |= {"status": "ok"}
            results.append(told)
        return document({"items": results}) if self.settings.results else Given()

    def _read(self, call: Call) -> Given:
        asked = _body(call).get("listings")
        if not isinstance(asked, list) or len(asked) > self.settings.items_most:
            raise Refused(problem(400, "listings", f"Name {self.settings.items_most} listings at most."))
        places = []
        for each in asked:
            if not _is_place(each):
                raise Refused(problem(400, "listings", "Each has a listing and a location."))
            places.append(self.shelf.get(call.owner, each["listing"], each["location"]))
        items = [
            {"listing": place.listing, "location": place.location, "quantity": place.applied}
            for place in places
            if place is not None
        ]
        return document({"items": items})

    def _items(self, call: Call) -> list[dict[str, Any]]:
        items = _body(call).get("items")
        if not isinstance(items, list) or not items:
            raise Refused(problem(400, "items", "There are no items."))
        if len(items) > self.settings.items_most:
            raise Refused(problem(413, "items", f"At most {self.settings.items_most} items a call."))
        for item in items:
            numbers = [item.get(name) for name in _NUMBERS] if _is_place(item) else [None]
            if not all(
                isinstance(each, int) and not isinstance(each, bool) and each >= 0 for each in numbers
            ):
                raise Refused(problem(400, "items", f"Each has listing, location, {', '.join(_NUMBERS)}."))
        return items


def secret_of(account: str) -> str:
    """The secret of an account that was given none."""
    return _PREFIX + b64encode(sha256(f"secret-{account}".encode()).digest()).decode()


def problem(status: int, code: str, message: str) -> Given:
    """Its shape of an error."""
    return document({"code": code, "message": message}, status)


def _key(secret: str) -> bytes:
    return b64decode(secret.removeprefix(_PREFIX), validate=True)


def _is_place(item: Any) -> bool:
    if not isinstance(item, dict) or not {"listing", "location"} <= item.keys():
        return False
    location = item["location"]
    return isinstance(item["listing"], str) and (location is None or isinstance(location, str))


def _body(call: Call) -> dict[str, Any]:
    try:
        body = call.document()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refused(problem(400, "body", "The body is not a JSON object."))
    return body
