"""Views made by hand or drawn by Hypothesis, for the tests of what is published."""

from collections.abc import Iterable, Sequence, Sized
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from inventory.columns import Bytes, Longs
from inventory.murmur import shard_of
from inventory.recent import ABSORBED
from inventory.state import FACT
from inventory.views import CHANNEL_TERMS, DATED_TERMS, FACT_LONGS, FENCE_TERMS, NODE_TERMS, Views


class Row(NamedTuple):
    """One sku: `channels` has 8 terms a channel, `nodes` 7 terms a location ordinal, `dated` (kind, ordinal, at,
    quantity). `parts` and `offers` are JSON. `facts` has the 9 fields of `state.FACT`, `fences` (channel, target,
    consumed). `incomplete` has locations; `uncertain` the places, among the channels, of those that are told so."""

    sku: str
    version: int
    channels: Sequence[tuple[int, ...]]
    nodes: dict[int, tuple[int, ...]]
    as_of: int = 1_763_700_000_000
    active: int = 1
    profile: int = 0
    dated: Sequence[tuple[int, int, int, int]] = ()
    parts: bytes = b""
    offers: bytes = b""
    facts: Sequence[tuple[int, ...]] = ()
    fences: Sequence[tuple[int, int, int]] = ()
    incomplete: Sequence[int] = ()
    uncertain: Sequence[int] = ()


def views_of(
    rows: Sequence[Row], channel_ordinals: Sequence[int] = (0, 1, 2), computed_at: int = 1_763_777_000_123
) -> Views:
    """The rows as the engine would hand them over."""
    names = [row.sku.encode() for row in rows]
    lengths = np.array([len(name) for name in names], np.int32)
    nodes = [(ordinal, row.nodes[ordinal]) for row in rows for ordinal in sorted(row.nodes)]
    return Views(
        names=np.array(bytearray(b"".join(names)), np.uint8),
        name_at=np.concatenate([[0], np.cumsum(lengths)])[:-1].astype(np.int64),
        name_len=lengths,
        shard=np.array([shard_of(name) for name in names], np.int32),
        profile=np.array([row.profile for row in rows], np.int32),
        version=np.array([row.version for row in rows], np.int64),
        as_of=np.array([row.as_of for row in rows], np.int64),
        active=np.array([row.active for row in rows], np.uint8),
        channels=_padded([terms for row in rows for terms in row.channels]).reshape(
            len(rows), len(channel_ordinals), CHANNEL_TERMS
        ),
        channel_ordinal=np.array(channel_ordinals, np.int32),
        node_start=np.concatenate([[0], np.cumsum([len(row.nodes) for row in rows])]).astype(np.int64),
        node_ordinal=np.array([ordinal for ordinal, _ in nodes], np.int32),
        nodes=np.array([terms for _, terms in nodes], np.int64).reshape(len(nodes), NODE_TERMS),
        dated_start=np.concatenate([[0], np.cumsum([len(row.dated) for row in rows])]).astype(np.int64),
        dated=np.array([each for row in rows for each in row.dated], np.int64).reshape(-1, DATED_TERMS),
        parts=np.array(bytearray(b"".join(row.parts for row in rows)), np.uint8),
        parts_start=_starts(row.parts for row in rows),
        offers=np.array(bytearray(b"".join(row.offers for row in rows)), np.uint8),
        offers_start=_starts(row.offers for row in rows),
        facts=np.array([fact for row in rows for fact in row.facts], FACT)
        .view(np.int64)
        .reshape(-1, FACT_LONGS),
        facts_start=_starts(row.facts for row in rows),
        fences=np.array([each for row in rows for each in row.fences], np.int64).reshape(-1, FENCE_TERMS),
        fences_start=_starts(row.fences for row in rows),
        incomplete=np.array([ordinal for row in rows for ordinal in row.incomplete], np.int32),
        incomplete_start=_starts(row.incomplete for row in rows),
        uncertain=_uncertain(rows, len(channel_ordinals)),
        computed_at=computed_at,
    )


def _uncertain(rows: Sequence[Row], channels: int) -> Bytes:
    flags = np.zeros((len(rows), channels), np.uint8)
    for i, row in enumerate(rows):
        flags[i, list(row.uncertain)] = 1
    return flags


def _starts(parts: Iterable[Sized]) -> Longs:
    return np.cumsum([0, *map(len, parts)], dtype=np.int64)


_longs = st.integers(-(2**63), 2**63 - 1)
_units = st.one_of(
    st.integers(-100, 1000), st.sampled_from([-(2**31), -(2**31) - 1, 2**31 - 1, 2**31]), _longs
)
_times = st.integers(0, 4_000_000_000_000)
_kinds = st.integers(0, 18) | st.integers(ABSORBED, ABSORBED + 18)
_skus = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)


def _padded(channels: list[tuple[int, ...]]) -> np.ndarray:
    """Terms that rows do not hold are 0."""
    terms = np.zeros((len(channels), CHANNEL_TERMS), np.int64)
    for i, some in enumerate(channels):
        terms[i, : len(some)] = some
    return terms


@st.composite
def drawn_rows(draw: st.DrawFn, profiles: int = 3, most: int = 12) -> tuple[list[Row], list[int]]:
    """Some rows with distinct skus, and the channels' ordinals."""
    ordinals = sorted(draw(st.sets(st.integers(0, 65_535), max_size=4)))
    terms = st.tuples(_units, st.integers(0, 2), *[_units] * 6)
    nodes = st.dictionaries(st.integers(0, 140), st.tuples(*[_units] * NODE_TERMS), max_size=6)
    row = st.builds(
        Row,
        sku=_skus,
        version=st.integers(0, 2**53 - 1),
        channels=st.lists(terms, min_size=len(ordinals), max_size=len(ordinals)),
        nodes=nodes,
        as_of=_times,
        active=st.integers(0, 1),
        profile=st.integers(0, profiles - 1),
        dated=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 65_535), _times, _units), max_size=4),
        parts=st.sampled_from([b"", b'{"A":1}', b'{"A":1,"B":20}']),
        offers=st.sampled_from([b"", b'{"together":null,"parts":[["A",1,5,1,[[0,7,2]]]]}']),
        facts=st.lists(
            st.tuples(*[_longs] * 4, _kinds, st.integers(0, 255), *[st.integers(0, 65_535)] * 3),
            max_size=8,
        ),
        fences=st.lists(st.tuples(st.integers(0, 65_535), _longs, _longs), max_size=3),
        incomplete=st.sets(st.integers(0, 65_535), max_size=4).map(sorted),
        uncertain=st.sets(st.integers(0, len(ordinals) - 1)) if ordinals else st.just(()),
    )
    return draw(st.lists(row, max_size=most, unique_by=lambda each: each.sku)), ordinals
