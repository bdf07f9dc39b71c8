import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.layers import BY_NAME, LAYERS, match_keys
from inventory.network import Network
from inventory.policies import RuleBook, RuleError, Terms, bounds
from inventory.resolution import FENCED, TRANSITED, name_of_fence

DECEMBER = 1_000
JANUARY = 2_000


def policy(rule_id: str, layer: str, **definition: Any) -> dict[str, Any]:
    record = {key: definition.pop(key, None) for key in ("valid_from", "valid_to")}
    status = definition.pop("status", "ACTIVE")
    text = json.dumps(definition)
    return {"id": rule_id, "status": status, "layer": layer, "definition": text, **record}


def told(*records: dict[str, Any]) -> RuleBook:
    book = RuleBook()
    for record in records:
        book.put(record["id"], record)
    return book


@pytest.fixture
def network() -> Network:
    network = Network()
    for at, (place, kind, region) in enumerate(
        [("DC1", "warehouse", "east"), ("S001", "store", "east"), ("S002", "store", "west")]
    ):
        text = json.dumps({"type": kind, "region": region, "ordinal": at})
        network.put_location(place, {"id": place, "status": "ACTIVE", "definition": text})
    for at, (place, selector) in enumerate([("web", {}), ("amazon", {"type": "warehouse"})]):
        text = json.dumps({"locations": selector, "ordinal": at})
        network.put_channel(place, {"id": place, "status": "ACTIVE", "definition": text})
    return network


def safety(book: RuleBook, network: Network, sku: str, category: str | None, now: int = 0) -> list[int]:
    profile = book.profile(book.item_class(category, None, {}), sku)
    return [int(value) for value in book.terms(now, network).safety_value[profile]]


def test_without_rules_everything_is_at_its_default(network: Network) -> None:
    book = RuleBook()
    book.profile(book.item_class(None, None, {}), "SKU-1")
    terms = book.terms(0, network)
    assert terms.safety_kind.tolist() == terms.safety_value.tolist() == [[0, 0, 0]]
    assert terms.network_safety.tolist() == [0]
    assert terms.share.tolist() == [[1_000_000, 1_000_000]]
    assert terms.cap.tolist() == [[-1, -1]]
    assert not any(array.any() for array in (terms.excluded, terms.buffer, terms.threshold, terms.low_stock))
    assert [terms.safety_kind.dtype, terms.excluded.dtype] == [np.uint8, np.uint8]


def test_every_layer_lands_in_its_term(network: Network) -> None:
    book = told(
        policy("ss", "safety_stock", percent="12.5"),
        policy("ns", "network_safety_stock", units=5),
        policy("ex", "exclusion", channel="amazon"),
        policy("sh", "share", channel="amazon", percent="50"),
        policy("bu", "buffer", channel="web", units=1),
        policy("ca", "cap", channel="web", units=100),
        policy("th", "threshold", channel="amazon", units=2),
        policy("lo", "low_stock", channel="web", units=4),
        policy("bo", "backorder", channel="amazon", units=6),
        policy("r2", "ring_fence", channel="web", units=8, set_at=7),
        policy("r1", "ring_fence", channel="amazon", percent="20"),
        policy(
            "it", "in_transit", channel="web", confidence="0.9", within_days=3, match={"location": "S001"}
        ),
    )
    book.profile(book.item_class(None, None, {}), "SKU-1")
    assert [array.tolist() for array in book.terms(0, network)] == [
        [[2, 2, 2]], [[125_000] * 3], [5], [[0, 1]], [[1_000_000, 500_000]], [[1, 0]], [[100, -1]], [[0, 2]],
        [[4, 0]], [[0, 6]], [FENCED | TRANSITED],
    ]  # fmt: skip
    assert book.rule_ids(0, 0) == ["ss", "ns", "r2", "bu", "ca", "lo", "it"]
    assert book.rule_ids(0, 1) == ["ex", "ss", "ns", "r1", "r2", "sh", "th", "bo"]
    assert [array.tolist() for array in book.extras] == [
        [[1, 2]], [[8, 200_000]], [[7, 0]], [[name_of_fence("r2"), name_of_fence("r1")]], [[1, 0]],
        [[[0, 9_000, 0], [0, 0, 0]]], [[[0, 3, 0], [0, 0, 0]]],
    ]  # fmt: skip


