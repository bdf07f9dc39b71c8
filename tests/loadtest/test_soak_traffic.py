"""A soak's traffic may go on for ever: what it opens it closes, what it says twice is the same, all within horizons."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from inventory.reference import Config, ReferenceModel
from loadtest.retail.drafts import Draft, Encoder
from loadtest.retail.retailer import WAREHOUSES
from loadtest.soak.groups import Groups
from loadtest.soak.spool import SPOOLED, Spool
from loadtest.soak.traffic import Frame, Rounds, Shape
from loadtest.soak.truth import tell_group
from loadtest.verify.truth import FOLDED, Truth, fold_stored
from rules.current import Current
from rules.plan import plan_changes
from rules.validate import read_document
from runtime.readback import Stored
from runtime.settings import Settings
from wire.codec import Codec

START, LANES = 1_790_000_000_000, 8
SHAPE = Shape(rate=500.0, seconds=30.0, horizon_ms=60_000, lines=2_000)
MARGIN_MS = 10_000
"""Of lag and of a broker's clock, between what a message says and when it is read."""


@pytest.fixture(scope="module")
def rounds() -> Rounds:
    return Rounds(SHAPE)


@pytest.fixture(scope="module")
def drafts(rounds: Rounds) -> list[tuple[int, Draft]]:
    """When each message is due (ms after the start), and what it is with the times of the whole soak; three rounds."""
    told, sent = list[tuple[int, Draft]](), 0
    for turn in range(3):
        own = rounds.round(turn)
        frame = Frame(SHAPE, int(sent / SHAPE.rate * 1000), int(len(own) / SHAPE.rate * 1000))
        told += [(int((sent + n) / SHAPE.rate * 1000), frame.dated(draft)) for n, draft in enumerate(own)]
        sent += len(own)
    return told


def test_what_is_sent_again_says_what_it_said(drafts: list[tuple[int, Draft]]) -> None:
    said = defaultdict[object, set[bytes]](set)
    encoder, again = Encoder(Codec(), LANES, START), 0
    for _, draft in drafts:
        if draft.spoil is None and draft.record not in ("PosTransaction", "CatalogItem", "Allocation"):
            said[draft.fields["source"], draft.fields["event_id"]].add(encoder.encode(draft).value)
            again += draft.kind == "duplicate"
    assert again > 20
    assert all(len(contents) == 1 for contents in said.values())


