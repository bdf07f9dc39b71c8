"""Amazon's Selling Partner API: the token, single listings (patched and read); feeds are in `amazon_feeds.py`.

A place has no location; another fulfilment channel than DEFAULT makes a second entry, whose location is its code.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import parse_qs

import orjson

from feeds.simulator.amazon_body import (
    DEFAULT,
    TRY_AGAIN,
    UNCHANGEABLE,
    UNKNOWN_SKU,
    Malformed,
    Write,
    writes,
)
from feeds.simulator.amazon_feeds import AmazonFeeds
from feeds.simulator.amazon_settings import AmazonSettings
from feeds.simulator.feeds_queue import Job
from feeds.simulator.gate import Use, Verdict
from feeds.simulator.limits import Plan
from feeds.simulator.marketplace import Marketplace
from feeds.simulator.messages import Given, Received, Refused, document
from feeds.simulator.places import Place
from feeds.simulator.routes import Call, Route
from feeds.simulator.truth import Truth

_LISTINGS = "/listings/2021-08-01/items"
_SKUS_MOST = 20


class Amazon(Marketplace):
    """`lead_times_reset`: how often a listing's handling time was forgotten because a write did not repeat it."""

    name: ClassVar[str] = "amazon"

    def __init__(
        self, settings: AmazonSettings | None = None, *, seed: int = 1, truth: Truth | None = None
    ) -> None:
        self.settings = settings or AmazonSettings()
        self.feeds = AmazonFeeds(self, self.settings)
        self.lead_times_reset: Counter[str] = Counter()
        super().__init__(self.settings, seed=seed, truth=truth)

    def routes(self) -> Sequence[Route]:
        """Token, listings, feeds."""
        item = f"{_LISTINGS}/{{seller}}/{{sku}}"
        return [
            Route("PATCH", item, "patch_item", self._patch, "patch_item"),
            Route("GET", item, "get_item", self._get, "get_item"),
            Route("GET", f"{_LISTINGS}/{{seller}}", "search_items", self._search, "search_items"),
            Route("POST", "/auth/o2/token", "token", self._token, open=True),
            *self.feeds.routes(),
        ]

    # Who calls

    def _token(self, call: Call) -> Given:
        fields = {
            name: each[0] for name, each in parse_qs(call.received.body.decode("utf-8", "replace")).items()
        }
        if not fields and call.received.body:
            try:
                fields = dict(call.document())
            except (ValueError, TypeError):
                fields = {}
        if fields.get("grant_type") != "refresh_token":
            return _oauth("unsupported_grant_type", "The authorization grant type is not supported")
        for account, secrets in self.accounts.items():
            if secrets.refresh_token == fields.get("refresh_token"):
                if (secrets.client_id, secrets.client_secret) != (
                    fields.get("client_id"),
                    fields.get("client_secret"),
                ):
                    return _oauth("invalid_client", "Client authentication failed", 401)
                token = "Atza|" + self.tokens.issue(account, call.now_ms)
                life_s = self.tokens.life_ms // 1000
                return document(
                    {
                        "access_token": token,
                        "refresh_token": secrets.refresh_token,
                        "token_type": "bearer",
                        "expires_in": life_s,
                    }
                )
        return _oauth("invalid_grant", "The request has an invalid grant parameter : refresh_token")

    def authorise(self, call: Call) -> str:
        """`x-amz-access-token`."""
        token = call.received.headers.get("x-amz-access-token", "")
        account = self.tokens.owner(token.removeprefix("Atza|"), call.now_ms)
        if account is None:
            details = "The access token you provided has expired." if token else "Access token is missing."
            raise Refused(errors(403, "Unauthorized", "Access to requested resource is denied.", details))
        if (seller := call.parts.get("seller")) is not None and seller != self.owner(account):
            details = "The seller is not the one the token was issued for."
            raise Refused(errors(403, "Unauthorized", "Access to requested resource is denied.", details))
        return account

    def expire(self, call: Call) -> None:
        """The token is valid no more."""
        self.tokens.revoke(call.received.headers.get("x-amz-access-token", "").removeprefix("Atza|"))

    # What it says of itself

    def throttled(self, call: Call, use: Use, verdict: Verdict) -> Given:
        """429, and not a word about how long."""
        level = (
            "application" if verdict.plan is not None and verdict.plan.name == "application" else "account"
        )
        message = f"You exceeded your quota for the requested resource ({level} level)."
        return errors(429, "QuotaExceeded", message)

    def broken(self, status: int) -> Given:
        """An error without reason."""
        code = "ServiceUnavailable" if status == 503 else "InternalFailure"
        return errors(status, code, "We encountered an internal error. Please try again.")

    def not_found(self, received: Received) -> Given:
        """An unknown path."""
        return errors(404, "NotFound", f"The resource {received.path} does not exist.")

    def dress(self, call: Call, given: Given) -> Given:
        """An id for each request, and the rate of the operation unless it was throttled."""
        headers = {**given.headers, "x-amzn-RequestId": f"request-{self.number()}"}
        plan = self._rate(call)
        told = plan is not None and given.status in (200, 201, 202, 400)
        if (
            plan is not None
            and told
            and not self.faults.strikes("header_missing", call.now_ms, call.operation)
        ):
            headers["x-amzn-RateLimit-Limit"] = f"{plan.units * 1000 / plan.per_ms:g}"
        return given._replace(headers=headers)

    def _rate(self, call: Call) -> Plan | None:
        for plan in self.gate.in_force.group(call.operation):
            if plan.name == "account":
                return plan
        return None

    # Listings

    def _patch(self, call: Call) -> Given:
        query = call.received.query
        self._marketplaces(query.get("marketplaceIds"))
        if call.received.headers.get("content-type", "application/json").split(";")[0] != "application/json":
            raise Refused(errors(415, "UnsupportedMediaType", "Send application/json."))
        try:
            found, issues = writes(call.document())
        except (ValueError, Malformed) as error:
            raise Refused(errors(400, "InvalidInput", f"Invalid request: {error}.")) from None
        sku = call.parts["sku"]
        place = self.shelf.get(call.owner, sku)
        if place is None:
            issues.append(UNKNOWN_SKU)
        if self.faults.strikes("invalid_items", call.now_ms, call.operation):
            issues.append(UNCHANGEABLE)
        if self.failing("partial_items", call, 1, call.now_ms):
            issues.append(TRY_AGAIN)
        preview = query.get("mode") == "VALIDATION_PREVIEW"
        status = "INVALID" if issues else "VALID" if preview else "ACCEPTED"
        if place is not None and status == "ACCEPTED":
            for each in found:
                self.write(call, self.entry(place, each, call.now_ms), each.quantity)
        answer = {"sku": sku, "status": status, "submissionId": f"{call.now_ms:x}-{self.number()}"}
        return document({**answer, "issues": [issue.alone() for issue in issues]})

    def entry(self, place: Place, write: Write, now_ms: int) -> Place:
        """The entry of the listing that a write concerns: of its fulfilment channel, a new one where there is none."""
        if write.resets_lead_time:
            self.lead_times_reset[place.name] += 1
        if write.channel_code == DEFAULT:
            return place
        found = self.shelf.get(place.account, place.listing, write.channel_code)
        if found is None:
            found = Place(self.name, place.account, place.listing, write.channel_code, place.sku)
            self.shelf.add(found, now_ms)
        return found

    def _get(self, call: Call) -> Given:
        self._marketplaces(call.received.query.get("marketplaceIds"))
        sku = call.parts["sku"]
        if self.shelf.get(call.owner, sku) is None:
            return errors(404, "NOT_FOUND", f"SKU '{sku}' not found in marketplace.")
        return document(self._item(call.owner, sku, call.received.query))

    def _search(self, call: Call) -> Given:
        query = call.received.query
        self._marketplaces(query.get("marketplaceIds"))
        skus = [each for each in query.get("identifiers", "").split(",") if each]
        if skus and query.get("identifiersType") != "SKU":
            raise Refused(errors(400, "InvalidInput", "identifiersType must be SKU."))
        if len(skus) > _SKUS_MOST:
            raise Refused(errors(400, "InvalidInput", f"identifiers has more than {_SKUS_MOST} values."))
        if not skus:
            raise Refused(errors(400, "InvalidInput", "identifiers is required by this simulator."))
        size = query.get("pageSize", "10")
        if not size.isdecimal() or not 1 <= int(size) <= _SKUS_MOST:
            raise Refused(errors(400, "InvalidInput", f"pageSize must be from 1 to {_SKUS_MOST}."))
        known = [sku for sku in dict.fromkeys(skus) if self.shelf.get(call.owner, sku) is not None]
        token = query.get("pageToken", "0")
        if not token.isdecimal():
            raise Refused(errors(400, "InvalidInput", "pageToken is not one of this search."))
        begin = int(token)
        page = known[begin : begin + int(size)]
        answer: dict[str, Any] = {
            "numberOfResults": len(known),
            "items": [self._item(call.owner, sku, query) for sku in page],
        }
        if begin + len(page) < len(known):
            answer["pagination"] = {"nextToken": str(begin + len(page))}
        return document(answer)

    def _item(self, owner: str, sku: str, query: Mapping[str, str]) -> dict[str, Any]:
        item: dict[str, Any] = {"sku": sku}
        included = query.get("includedData", "summaries").split(",")
        if "summaries" in included:
            marketplace = query["marketplaceIds"].split(",")[0]
            item["summaries"] = [{"marketplaceId": marketplace, "status": ["BUYABLE", "DISCOVERABLE"]}]
        if "fulfillmentAvailability" in included:
            item["fulfillmentAvailability"] = [
                {"fulfillmentChannelCode": place.location or DEFAULT, "quantity": place.applied}
                for place in self.shelf.locations(owner, sku)
                if place.onboarded
            ]
        return item

    def _marketplaces(self, given: str | None) -> None:
        ids = [each for each in (given or "").split(",") if each]
        if not ids:
            raise Refused(errors(400, "InvalidInput", "marketplaceIds is missing."))
        for each in ids:
            if each not in self.settings.marketplaces:
                raise Refused(errors(400, "InvalidInput", f"{each} is not a marketplace of this seller."))

    def finish(self, job: Job, failed: bool, now_ms: int) -> None:
        """Process a feed."""
        self.feeds.finish(job, failed, now_ms)


def errors(status: int, code: str, message: str, details: str = "") -> Given:
    """Its shape of an error."""
    return document({"errors": [{"code": code, "message": message, "details": details}]}, status)


def _oauth(error: str, description: str, status: int = 400) -> Given:
    body = orjson.dumps({"error": error, "error_description": description})
    return Given(status, {"content-type": "application/json;charset=UTF-8"}, body)
