"""Mirakl, as one operator runs it: who calls, and reading offers; stock imports are in `mirakl_imports.py`.

A place's listing is the offer's SKU in the shop, its location the warehouse code; of an offer with one global quantity,
None. An account is a shop.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from feeds.simulator.feeds_queue import Job
from feeds.simulator.gate import Use, Verdict
from feeds.simulator.headers import retry_after
from feeds.simulator.marketplace import Marketplace
from feeds.simulator.messages import Given, Received, Refused, document
from feeds.simulator.mirakl_imports import MiraklImports, message
from feeds.simulator.mirakl_settings import MiraklSettings
from feeds.simulator.routes import Call, Route
from feeds.simulator.truth import Truth

_PAGE = 10
_NEW = "11"


class Mirakl(Marketplace):
    """Quantities are written by imports alone."""

    name: ClassVar[str] = "mirakl"

    def __init__(
        self, settings: MiraklSettings | None = None, *, seed: int = 1, truth: Truth | None = None
    ) -> None:
        self.settings = settings or MiraklSettings()
        self.imports = MiraklImports(self, self.settings)
        super().__init__(self.settings, seed=seed, truth=truth)

    def routes(self) -> Sequence[Route]:
        """Offers, imports."""
        return [*self.imports.routes(), Route("GET", "/api/offers", "of21", self._offers, "of21")]

    # Who calls

    def shop_of(self, account: str) -> int:
        """What `shop_id` says of an account."""
        return self.settings.first_shop + list(self.accounts).index(account)

    def authorise(self, call: Call) -> str:
        """`Authorization`, the key and nothing else; it does not expire."""
        key = call.received.headers.get("authorization", "")
        shops = [account for account, secrets in self.accounts.items() if key and secrets.access_token == key]
        if not shops:
            raise Refused(message(401, "Unauthorized"))
        wanted = call.received.query.get("shop_id")
        if wanted is None:
            return shops[0]
        for account in shops:
            if str(self.shop_of(account)) == wanted:
                return account
        raise Refused(message(403, f"The user has no access to the shop {wanted}."))

    def expire(self, call: Call) -> None:
        """The key is not taken this time."""
        raise Refused(message(401, "Unauthorized"))

    # What it says of itself

    def use(self, route: Route, call: Call) -> Use:
        """What is asked of an import is counted for that one."""
        return Use(route.limit or "", call.owner, listing=call.parts.get("import_id"))

    def _admit(self, route: Route, call: Call) -> None:
        try:
            super()._admit(route, call)
        except Refused:
            # An operator may leave it at the counting; a fault that throttles does not.
            if self.settings.enforced or self.faults.active("throttle_below_plan", call.now_ms):
                raise

    def throttled(self, call: Call, use: Use, verdict: Verdict) -> Given:
        """429 with the seconds until the next call, where the operator says them."""
        given = message(429, "Too Many Requests")
        if not self.settings.retry_after:
            return given
        again = retry_after(self.faults, verdict.wait_ms, call.now_ms)
        return given._replace(headers={**given.headers, **again})

    def broken(self, status: int) -> Given:
        """An error without a reason."""
        return message(status, "Service Unavailable" if status == 503 else "Internal Server Error")

    def not_found(self, received: Received) -> Given:
        """An unknown path, or an operation that resets what it does not name: nobody needs that one here."""
        return message(404, f"No resource {received.path}.")

    # Offers

    def _offers(self, call: Call) -> Given:
        query = call.received.query
        offset, most = query.get("offset", "0"), query.get("max", str(_PAGE))
        if not (_is_number(offset) and _is_number(most) and 1 <= int(most) <= self.settings.page_most):
            raise Refused(message(400, f"max is from 1 to {self.settings.page_most}, offset from 0 on."))
        owner, wanted = call.owner, query.get("sku")
        if wanted is not None:
            skus = [wanted] if self.shelf.locations(owner, wanted) else []
        else:
            skus = [listing for account, listing in self.shelf.by_listing if account == owner]
        page = [self._offer(owner, sku) for sku in skus[int(offset) : int(offset) + int(most)]]
        return document({"offers": page, "total_count": len(skus)})

    def _offer(self, owner: str, sku: str) -> dict[str, Any]:
        places = self.shelf.locations(owner, sku)
        units = sum(place.applied for place in places)
        offer: dict[str, Any] = {
            "active": units > 0,
            "inactivity_reasons": [] if units else ["ZERO_QUANTITY"],
            "quantity": units,
            "shop_sku": sku,
            "state_code": _NEW,
        }
        warehouses = [
            {"code": place.location, "quantity": place.applied} for place in places if place.location
        ]
        return {**offer, "warehouses": warehouses} if warehouses else offer

    def finish(self, job: Job, failed: bool, now_ms: int) -> None:
        """Process an import."""
        self.imports.finish(job, failed, now_ms)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()
