"""Walmart Marketplace: the token and single updates; feeds are in `walmart_feeds.py`.

A place's location is the ship node; of a seller with one node, who names none, it is None. What is written is the input
quantity, what buyers see is that less what is reserved.
"""

from collections.abc import Sequence
from typing import Any, ClassVar
from urllib.parse import parse_qs

from feeds.simulator.credentials import basic
from feeds.simulator.feeds_queue import Job
from feeds.simulator.gate import Use, Verdict
from feeds.simulator.headers import retry_after, told
from feeds.simulator.marketplace import Marketplace
from feeds.simulator.messages import Given, Received, Refused, document
from feeds.simulator.places import Place
from feeds.simulator.routes import Call, Route
from feeds.simulator.truth import Truth
from feeds.simulator.walmart_errors import error, refused
from feeds.simulator.walmart_feeds import WalmartFeeds, quantity_of
from feeds.simulator.walmart_settings import WalmartSettings

_NEEDED = ("wm_qos.correlation_id", "wm_svc.name")


class Walmart(Marketplace):
    """All its single calls are applied at once unless the settings say otherwise."""

    name: ClassVar[str] = "walmart"
    subtracts_reserved: ClassVar[bool] = True

    def __init__(
        self, settings: WalmartSettings | None = None, *, seed: int = 1, truth: Truth | None = None
    ) -> None:
        self.settings = settings or WalmartSettings()
        self.feeds = WalmartFeeds(self, self.settings)
        super().__init__(self.settings, seed=seed, truth=truth)

    def routes(self) -> Sequence[Route]:
        """Token, inventory, feeds."""
        return [
            Route("PUT", "/v3/inventory", "put_inventory", self._put, "put_inventory"),
            Route("GET", "/v3/inventory", "get_inventory", self._get, "get_inventory"),
            Route("PUT", "/v3/inventories/{sku}", "put_inventories", self._put_nodes, "put_inventories"),
            Route("GET", "/v3/inventories/{sku}", "get_inventories", self._get_nodes, "get_inventory"),
            Route("POST", "/v3/token", "token", self._token, "token", open=True),
            *self.feeds.routes(),
        ]

    # Who calls

    def _token(self, call: Call) -> Given:
        headers = call.received.headers
        self._needed(call)
        client, secret = basic(headers.get("authorization", ""))
        fields = parse_qs(call.received.body.decode("utf-8", "replace"))
        if fields.get("grant_type") != ["client_credentials"]:
            return error(
                400, "INVALID_REQUEST_PARAM", "grant_type must be client_credentials.", field="grant_type"
            )
        for account, secrets in self.accounts.items():
            if (secrets.client_id, secrets.client_secret) == (client, secret):
                token = self.tokens.issue(account, call.now_ms)
                life_s = self.tokens.life_ms // 1000
                return document({"access_token": token, "token_type": "Bearer", "expires_in": life_s})
        return error(401, "UNAUTHORIZED", "Client id or secret is wrong.")

    def authorise(self, call: Call) -> str:
        """`WM_SEC.ACCESS_TOKEN`."""
        account = self.tokens.owner(call.received.headers.get("wm_sec.access_token"), call.now_ms)
        if account is None:
            raise Refused(error(401, "UNAUTHORIZED", "Unauthorized token or incorrect authorization header."))
        self._needed(call)
        return account

    def _needed(self, call: Call) -> None:
        for name in _NEEDED:
            if not call.received.headers.get(name):
                raise refused(
                    "INVALID_REQUEST_HEADER", f"The header {name.upper()} is missing.", name.upper()
                )

    def expire(self, call: Call) -> None:
        """The token is valid no more."""
        self.tokens.revoke(call.received.headers.get("wm_sec.access_token", ""))

    # What it says of itself

    def throttled(self, call: Call, use: Use, verdict: Verdict) -> Given:
        """429 with what is left and when the next comes."""
        headers = self._counts(call, use, verdict.wait_ms)
        if self.settings.retry_after:
            headers |= retry_after(self.faults, verdict.wait_ms, call.now_ms)
        given = error(429, "REQUEST_THRESHOLD_VIOLATED", "The rate limit of this operation is exceeded.")
        return given._replace(headers={**given.headers, **headers})

    def _counts(self, call: Call, use: Use, wait_ms: int) -> dict[str, str]:
        now_ms = call.now_ms
        buckets = self.gate.in_force.of(use, now_ms)
        if not buckets or self.faults.strikes("header_missing", now_ms, call.operation):
            return {}
        left = min(kept.left(now_ms) for kept, _ in buckets)
        other = self.faults.strikes("header_spelling", now_ms, call.operation)
        name = "x-next-replenishment-time" if other else "x-next-replenish-time"
        next_ms = wait_ms or max(kept.wait_ms(kept.left(now_ms) + 1, now_ms) for kept, _ in buckets)
        return {"x-current-token-count": str(left), name: str(now_ms + told(self.faults, next_ms, now_ms))}

    def dress(self, call: Call, given: Given) -> Given:
        """What is left of the limit, on every answer that a limit has let through."""
        limit = self._routes.limits.get(call.operation)
        if limit is None or given.status in (401, 429) or given.status >= 500:
            return given
        counts = self._counts(call, Use(limit, call.owner), 0)
        return given._replace(headers={**given.headers, **counts})

    def broken(self, status: int) -> Given:
        """An error of the system."""
        return error(status, "SYSTEM_ERROR", "The system could not complete the request.", category="SYSTEM")

    def not_found(self, received: Received) -> Given:
        """An unknown path."""
        return error(404, "CONTENT_NOT_FOUND", f"No resource {received.path}.")

    # Single updates

    def _listing(self, call: Call, sku: str, node: str | None) -> Place:
        place = self.shelf.get(call.owner, sku, node)
        if place is None:
            field = "shipNode" if self.feeds.is_strange(node) else "sku"
            raise Refused(error(404, "CONTENT_NOT_FOUND", self.feeds.missing(sku, node), field=field))
        return place

    def _put(self, call: Call) -> Given:
        sku = call.received.query.get("sku")
        if not sku:
            raise refused("INVALID_REQUEST_PARAM", "The parameter sku is missing.", "sku")
        body = _body(call)
        if body.get("sku") != sku:
            raise refused("INVALID_REQUEST_CONTENT", "sku of the body and of the query differ.", "sku")
        amount, wrong = quantity_of(body.get("quantity"))
        if amount is None:
            raise refused("INVALID_REQUEST_CONTENT", wrong, "quantity")
        place = self._listing(call, sku, call.received.query.get("shipNode"))
        if self.faults.strikes("invalid_items", call.now_ms, call.operation):
            raise Refused(
                error(400, "INVALID_REQUEST_CONTENT", "The item cannot be changed.", category="DATA")
            )
        if self.failing("partial_items", call, 1, call.now_ms):
            raise Refused(self.broken(500))
        self.write(call, place, amount)
        return document({"sku": sku, "quantity": {"unit": "EACH", "amount": amount}})

    def _put_nodes(self, call: Call) -> Given:
        sku = call.parts["sku"]
        inventories = _body(call).get("inventories")
        nodes = inventories.get("nodes") if isinstance(inventories, dict) else None
        if not isinstance(nodes, list) or not nodes or not all(isinstance(each, dict) for each in nodes):
            raise refused("INVALID_REQUEST_CONTENT", "inventories.nodes is missing or empty.", "nodes")
        if not self.shelf.locations(call.owner, sku):
            raise Refused(error(404, "CONTENT_NOT_FOUND", f"There is no sku {sku}.", field="sku"))
        failing = self.failing("partial_items", call, len(nodes), call.now_ms)
        results = []
        for n, node in enumerate(nodes):
            name = node.get("shipNode")
            amount, wrong = quantity_of(node.get("inputQty"))
            place = self.shelf.get(call.owner, sku, name) if isinstance(name, str) else None
            if amount is None or place is None or n in failing:
                why = self.feeds.missing(sku, name) if place is None else wrong or "Please try again."
                results.append({"shipNode": name, "status": "Failure", "errors": [{"description": why}]})
            else:
                self.write(call, place, amount)
                results.append({"shipNode": name, "status": "Success"})
        return document({"sku": sku, "nodes": results})

    # Reading

    def _get(self, call: Call) -> Given:
        query = call.received.query
        if not (sku := query.get("sku")):
            raise refused("INVALID_REQUEST_PARAM", "The parameter sku is missing.", "sku")
        place = self._listing(call, sku, query.get("shipNode"))
        return document({"sku": sku, "quantity": _each(place.applied + place.reserved)})

    def _get_nodes(self, call: Call) -> Given:
        sku, node = call.parts["sku"], call.received.query.get("shipNode")
        places = [each for each in self.shelf.locations(call.owner, sku) if node in (None, each.location)]
        if not places:
            raise Refused(error(404, "CONTENT_NOT_FOUND", f"There is no sku {sku}.", field="sku"))
        nodes = [
            {
                "shipNode": place.location,
                "inputQty": _each(place.applied + place.reserved),
                "availToSellQty": _each(place.applied),
                "reservedQty": _each(place.reserved),
            }
            for place in places
        ]
        return document({"sku": sku, "nodes": nodes})

    def finish(self, job: Job, failed: bool, now_ms: int) -> None:
        """Process a feed."""
        self.feeds.finish(job, failed, now_ms)


def _each(units: int) -> dict[str, Any]:
    return {"unit": "EACH", "amount": units}


def _body(call: Call) -> dict[str, Any]:
    try:
        body = call.document()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise refused("INVALID_REQUEST_CONTENT", "The body is not a JSON object.", "data")
    return body
