"""What a write to eBay must look like, and the lines that answer it."""

from collections.abc import Container, Mapping
from typing import Any, NamedTuple

from feeds.simulator import ebay_errors as errors
from feeds.simulator.ebay_settings import EbaySettings
from feeds.simulator.routes import Call

_QUANTITY_MOST = 2**31 - 1


class Change(NamedTuple):
    """One of `requests`. `total` None: it is left as it is."""

    sku: str
    total: int | None
    offers: Mapping[str, int]

    def lines(
        self,
        refused: Mapping[str, Any] | None,
        known: Container[str] = (),
        settings: EbaySettings | None = None,
    ) -> list[dict[str, Any]]:
        """A line of each offer, or of the total where no offer was named. `refused`: of all of them; else only the
        offers that are not `known` are."""
        found = []
        if self.total is not None and (not self.offers or (settings is not None and settings.total_line)):
            found.append(_line({"sku": self.sku}, refused))
        for offer, units in self.offers.items():
            why = refused
            if why is None and offer not in known:
                why = errors.error(errors.TAKEN_FOR_INPUT, "Input error. Offer not found.")
            elif why is None and units == 0 and settings is not None and settings.zero_refused:
                why = errors.error(
                    errors.INVALID_QUANTITY, "The quantity must be a valid number greater than 0."
                )
            found.append(_line({"offerId": offer, "sku": self.sku}, why))
        return found


def changes(call: Call, settings: EbaySettings) -> list[Change]:
    """All that a call asks for. Raises Refused: if one has another shape nothing is done."""
    asked = requests_of(call)
    if len(asked) > settings.skus_most:
        message = f"Invalid request size. The maximum size allowed is {settings.skus_most}."
        raise errors.refused(errors.TOO_MANY, message)
    found = [_change(each, settings) for each in asked]
    if len({each.sku for each in found}) < len(found):
        raise errors.refused(errors.TWICE, "SKU should be unique in the request.")  # assumed
    return found


def requests_of(call: Call) -> list[Any]:
    """What a body with several has in it. Raises Refused."""
    try:
        body = call.document()
    except ValueError:
        body = None
    found = body.get("requests") if isinstance(body, dict) else None
    if not isinstance(found, list) or not found:
        raise errors.invalid("requests")
    return found


def _change(asked: Any, settings: EbaySettings) -> Change:
    sku = asked.get("sku") if isinstance(asked, dict) else None
    if not isinstance(sku, str):
        raise errors.invalid("sku")
    if not 0 < len(sku) <= settings.sku_longest:
        message = "Invalid sku. sku has to be alphanumeric with upto 50 characters in length"
        raise errors.refused(errors.BAD_SKU, message)
    total = None
    if (place := asked.get("shipToLocationAvailability")) is not None:
        total = _quantity(place, "quantity", "shipToLocationAvailability.quantity")
    return Change(sku, total, _offers(asked.get("offers"), settings))


def _offers(asked: Any, settings: EbaySettings) -> dict[str, int]:
    if asked is None:
        return {}
    if not isinstance(asked, list) or len(asked) > settings.offers_most:
        raise errors.invalid("Offers")
    found = dict[str, int]()
    for each in asked:
        offer = each.get("offerId") if isinstance(each, dict) else None
        if not isinstance(offer, str) or not offer or offer in found:
            raise errors.invalid("Offers.offerId")
        found[offer] = _quantity(each, "availableQuantity", "Offers.availableQuantity")
    return found


def _quantity(of: Any, name: str, field: str) -> int:
    units = of.get(name) if isinstance(of, dict) else None
    if isinstance(units, bool) or not isinstance(units, int) or not 0 <= units <= _QUANTITY_MOST:
        raise errors.invalid(field)
    return units


def _line(named: dict[str, str], refused: Mapping[str, Any] | None) -> dict[str, Any]:
    if refused is None:
        return {"statusCode": 200, **named}
    status = 500 if refused["category"] == "APPLICATION" else 400
    return {"statusCode": status, **named, "errors": [refused]}
