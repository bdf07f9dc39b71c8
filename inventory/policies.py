"""The rules as last told, and what they say at an instant."""

from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from inventory.columns import Ints
from inventory.layers import LAYERS, Level
from inventory.network import Flags, Network
from inventory.profiles import Profiles
from inventory.resolution import (
    CHANNEL_LAYERS,
    FENCE_AXIS,
    NO_SAFETY,
    NOBODY,
    SAFETY_PERCENT,
    SAFETY_UNITS,
    TRANSIT,
    Extras,
    Terms,
    Winners,
    find_winners,
    look_up,
    look_up_extras,
)
from inventory.rule import Rule, RuleError, bounds, read_rule

__all__ = [
    "NO_SAFETY",
    "SAFETY_PERCENT",
    "SAFETY_UNITS",
    "Extras",
    "RuleBook",
    "RuleError",
    "Terms",
    "bounds",
]


class _Compiled(NamedTuple):
    """What was computed last: good for `stamp` and for now in [since, until)."""

    stamp: tuple[int, Network, int]
    since: int
    until: int | None
    rules: list[Rule]  # from the least to the most telling
    sells: Flags
    deleted: Flags
    winners: Winners
    terms: Terms
    extras: Extras

    def holds(self, stamp: tuple[int, Network, int], now: int) -> bool:
        return self.stamp == stamp and self.since <= now and (self.until is None or now < self.until)

    def fencing(self, profile: int, channel: int) -> Flags:
        """(C,): the channel itself, and those whose fences may take from its pool."""
        common = self.sells[:, self.sells[channel]].any(axis=1)
        fencing: Flags = common & (self.terms.excluded[profile] == 0) & ~self.deleted
        fencing[channel] = True
        return fencing


