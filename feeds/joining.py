"""Joins what is listed with what is published: which slot of which account is to show how much.

What the catalog and the view say is kept for all accounts, from the start of the process on; an account that begins
(after a start, a failure, or another process) finds it here. A slot comes to its account's core together with its first
number: of what nobody has published anything, nothing is sent.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from feeds.account import AccountFeed, Key
from feeds.accounts import Account
from feeds.listings import Listings, Move
from feeds.numbers import Numbers, Places, Published, Row, spread
from feeds.slots import Slot

_log = logging.getLogger("stocktide.feeds")

_AT_ONCE = 200


@dataclass
class Fed:
    """An account that is being fed. `locations`: the marketplace's, of each listing. `unfilled`: listings by sku that
    have no number yet; `kept`: what the ledger knew of their slots. `gone`: those that are listed no more; the ledger
    is to forget them, unless they come back soon. `changed`: is called when the core was told something."""

    account: Account
    feed: AccountFeed
    now_ms: Callable[[], int]
    changed: Callable[[], None]
    unfilled: dict[str, set[str]] = field(default_factory=dict)
    kept: dict[Key, Slot] = field(default_factory=dict)
    gone: dict[Key, Slot] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.locations: Sequence[str | None] = list(self.account.locations) or [None]


class Joining:
    """`want`: is called with a sku whose row is wanted (`rows.py`). `decode`: of a record of `availability`."""

    def __init__(self, accounts: Sequence[Account], decode: Callable[[bytes], Mapping[str, Any]]) -> None:
        self.listings = Listings(account.id for account in accounts)
        self.numbers = Numbers([account.channel for account in accounts], decode)
        ours = [here for account in accounts for places in account.locations.values() for here in places]
        self.places = Places(ours)
        self.fed: dict[str, Fed] = {}
        self.want: Callable[[str], None] = lambda sku: None
        self._bundles: set[str] = set()

    # -- what comes from Kafka -----------------------------------------------------------------------------------

    def catalog(self, sku: str, aliases: Iterable[Mapping[str, str]]) -> None:
        """The catalog's last word on a sku; no aliases: it was deleted, or is listed nowhere."""
        for move in self.listings.take(sku, aliases):
            fed = self.fed.get(move.listing.account)
            if fed is not None:
                self._move(fed, move)

    def availability(self, sku: str, version: int, record: bytes) -> None:
        """A record of the view."""
        if self.numbers.keep(sku, version, record) and self.listings.has(sku):
            self._tell(sku, self.fed.values())

    def deleted(self, sku: str) -> None:
        """The view has no number of a sku any more."""
        if self.numbers.delete(sku):
            self._tell(sku, self.fed.values())

    # -- accounts that begin and end -----------------------------------------------------------------------------

    async def begin(self, fed: Fed, slots: Iterable[Slot]) -> None:
        """Feed an account, from what the ledger has of it. Lets others have their turn meanwhile."""
        restored = {slot.key: slot for slot in slots}
        self.listings.prefer(fed.account.id, {slot.listing: slot.sku for slot in restored.values()})
        fed.kept = restored
        listed = self.listings.of_account(fed.account.id)
        wanted = {(listing, location) for listing in listed for location in fed.locations}
        for key in [key for key in restored if key not in wanted]:
            self._gone(fed, restored.pop(key))
        for listing, sku in listed.items():
            fed.unfilled.setdefault(sku, set()).add(listing)
        self.fed[fed.account.id] = fed
        for at, sku in enumerate(list(fed.unfilled)):
            self._tell(sku, [fed])
            if at % _AT_ONCE == 0:
                await asyncio.sleep(0)

    def awaits_rows(self, fed: Fed) -> int:
        """How many skus of an account with locations wait for their rows, having a number otherwise."""
        return sum(self.numbers.of(sku) is not None for sku in fed.unfilled)

    def end(self, account: str) -> None:
        """Feed an account no more."""
        self.fed.pop(account, None)

    # -- numbers -------------------------------------------------------------------------------------------------

    def _tell(self, sku: str, accounts: Iterable[Fed]) -> None:
        """The cores hear the last number of a sku, if there is one, or the row is asked for."""
        published = self.numbers.of(sku)
        if published is not None:
            for fed in accounts:
                self._hear(fed, sku, published)

    def _hear(self, fed: Fed, sku: str, published: Published) -> None:
        slots, unfilled = fed.feed.of_sku(sku), sku in fed.unfilled
        if not slots and not unfilled:
            return
        units = published.available[self.numbers.place(fed.account.channel)]
        if fed.account.locations and units > 0:
            self.want(sku)
        elif unfilled:
            self._apply(fed, sku, published.version, dict.fromkeys(fed.locations, units))
        else:
            now = fed.now_ms()
            for slot in slots:
                fed.feed.change(slot, units, published.version, now)
            fed.changed()

    def found(self, sku: str, row: Row) -> bool:
        """A row that was asked for. False: it is older than the record, and must be looked for again."""
        settled = True
        for fed in self.fed.values():
            published = self.numbers.of(sku)
            if not fed.account.locations or published is None:
                continue
            version = published.version
            units = published.available[self.numbers.place(fed.account.channel)]
            if row.bundle and units and sku not in self._bundles:
                self._bundles.add(sku)
                _log.warning("a bundle has no places of its own: 0 is shown there", extra={"sku": sku})
            numbers = spread(fed.account.locations, self.places.ordinals, row.units, units)
            # Of an older row the places may be wrong, so that its numbers must not pass for the record's own.
            self._apply(fed, sku, version if row.version >= version else version - 1, numbers)
            settled = settled and row.version >= version
        return settled

    def _apply(self, fed: Fed, sku: str, version: int, numbers: Mapping[Any, int]) -> None:
        now = fed.now_ms()
        for slot in fed.feed.of_sku(sku):
            fed.feed.change(slot, numbers.get(slot.location, 0), version, now)
        for listing in fed.unfilled.pop(sku, ()):
            for location in fed.locations:
                key: Key = (listing, location)
                slot = fed.kept.pop(key) if key in fed.kept else Slot(listing, location, sku)
                slot.sku, slot.attributes = sku, fed.account.attributes.get(listing, {})
                slot.wanted, slot.version = numbers.get(location, 0), version
                fed.feed.add(slot, now)
        fed.changed()

    # -- listings ------------------------------------------------------------------------------------------------

    def _move(self, fed: Fed, move: Move) -> None:
        """A listing has come, has gone, or is of another sku. What is on its way stays the listing's."""
        listing = move.listing.id
        if move.before is not None:
            fed.unfilled.get(move.before, set()).discard(listing)
        for location in fed.locations:
            key = (listing, location)
            slot = fed.feed.slots.get(key) or fed.kept.get(key) or fed.gone.pop(key, None)
            fed.feed.remove(key)
            if slot is None:
                continue
            if move.after is None:
                fed.kept.pop(key, None)
                self._gone(fed, slot)
            else:
                slot.sku = move.after
                fed.kept[key] = slot
        if move.after is not None:
            fed.unfilled.setdefault(move.after, set()).add(listing)
            self._tell(move.after, [fed])

    def _gone(self, fed: Fed, slot: Slot) -> None:
        applied = None if slot.applied is None else slot.applied.quantity
        _log.warning(
            "a listing is not in the catalog any more: nothing is sent of it from now on",
            extra={
                "account": fed.account.id, "listing": slot.listing, "location": slot.location, "sku": slot.sku,
                "shows": applied,
            },
        )  # fmt: skip
        fed.gone[slot.key] = slot
