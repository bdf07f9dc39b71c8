"""Locations, channels, their aliases, and which channel may sell from where.

Master data: the last record of an id wins. Arrays are indexed by the permanent ordinals that the records
carry; an ordinal nobody has yet is a place that is deleted.
"""

import json
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from inventory.places import MAX_ORDINAL, NetworkError, Place, Record, read_place

Flags = npt.NDArray[np.bool_]

__all__ = ["MAX_ORDINAL", "AliasConflict", "Flags", "Network", "NetworkError"]


class AliasConflict(NamedTuple):
    """`claimant` named an alias that belongs to `owner` for ever; its record was folded without it."""

    source: str
    identifier: str
    claimant: str
    owner: str


class _Register:
    """The places of one sort ("location" or "channel") by id and by ordinal, and their aliases."""

    def __init__(self, sort: str) -> None:
        self.sort = sort
        self.places: list[Place | None] = []  # by ordinal
        self.ordinal: dict[str, int] = {}
        self.alias: dict[tuple[str, str], int] = {}

    def put(self, place_id: str, record: Record | None) -> tuple[bool, list[AliasConflict]]:
        """Take the record; returns whether anything changed, and the aliases it may not have."""
        if record is None:
            place = self._tombstone(place_id)
            if place is None:
                return False, []
        else:
            place = self._read(place_id, record)
        conflicts = []
        before = self.places[place.ordinal] if place.ordinal < len(self.places) else None
        self.places += [None] * (place.ordinal + 1 - len(self.places))
        self.places[place.ordinal] = place
        self.ordinal[place_id] = place.ordinal
        for alias in place.definition.get("aliases", []):
            key = (alias["source"], alias["identifier"])
            owner = self.alias.setdefault(key, place.ordinal)
            if owner != place.ordinal:
                conflicts.append(AliasConflict(*key, place_id, self.id_of(owner)))
        return before != place, conflicts

    def id_of(self, ordinal: int) -> str:
        place = self.places[ordinal] if 0 <= ordinal < len(self.places) else None
        if place is None:
            raise KeyError(f"no {self.sort} has the ordinal {ordinal}")
        return place.id

    def deleted(self) -> Flags:
        return np.array([place is None or place.deleted for place in self.places], np.bool_)

    def _tombstone(self, place_id: str) -> Place | None:
        if place_id not in self.ordinal:
            return None
        known = self.places[self.ordinal[place_id]]
        assert known is not None
        return known._replace(deleted=True)

    def _read(self, place_id: str, record: Record) -> Place:
        place = read_place(self.sort, place_id, record)
        what, ordinal = f"{self.sort} {place_id}", place.ordinal
        known = self.ordinal.get(place_id, ordinal)
        if known != ordinal:
            raise NetworkError(f"{what}: its ordinal is {known} for ever, not {ordinal}")
        holder = self.places[ordinal] if ordinal < len(self.places) else None
        if holder is not None and holder.id != place_id:
            raise NetworkError(f"{what}: the ordinal {ordinal} belongs to {holder.id}; give a free one")
        return place