def test_more_conditions_win_then_the_item_then_the_place(network: Network) -> None:
    book = told(
        policy("default", "safety_stock", units=1),
        policy("region", "safety_stock", units=2, match={"region": "east"}),
        policy("type", "safety_stock", units=3, match={"location_type": "store"}),
        policy("place", "safety_stock", units=4, match={"location": "S002"}),
        policy("category", "safety_stock", units=5, match={"category": "shoes"}),
        policy("both", "safety_stock", units=6, match={"category": "shoes", "region": "west"}),
    )
    assert safety(book, network, "A", "hats") == [2, 3, 4]
    assert safety(book, network, "A", "shoes") == [5, 5, 6]


@pytest.mark.parametrize(
    ("winner", "loser"),
    [
        ({"match": {"sku": "A"}}, {"match": {"style": "s"}}),
        ({"match": {"style": "s"}}, {"match": {"category": "c"}}),
        ({"match": {"category": "c"}}, {"match": {"attribute": {"colour": "red"}}}),
        ({"match": {"attribute": {"colour": "red", "size": "8"}}}, {"match": {"sku": "A"}}),
        ({"match": {"attribute": {"colour": "red"}}}, {"match": {"location": "DC1"}}),
        ({"valid_to": DECEMBER}, {"valid_to": JANUARY}),
        ({"valid_to": JANUARY}, {}),
        ({"match": {"category": "c"}}, {"valid_to": DECEMBER}),
    ],
)
def test_precedence(network: Network, winner: dict[str, Any], loser: dict[str, Any]) -> None:
    book = told(policy("z", "safety_stock", units=1, **winner), policy("a", "safety_stock", units=2, **loser))
    profile = book.profile(book.item_class("c", "s", {"colour": "red", "size": "8"}), "A")
    assert book.terms(0, network).safety_value[profile, 0] == 1


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_of_equals_the_smaller_id_wins(network: Network, order: str) -> None:
    book = told(*(policy(each, "safety_stock", units={"a": 2, "b": 1}[each]) for each in order))
    assert safety(book, network, "A", None) == [2, 2, 2]


def test_a_rule_is_valid_from_its_first_instant_to_before_its_last(network: Network) -> None:
    record = policy("sale", "safety_stock", units=9, valid_from=DECEMBER, valid_to=JANUARY)
    assert bounds(record) == [DECEMBER, JANUARY]
    book = told(record)
    held = {
        now: safety(book, network, "A", None, now)[0]
        for now in (DECEMBER - 1, DECEMBER, JANUARY - 1, JANUARY)
    }
    assert list(held.values()) == [0, 9, 9, 0]
    assert [book.next_bound(now) for now in (0, DECEMBER, JANUARY)] == [DECEMBER, JANUARY, None]


def test_the_same_terms_come_back_until_something_changes(network: Network) -> None:
    book = told(policy("sale", "safety_stock", units=9, valid_from=DECEMBER))
    book.profile(book.item_class(None, None, {}), "A")
    terms = book.terms(0, network)
    assert book.terms(DECEMBER - 1, network) is terms
    assert book.terms(DECEMBER, network) is not terms
    assert book.terms(0, network).safety_value[0, 0] == 0
    network.put_location("DC1", None)
    assert book.terms(0, network) is not terms


def test_skus_that_the_same_rules_match_share_a_profile() -> None:
    book = told(
        policy("shoes", "buffer", channel="web", units=1, match={"category": "shoes"}),
        policy("own", "buffer", channel="web", units=2, match={"sku": "A"}),
        policy("own-shoe", "cap", channel="web", units=2, match={"sku": "B", "category": "shoes"}),
    )
    hats, caps, shoes = (book.item_class(each, None, {}) for each in ("hats", "caps", "shoes"))
    assert book.profile(hats, "X") == book.profile(caps, "Y") == book.profile(hats, "B")
    assert len({book.profile(hats, "X"), book.profile(shoes, "X"), book.profile(hats, "A")}) == 3
    assert book.profile(shoes, "B") != book.profile(shoes, "X")
    assert book.own_skus == {"A", "B"}
    assert book.class_profiles().tolist() == [book.profile(each, "X") for each in (hats, caps, shoes)]
    assert book.item_class("hats", None, {}) == hats


