"""Zalando: stocks by EAN and sales channel, many in a call, counted in calls and in items at once.

A place's listing is the EAN, its location the sales channel. Listings and quotas belong to the merchant.
"""

from collections.abc import Sequence
from typing import Any, ClassVar
from urllib.parse import parse_qs

from feeds.simulator.credentials import basic
from feeds.simulator.gate import Use, Verdict
from feeds.simulator.headers import retry_after
from feeds.simulator.marketplace import Marketplace
from feeds.simulator.messages import Given, Received, Refused, document
from feeds.simulator.routes import Call, Route
from feeds.simulator.truth import Truth
from feeds.simulator.zalando_settings import ZalandoSettings

_QUANTITY_MOST = 2**31 - 1
_FIELDS = ("sales_channel_id", "ean", "quantity")


class Zalando(Marketplace):
    """A batch with a wrong shape is refused as a whole, a wrong item alone."""

    name: ClassVar[str] = "zalando"

    def __init__(
        self, settings: ZalandoSettings | None = None, *, seed: int = 1, truth: Truth | None = None
    ) -> None:
        self.settings = settings or ZalandoSettings()
        super().__init__(self.settings, seed=seed, truth=truth)

    def routes(self) -> Sequence[Route]:
        """Token, stocks."""
        stocks = "/merchants/{merchant}/stocks"
        return [
            Route("POST", stocks, "post_stocks", self._post, "post_stocks"),
            Route("GET", stocks, "get_stocks", self._get, "get_stocks"),
            Route("POST", "/auth/token", "token", self._token, "token", open=True),
        ]

    def release_ms(self) -> int:
        """From onboarding an EAN until what was held is shown."""
        return self.settings.release_ms

    # Who calls

    def _token(self, call: Call) -> Given:
        fields = parse_qs(call.received.body.decode("utf-8", "replace"))
        client, secret = basic(call.received.headers.get("authorization", ""))
        for account, secrets in self.accounts.items():
            if (secrets.client_id, secrets.client_secret) == (client, secret):
                if fields.get("grant_type") != ["client_credentials"]:
                    return document({"error": "unsupported_grant_type"}, 400)
                token = self.tokens.issue(account, call.now_ms)
                life_s = self.tokens.life_ms // 1000
                return document({"access_token": token, "token_type": "Bearer", "expires_in": life_s})
        return document({"error": "invalid_client"}, 401)

    def authorise(self, call: Call) -> str:
        """`Authorization: Bearer`."""
        account = self.tokens.owner(_bearer(call), call.now_ms)
        if account is None:
            raise Refused(problem(401, "Unauthorized", "The access token is missing or has expired."))
        if call.parts["merchant"] != self.owner(account):
            raise Refused(problem(403, "Forbidden", "The token is not of this merchant."))
        return account

    def expire(self, call: Call) -> None:
        """The token is valid no more."""
        self.tokens.revoke(_bearer(call))

    # What it says of itself

    def use(self, route: Route, call: Call) -> Use:
        """A batch counts once as a call and once for each item."""
        if route.operation != "post_stocks":
            return super().use(route, call)
        return Use("post_stocks", call.owner, len(self._items(call)))

    def throttled(self, call: Call, use: Use, verdict: Verdict) -> Given:
        """429, until the minute ends."""
        given = problem(429, "Too Many Requests", "The limit of this minute is used up.")
        if not self.settings.retry_after:
            return given
        return given._replace(
            headers={**given.headers, **retry_after(self.faults, verdict.wait_ms, call.now_ms)}
        )

    def broken(self, status: int) -> Given:
        """A problem without reason."""
        return problem(status, "Service Unavailable" if status == 503 else "Internal Server Error", "")

    def not_found(self, received: Received) -> Given:
        """An unknown path."""
        return problem(404, "Not Found", f"No resource {received.path}.")

    # Stocks

    def _items(self, call: Call) -> list[Any]:
        try:
            body = call.document()
        except ValueError:
            raise Refused(problem(400, "Bad Request", "The body is not JSON.")) from None
        items = body.get("items") if isinstance(body, dict) else None
        if not isinstance(items, list) or not 1 <= len(items) <= self.settings.items_most:
            detail = f"items must be a list of 1 to {self.settings.items_most} entries."
            raise Refused(problem(400, "Bad Request", detail))
        pairs: set[tuple[Any, Any]] = set()
        for n, item in enumerate(items):
            if not isinstance(item, dict) or any(name not in item for name in _FIELDS):
                raise Refused(problem(400, "Bad Request", f"items[{n}] has not all of {', '.join(_FIELDS)}."))
            if not isinstance(item["ean"], str) or not isinstance(item["sales_channel_id"], str):
                raise Refused(problem(400, "Bad Request", f"items[{n}]: ean and sales_channel_id are texts."))
            quantity = item["quantity"]
            if isinstance(quantity, bool) or not isinstance(quantity, int):
                raise Refused(problem(400, "Bad Request", f"items[{n}]: quantity is a whole number."))
            pair = item["sales_channel_id"], item["ean"]
            if pair in pairs:
                raise Refused(problem(400, "Bad Request", f"items[{n}] is in the batch twice."))
            pairs.add(pair)
        return items

    def _post(self, call: Call) -> Given:
        items = self._items(call)
        failing = self.failing("partial_items", call, len(items), call.now_ms)
        refused = self.failing("invalid_items", call, len(items), call.now_ms)
        results = []
        for n, item in enumerate(items):
            if n in failing:
                result = _result("ERROR", "5", "The item could not be processed; try again.")
            elif n in refused:
                result = _result("REJECTED", "4", "The article cannot be changed.")
            else:
                result = self._write(call, item)
            results.append({"item": item, "result": result})
        return document({"items": results})

    def _write(self, call: Call, item: dict[str, Any]) -> dict[str, str]:
        if item["sales_channel_id"] not in self.settings.sales_channels:
            return _result("REJECTED", "2", "The sales channel is not one of this merchant.")
        if not 0 <= item["quantity"] <= _QUANTITY_MOST:
            return _result("REJECTED", "3", "The quantity is out of range.")
        place = self.shelf.get(call.owner, item["ean"], item["sales_channel_id"])
        if place is None:
            place = self.add_unseen(call, item["ean"], item["sales_channel_id"])
        self.write(call, place, item["quantity"])
        return _result("ACCEPTED", "0", "")

    def add_unseen(self, call: Call, ean: str, sales_channel: str) -> Any:
        """An article nobody has onboarded yet: taken, and held."""
        return self.add_listing(call.account, ean, sales_channel, onboarded=False, now_ms=call.now_ms)

    def _get(self, call: Call) -> Given:
        query = call.received.query
        channels = [each for each in query.get("sales_channel_id", "").split(",") if each]
        eans = [each for each in query.get("eans", query.get("ean", "")).split(",") if each]
        if not 1 <= len(eans) <= self.settings.page_most:
            raise Refused(problem(400, "Bad Request", f"eans names 1 to {self.settings.page_most} articles."))
        items = [
            {"sales_channel_id": place.location, "ean": ean, "quantity": place.applied}
            for ean in dict.fromkeys(eans)
            for place in self.shelf.locations(call.owner, ean)
            if place.onboarded and (not channels or place.location in channels)
        ]
        return document({"items": items})


def problem(status: int, title: str, detail: str) -> Given:
    """Its shape of an error."""
    return document(
        {"title": title, "status": status, "detail": detail},
        status,
        {"content-type": "application/problem+json"},
    )


def _bearer(call: Call) -> str:
    return call.received.headers.get("authorization", "").removeprefix("Bearer ")


def _result(status: str, code: str, description: str) -> dict[str, str]:
    return {"status": status, "code": code, **({"description": description} if description else {})}
