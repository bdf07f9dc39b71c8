"""Messages of a bundle as messages of its components: the same event, the component's sku, so many times the units."""

from wire.codec import Codec


def component_message(codec: Codec, message: bytes, sku: str, each: int, bundle: str) -> bytes:
    """A whole message like `message`, but of `sku` and with `each` units for every unit.

    Of a transaction all lines, which must be of the bundle; a reservation names the `bundle`. The message was decoded
    before. Raises RegistryUnavailable.
    """
    record, value = codec.decode(message)
    if record == "PosTransaction":
        lines = [{**line, "sku": sku, "quantity": line["quantity"] * each} for line in value["lines"]]
        return codec.encode(record, {**value, "lines": lines})
    changed = {**value, "sku": sku, "quantity": value["quantity"] * each}
    if record == "Reservation":
        changed["bundle"] = bundle
    return codec.encode(record, changed)