class RuleBook:
    """The rules as last told. Rules of one id replace one another, whatever their layers.

    `generation` changes when skus' profiles may have; every profile must then be asked for again.
    """

    def __init__(self) -> None:
        self.generation = 0
        self._changes = 0
        self._rules: dict[str, Rule] = {}
        self._profiles = Profiles()
        self._profiled = 0
        self._last: _Compiled | None = None

    def put(self, rule_id: str, record: Mapping[str, Any] | None) -> None:
        """Take a policy record; None or the status DELETED ends the rule.

        Raises `RuleError`; the book is then unchanged.
        """
        status = "DELETED" if record is None else record.get("status")
        if status not in ("ACTIVE", "DELETED"):
            raise RuleError(f"rule {rule_id}: its status is {status!r}; write ACTIVE or DELETED")
        before = self._rules.get(rule_id)
        after = None if record is None or status == "DELETED" else read_rule(rule_id, record)
        if before == after:
            return
        if after is None:
            del self._rules[rule_id]
        else:
            self._rules[rule_id] = after
        self._changes += 1
        if before is None or after is None or before.item_conditions != after.item_conditions:
            self.generation += 1

    def item_class(
        self, category: str | None, style: str | None, attributes: Mapping[str, str], bundle: bool = False
    ) -> int:
        """A number for skus of the same category, style and attributes, bundles or others; permanent for this book."""
        return self._profiles.item_class(category, style, attributes, bundle)

    def profile(self, item_class: int, sku: str) -> int:
        """The sku's profile, a row of `Terms`; good until `generation` changes."""
        return self._current_profiles().of_sku(item_class, sku)

    def class_profiles(self) -> Ints:
        """The profile of every item class, by its number, for skus that are not in `own_skus`."""
        return self._current_profiles().of_classes()

    @property
    def own_skus(self) -> frozenset[str]:
        """The skus that rules name; all others have the profile of their class."""
        return self._current_profiles().own_skus

    def terms(self, now: int, network: Network) -> Terms:
        """What the rules say at `now` (ms), for every profile asked for so far.

        The same object comes back until something changed or a validity began or ended.
        """
        matched = self._current_profiles().matched
        stamp = (self._changes, network, network.generation)
        last = self._last
        if last is None or not last.holds(stamp, now):
            valid = [rule for rule in self._rules.values() if rule.valid(now)]
            valid.sort(key=lambda rule: rule.precedence, reverse=True)
            winners = find_winners(valid, matched, network)
            until = self.next_bound(now)
            terms, extras = look_up(valid, winners), look_up_extras(valid, winners)
            last = _Compiled(
                stamp, now, until, valid, network.sells, network.channel_deleted, winners, terms, extras
            )
        elif len(matched) > len(last.winners.pool):
            winners = find_winners(last.rules, matched[len(last.winners.pool) :], network)
            more, extras = look_up(last.rules, winners), look_up_extras(last.rules, winners)
            last = last._replace(
                winners=Winners(*_joined(last.winners, winners)),
                terms=Terms(*_joined(last.terms, more)),
                extras=Extras(*_joined(last.extras, extras)),
            )
        self._last = last
        return last.terms

    @property
    def extras(self) -> Extras:
        """What the rules say of fences and in-transit supply, by the last `terms`."""
        if self._last is None:
            raise LookupError("no terms were computed: call terms() before")
        return self._last.extras

    def fences_since(self) -> list[int]:
        """The instants (ms) from which the ring-fences of units count, valid now or not."""
        return [r.since for r in self._rules.values() if r.layer.name == "ring_fence" and not r.percent]

    def rule_ids(self, profile: int, channel: int) -> list[str]:
        """The ids of the rules that shape the profile's number in the channel (ordinal), by the last `terms`.

        In the order of the table of layers; safety stock and in-transit supply of all the channel's locations, and
        the ring-fences of all channels that may be granted something in its pool: each rule once.
        """
        last = self._last
        if last is None or profile >= len(last.winners.pool):
            raise LookupError(f"no terms were computed for the profile {profile}: call terms() before")
        node, pool, own, transit = (winner[profile] for winner in last.winners)
        winners = {layer.name: [own[channel, axis]] for axis, layer in enumerate(CHANNEL_LAYERS)}
        shaping: list[str] = []
        for layer in LAYERS:
            if layer.level is Level.NODE:
                found = np.unique(node[last.sells[channel]]).tolist()
            elif layer.level is Level.POOL:
                found = [pool]
            elif layer.name == "ring_fence":
                found = own[last.fencing(profile, channel), FENCE_AXIS].tolist()
            elif layer is TRANSIT:
                found = np.unique(transit[channel][last.sells[channel]]).tolist() if transit.size else []
            else:
                found = winners.get(layer.name, [])
            shaping += sorted(last.rules[at].id for at in found if at != NOBODY)
        return shaping

    def as_it_was(self) -> "RuleBook":
        """A book that goes on telling `rule_ids` by the last `terms`, whatever comes into this one; no more."""
        return copy(self)

    @property
    def changes(self) -> int:
        """Grows with every record that changed a rule."""
        return self._changes

    @property
    def epoch(self) -> tuple[int, int]:
        """Changes whenever the rules behind a profile of the last `terms` may have."""
        return self._changes, -1 if self._last is None else self._last.since

    def next_bound(self, now: int) -> int | None:
        """The next instant (ms) after `now` at which a rule's validity begins or ends."""
        return min((at for at in self._bounds() if at > now), default=None)

    def _bounds(self) -> Iterator[int]:
        for rule in self._rules.values():
            yield from (at for at in (rule.valid_from, rule.valid_to) if at is not None)

    def _current_profiles(self) -> Profiles:
        if self._profiled != self.generation:
            self._profiles.rebuild(self._rules.values())
            self._profiled = self.generation
        return self._profiles


def _joined(
    first: Iterable[npt.NDArray[Any]], second: Iterable[npt.NDArray[Any]]
) -> Iterator[npt.NDArray[Any]]:
    """The arrays of both, profile after profile."""
    return (np.concatenate(pair) for pair in zip(first, second, strict=True))
