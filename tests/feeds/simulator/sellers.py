"""Sellers who speak to a simulated marketplace as its documentation says, for the tests of all of it."""

import hmac
import json
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import quote, urlencode

from feeds.simulator.marketplace import Marketplace
from feeds.simulator.messages import Given, Received

MARKETPLACE = "A1PA6795UKMFR9"
ITEM, LOCATION = "gid://shopify/InventoryItem/", "gid://shopify/Location/"
SET = """mutation Set($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup { id changes { name delta item { id } } }
    userErrors { field message code }
  }
}"""


@dataclass
class Seller:
    """`now_ms` moves on by hand."""

    market: Marketplace
    account: str = "S"
    now_ms: int = 0
    headers: dict[str, str] = field(default_factory=dict)

    def ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        content: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Given:
        """One request; `content` bytes as they are, anything else as JSON."""
        body = (
            content
            if isinstance(content, bytes)
            else b""
            if content is None
            else json.dumps(content).encode()
        )
        sent = {"content-type": "application/json", **self.headers, **(headers or {})}
        return self.market.handle(Received(method, path, query or {}, sent, body), self.now_ms)

    def refresh(self, path: str) -> Given:
        """A token for the refresh token."""
        fields = {
            "grant_type": "refresh_token",
            "refresh_token": f"refresh-{self.account}",
            "client_id": f"client-{self.account}",
            "client_secret": f"secret-{self.account}",
        }
        return self.ask("POST", path, content=urlencode(fields).encode())


class AmazonSeller(Seller):
    def login(self) -> Given:
        given = self.refresh("/auth/o2/token")
        self.headers["x-amz-access-token"] = given.json()["access_token"]
        return given

    def patch(
        self, sku: str, quantity: Any, *, op: str = "replace", code: str = "DEFAULT", **more: str
    ) -> Given:
        path = f"/listings/2021-08-01/items/{self.account}/{quote(sku, safe='')}"
        return self.ask("PATCH", path, {"marketplaceIds": MARKETPLACE, **more}, patch_of(quantity, op, code))

    def shown(self, *skus: str) -> dict[str, int]:
        query = {"marketplaceIds": MARKETPLACE, "identifiers": ",".join(skus), "identifiersType": "SKU"}
        query |= {"includedData": "fulfillmentAvailability", "pageSize": "20"}
        given = self.ask("GET", f"/listings/2021-08-01/items/{self.account}", query)
        return {each["sku"]: each["fulfillmentAvailability"][0]["quantity"] for each in given.json()["items"]}

    def document(self, content: Any) -> str:
        given = self.ask(
            "POST", "/feeds/2021-06-30/documents", {}, {"contentType": "application/json; charset=UTF-8"}
        )
        assert given.status == 201, given
        assert self.ask("PUT", given.json()["url"], {}, content).status == 200
        return str(given.json()["feedDocumentId"])

    def feed(self, quantities: Mapping[str, int] | Sequence[Any]) -> Given:
        messages = list(quantities) if not isinstance(quantities, Mapping) else messages_of(quantities)
        header = {"sellerId": self.account, "version": "2.0", "issueLocale": "en_US"}
        name = self.document({"header": header, "messages": messages})
        return self.hand_in(name)

    def hand_in(self, document: str) -> Given:
        body = {
            "feedType": "JSON_LISTINGS_FEED",
            "marketplaceIds": [MARKETPLACE],
            "inputFeedDocumentId": document,
        }
        return self.ask("POST", "/feeds/2021-06-30/feeds", {}, body)

    def state(self, feed_id: str) -> Any:
        return self.ask("GET", f"/feeds/2021-06-30/feeds/{feed_id}").json()

    def report(self, feed_id: str) -> Given:
        name = self.state(feed_id)["resultFeedDocumentId"]
        url = self.ask("GET", f"/feeds/2021-06-30/documents/{name}").json()["url"]
        return self.ask("GET", url)


def patch_of(quantity: Any, op: str = "replace", code: str | None = "DEFAULT") -> dict[str, Any]:
    value: dict[str, Any] = {"quantity": quantity}
    if code is not None:
        value["fulfillment_channel_code"] = code
    patch = {"op": op, "path": "/attributes/fulfillment_availability", "value": [value]}
    return {"productType": "PRODUCT", "patches": [patch]}