def test_every_line_is_closed_soon_after_its_last_fact(drafts: list[tuple[int, Draft]]) -> None:
    lines = defaultdict[tuple[str, str], list[tuple[int, bool]]](list)
    for due, draft in drafts:
        if draft.spoil is None and draft.record == "Reservation":
            key = draft.fields["reservation_id"], draft.fields["line"]
            lines[key].append((due, draft.fields["version"] == 900))
    first_two = [facts for facts in lines.values() if facts[0][0] < drafts[-1][0] // 3]
    assert len(first_two) > 50
    for facts in first_two:
        assert [closes for _, closes in facts].count(True) == 1
        assert facts[-1][0] - facts[0][0] < SHAPE.horizon_ms - MARGIN_MS
    supply = [draft.fields for _, draft in drafts if draft.record == "ExpectedSupply"]
    first = {fields["reference"] for fields in supply if fields["reference"].startswith("PO-1-")}
    closed = {fields["reference"] for fields in supply if fields["version"] == 900}
    assert first
    assert first <= closed


def test_nothing_is_sold_under_a_number_of_another_round(drafts: list[tuple[int, Draft]]) -> None:
    numbers = [
        d.fields["transaction_id"] for _, d in drafts if d.record == "PosTransaction" and d.kind == "sale"
    ]
    assert len(numbers) == len(set(numbers))


def test_what_leaves_a_warehouse_comes_in_again_in_the_next_round() -> None:
    def moved(drafts: list[Draft], kinds: tuple[str, ...], *, again: bool) -> Counter[tuple[str, str]]:
        units = Counter[tuple[str, str]]()
        for draft in drafts:
            fields, own = draft.fields, draft.kind != "duplicate" and draft.poison is None
            if own and (draft.kind == "replenished") is again and fields.get("movement") in kinds:
                units[fields["location"], fields["sku"]] += fields["quantity"]
        return Counter(
            {key: many for key, many in units.items() if key[0] in WAREHOUSES and key[1] not in bundled}
        )

    told = Rounds(SHAPE)
    retailer = told.first.retailer
    bundled = {retailer.tills.products[part].sku for kit in retailer.kits for part in kit.parts}
    bundled |= {kit.sku for kit in retailer.kits}
    before: list[Draft] = []
    for turn in range(3):
        drafts = told.round(turn)
        again = moved(drafts, ("RECEIPT",), again=True)
        assert again == moved(before, ("SHIP", "TRANSFER_OUT"), again=False)
        assert turn == 0 or len(again) > 20
        before = drafts


def test_what_is_to_come_is_as_near_as_the_horizons(drafts: list[tuple[int, Draft]]) -> None:
    ends = [d.fields["expires_at"] - due for due, d in drafts if d.fields.get("expires_at") is not None]
    assert ends
    assert max(ends) < SHAPE.horizon_ms + MARGIN_MS


def _stored(rounds: Rounds, drafts: list[tuple[int, Draft]]) -> list[Stored]:
    """All records as a broker would have them that gets each when it is due."""
    encoder, codec = Encoder(Codec(), LANES, START), Codec()
    document, problems = read_document(rounds.first.rules.encode())
    assert document is not None
    assert not problems
    found = [
        Stored(
            "network" if change.name in ("Location", "Channel") else "policies", 0, number, START, change.key.encode(),
            None if change.record is None else codec.encode(change.name, change.record), {},
        )
        for number, change in enumerate(plan_changes(document, Current(), "a", "b", 0).changes)
    ]  # fmt: skip
    for number, (due, draft) in enumerate([*((0, draft) for draft in rounds.opening()), *drafts], len(found)):
        message = encoder.encode(draft)
        headers = {} if message.poison is None else {"loadtest-poison": message.poison.encode()}
        found.append(
            Stored(message.topic, message.partition, number, START + due, message.key, message.value, headers)
        )
    return sorted(found, key=lambda stored: FOLDED.index(stored.topic))


@pytest.fixture(scope="module")
def stored(rounds: Rounds, drafts: list[tuple[int, Draft]]) -> list[Stored]:
    return _stored(rounds, drafts)


@pytest.fixture(scope="module")
def whole(stored: list[Stored]) -> Truth:
    truth = Truth(
        ReferenceModel(Config(count_horizon_ms=SHAPE.horizon_ms, dedupe_horizon_ms=SHAPE.horizon_ms))
    )
    for each in stored:
        fold_stored(truth, Codec(), each)
    return truth


def test_only_what_is_poisoned_is_refused_and_nothing_waits_for_ever(whole: Truth) -> None:
    assert whole.poisoned > 50
    assert whole.mislabelled == []
    assert len(whole.refused) == whole.poisoned
    assert whole.model.waiting == 0
    assert any(code == "count_too_late" for code, *_ in whole.model.exceptions)


@pytest.mark.parametrize("many", [1, 3])
def test_groups_together_know_what_the_whole_model_knows(
    stored: list[Stored], whole: Truth, many: int, tmp_path: Path
) -> None:
    codec, now = Codec(), START + 3_600_000
    items = [codec.decode(each.value or b"")[1] for each in stored if each.topic == "catalog"]
    groups = Groups(items, many)
    settings = Settings(
        count_horizon_ms=SHAPE.horizon_ms,
        dedupe_horizon_ms=SHAPE.horizon_ms,
        reservation_memory_ms=SHAPE.horizon_ms,
    )
    skus, refused, spool = list[str](), dict[Any, str](), Spool(tmp_path)
    for topic in SPOOLED:
        own_records = [each for each in stored if each.topic == topic]
        assert spool.deal(topic, own_records, groups, codec) == len(own_records)

    def read(topic: str, group: int) -> Iterable[Stored]:
        return (
            spool.read(topic, group) if topic in SPOOLED else [each for each in stored if each.topic == topic]
        )

    for group in range(many):
        truth, records = tell_group(settings, groups, group, partial(read, group=group))
        assert records < len(stored) or many == 1
        refused |= truth.refused
        assert truth.mislabelled == []
        own = truth.model.skus()
        for sku in own[:: max(1, len(own) // 40)]:
            for channel in whole.model.channels():
                assert truth.model.channel(sku, channel, now) == whole.model.channel(sku, channel, now)
            for place in whole.model.locations_of(sku):
                assert truth.model.node(sku, place, now) == whole.model.node(sku, place, now)
        skus += own
    assert sorted(skus) == whole.model.skus()
    assert refused == whole.refused


def test_a_bundle_is_judged_with_its_components() -> None:
    items: list[dict[str, Any]] = [{"sku": f"S{n}", "bundle": [], "aliases": []} for n in range(50)]
    items.append({"sku": "KIT", "bundle": [{"sku": "S3"}, {"sku": "S4"}], "aliases": [
        {"source": "shop", "identifier": "S9"}
    ]})  # fmt: skip
    items.append({"sku": "SET", "bundle": [{"sku": "S40"}, {"sku": "S4"}], "aliases": []})
    groups = Groups(items, 4)
    assert len({groups.of(sku) for sku in ("KIT", "S3", "S4", "SET", "S40")}) == 1
    assert len({groups.of(f"S{n}") for n in range(50)}) == 4
    assert set(groups.named("S9")) == {groups.of("KIT"), groups.of("S9")}  # it is an alias, too
    assert list(groups.named("nobody's")) == [0, 1, 2, 3]
