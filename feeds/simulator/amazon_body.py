"""What a listing patch of Amazon must look like, whether it comes alone or as a message of a feed."""

from collections.abc import Mapping
from typing import Any, NamedTuple

_OPERATIONS = ("add", "replace", "merge", "delete")
_ATTRIBUTE = "/attributes/fulfillment_availability"
_QUANTITY_MOST = 2**31 - 1
DEFAULT = "DEFAULT"


class Malformed(Exception):
    """The body is not of the shape; a request with it is answered 400."""


class Issue(NamedTuple):
    """One of `issues`: what is wrong with a listing."""

    code: str
    message: str
    severity: str = "ERROR"
    attribute: str | None = "fulfillment_availability"

    def alone(self) -> dict[str, Any]:
        """As the answer to a patch has it."""
        names = {} if self.attribute is None else {"attributeNames": [self.attribute]}
        kind = {"categories": ["INVALID_ATTRIBUTE"]}
        return {"code": self.code, "message": self.message, "severity": self.severity, **names, **kind}

    def reported(self, message_id: int, sku: str) -> dict[str, Any]:
        """As the report of a feed has it."""
        names = {} if self.attribute is None else {"attributeName": self.attribute}
        what = {"code": self.code, "severity": self.severity, "message": self.message}
        return {"messageId": message_id, "sku": sku, **what, **names}


class Write(NamedTuple):
    """One quantity that a patch sets. `resets_lead_time`: it replaces the attribute without naming the lead time."""

    channel_code: str
    quantity: int
    resets_lead_time: bool


UNKNOWN_SKU = Issue("13013", "This SKU does not exist in the catalog.", attribute=None)
TRY_AGAIN = Issue("99999", "The listing could not be processed. Please try again.", attribute=None)
UNCHANGEABLE = Issue("90000001", "The listing cannot be changed.", attribute=None)


def writes(body: Any) -> tuple[list[Write], list[Issue]]:
    """What the patches of a body set, or what is wrong with them. Raises Malformed."""
    if not isinstance(body, dict):
        raise Malformed("the body is not an object")
    if not isinstance(body.get("productType"), str) or not body["productType"]:
        raise Malformed("productType is missing")
    patches = body.get("patches")
    if not isinstance(patches, list) or not patches:
        raise Malformed("patches is missing or empty")
    found: list[Write] = []
    issues: list[Issue] = []
    for patch in patches:
        _read_patch(patch, found, issues)
    return ([], issues) if issues else (found, [])


def _read_patch(patch: Any, found: list[Write], issues: list[Issue]) -> None:
    if not isinstance(patch, dict) or patch.get("op") not in _OPERATIONS:
        raise Malformed(f"op is none of {', '.join(_OPERATIONS)}")
    path = patch.get("path")
    if not isinstance(path, str) or not path.startswith("/attributes/") or path.count("/") != 2:
        raise Malformed("path does not name a top-level attribute")
    values = patch.get("value")
    if patch["op"] != "delete" and not isinstance(values, list):
        raise Malformed("value is not a list")
    if path != _ATTRIBUTE:
        return  # another attribute: nothing that a simulator of stock keeps
    for value in values or ():
        read = _read_value(patch["op"], value)
        if isinstance(read, Issue):
            issues.append(read)
        else:
            found.append(read)


def _read_value(operation: str, value: Any) -> Write | Issue:
    if not isinstance(value, Mapping):
        raise Malformed("a value is not an object")
    code = value.get("fulfillment_channel_code")
    if not isinstance(code, str) or not code:
        return Issue("90220", "'fulfillment_channel_code' is required but is missing.")
    if operation == "delete":
        return Write(code, 0, True)
    quantity = value.get("quantity")
    if isinstance(quantity, bool) or not isinstance(quantity, int):
        return Issue("90248", "'quantity' is missing or is not a whole number.")
    if not 0 <= quantity <= _QUANTITY_MOST:
        return Issue("90244", f"'quantity' of {quantity} is outside 0 to {_QUANTITY_MOST}.")
    resets = operation in ("add", "replace") and "lead_time_to_ship_max_days" not in value
    return Write(code, quantity, resets)