def messages_of(quantities: Mapping[str, int]) -> list[dict[str, Any]]:
    return [
        {"messageId": n, "sku": sku, "operationType": "PATCH", **patch_of(quantity)}
        for n, (sku, quantity) in enumerate(quantities.items(), 1)
    ]


class WalmartSeller(Seller):
    def login(self) -> Given:
        self.headers |= {"wm_qos.correlation_id": "1", "wm_svc.name": "Walmart Marketplace"}
        secret = b64encode(f"client-{self.account}:secret-{self.account}".encode()).decode()
        given = self.ask(
            "POST", "/v3/token", {}, b"grant_type=client_credentials", {"authorization": f"Basic {secret}"}
        )
        self.headers["wm_sec.access_token"] = given.json()["access_token"]
        return given

    def put(self, sku: str, amount: Any, node: str | None = None) -> Given:
        query = {"sku": sku} if node is None else {"sku": sku, "shipNode": node}
        return self.ask(
            "PUT", "/v3/inventory", query, {"sku": sku, "quantity": {"unit": "EACH", "amount": amount}}
        )

    def feed(self, items: Sequence[Any], kind: str = "inventory", name: str = "feed.json") -> Given:
        single = kind == "inventory"
        header, list_name = ("InventoryHeader", "Inventory") if single else ("inventoryHeader", "inventory")
        content = json.dumps({header: {"version": "1.4" if single else "1.5"}, list_name: items}).encode()
        return self.send_file(content, kind, name)

    def send_file(self, content: bytes, kind: str = "inventory", name: str = "feed.json") -> Given:
        head = f'--B\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()
        form = {"content-type": "multipart/form-data; boundary=B"}
        return self.ask("POST", "/v3/feeds", {"feedType": kind}, head + content + b"\r\n--B--\r\n", form)

    def state(self, feed_id: str, **query: str) -> Given:
        return self.ask("GET", f"/v3/feeds/{quote(feed_id, safe='')}", {"includeDetails": "true", **query})


def line(sku: str, amount: Any) -> dict[str, Any]:
    return {"sku": sku, "quantity": {"unit": "EACH", "amount": amount}}


class ShopifySeller(Seller):
    version = "2026-07"

    def query(self, text: str, **variables: Any) -> Given:
        headers = {"x-shopify-access-token": f"access-{self.account}"}
        path = f"/admin/api/{self.version}/graphql.json"
        return self.ask("POST", path, {}, {"query": text, "variables": variables}, headers)

    def set(self, *quantities: Mapping[str, Any], key: str = "k", text: str = SET, **changed: Any) -> Given:
        given = {"name": "available", "reason": "correction", "quantities": list(quantities), **changed}
        return self.query(text, input=given, key=key)

    def codes(self, given: Given) -> list[tuple[str, Any]]:
        errors = given.json()["data"]["inventorySetQuantities"]["userErrors"]
        return [(each["code"], each["field"]) for each in errors]


def level(item: str, location: str, quantity: Any, before: int | None = None) -> dict[str, Any]:
    ids = {"inventoryItemId": ITEM + item, "locationId": LOCATION + location}
    return {**ids, "quantity": quantity, "changeFromQuantity": before}


class ZalandoSeller(Seller):
    merchant: str | None = None

    def login(self) -> Given:
        secret = b64encode(f"client-{self.account}:secret-{self.account}".encode()).decode()
        given = self.ask(
            "POST", "/auth/token", {}, b"grant_type=client_credentials", {"authorization": f"Basic {secret}"}
        )
        self.headers["authorization"] = f"Bearer {given.json()['access_token']}"
        return given

    def post(self, *items: Any) -> Given:
        return self.ask(
            "POST", f"/merchants/{self.merchant or self.account}/stocks", {}, {"items": list(items)}
        )

    def shown(self, *eans: str) -> dict[str, int]:
        given = self.ask(
            "GET", f"/merchants/{self.merchant or self.account}/stocks", {"eans": ",".join(eans)}
        )
        return {each["ean"]: each["quantity"] for each in given.json()["items"]}


def stock(ean: str, quantity: Any, channel: str = "zalando-de") -> dict[str, Any]:
    return {"sales_channel_id": channel, "ean": ean, "quantity": quantity}


