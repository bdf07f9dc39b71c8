"""eBay's shapes of errors, and of answers that have a status for each of several."""

from collections.abc import Sequence
from typing import Any

from feeds.simulator.messages import Given, Refused, document

SYSTEM, TAKEN_FOR_INPUT, UNKNOWN_SKU, BAD_SKU, BAD_VALUE = 25_001, 25_604, 25_702, 25_707, 25_709
TOO_MANY, NO_OFFER, INVALID_QUANTITY, TOO_MANY_READ, TWICE = 25_712, 25_713, 25_004, 25_727, 25_734


def error(
    number: int, message: str, category: str = "REQUEST", domain: str = "API_INVENTORY"
) -> dict[str, Any]:
    """One of `errors`."""
    return {
        "errorId": number,
        "domain": domain,
        "subdomain": "Selling",
        "category": category,
        "message": message,
    }


def refusal(status: int, number: int, message: str, **of: str) -> Given:
    """The whole call is refused."""
    return document({"errors": [error(number, message, **of)]}, status)


def refused(number: int, message: str, status: int = 400) -> Refused:
    """Ends a call so."""
    return Refused(refusal(status, number, message))


def invalid(field: str) -> Refused:
    """Ends a call for a value that it cannot have."""
    return refused(BAD_VALUE, f"Invalid value for {field}.")


def several(lines: Sequence[dict[str, Any]]) -> Given:
    """200 where all went well, 400 where nothing did, else 207."""
    well = sum(line["statusCode"] == 200 for line in lines)
    return document({"responses": lines}, 200 if well == len(lines) else 207 if well else 400)
