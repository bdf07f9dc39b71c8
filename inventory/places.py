"""One location or channel, read from its record."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from inventory.definitions import read_object

Record = Mapping[str, Any]

MAX_ORDINAL = 65_535
"""Packed rows hold a channel's ordinal in 16 bits."""
SELECTORS = ("id", "type", "region")
"""What a channel may choose its locations by; all that it names must hold."""


class NetworkError(ValueError):
    """A location's or channel's record contradicts itself or what is known; the record is not applied."""


class Place(NamedTuple):
    """One location or channel as last told. `definition` is the record's, read and checked."""

    id: str
    ordinal: int
    deleted: bool
    definition: dict[str, Any]


def read_place(sort: str, place_id: str, record: Record) -> Place:
    """The place of the sort "location" or "channel". Raises `NetworkError`."""
    what = f"{sort} {place_id}"
    if record.get("id") != place_id:
        raise NetworkError(f"{what}: its record is of the id {record.get('id')!r}; key and id must agree")
    definition = read_object(record.get("definition"))
    if definition is None:
        raise NetworkError(f"{what}: its definition is not a JSON object; publish it with `rules apply`")
    ordinal = definition.get("ordinal")
    if type(ordinal) is not int or not 0 <= ordinal <= MAX_ORDINAL:
        raise NetworkError(f"{what}: it needs an ordinal from 0 to {MAX_ORDINAL}, not {ordinal!r}")
    status = record.get("status")
    if status not in ("ACTIVE", "DELETED"):
        raise NetworkError(f"{what}: its status is {status!r}; write ACTIVE or DELETED")
    _check_aliases(what, definition.get("aliases", []))
    if sort == "location":
        _check_location(what, definition)
    else:
        _check_selector(what, definition.get("locations"))
    return Place(place_id, ordinal, status == "DELETED", definition)


def _check_location(what: str, definition: dict[str, Any]) -> None:
    if not isinstance(definition.get("type"), str):
        raise NetworkError(f"{what}: its definition needs a type, such as store or warehouse")
    if not isinstance(definition.get("region"), str | None):
        raise NetworkError(f"{what}: its region is not a text")


def _check_selector(what: str, selector: object) -> None:
    if not isinstance(selector, dict):
        raise NetworkError(f"{what}: its definition needs locations, {{}} for every one")
    for key, value in selector.items():
        values = value if isinstance(value, list) else [value]
        if key not in SELECTORS or not all(isinstance(each, str) for each in values):
            raise NetworkError(
                f"{what}: locations are chosen by id, type, region (a text or a list), not {key}"
            )


def _check_aliases(what: str, aliases: object) -> None:
    fine = isinstance(aliases, list) and all(
        isinstance(alias, dict)
        and isinstance(alias.get("source"), str)
        and isinstance(alias.get("identifier"), str)
        for alias in aliases
    )
    if not fine:
        raise NetworkError(f"{what}: its aliases are not a list of {{source, identifier}}")
