import json
from typing import Any

import numpy as np
import pytest

from inventory.network import AliasConflict, Network, NetworkError


def location(
    place: str, ordinal: int, kind: str = "store", region: str | None = "east", **more: Any
) -> dict[str, Any]:
    status = more.pop("status", "ACTIVE")
    definition = {"type": kind, "region": region, "ordinal": ordinal, **more}
    return {"id": place, "status": status, "definition": json.dumps(definition)}


def channel(place: str, ordinal: int, selector: dict[str, Any], **more: Any) -> dict[str, Any]:
    status = more.pop("status", "ACTIVE")
    definition = {"locations": selector, "ordinal": ordinal, **more}
    return {"id": place, "status": status, "definition": json.dumps(definition)}


@pytest.fixture
def network() -> Network:
    network = Network()
    network.put_location("DC", location("DC", 0, "warehouse", "east"))
    network.put_location("S1", location("S1", 1, "store", "east"))
    network.put_location("S2", location("S2", 2, "store", "west"))
    network.put_channel("web", channel("web", 0, {}))
    network.put_channel("amazon", channel("amazon", 1, {"type": "warehouse"}))
    network.put_channel("pickup", channel("pickup", 2, {"type": ["store"], "region": ["west", "north"]}))
    return network


def test_a_channel_sells_from_the_locations_that_all_its_conditions_hold_for(network: Network) -> None:
    assert network.sells.tolist() == [[True, True, True], [True, False, False], [False, False, True]]


def test_channels_that_have_a_location_in_common(network: Network) -> None:
    assert network.shares_location.tolist() == [[True, True, True], [True, True, False], [True, False, True]]


def test_a_channel_without_any_location_shares_only_with_itself(network: Network) -> None:
    network.put_channel("none", channel("none", 3, {"id": "nowhere"}))
    assert network.shares_location[3].tolist() == [False, False, False, True]


@pytest.mark.parametrize("record", [None, location("S2", 2, "store", "west", status="DELETED")])
def test_a_deleted_location_is_in_no_channel_and_keeps_its_ordinal(
    network: Network, record: dict[str, Any] | None
) -> None:
    network.put_location("S2", record)
    assert not network.sells[:, 2].any()
    assert network.location_deleted.tolist() == [False, False, True]
    assert network.location_ordinal["S2"] == 2


def test_a_deleted_channel_keeps_its_row_for_its_demand(network: Network) -> None:
    network.put_channel("amazon", None)
    assert network.channel_deleted.tolist() == [False, True, False]
    assert network.sells[1].tolist() == [True, False, False]


def test_the_last_record_wins_and_every_change_is_counted(network: Network) -> None:
    before = network.generation
    network.put_location("S1", location("S1", 1, "warehouse", "east"))
    assert network.generation == before + 1
    assert network.sells[1].tolist() == [True, True, False]
    network.put_location("S1", location("S1", 1, "warehouse", "east"))
    network.put_location("never-heard-of", None)
    assert network.generation == before + 1


def test_an_ordinal_that_nobody_has_supplies_nothing(network: Network) -> None:
    network.put_location("S9", location("S9", 5))
    assert network.location_deleted.tolist() == [False, False, False, True, True, False]
    assert network.sells[0].tolist() == [True, True, True, False, False, True]
    assert network.location_type[3] is None
    with pytest.raises(KeyError):
        network.id_of_location(4)


def test_an_alias_belongs_to_its_first_owner_for_ever(network: Network) -> None:
    till = {"source": "till", "identifier": "17"}
    assert network.put_location("S1", location("S1", 1, aliases=[till])) == []
    assert network.put_location("S2", location("S2", 2, aliases=[till])) == [
        AliasConflict("till", "17", "S2", "S1")
    ]
    network.put_location("S1", None)
    network.put_location("S2", location("S2", 2, aliases=[till]))
    assert network.location_alias == {("till", "17"): 1}
    assert network.put_channel("web", channel("web", 0, {}, aliases=[till])) == []
    assert network.channel_alias == {("till", "17"): 0}


def test_what_an_ordinal_stands_for(network: Network) -> None:
    assert [network.id_of_location(at) for at in range(3)] == ["DC", "S1", "S2"]
    assert network.id_of_channel(1) == "amazon"
    assert network.location_type == ["warehouse", "store", "store"]
    assert network.location_region == ["east", "east", "west"]


def test_the_document_for_readers(network: Network) -> None:
    network.put_channel("pickup", None)
    document = json.loads(network.to_json(7))
    assert document["offset"] == 7
    assert document["locations"]["DC"] == {
        "ordinal": 0, "type": "warehouse", "region": "east", "status": "ACTIVE",
    }  # fmt: skip
    assert document["channels"]["amazon"] == {"ordinal": 1, "status": "ACTIVE", "locations": ["DC"]}
    assert document["channels"]["pickup"]["status"] == "DELETED"


def test_an_empty_network() -> None:
    network = Network()
    assert network.sells.shape == network.shares_location.shape == (0, 0)
    assert network.location_deleted.dtype == np.bool_
    assert json.loads(network.to_json(0)) == {"offset": 0, "locations": {}, "channels": {}}


def without(record: dict[str, Any], key: str) -> dict[str, Any]:
    definition = json.loads(record["definition"])
    del definition[key]
    return {**record, "definition": json.dumps(definition)}


BAD_LOCATIONS = {
    "JSON": {"id": "S9", "status": "ACTIVE", "definition": "{"},
    "JSON object": {"id": "S9", "status": "ACTIVE", "definition": "[]"},
    "JSON obj": {"id": "S9", "status": "ACTIVE"},
    "needs an ordinal": without(location("S9", 9), "ordinal"),
    "an ordinal from 0": location("S9", -1),
    "belongs to S1": location("S9", 1),
    "key and id must agree": location("S8", 9),
    "write ACTIVE or DELETED": location("S9", 9, status="GONE"),
    "needs a type": without(location("S9", 9), "type"),
    "not a text": location("S9", 9, region=3),  # type: ignore[arg-type]
    "source, identifier": location("S9", 9, aliases=["17"]),
}


@pytest.mark.parametrize("message", BAD_LOCATIONS)
def test_a_record_that_contradicts_is_refused_and_changes_nothing(network: Network, message: str) -> None:
    before = network.to_json(0)
    with pytest.raises(NetworkError, match=message):
        network.put_location("S9", BAD_LOCATIONS[message])
    assert network.to_json(0) == before


@pytest.mark.parametrize("definition", ['{"a":' * 3000 + "1" + "}" * 3000, '{"type": "\\ud800"}', "[" * 5000])
def test_a_definition_that_would_break_readers_is_refused(network: Network, definition: str) -> None:
    with pytest.raises(NetworkError, match="not a JSON object"):
        network.put_location("S9", {"id": "S9", "status": "ACTIVE", "definition": definition})


def test_an_ordinal_is_for_ever(network: Network) -> None:
    with pytest.raises(NetworkError, match="its ordinal is 1 for ever"):
        network.put_location("S1", location("S1", 9))


@pytest.mark.parametrize("selector", [None, [], {"type": 3}, {"town": "Oslo"}, {"id": [1]}])
def test_a_channel_needs_a_selector_that_can_be_read(network: Network, selector: Any) -> None:
    with pytest.raises(NetworkError, match="locations"):
        network.put_channel("new", channel("new", 3, selector))
