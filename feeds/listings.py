"""Which listing of which account sells which sku, by the catalog: its aliases whose source is an account.

The first sku that claims a listing has it for as long as it claims it; a second that claims it too waits, and gets it
once the first has let go. So the order of records of different skus, which differs from start to start, matters only
where the catalog contradicts itself; and then the ledger says who had it.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

_log = logging.getLogger("stocktide.feeds")


class Listing(NamedTuple):
    """A listing of an account, by the marketplace's id."""

    account: str
    id: str


class Move(NamedTuple):
    """A listing is of another sku than before; None: of none."""

    listing: Listing
    before: str | None
    after: str | None


class Listings:
    """`accounts`: ids; aliases of other sources are not ours."""

    def __init__(self, accounts: Iterable[str]) -> None:
        self._accounts = frozenset(accounts)
        self._sku: dict[Listing, str] = {}
        self._claims: dict[Listing, list[str]] = {}
        self._of_sku: dict[str, tuple[Listing, ...]] = {}
        self._contested: set[Listing] = set()

    def of_account(self, account: str) -> dict[str, str]:
        """The sku of each listing of an account."""
        return {listing.id: sku for listing, sku in self._sku.items() if listing.account == account}

    def has(self, sku: str) -> bool:
        """Whether the catalog lists it anywhere."""
        return sku in self._of_sku

    def take(self, sku: str, aliases: Iterable[Mapping[str, str]]) -> Sequence[Move]:
        """The catalog's last word on a sku; no aliases: also where it was deleted. What moves by that."""
        claimed = tuple(
            dict.fromkeys(
                Listing(alias["source"], alias["identifier"])
                for alias in aliases
                if alias["source"] in self._accounts
            )
        )
        before = self._of_sku.get(sku, ())
        if claimed == before:
            return ()
        if claimed:
            self._of_sku[sku] = claimed
        else:
            del self._of_sku[sku]
        for listing in before:
            if listing not in claimed:
                self._claims[listing].remove(sku)
        for listing in claimed:
            if listing not in before:
                self._claims.setdefault(listing, []).append(sku)
        return [move for listing in {*before, *claimed} if (move := self._settle(listing)) is not None]

    def prefer(self, account: str, held: Mapping[str, str]) -> Sequence[Move]:
        """The ledger's word on who had each listing of an account: it counts where several skus claim one."""
        moves = []
        for listing in [each for each in self._contested if each.account == account]:
            sku = held.get(listing.id)
            if sku in self._claims[listing] and sku != self._sku[listing]:
                moves.append(Move(listing, self._sku[listing], sku))
                self._sku[listing] = sku
        return moves

    def _settle(self, listing: Listing) -> Move | None:
        claims = self._claims[listing]
        before = self._sku.get(listing)
        after = before if before in claims else min(claims, default=None)
        if after is None:
            self._sku.pop(listing, None)
            del self._claims[listing]
        else:
            self._sku[listing] = after
        if len(claims) < 2:
            self._contested.discard(listing)
        elif listing not in self._contested:
            self._contested.add(listing)
            _log.warning(
                "a listing is claimed by several skus: take the alias from all but one in the catalog",
                extra={
                    "account": listing.account,
                    "listing": listing.id,
                    "shows": after,
                    "skus": sorted(claims),
                },
            )
        return None if before == after else Move(listing, before, after)
