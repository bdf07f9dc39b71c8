"""Events that carry a whole line, as facts: a version of a reservation line, a promise of expected supply."""

from inventory.reference.avro import content
from inventory.reference.facts import Promise, Version
from inventory.reference.schema import Record


def version(event: Record, channel: str, location: str | None) -> Version:
    return Version(
        version=event["version"],
        occurred_at=event["occurred_at"],
        recorded_at=event["recorded_at"],
        content=content(event),
        action=event["action"],
        channel=channel,
        location=location,
        quantity=event["quantity"],
        commitment=event["commitment"],
        expires_at=event["expires_at"],
        needed_at=event["needed_at"],
        bundle=event["bundle"],
    )


def promise(event: Record, location: str) -> Promise:
    return Promise(
        version=event["version"],
        occurred_at=event["occurred_at"],
        recorded_at=event["recorded_at"],
        content=content(event, "ExpectedSupply"),
        kind=event["kind"],
        location=location,
        quantity=event["quantity"],
        expected_at=event["expected_at"],
        status=event["status"],
    )
