"""Google Merchant Center: the availability of a product in a store or a region, one entry in a call.

A place's listing is the product's name, its location a store code or a region. What it shows is a state: 0 is out of
stock, 1 limited, 2 and more in stock. A sale does not change it, only the seller does.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import parse_qs

from feeds.simulator.gate import Use, Verdict
from feeds.simulator.google_messages import error, number_in, product_in, refused
from feeds.simulator.google_settings import MIDDAY_S, GoogleSettings
from feeds.simulator.headers import retry_after
from feeds.simulator.marketplace import Marketplace
from feeds.simulator.messages import Given, Received, Refused, document
from feeds.simulator.places import Place
from feeds.simulator.routes import Call, Route
from feeds.simulator.truth import Truth

_STATES = ("OUT_OF_STOCK", "LIMITED_AVAILABILITY", "IN_STOCK")
_WORDS = {
    "local": {"OUT_OF_STOCK": 0, "LIMITED_AVAILABILITY": 1, "IN_STOCK": 2, "ON_DISPLAY_TO_ORDER": 2},
    "regional": {"OUT_OF_STOCK": 0, "IN_STOCK": 2},
}
_FIELDS = {
    "local": {"price", "salePrice", "salePriceEffectiveDate", "availability", "quantity", "pickupMethod", "pickupSla",
              "instoreProductLocation"},
    "regional": {"price", "salePrice", "salePriceEffectiveDate", "availability"},
}  # fmt: skip
_PLACE = {"local": "storeCode", "regional": "region"}
_DAY_MS = 86_400_000


class Google(Marketplace):
    """`too_often`: how often a product was updated beyond what a day allows it, by (account, product). `kept`: what an
    entry has besides its availability."""

    name: ClassVar[str] = "google"
    sells_down: ClassVar[bool] = False

    def __init__(
        self, settings: GoogleSettings | None = None, *, seed: int = 1, truth: Truth | None = None
    ) -> None:
        self.settings = settings or GoogleSettings()
        self.too_often: Counter[tuple[str, str]] = Counter()
        self.kept: dict[Place, dict[str, Any]] = {}
        self._updates: Counter[tuple[str, str, int]] = Counter()
        super().__init__(self.settings, seed=seed, truth=truth)

    def routes(self) -> Sequence[Route]:
        """Entries of stores and of regions, inserted and listed; the token."""
        product = "/inventories/v1/accounts/{account}/products/{product}"
        return [
            Route("POST", f"{product}/localInventories:insert", "local_insert", self._insert, "local_insert"),
            Route("GET", f"{product}/localInventories", "local_list", self._list, "local_list"),
            Route(
                "POST",
                f"{product}/regionalInventories:insert",
                "regional_insert",
                self._insert,
                "regional_insert",
            ),
            Route("GET", f"{product}/regionalInventories", "regional_list", self._list, "regional_list"),
            Route("POST", "/token", "token", self._token, open=True),
        ]

    # Who calls

    def _token(self, call: Call) -> Given:
        told = parse_qs(call.received.body.decode("utf-8", "replace"))
        fields = {name: each[0] for name, each in told.items()}
        if fields.get("grant_type") != "refresh_token":
            return _oauth("unsupported_grant_type", "Invalid grant_type")
        for account, secrets in self.accounts.items():
            if secrets.refresh_token == fields.get("refresh_token"):
                client = fields.get("client_id"), fields.get("client_secret")
                if client != (secrets.client_id, secrets.client_secret):
                    return _oauth("invalid_client", "Unauthorized", 401)
                token, life_s = self.tokens.issue(account, call.now_ms), self.tokens.life_ms // 1000
                scope = "https://www.googleapis.com/auth/content"
                return document(
                    {"access_token": token, "expires_in": life_s, "scope": scope, "token_type": "Bearer"}
                )
        return _oauth("invalid_grant", "Bad Request")

    def authorise(self, call: Call) -> str:
        """`Authorization: Bearer`."""
        account = self.tokens.owner(_bearer(call), call.now_ms)
        if account is None:
            raise refused(401, "UNAUTHENTICATED", "The request has no valid authentication credentials.")
        if call.parts["account"] != self.owner(account):
            raise refused(403, "PERMISSION_DENIED", "The caller has no access to the account.")
        return account

    def expire(self, call: Call) -> None:
        """The token is valid no more."""
        self.tokens.revoke(_bearer(call))

    # What it says of itself

    def throttled(self, call: Call, use: Use, verdict: Verdict) -> Given:
        """Which of both quotas was used up, and not when to come again unless it is set so."""
        minute = verdict.plan is None or verdict.plan.name == "minute"
        reason = "quota/request_rate_too_high" if minute else "quota/daily_limit_exceeded"
        given = error(
            self.settings.throttled_status,
            "RESOURCE_EXHAUSTED",
            "The quota of this method is used up.",
            reason,
        )
        if not self.settings.retry_after:
            return given
        return given._replace(
            headers={**given.headers, **retry_after(self.faults, verdict.wait_ms, call.now_ms)}
        )

    def broken(self, status: int) -> Given:
        """An error of its own."""
        if status == 503:
            return error(503, "UNAVAILABLE", "The service is currently unavailable.")
        return error(status, "INTERNAL", "Internal error encountered.")

    def not_found(self, received: Received) -> Given:
        """An unknown path has a page."""
        return Given(
            404, {"content-type": "text/html"}, b"<!DOCTYPE html><title>Error 404 (Not Found)</title>"
        )

    # Entries

    def _product(self, call: Call) -> str:
        """The product of the path, which must be there."""
        product = product_in(call.parts["product"])
        if product is None:
            raise refused(400, "INVALID_ARGUMENT", "The product name is not valid.", "INVALID_NAME")
        if not self.shelf.locations(call.owner, product):
            raise refused(404, "NOT_FOUND", f"The product {product} is not there.")
        return product

    def _insert(self, call: Call) -> Given:
        kind = call.operation.removesuffix("_insert")
        product = self._product(call)
        where, given = self._entry(call, kind)
        word = given.pop("availability", None)
        state = _WORDS[kind].get(word) if isinstance(word, str) else None
        if word is not None and state is None and not self.settings.spelling_ignored:
            raise refused(
                400, "INVALID_ARGUMENT", f"Invalid value at availability: {word!r}.", "INVALID_VALUE"
            )
        if self.faults.strikes("invalid_items", call.now_ms, call.operation):
            raise refused(400, "INVALID_ARGUMENT", "The entry cannot be changed.", "INVALID_VALUE")
        if self.failing("partial_items", call, 1, call.now_ms):
            raise Refused(self.broken(500))
        self._count(call, product)
        place = self.shelf.get(call.owner, product, where)
        if place is None:
            place = self.add_listing(call.account, product, where, now_ms=call.now_ms)
        self.kept[place] = given  # the whole entry is another: what it had and is not named is gone
        if state is not None:
            self.write(call, place, state)
            given = {**given, "availability": word}
        return document(_resource(kind, call.owner, place, given))

    def _entry(self, call: Call, kind: str) -> tuple[str, dict[str, Any]]:
        """Where, and the attributes of the body."""
        name, of = _PLACE[kind], f"{kind}InventoryAttributes"
        try:
            body = call.document()
        except ValueError:
            body = None
        if not isinstance(body, dict) or not isinstance(body.get(of, {}), dict):
            raise refused(400, "INVALID_ARGUMENT", "Invalid JSON payload received.", "INVALID_VALUE")
        where, given = body.get(name), dict(body.get(of, {}))
        unknown = [*(body.keys() - {name, of, "name", "account"}), *(given.keys() - _FIELDS[kind])]
        if unknown:
            raise refused(400, "INVALID_ARGUMENT", f'Unknown name "{unknown[0]}".', "INVALID_VALUE")
        if not isinstance(where, str) or not self._has(kind, where):
            raise refused(400, "INVALID_ARGUMENT", f"{name} is missing or not known.", "INVALID_VALUE")
        if number_in(given.get("quantity", "0")) is None:
            raise refused(400, "INVALID_ARGUMENT", "Invalid value at quantity.", "INVALID_VALUE")
        return where, given

    def _has(self, kind: str, where: str | None) -> bool:
        if kind == "regional":
            return where in self.settings.regions
        stores = self.settings.stores
        return bool(where) and where not in self.settings.regions and (not stores or where in stores)

    def _count(self, call: Call, product: str) -> None:
        """One more update of a product."""
        day = (call.now_ms - MIDDAY_S * 1000) // _DAY_MS
        if self._updates[call.owner, product, day] >= self.settings.updates_most:
            self.too_often[call.owner, product] += 1
            if self.settings.updates_enforced:
                raise refused(400, "FAILED_PRECONDITION", "The product was updated too often today.")
        self._updates[call.owner, product, day] += 1

    def _list(self, call: Call) -> Given:
        kind = call.operation.removesuffix("_list")
        found = [
            place
            for place in self.shelf.locations(call.owner, self._product(call))
            if place.location is not None and self._has(kind, place.location)
        ]
        query = call.received.query
        size, first = number_in(query.get("pageSize", "0")), number_in(query.get("pageToken", "0"))
        if size is None or first is None:
            raise refused(400, "INVALID_ARGUMENT", "pageSize or pageToken is not valid.", "INVALID_VALUE")
        end = first + min(size or self.settings.page_most, self.settings.page_most)
        page = [_resource(kind, call.owner, place, self._shown(place)) for place in found[first:end]]
        answer: dict[str, Any] = {f"{kind}Inventories": page} if page else {}
        return document(answer | ({"nextPageToken": str(end)} if end < len(found) else {}))

    def _shown(self, place: Place) -> dict[str, Any]:
        state = place.accepted if self.settings.list_shows_taken else place.applied
        return {**self.kept.get(place, {}), "availability": _STATES[max(0, min(state, 2))]}


def _resource(kind: str, owner: str, place: Place, attributes: Mapping[str, Any]) -> dict[str, Any]:
    name = f"accounts/{owner}/products/{place.listing}/{kind}Inventories/{place.location}"
    return {
        "name": name,
        "account": owner,
        _PLACE[kind]: place.location,
        f"{kind}InventoryAttributes": dict(attributes),
    }


def _bearer(call: Call) -> str:
    return call.received.headers.get("authorization", "").removeprefix("Bearer ")


def _oauth(code: str, description: str, status: int = 400) -> Given:
    return document({"error": code, "error_description": description}, status)