def test_profiles_are_asked_for_again_when_what_rules_match_has_changed(network: Network) -> None:
    book = told(policy("r", "safety_stock", units=1, match={"sku": "A"}))
    before = book.generation
    assert safety(book, network, "A", None) == [1, 1, 1]
    book.put("r", policy("r", "safety_stock", units=2, match={"sku": "A"}))
    assert book.generation == before
    assert safety(book, network, "A", None) == [2, 2, 2]
    book.put("r", policy("r", "safety_stock", units=2, match={"category": "c"}))
    assert book.generation != before
    assert safety(book, network, "A", None) == [0, 0, 0]


@pytest.mark.parametrize("ended", [None, policy("r", "safety_stock", units=1, status="DELETED")])
def test_an_ended_rule_rules_no_more(network: Network, ended: dict[str, Any] | None) -> None:
    book = told(policy("r", "safety_stock", units=1))
    book.put("r", ended)
    book.put("never-heard-of", None)
    assert safety(book, network, "A", None) == [0, 0, 0]


def test_a_rule_waits_for_its_channel(network: Network) -> None:
    book = told(policy("r", "buffer", channel="later", units=3))
    book.profile(book.item_class(None, None, {}), "A")
    assert not book.terms(0, network).buffer.any()
    text = json.dumps({"locations": {}, "ordinal": 2})
    network.put_channel("later", {"id": "later", "status": "ACTIVE", "definition": text})
    assert book.terms(0, network).buffer.tolist() == [[0, 0, 3]]


def test_profiles_that_come_later_are_added_to_the_terms(network: Network) -> None:
    book = told(policy("r", "safety_stock", units=1, match={"category": "c"}))
    assert safety(book, network, "A", None) == [0, 0, 0]
    assert safety(book, network, "B", "c") == [1, 1, 1]
    assert book.terms(0, network).share.shape == (2, 2)
    assert book.rule_ids(1, 0) == ["r"]


def test_rule_ids_are_of_the_terms_that_were_computed() -> None:
    with pytest.raises(LookupError, match="call terms"):
        RuleBook().rule_ids(0, 0)


BAD = {
    "write ACTIVE or DELETED": policy("r", "buffer", channel="web", units=1, status="OLD"),
    "no layer is named": policy("r", "buffers", channel="web", units=1),
    "key and id must agree": policy("q", "buffer", channel="web", units=1),
    "not a JSON object": {**policy("r", "buffer"), "definition": "nonsense"},
    "exactly one of units": policy("r", "buffer", channel="web"),
    "exactly one of units, percent": policy("r", "safety_stock", units=1, percent="1"),
    "units '-1' is not a whole number": policy("r", "buffer", channel="web", units="-1"),
    "a decimal as text, not 12.5": policy("r", "share", channel="web", percent=12.5),
    "names one channel": policy("r", "buffer", units=1),
    "names no channel": policy("r", "safety_stock", units=1, channel="web"),
    "may match sku, style, category, attribute, not region": policy(
        "r", "buffer", channel="web", units=1, match={"region": "east"}
    ),
    "a condition is one text": policy("r", "safety_stock", units=1, match={"sku": ["A", "B"]}),
    "mapping of names": policy("r", "safety_stock", units=1, match={"attribute": "red"}),
    "mapping of conditions": policy("r", "safety_stock", units=1, match="red"),
    "milliseconds or null": policy("r", "safety_stock", units=1, valid_to="2026-12-24"),
}


@pytest.mark.parametrize("message", BAD)
def test_a_record_that_contradicts_itself_is_refused_and_changes_nothing(
    network: Network, message: str
) -> None:
    book = told(policy("r", "safety_stock", units=7))
    with pytest.raises(RuleError, match=message):
        book.put("r", BAD[message])
    assert safety(book, network, "A", None) == [7, 7, 7]


# The resolution once more, said plainly for one sku at one place in one channel.

ITEM_RANK = {"sku": 0, "style": 1, "category": 2, "attribute": 3}
PLACE_RANK = {"location": 0, "location_type": 1, "region": 2}


