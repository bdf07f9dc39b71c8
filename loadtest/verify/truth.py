"""The second model of the truth: everything in Kafka, folded by the scalar reference model."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from inventory.admission import ACCEPT_BEYOND_HORIZON
from inventory.reference import Config, ReferenceModel
from loadtest.pause import no_collection
from loadtest.retail.drafts import POISON_HEADER
from loadtest.verify.features import Features
from runtime.readback import Stored, read_topic
from runtime.settings import Settings
from wire.codec import Codec, WireError
from wire.replayed import read_headers

Place = tuple[str, int, int, str | None]
"""Topic, partition, offset, line: what identifies a dead letter."""

FOLDED = (
    "network", "policies", "catalog", "allocations",
    "wms-adjustments", "stock-movements", "reservations", "pos-sales", "expected-supply",
)  # fmt: skip
"""The topics in the order in which they are folded: master data first, decisions after all."""


@dataclass
class Truth:
    """The model after all records, and what the records said on the way.

    `refused`: dead letters that must be there. `mislabelled`: poisoned messages that the model did not refuse with the
    code their sender expected. `expiries`: when soft lines and what is on its way end or ended, ms. `holds`: until when
    a checked line is held (ms; None: for good), and in which version; `grace_ms`: how much longer it is open.
    `features`: what the records contain.
    """

    model: ReferenceModel
    records: Counter[str] = field(default_factory=Counter)
    refused: dict[Place, str] = field(default_factory=dict)
    poisoned: int = 0
    mislabelled: list[str] = field(default_factory=list)
    expiries: set[int] = field(default_factory=set)
    holds: dict[tuple[str, str, str], tuple[int, int | None]] = field(default_factory=dict)
    grace_ms: int = 0
    features: Features = field(default_factory=Features)

    def quiet(self, now: int, margin_ms: int) -> bool:
        """Whether nothing ends within the margin around `now`."""
        held = (at for _, at in self.holds.values() if at is not None)
        return not any(
            abs(at - now) <= margin_ms
            for at in (*self.expiries, *(end for at in held for end in (at, at + self.grace_ms)))
        )


def config_of(settings: Settings) -> Config:
    """The model's part of the engine's settings."""
    return Config(
        settings.clock_tolerance_ms, settings.count_horizon_ms, settings.dedupe_horizon_ms,
        confirm_grace_ms=settings.confirm_grace_ms,
    )  # fmt: skip


def tell(settings: Settings, codec: Codec, answered: Callable[[], None] = lambda: None) -> Truth:
    """Read every input topic and fold it, master data first; then the decisions, once `answered` has returned: by then
    the engine must have decided what was asked in these records."""
    truth = Truth(ReferenceModel(config_of(settings)), grace_ms=settings.confirm_grace_ms)
    with no_collection():
        for topic in FOLDED:
            for stored in read_topic(settings, topic):
                fold_stored(truth, codec, stored)
                truth.records[topic] += 1
        answered()
        for stored in read_topic(settings, "reservation-decisions"):  # what was published stands
            _apply(truth, codec, stored)
    now = int(time.time() * 1000)
    truth.model.decide(now)
    truth.features.finish(now)
    return truth


def fold_stored(truth: Truth, codec: Codec, stored: Stored) -> None:
    """Fold one record, and note what becomes of it."""
    before = len(truth.model.dead_letters)
    code = _apply(truth, codec, stored)
    found = [code] if code is not None else []
    if code is not None:
        truth.refused[*stored.place, None] = code
    else:
        for letter, _, _, line in truth.model.dead_letters[before:]:
            truth.refused[*stored.place, line] = letter
            found.append(letter)
    expected = stored.headers.get(POISON_HEADER)
    if expected is not None:
        truth.poisoned += 1
        if expected.decode() not in found:
            truth.mislabelled.append(
                f"{stored.place}: meant to be {expected.decode()}, the model says {found}"
            )


def _apply(truth: Truth, codec: Codec, stored: Stored) -> str | None:
    key = (stored.key or b"").decode()
    if stored.value is None:
        return _apply_tombstone(truth, stored, key)
    try:
        replayed = read_headers(stored.headers, stored.log_time)
        record, fields = codec.decode(stored.value)
    except WireError as error:
        return error.code
    _note_end(truth, record, fields)
    truth.features.see(record, fields, stored.log_time)
    log_time = stored.log_time if replayed.log_time is None else replayed.log_time
    accept = replayed.flags & ACCEPT_BEYOND_HORIZON != 0
    return truth.model.fold(record, fields, log_time=log_time, key=key, accept_beyond_horizon=accept)


def _note_end(truth: Truth, record: str, fields: Mapping[str, Any]) -> None:
    """When what the record tells of will end by itself."""
    if record == "Reservation" and fields["commitment"] == "SOFT" and fields["mode"] == "FACT":
        truth.expiries |= {fields["expires_at"]} - {None}
    elif record == "ExpectedSupply":
        truth.expiries.add(fields["expected_at"])
    elif record == "ReservationDecision" and fields["reason"] != "conflict":
        line = fields["reservation_id"], fields["line"], fields["sku"]
        firm = fields["action"] in ("CONFIRM", "CANCEL") and fields["outcome"] != "REFUSED"
        hold = fields["version"], None if firm else fields["expires_at"]
        truth.holds[line] = max(truth.holds.get(line, hold), hold, key=lambda known: known[0])


_TOMBSTONE_OF = {"catalog": "CatalogItem", "policies": "Policy", "allocations": "Allocation"}


def _apply_tombstone(truth: Truth, stored: Stored, key: str) -> str | None:
    if stored.topic == "network":
        record = "Location" if key.startswith("location:") else "Channel"
    elif stored.topic in _TOMBSTONE_OF:
        record = _TOMBSTONE_OF[stored.topic]
    else:
        return "undecodable"  # a fact without a value
    return truth.model.fold(record, None, log_time=stored.log_time, key=key)
