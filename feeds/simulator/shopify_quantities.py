"""Shopify's `inventorySetQuantities`: all of a call or nothing, once for each key, only over what the caller knew."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from feeds.simulator.headers import utc
from feeds.simulator.places import Place
from feeds.simulator.routes import Call
from feeds.simulator.shopify_settings import ShopifySettings

if TYPE_CHECKING:
    from feeds.simulator.shopify import Shopify

FIELD = "inventorySetQuantities"
_MOST = 1_000_000_000
_NAMES = ("available", "on_hand")
_REASONS = (
    "correction", "cycle_count_available", "damaged", "movement_created", "movement_updated", "movement_received",
    "movement_canceled", "other", "promotion", "quality_control", "received", "reservation_created",
    "reservation_deleted", "reservation_updated", "restock", "safety_stock", "shrinkage",
)  # fmt: skip
_INPUT_FIELDS = {"name", "reason", "referenceDocumentUri", "quantities"}
_QUANTITY_FIELDS = {"inventoryItemId", "locationId", "quantity", "changeFromQuantity"}


class TopLevel(Exception):
    """The call was not executed: an error beside the data."""

    def __init__(self, message: str, code: str, alias: str | None) -> None:
        super().__init__(message)
        self._code = code
        self._alias = alias

    def body(self) -> dict[str, Any]:
        """The answer; with an alias the field was reached, and is null."""
        error: dict[str, Any] = {"message": str(self), "extensions": {"code": self._code}}
        if self._alias is None:
            return {"errors": [error]}
        return {"errors": [{**error, "path": [self._alias]}], "data": {self._alias: None}}


@dataclass(frozen=True, slots=True)
class _Kept:
    """What came of a key. `asked`: the input that it was used with."""

    asked: bytes
    payload: dict[str, Any]
    until_ms: int


@dataclass(frozen=True, slots=True)
class _Fault:
    field: tuple[str, ...] | None
    message: str
    code: str


class Quantities:
    """The mutation."""

    def __init__(self, shopify: "Shopify", settings: ShopifySettings) -> None:
        self._shopify = shopify
        self._settings = settings
        self._keys: dict[tuple[str, str], _Kept] = {}

    def change(
        self,
        call: Call,
        version: str,
        arguments: dict[str, Any],
        directives: dict[str, dict[str, Any]],
        alias: str,
    ) -> dict[str, Any]:
        """The payload. Raises TopLevel."""
        given = _checked_input(arguments.get("input"), self._settings.items_most)
        key = directives.get("idempotent", {}).get("key")
        needed = version >= self._settings.idempotent_from
        if needed and (not isinstance(key, str) or not key):
            message = "The @idempotent directive is required for this mutation but was not provided."
            raise TopLevel(message, "BAD_REQUEST", alias)
        if not isinstance(key, str):
            return self._apply(call, given)
        asked = orjson.dumps(given, option=orjson.OPT_SORT_KEYS)
        kept = self._keys.get((call.owner, key))
        if kept is not None and call.now_ms < kept.until_ms:
            return self._again(kept, asked)
        payload = self._apply(call, given)
        until_ms = call.now_ms + self._settings.key_kept_s * 1000
        self._keys[call.owner, key] = _Kept(asked, payload, until_ms)
        return payload

    def _again(self, kept: _Kept, asked: bytes) -> dict[str, Any]:
        if kept.asked != asked:
            message = "The same idempotency key cannot be used with different operation parameters."
            return _payload([_Fault(None, message, "IDEMPOTENCY_KEY_PARAMETER_MISMATCH")])
        if kept.payload["userErrors"] and self._settings.key_spent_by_failure:
            message = "The previous attempt with this idempotency key failed. Use a new key."
            return _payload([_Fault(None, message, "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED")])
        return kept.payload

    def _apply(self, call: Call, given: dict[str, Any]) -> dict[str, Any]:
        faults = self._faults_of_call(given)
        writes: list[tuple[Place, int]] = []
        seen: set[tuple[str, str]] = set()
        rejected = self._shopify.failing("invalid_items", call, len(given["quantities"]), call.now_ms)
        for n, each in enumerate(given["quantities"]):
            found = self._read(call, given["name"], each, seen)
            if n in rejected:
                found = "inventoryItemId", "The inventory item could not be found.", "INVALID_INVENTORY_ITEM"
            if isinstance(found[0], Place):
                writes.append((found[0], each["quantity"]))
            else:
                name, message, code = found
                faults.append(_Fault(("input", "quantities", str(n), name), message, code))
        if faults:
            return _payload(faults)
        changes = []
        for place, quantity in writes:
            wanted = quantity - (place.reserved if given["name"] == "on_hand" else 0)
            changes.append(_change(place, given["name"], wanted - place.applied))
            self._shopify.write(call, place, wanted)
        group = {
            "__typename": "InventoryAdjustmentGroup",
            "id": f"gid://shopify/InventoryAdjustmentGroup/{self._shopify.number()}",
            "createdAt": utc(call.now_ms),
            "reason": given["reason"],
            "referenceDocumentUri": given.get("referenceDocumentUri"),
            "changes": changes,
        }
        return _payload([], group)

    def _faults_of_call(self, given: dict[str, Any]) -> list[_Fault]:
        faults = []
        if given["name"] not in _NAMES:
            message = "The quantity name must be either 'available' or 'on_hand'."
            faults.append(_Fault(("input", "name"), message, "INVALID_NAME"))
        if given["reason"] not in _REASONS:
            faults.append(_Fault(("input", "reason"), "The specified reason is invalid.", "INVALID_REASON"))
        uri = given.get("referenceDocumentUri")
        if uri is not None and (
            not isinstance(uri, str) or "://" not in uri or uri.startswith("gid://shopify/")
        ):
            message = "The specified reference document is invalid."
            faults.append(_Fault(("input", "referenceDocumentUri"), message, "INVALID_REFERENCE_DOCUMENT"))
        return faults

    def _read(
        self, call: Call, name: str, each: dict[str, Any], seen: set[tuple[str, str]]
    ) -> tuple[Place] | tuple[str, str, str]:
        shelf, owner = self._shopify.shelf, call.owner
        item, location, quantity = each["inventoryItemId"], each["locationId"], each["quantity"]
        if (item, location) in seen:
            message = "The combination of inventoryItemId and locationId must be unique."
            return "locationId", message, "NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR"
        seen.add((item, location))
        if not shelf.locations(owner, item):
            return (
                "inventoryItemId",
                "The specified inventory item could not be found.",
                "INVALID_INVENTORY_ITEM",
            )
        place = shelf.get(owner, item, location)
        if place is None:
            if not any(of_owner == owner and where == location for of_owner, _, where in shelf.places):
                return "locationId", "The specified location could not be found.", "INVALID_LOCATION"
            message = "The specified inventory item is not stocked at the location."
            return "locationId", message, "ITEM_NOT_STOCKED_AT_LOCATION"
        if quantity > _MOST:
            return "quantity", f"The quantity can't be higher than {_MOST}.", "INVALID_QUANTITY_TOO_HIGH"
        if quantity < -_MOST:
            return "quantity", f"The quantity can't be lower than {-_MOST}.", "INVALID_QUANTITY_TOO_LOW"
        if quantity < 0 and name == "on_hand":
            return "quantity", "The quantity can't be negative.", "INVALID_QUANTITY_NEGATIVE"
        now = place.applied + (place.reserved if name == "on_hand" else 0)
        if each["changeFromQuantity"] is not None and each["changeFromQuantity"] != now:
            message = "The changeFromQuantity argument no longer matches the persisted quantity."
            return "changeFromQuantity", message, "CHANGE_FROM_QUANTITY_STALE"
        return (place,)


def _checked_input(given: Any, most: int) -> dict[str, Any]:
    """The input as the schema has it. Raises TopLevel."""
    if not isinstance(given, dict):
        raise TopLevel(
            "Variable $input of type InventorySetQuantitiesInput! was provided invalid value",
            "INVALID_VARIABLE",
            None,
        )
    _known(given, _INPUT_FIELDS)
    quantities = given.get("quantities")
    if not isinstance(quantities, list) or not isinstance(given.get("name"), str) or "reason" not in given:
        raise _invalid("name, reason and quantities are required")
    if len(quantities) > most:
        message = f"The input array size of {len(quantities)} is greater than the maximum allowed of {most}."
        raise TopLevel(message, "MAX_INPUT_SIZE_EXCEEDED", None)
    for n, each in enumerate(quantities):
        if not isinstance(each, dict):
            raise _invalid(f"quantities.{n} is not an object")
        _known(each, _QUANTITY_FIELDS)
        quantity, before = each.get("quantity"), each.get("changeFromQuantity")
        texts = isinstance(each.get("inventoryItemId"), str) and isinstance(each.get("locationId"), str)
        if not texts or not _whole(quantity) or (before is not None and not _whole(before)):
            raise _invalid(f"quantities.{n} was provided an invalid value")
        if "changeFromQuantity" not in each:
            message = "InventoryQuantityInput must include the following argument: changeFromQuantity."
            raise TopLevel(message, "INVALID_FIELD_ARGUMENTS", FIELD)
    return given


def _known(given: dict[str, Any], names: set[str]) -> None:
    for name in given:
        if name not in names:
            raise _invalid(f"{name} (Field is not defined on the input type)")


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _invalid(what: str) -> TopLevel:
    message = f"Variable $input of type InventorySetQuantitiesInput! was provided invalid value for {what}"
    return TopLevel(message, "INVALID_VARIABLE", None)


def _payload(faults: list[_Fault], group: dict[str, Any] | None = None) -> dict[str, Any]:
    errors = [
        {
            "__typename": "InventorySetQuantitiesUserError",
            "field": None if fault.field is None else list(fault.field),
            "message": fault.message,
            "code": fault.code,
        }
        for fault in faults
    ]
    kind = "InventorySetQuantitiesPayload"
    return {"__typename": kind, "userErrors": errors, "inventoryAdjustmentGroup": group}


def _change(place: Place, name: str, delta: int) -> dict[str, Any]:
    return {
        "__typename": "InventoryChange",
        "name": name,
        "delta": delta,
        "quantityAfterChange": None,
        "item": {"__typename": "InventoryItem", "id": place.listing},
        "location": {"__typename": "Location", "id": place.location},
    }
