"""What a dead letter tells the person who reads it."""

REASONS = {
    "invalid_event": (
        "a field is missing or wrong: ids of 1 to 128 bytes, a state only where the movement uses it, "
        "STATE_CHANGE between two states, parts of the stock counted GROSS, withheld units only of an AVAILABLE count; "
        "correct the producer and send the event again"
    ),
    "invalid_quantity": (
        "the quantity is not allowed here: above 0 for movements and releases, not 0 for adjustments, corrections "
        "and till lines, 0 or more for lines and GROSS counts, never beyond a billion; correct the producer and "
        "send the event again"
    ),
    "from_the_future": (
        "it is dated, or says that it was written, later than the broker's time by more than the clock tolerance; set "
        "the source's clock, "
        "then send the event again with a right time"
    ),
    "beyond_horizon": (
        "its message was written longer ago than the dedupe horizon, so nobody can tell whether it was folded "
        "before; check, then replay this letter"
    ),
    "bundle_sku": (
        "the sku is a bundle, which has no stock of its own: count and expect its components; a kit that is packed "
        "before it is ordered is a sku of its own, without components"
    ),
}

UNKNOWN = {"sku": "unknown_sku", "location": "unknown_location", "channel": "unknown_channel"}
"""The codes of what nobody named in time."""

UNDECODABLE = "undecodable"

CODES = (UNDECODABLE, *REASONS, *UNKNOWN.values())
"""Every code that a dead letter may have."""