def plain_winner(
    rules: list[dict[str, Any]], layer: str, facts: dict[str, Any], channel: str | None, now: int
) -> dict[str, Any] | None:
    def conditions(rule: dict[str, Any]) -> list[tuple[str, bool]]:
        match = dict(json.loads(rule["definition"]).get("match", {}))
        attributes = match.pop("attribute", {})
        found = [(key, facts[key] == value) for key, value in match.items()]
        return found + [("attribute", facts["attribute"].get(k) == v) for k, v in attributes.items()]

    def rank(rule: dict[str, Any]) -> tuple[Any, ...]:
        keys = [key for key, _ in conditions(rule)]
        item = min((ITEM_RANK[key] for key in keys if key in ITEM_RANK), default=4)
        place = min((PLACE_RANK[key] for key in keys if key in PLACE_RANK), default=3)
        ends = float("inf") if rule["valid_to"] is None else rule["valid_to"]
        return -len(keys), item, place, ends, rule["id"]

    matching = [
        rule
        for rule in rules
        if rule["layer"] == layer
        and json.loads(rule["definition"]).get("channel") == channel
        and (rule["valid_from"] is None or rule["valid_from"] <= now)
        and (rule["valid_to"] is None or now < rule["valid_to"])
        and all(holds for _, holds in conditions(rule))
    ]
    return min(matching, key=rank, default=None)


VALUES = {
    "sku": ["A", "B"], "style": ["s", "t"], "category": ["c", "d"], "location": ["DC1", "S001", "S002"],
    "location_type": ["store", "warehouse"], "region": ["east", "west"],
}  # fmt: skip
INSTANTS = st.none() | st.integers(0, 6)
ATTRIBUTES = st.dictionaries(st.sampled_from(["colour", "category"]), st.sampled_from(["1", "2"]))


@st.composite
def policies(draw: st.DrawFn) -> dict[str, Any]:
    layer = draw(st.sampled_from(LAYERS))
    keys = draw(st.sets(st.sampled_from(match_keys(layer)), max_size=3))
    match: dict[str, Any] = {
        key: draw(ATTRIBUTES if key == "attribute" else st.sampled_from(VALUES[key])) for key in sorted(keys)
    }
    definition: dict[str, Any] = {"match": match}
    if layer.values:
        most = 1 if layer.name == "in_transit" else 100
        definition[draw(st.sampled_from(layer.values))] = str(draw(st.integers(0, most)))
    if layer.name == "in_transit":
        definition["within_days"] = draw(st.integers(0, 5))
    if layer.name == "ring_fence":
        definition["priority"] = draw(st.integers(0, 2))
    if layer.names_channel:
        definition["channel"] = draw(st.sampled_from(["web", "amazon"]))
    validity = {"valid_from": draw(INSTANTS), "valid_to": draw(INSTANTS)}
    return policy(draw(st.sampled_from("abcdefgh")), layer.name, **definition, **validity)


ITEMS = st.tuples(
    st.sampled_from([*VALUES["sku"], "C"]),
    st.sampled_from([*VALUES["category"], None]),
    st.sampled_from([*VALUES["style"], None]),
    ATTRIBUTES,
)
PLACES = [("DC1", "warehouse", "east"), ("S001", "store", "east"), ("S002", "store", "west")]


def number_of(winner: dict[str, Any] | None, layer: str) -> int:
    if winner is None:
        return BY_NAME[layer].default
    definition = json.loads(winner["definition"])
    return int(definition["percent"]) * 10_000 if "percent" in definition else int(definition.get("units", 1))


def channel_term(book: RuleBook, terms: Terms, layer: str) -> Any:
    if layer == "ring_fence":
        return book.extras.fence_target
    return terms.excluded if layer == "exclusion" else getattr(terms, layer)


def plain_order(fences: dict[str, dict[str, Any] | None]) -> list[str]:
    """The channels with a fence, by its priority and id."""

    def rank(name: str) -> tuple[int, str]:
        fence = fences[name]
        assert fence is not None
        return json.loads(fence["definition"])["priority"], fence["id"]

    return sorted((name for name, fence in fences.items() if fence is not None), key=rank)


