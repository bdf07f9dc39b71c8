"""What is live: the master records of the topics `network` and `policies`, read to their end."""

from collections.abc import Mapping
from typing import Any, Literal

from inventory.definitions import read_object
from inventory.network import Network, NetworkError

Record = dict[str, Any]
MasterTopic = Literal["network", "policies"]
RECORD_OF_SORT = {"location": "Location", "channel": "Channel"}


class Current:
    """The last good record of every id, deleted ones too.

    `network` is what the engine makes of the same records. `spoilt` are the (topic, key) whose last record
    was refused: they must be published again.
    """

    def __init__(self) -> None:
        self.locations: dict[str, Record] = {}
        self.channels: dict[str, Record] = {}
        self.policies: dict[str, Record] = {}
        self.network = Network()
        self.spoilt: set[tuple[MasterTopic, str]] = set()

    def take(self, topic: MasterTopic, key: str, name: str, record: Record | None) -> str | None:
        """Take the next record of a topic (None: a tombstone); returns why it was refused, as the engine
        would refuse it, or None."""
        try:
            if topic == "policies":
                self._take_policy(key, name, record)
            else:
                self._take_place(key, name, record)
        except ValueError as error:
            self.spoilt.add((topic, key))
            return str(error)
        self.spoilt.discard((topic, key))
        return None

    def _take_policy(self, key: str, name: str, record: Record | None) -> None:
        if record is None:
            self.policies.pop(key, None)
            return
        if name != "Policy" or record["id"] != key:
            raise ValueError(f"key {key}: a {name} of the id {record.get('id')!r} is not this rule")
        read_definition(record)
        self.policies[key] = record

    def _take_place(self, key: str, name: str, record: Record | None) -> None:
        sort, _, place_id = key.partition(":")
        if sort not in RECORD_OF_SORT or not place_id:
            raise ValueError(f"key {key}: keys are location:ID or channel:ID")
        if record is not None and name != RECORD_OF_SORT[sort]:
            raise NetworkError(f"key {key}: a {name} is no {sort}")
        known = self.locations if sort == "location" else self.channels
        put = self.network.put_location if sort == "location" else self.network.put_channel
        put(place_id, record)
        if record is not None:
            known[place_id] = record
        elif place_id in known:
            known[place_id] = {**known[place_id], "status": "DELETED"}


def read_definition(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record's definition; `ValueError` where it is not a JSON object."""
    definition = read_object(record.get("definition"))
    if definition is None:
        raise ValueError(f"{record['id']}: its definition is not a JSON object")
    return definition
