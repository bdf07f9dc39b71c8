"""`python -m feeds ledger`: what the ledger has of an account's listings, from the topic."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from feeds.ledger_link import decoded, last_records
from runtime.codec import codec_of
from runtime.exit import Refusal
from runtime.kafka import wait_for_kafka
from runtime.settings import Settings

_STAGES = ("sent", "accepted", "applied", "rejected")


class NotInLedger(Refusal):
    """There is nothing to show."""


def show(
    settings: Settings, account: str, listing: str | None, *, state: str | None = None, as_json: bool = False
) -> Iterator[str]:
    """The lines to print, in the order of listings; `state`: only of those in it. Raises NotInLedger,
    KafkaUnavailable, TopicUnreadable."""
    wait_for_kafka(settings)
    found = list(decoded(codec_of(settings), last_records(settings, [account])[account]))
    wanted = [fields for fields in found if listing is None or fields["listing"] == listing]
    if not wanted:
        what = f"account {account}" if listing is None else f"listing {listing} of account {account}"
        raise NotInLedger(
            f"the ledger has nothing of {what}: write the account as the accounts file has it, and the listing as "
            "the catalog has it"
        )
    wanted = [fields for fields in wanted if state in (None, fields["state"])]
    for fields in sorted(wanted, key=lambda each: (each["listing"], each["location"] or "")):
        yield json.dumps(fields, ensure_ascii=False) if as_json else "\n".join(_lines(fields))


def _lines(fields: Mapping[str, Any]) -> Iterator[str]:
    place = f" at {fields['location']}" if fields["location"] else ""
    yield f"{fields['listing']}{place}, sku {fields['sku']}: {fields['state']} as of {_when(fields['updated_at'])}"
    held = f", {fields['buffer']} held back" if fields["buffer"] else ""
    yield f"  desired   {fields['desired']} of version {fields['version']}{held}"
    for stage in _STAGES:
        if fields[stage] is not None:
            at = _when(fields[f"{stage}_at"])
            yield f"  {stage:<9} {fields[stage]} of version {fields[f'{stage}_version']} at {at}"
    if fields["reason"]:
        yield f"  reason    {fields['reason']}"
    for write in fields["writes"]:
        how = f"submission {write['intent']}" if write["intent"] else write["operation"]
        yield f"  open      {write['quantity']} by {how}, {write['stage']}, sent {_when(write['at'])}, {write['harm']}"


def _when(at_ms: int | None) -> str:
    if at_ms is None:
        return "an unknown time"
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