class WebhookSeller(Seller):
    """Signs its calls at the time that it has. `key`: base64; not given: that of the account."""

    key: str | None = None
    calls = 0

    def ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        content: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Given:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.calls += 1
        name, stamp = f"call-{self.calls}", str(self.now_ms // 1000)
        told = {"webhook-id": name, "webhook-timestamp": stamp, **(headers or {})}
        signed = f"{told['webhook-id']}.{told['webhook-timestamp']}.".encode() + body
        key = (
            b64decode(self.key)
            if self.key is not None
            else sha256(f"secret-{self.account}".encode()).digest()
        )
        code = b64encode(hmac.new(key, signed, sha256).digest()).decode()
        return super().ask(method, path, query, body, {"webhook-signature": f"v1,{code}", **told})

    def post(self, *items: Any, **headers: str) -> Given:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask("POST", "/stock", content={"account": "a", "items": list(items)}, headers=named)

    def read(self, *listings: str) -> dict[str, int]:
        asked = [{"listing": listing, "location": None} for listing in listings]
        given = self.ask("POST", "/stock/read", content={"account": "a", "listings": asked})
        return {each["listing"]: each["quantity"] for each in given.json()["items"]}


def called(listing: str, quantity: Any, write: Any, location: str | None = None) -> dict[str, Any]:
    return {"listing": listing, "location": location, "quantity": quantity, "version": 1, "write": write}


class CsvSeller(Seller):
    def put(self, *lines: str, path: str = "/inbox/1.csv", **headers: str) -> Given:
        file = "\r\n".join(["listing;location;quantity", *lines, ""]).encode()
        token = {"authorization": f"Bearer access-{self.account}", "content-type": "text/csv; charset=utf-8"}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask("POST" if path == "/stock.csv" else "PUT", path, {}, file, {**token, **named})


class MiraklSeller(Seller):
    shop: str | None = None

    def login(self) -> None:
        self.headers["authorization"] = f"access-{self.account}"

    def request(self, method: str, path: str, content: bytes | None = None, **query: str) -> Given:
        shop = {} if self.shop is None else {"shop_id": self.shop}
        kind = {"content-type": "multipart/form-data; boundary=B"} if content is not None else {}
        return self.ask(method, path, {**shop, **query}, content, kind)

    def send(self, content: str | bytes, field: str = "file") -> Given:
        head = f'--B\r\nContent-Disposition: form-data; name="{field}"; filename="f.csv"\r\n\r\n'.encode()
        body = content if isinstance(content, bytes) else content.encode()
        return self.request("POST", "/api/offers/stock/imports", head + body + b"\r\n--B--\r\n")

    def stock(self, *lines: str) -> Given:
        """An import of lines `sku;quantity;warehouse;update-delete`, of which the last two may be missing."""
        return self.send(
            "\n".join(['"offer-sku";"quantity";"warehouse-code";"update-delete"', *lines]) + "\n"
        )

    def status(self, import_id: str) -> Given:
        return self.request("GET", f"/api/offers/stock/imports/{import_id}/status")

    def report(self, import_id: str) -> Given:
        return self.request("GET", f"/api/offers/stock/imports/{import_id}/error_report")

    def offers(self, **query: str) -> Given:
        return self.request("GET", "/api/offers", None, **query)


class GoogleSeller(Seller):
    def login(self) -> Given:
        given = self.refresh("/token")
        self.headers["authorization"] = f"Bearer {given.json()['access_token']}"
        return given

    def path(self, product: str, kind: str = "local") -> str:
        name = product if "~" not in product else urlsafe_b64encode(product.encode()).decode().rstrip("=")
        return f"/inventories/v1/accounts/{self.account}/products/{name}/{kind}Inventories"

    def insert(self, product: str, store: Any, said: Any, **more: Any) -> Given:
        own = ({} if said is None else {"availability": said}) | more
        body = {"storeCode": store, "localInventoryAttributes": own}
        return self.ask("POST", f"{self.path(product)}:insert", {}, body)

    def shown(self, product: str, kind: str = "local", **query: str) -> dict[str, str]:
        given = self.ask("GET", self.path(product, kind), query).json()
        place = "storeCode" if kind == "local" else "region"
        return {
            each[place]: each[f"{kind}InventoryAttributes"]["availability"]
            for each in given.get(f"{kind}Inventories", [])
        }