@given(
    records=st.lists(policies(), max_size=14),
    items=st.lists(ITEMS, min_size=1, max_size=4),
    now=st.integers(0, 6),
)
@settings(max_examples=150, deadline=None)
def test_the_book_agrees_with_the_plain_statement(
    records: list[dict[str, Any]], items: list[tuple[Any, ...]], now: int
) -> None:
    network = Network()
    for at, (place, kind, region) in enumerate(PLACES):
        text = json.dumps({"type": kind, "region": region, "ordinal": at})
        network.put_location(place, {"id": place, "status": "ACTIVE", "definition": text})
    for at, name in enumerate(["web", "amazon"]):
        text = json.dumps({"locations": {} if at == 0 else {"type": "store"}, "ordinal": at})
        network.put_channel(name, {"id": name, "status": "ACTIVE", "definition": text})
    book = told(*records)
    rules = list({record["id"]: record for record in records}.values())
    for sku, category, style, attributes in items:
        facts = {"sku": sku, "category": category, "style": style, "attribute": attributes}
        profile = book.profile(book.item_class(category, style, attributes), sku)
        terms = book.terms(now, network)
        shaping: dict[str, set[str]] = {"web": set(), "amazon": set()}
        for at, (place, kind, region) in enumerate(PLACES):
            there = {**facts, "location": place, "location_type": kind, "region": region}
            winner = plain_winner(rules, "safety_stock", there, None, now)
            assert terms.safety_value[profile, at] == number_of(winner, "safety_stock")
            percent = winner is not None and "percent" in json.loads(winner["definition"])
            assert terms.safety_kind[profile, at] == (0 if winner is None else 2 if percent else 1)
            for name in ["web", "amazon"] if kind == "store" else ["web"]:
                shaping[name] |= {winner["id"]} if winner else set()
        winner = plain_winner(rules, "network_safety_stock", facts, None, now)
        assert terms.network_safety[profile] == number_of(winner, "network_safety_stock")
        for at, name in enumerate(["web", "amazon"]):
            shaping[name] |= {winner["id"]} if winner else set()
            for layer in LAYERS:
                if layer.name == "in_transit":
                    shaping[name] |= _transits(book, rules, facts, name, at, profile, now)
                elif layer.names_channel:
                    own = plain_winner(rules, layer.name, facts, name, now)
                    assert channel_term(book, terms, layer.name)[profile, at] == number_of(own, layer.name)
                    shaping[name] |= {own["id"]} if own else set()
            other = "amazon" if name == "web" else "web"
            if plain_winner(rules, "exclusion", facts, other, now) is None:  # both sell from the stores
                theirs = plain_winner(rules, "ring_fence", facts, other, now)
                shaping[name] |= {theirs["id"]} if theirs else set()
            assert sorted(book.rule_ids(profile, at)) == sorted(shaping[name])
        fences = {name: plain_winner(rules, "ring_fence", facts, name, now) for name in ["web", "amazon"]}
        ordinals = [network.channel_ordinal[name] for name in plain_order(fences)]
        assert book.extras.fence_order[profile].tolist() == [*ordinals, -1, -1][:2]


def _transits(
    book: RuleBook,
    rules: list[dict[str, Any]],
    facts: dict[str, Any],
    name: str,
    channel: int,
    profile: int,
    now: int,
) -> set[str]:
    """The in-transit rules of the places that the channel sells from; checks their numbers."""
    found = set()
    extras = book.extras
    for at, (place, kind, region) in enumerate(PLACES):
        there = {**facts, "location": place, "location_type": kind, "region": region}
        winner = plain_winner(rules, "in_transit", there, name, now)
        if not extras.transit_days.size:
            assert winner is None
            continue
        wanted = json.loads(winner["definition"]) if winner else {"confidence": 0, "within_days": 0}
        assert extras.transit_confidence[profile, channel, at] == int(wanted["confidence"]) * 10_000
        assert extras.transit_days[profile, channel, at] == wanted["within_days"]
        if winner and (name == "web" or kind == "store"):
            found.add(winner["id"])
    return found


@pytest.mark.parametrize(
    ("layer", "definition", "message"),
    [
        ("in_transit", {"confidence": "0.5"}, "within_days is a whole number of days"),
        (
            "in_transit",
            {"confidence": "0.5", "within_days": 367},
            "within_days 367 is not a whole number of days",
        ),
        (
            "in_transit",
            {"confidence": "1.1", "within_days": 1},
            "confidence '1.1' is not a number from 0 to 1",
        ),
        ("ring_fence", {"units": 1, "priority": -1}, "priority -1 is not a whole number"),
        ("ring_fence", {"units": 1, "set_at": "today"}, "set_at is in milliseconds"),
    ],
)
def test_what_stands_beside_the_value_is_checked(
    layer: str, definition: dict[str, Any], message: str
) -> None:
    with pytest.raises(RuleError, match=message):
        RuleBook().put("r", policy("r", layer, channel="web", **definition))
