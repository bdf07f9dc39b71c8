"""Whom a source's identifier for a sku belongs to, agreed between lanes.

Catalog records of two lanes may claim one alias. One lane, its arbiter, decides: the first claim it hears binds the
alias for ever, and every lane is told. Until then what comes under the alias waits, parked.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from inventory.batch import Control, ControlKind, Incident, Outputs
from inventory.incidents import alias_conflict
from inventory.masters import Masters
from inventory.murmur import shard_of
from inventory.network import AliasConflict
from inventory.parking import Parking

_IN_A_WORD = 400
"""Aliases in one message between lanes, which a broker takes up to 1 MB of."""


class Alias(NamedTuple):
    """What `source` calls `sku`."""

    source: str
    identifier: str
    sku: str


class Claim(NamedTuple):
    """An alias that the sku's catalog record, of that log time (ms), asks for."""

    log_time: int
    alias: Alias


class Aliases:
    """The aliases as one lane knows them, the claims of its own skus, and the decisions that are its own.

    `settled`: the lane knows what every lane claims and what was decided before it lost its state, so that it may
    decide. Claims that come earlier wait.
    """

    def __init__(self, number: int, lanes: int, masters: Masters, parking: Parking) -> None:
        self._number = number
        self._lanes = lanes
        self._masters = masters
        self._parking = parking
        self._early: set[Claim] = set()
        self.settled = False

    def claim(self, claims: Iterable[Claim], tell: bool, out: Outputs) -> None:
        """Take what a catalog record of this lane claims; with `tell`, ask the arbiters now."""
        for claim in claims:
            source, identifier, sku = claim.alias
            if self._masters.owner(source, identifier) != sku:
                self._masters.open_claim(*claim.alias, claim.log_time)
                if tell:
                    out.controls += _claims(self._arbiter(claim.alias), [claim])

    def hear_claims(self, claims: Collection[Claim], now: int, out: Outputs) -> None:
        """As the arbiter: decide, once settled."""
        if self.settled:
            self._decide(claims, (), now, out)
        else:
            self._early.update(claims)

    def hear_bound(self, bound: Iterable[Alias], now: int, out: Outputs) -> None:
        """An arbiter, or to an arbiter without state another lane, says whose these are."""
        for alias in bound:
            if not self._bind(alias, now, out):
                out.incidents.append(self._conflict(alias, now))

    def settle(self, asking: Collection[int], now: int, out: Outputs) -> None:
        """Decide what waited, the oldest first. The lanes that are `asking` get all of it with their answer."""
        self.settled = True
        self._decide(sorted(self._early), asking, now, out)
        self._early.clear()

    def tell_arbiter(self, lane: int) -> Iterator[tuple[int, Control]]:
        """For an arbiter that starts without state: what this lane knows of its aliases, and what it claims."""
        yield from _bound(
            lane, [a for a in map(Alias._make, self._masters.bound()) if self._arbiter(a) == lane]
        )
        claims = [Claim(since, Alias(*alias)) for *alias, since in self._masters.claims()]
        yield from _claims(lane, [claim for claim in claims if self._arbiter(claim.alias) == lane])

    def tell_decided(self, lane: int) -> Iterator[tuple[int, Control]]:
        """For a lane that starts without state: the aliases whose arbiter this lane is."""
        own = [a for a in map(Alias._make, self._masters.bound()) if self._arbiter(a) == self._number]
        return _bound(lane, own)

    def _decide(self, claims: Iterable[Claim], asking: Collection[int], now: int, out: Outputs) -> None:
        told: dict[int, list[Alias]] = {}
        for _, claim in claims:
            owner = self._masters.owner(claim.source, claim.identifier)
            alias = claim if owner is None else claim._replace(sku=owner)
            self._bind(alias, now, out)
            # Who asked may have lost its state since it was told last.
            to = range(self._lanes) if owner is None else (shard_of(claim.sku) % self._lanes,)
            for lane in to:
                if lane != self._number and lane not in asking:
                    told.setdefault(lane, []).append(alias)
        for lane, aliases in told.items():
            out.controls += _bound(lane, aliases)

    def _bind(self, alias: Alias, now: int, out: Outputs) -> bool:
        losers = self._masters.claimants(alias.source, alias.identifier) - {alias.sku}
        if not self._masters.bind_alias(*alias):
            return False
        out.incidents += [self._conflict(alias._replace(sku=loser), now) for loser in sorted(losers)]
        waiting = self._parking.release("sku", alias.identifier)
        out.released += [(self._number, message) for message in waiting]
        return True

    def _conflict(self, claim: Alias, now: int) -> Incident:
        owner = self._masters.owner(claim.source, claim.identifier)
        return alias_conflict(
            AliasConflict(claim.source, claim.identifier, claim.sku, owner or ""), None, now
        )

    def _arbiter(self, alias: Alias) -> int:
        return shard_of(f"{alias.source}\x00{alias.identifier}") % self._lanes


def _bound(lane: int, aliases: list[Alias]) -> Iterator[tuple[int, Control]]:
    for first in range(0, len(aliases), _IN_A_WORD):
        yield (
            lane,
            Control(ControlKind.ALIASES, {"aliases": [*map(list, aliases[first : first + _IN_A_WORD])]}),
        )


def _claims(lane: int, claims: list[Claim]) -> Iterator[tuple[int, Control]]:
    for first in range(0, len(claims), _IN_A_WORD):
        some = [[claim.log_time, *claim.alias] for claim in claims[first : first + _IN_A_WORD]]
        yield lane, Control(ControlKind.CLAIMS, {"claims": some})
