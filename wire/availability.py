"""Writes `Availability` records (avro/Availability.avsc) straight from the engine's arrays."""

from typing import NamedTuple

import numpy as np

from inventory.columns import Bytes, Longs
from inventory.jit import kernel
from inventory.views import (
    AVAILABLE,
    GRANT,
    POOL,
    SHARED,
    SHORTAGE,
    STATUS,
    UNMET,
    VIEW,
    Views,
)
from wire.resp import put_bytes, put_slice

_LONGEST = 10
"""Bytes of the longest Avro long."""

_UNKNOWN_PROFILE = -1
_REMEMBERED = 64


class AvailabilityError(ValueError):
    """Views that cannot be written; the message says what to correct."""


class _Labels(NamedTuple):
    """What is the same in many records, as Avro bytes: part i is `text[end[i]:end[i + 1]]`.

    The first C parts are the channels' ids; then, profile by profile, the rules of each of the C channels.
    """

    text: Bytes
    end: Longs
    channels: int
    profiles: int


# By identity of the two lists, which are kept so that it stays theirs, and the number of profiles.
_labels: dict[tuple[int, int, int], tuple[list[bytes], list[list[list[bytes]]], _Labels]] = {}


def encode_availability(
    views: Views,
    *,
    header: bytes,
    generation: int,
    channel_ids: list[bytes],
    rules: list[list[list[bytes]]],
) -> tuple[Bytes, Longs, Longs]:
    """(buf, start, end): record i, framing `header` included, is `buf[start[i]:end[i]]`.

    `channel_ids[j]` names `views.channels[:, j]`; `rules[p][j]` are the ids of the rules that shaped that
    channel of the skus with profile p. Profiles may be appended to `rules`; anything else that changes must
    come in new lists, because what was encoded of them is remembered.
    Raises AvailabilityError if a sku's profile has no entry in `rules`, or the channels differ in number.
    """
    if len(channel_ids) != len(views.channel_ordinal):
        raise AvailabilityError(
            f"{len(channel_ids)} channel ids for {len(views.channel_ordinal)} channels: "
            "pass the id of each channel of the views, in their order"
        )
    labels = _labels_of(channel_ids, rules)
    rows = len(views.version)
    start = np.empty(rows, dtype=np.int64)
    end = np.empty(rows, dtype=np.int64)
    room = _room(views, labels, len(header))
    if room == _UNKNOWN_PROFILE:
        raise AvailabilityError(
            f"a sku has profile {int(views.profile.max())}, but rules are given for {len(rules)} profiles: "
            "pass the rules of every profile in force"
        )
    buf = np.empty(room, dtype=np.uint8)
    _write_records(buf, start, end, views, labels, header, generation)
    return buf, start, end


def _labels_of(channel_ids: list[bytes], rules: list[list[list[bytes]]]) -> _Labels:
    key = (id(channel_ids), id(rules), len(rules))
    known = _labels.get(key)
    if known is None:
        parts = [_avro_text(channel) for channel in channel_ids]
        parts += [_avro_texts(ids) for profile in rules for ids in profile]
        if len(parts) != len(channel_ids) * (1 + len(rules)):
            raise AvailabilityError("every profile needs a list of rules, if empty, for each channel")
        text = np.frombuffer(b"".join(parts) or b"\0", dtype=np.uint8)
        end = np.cumsum(np.array([0, *map(len, parts)], dtype=np.int64))
        known = (channel_ids, rules, _Labels(text, end, len(channel_ids), len(rules)))
        if len(_labels) >= _REMEMBERED:
            del _labels[next(iter(_labels))]
        _labels[key] = known
    return known[2]


def _avro_long(value: int) -> bytes:
    value = value << 1 ^ value >> 63
    text = bytearray()
    while value > 0x7F:
        text.append(value & 0x7F | 0x80)
        value >>= 7
    text.append(value)
    return bytes(text)


def _avro_text(text: bytes) -> bytes:
    return _avro_long(len(text)) + text


def _avro_texts(texts: list[bytes]) -> bytes:
    block = _avro_long(len(texts)) + b"".join(map(_avro_text, texts)) if texts else b""
    return block + b"\0"


@kernel
def _room(views: Views, labels: _Labels, header: int) -> int:
    """Bytes that the records take at most; -1 if a profile is unknown."""
    channels = labels.channels
    names = labels.end[channels]
    room = 0
    for i in range(len(views.version)):
        profile = views.profile[i]
        if profile < 0 or profile >= labels.profiles:
            return _UNKNOWN_PROFILE
        first = channels * (1 + profile)
        rules = labels.end[first + channels] - labels.end[first]
        room += header + 6 * _LONGEST + 2 + views.name_len[i] + names + rules + channels * 8 * _LONGEST
    return room


@kernel
def _put_long(out: Bytes, at: int, value: int) -> int:
    """An Avro long: zigzag, seven bits a byte, the least first."""
    left = np.uint64((value << 1) ^ (value >> 63))
    while left > np.uint64(0x7F):
        out[at] = (left & np.uint64(0x7F)) | np.uint64(0x80)
        left >>= np.uint64(7)
        at += 1
    out[at] = left
    return at + 1


@kernel
def _put_label(out: Bytes, at: int, labels: _Labels, part: int) -> int:
    first = labels.end[part]
    return put_slice(out, at, labels.text, first, labels.end[part + 1] - first)


@kernel
def _write_records(
    out: Bytes, start: Longs, end: Longs, views: Views, labels: _Labels, header: bytes, generation: int
) -> None:
    """Write every record, in the order of the schema's fields."""
    channels = labels.channels
    at = 0
    for i in range(len(views.version)):
        start[i] = at
        at = put_bytes(out, at, header)
        at = _put_long(out, at, int(views.name_len[i]))
        at = put_slice(out, at, views.names, views.name_at[i], views.name_len[i])
        at = _put_long(out, at, views.version[i])
        at = _put_long(out, at, generation)
        at = _put_long(out, at, views.computed_at)
        at = _put_long(out, at, views.as_of[i])
        out[at] = views.active[i]
        at += 1
        if channels > 0:
            at = _put_long(out, at, channels)
            for j in range(channels):
                terms = views.channels[i, j]
                at = _put_label(out, at, labels, j)
                at = _put_long(out, at, terms[AVAILABLE])
                at = _put_long(out, at, terms[STATUS])
                at = _put_long(out, at, terms[VIEW])
                at = _put_long(out, at, terms[POOL])
                at = _put_long(out, at, terms[GRANT])
                at = _put_long(out, at, terms[SHARED])
                at = _put_long(out, at, terms[SHORTAGE])
                at = _put_long(out, at, terms[UNMET])
                at = _put_label(out, at, labels, channels * (1 + views.profile[i]) + j)
        out[at] = 0
        at += 1
        end[i] = at