class Network:
    """The network as last told. L locations and C channels count up to the greatest ordinal.

    `location_ordinal`, `channel_ordinal` map an id to its ordinal; `location_alias`, `channel_alias` map
    (source, identifier) to the ordinal it belongs to for ever. `generation` grows with every change.
    """

    def __init__(self) -> None:
        self._locations = _Register("location")
        self._channels = _Register("channel")
        self.location_ordinal = self._locations.ordinal
        self.channel_ordinal = self._channels.ordinal
        self.location_alias = self._locations.alias
        self.channel_alias = self._channels.alias
        self.generation = 0
        self._arrays: tuple[int, Flags, Flags, Flags, Flags] | None = None

    def put_location(self, location_id: str, record: Record | None) -> list[AliasConflict]:
        """Take a location's record; None (a tombstone) deletes it. Raises `NetworkError`, then unchanged."""
        return self._put(self._locations, location_id, record)

    def put_channel(self, channel_id: str, record: Record | None) -> list[AliasConflict]:
        """Take a channel's record; None (a tombstone) deletes it. Raises `NetworkError`, then unchanged."""
        return self._put(self._channels, channel_id, record)

    @property
    def sells(self) -> Flags:
        """(C, L): the channel may sell from the location. A deleted channel keeps its row, for its demand."""
        return self._current()[1]

    @property
    def shares_location(self) -> Flags:
        """(C, C): the two channels have a location in common; each has with itself."""
        return self._current()[2]

    @property
    def location_deleted(self) -> Flags:
        """(L,)"""
        return self._current()[3]

    @property
    def channel_deleted(self) -> Flags:
        """(C,)"""
        return self._current()[4]

    @property
    def location_rank(self) -> npt.NDArray[np.int32]:
        """(L,): the place of each location among all, by id."""
        ids = [place.id if place else "" for place in self._locations.places]
        rank = np.zeros(len(ids), np.int32)
        rank[sorted(range(len(ids)), key=ids.__getitem__)] = np.arange(len(ids))
        return rank

    @property
    def location_type(self) -> list[str | None]:
        """By ordinal; None where nobody has it."""
        return [place.definition["type"] if place else None for place in self._locations.places]

    @property
    def location_region(self) -> list[str | None]:
        """By ordinal; None where nobody has it or it has none."""
        return [place.definition.get("region") if place else None for place in self._locations.places]

    def id_of_location(self, ordinal: int) -> str:
        """The id; `KeyError` where no location has the ordinal."""
        return self._locations.id_of(ordinal)

    def id_of_channel(self, ordinal: int) -> str:
        """The id; `KeyError` where no channel has the ordinal."""
        return self._channels.id_of(ordinal)

    def to_json(self, offset: int) -> str:
        """The document that readers of the view look names up in; `offset` is the network topic's next."""
        sells = self.sells
        locations = {
            place.id: {
                "ordinal": place.ordinal,
                "type": place.definition["type"],
                "region": place.definition.get("region"),
                "status": _status(place),
            }
            for place in self._locations.places
            if place is not None
        }
        channels = {
            place.id: {
                "ordinal": place.ordinal,
                "status": _status(place),
                "locations": [self.id_of_location(int(at)) for at in np.flatnonzero(sells[place.ordinal])],
            }
            for place in self._channels.places
            if place is not None
        }
        document = {"offset": offset, "locations": locations, "channels": channels}
        return json.dumps(document, separators=(",", ":"))

    def _put(self, register: _Register, place_id: str, record: Record | None) -> list[AliasConflict]:
        changed, conflicts = register.put(place_id, record)
        self.generation += changed
        return conflicts

    def _current(self) -> tuple[int, Flags, Flags, Flags, Flags]:
        if self._arrays is None or self._arrays[0] != self.generation:
            sells = self._sells()
            common = (sells.astype(np.int32) @ sells.T.astype(np.int32)) > 0
            np.fill_diagonal(common, True)
            self._arrays = (
                self.generation, sells, common, self._locations.deleted(), self._channels.deleted(),
            )  # fmt: skip
        return self._arrays

    def _sells(self) -> Flags:
        sells = np.zeros((len(self._channels.places), len(self._locations.places)), np.bool_)
        for channel in self._channels.places:
            if channel is None:
                continue
            wanted = {key: _listed(value) for key, value in channel.definition["locations"].items()}
            for location in self._locations.places:
                if location is not None and not location.deleted:
                    has = {**location.definition, "id": location.id}
                    sells[channel.ordinal, location.ordinal] = all(
                        has.get(key) in values for key, values in wanted.items()
                    )
        return sells


def _status(place: Place) -> str:
    return "DELETED" if place.deleted else "ACTIVE"


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
