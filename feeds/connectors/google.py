"""Google Merchant Center: the availability of products in stores, or in regions; not their quantity."""

from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from feeds.buckets import Bucket, Kind
from feeds.connector import Connector, Identity, Item, Operation
from feeds.connectors.bodies import post, segment
from feeds.connectors.google_replies import IN_STOCK, LIMITED, OUT, entries, kept, observe, priced, refused
from feeds.connectors.options import choice, option, whole_number
from feeds.connectors.replies import Talk
from feeds.connectors.tokens import refreshed
from feeds.exchange import Conversation, Request
from feeds.outcomes import Answer, Fate, ItemOutcome, Setback, Shown

_KINDS = {
    "local": ("localInventories", "storeCode", "local"),
    "regional": ("regionalInventories", "region", "regional"),
}
_PLAIN = ("pickupMethod", "pickupSla", "instoreProductLocation")
_PAGE = "1000"
_NO_PLACE = ItemOutcome(
    Fate.REJECTED, "it has no location: give its account the stores or regions as locations"
)
_NO_PRODUCT = ItemOutcome(Fate.REJECTED, "no product has this id: write language~feedlabel~offerid")


class Google(Connector):
    """A listing is the name of a product, `language~feedlabel~offerid`, with `local~` before it if that is its name;
    its location a store code, or a region. Google is told states, not units. Options: `account`, the Merchant Center
    id; `kind`, `local` (if not said) or `regional`; `limited_up_to`: so many units or fewer are LIMITED_AVAILABILITY
    (3; 0: none are, and in regions none ever); `token_url`. Secrets: `client_id`, `client_secret`, `refresh_token`.
    A write replaces the whole entry: of what else was in it only the listing's attributes `price` ("19.99 EUR"), and
    in stores `pickupMethod`, `pickupSla` and `instoreProductLocation`, are written with it."""

    name = "google"
    operations = (Operation("insert", "insert", most=1, at_once=8),)
    limits: ClassVar = {
        "insert": [Bucket("insert", Kind.FIXED, 600, 60)],
        "list": [Bucket("list", Kind.FIXED, 600, 60)],
    }
    reads_most = 20
    confirm_s = 300.0
    grace_s = 2_700.0  # half an hour is what Google says

    def __init__(self, identity: Identity) -> None:
        super().__init__(identity)
        merchant = segment(option(identity, "account", "the Merchant Center id"))
        self.products = f"/inventories/v1/accounts/{merchant}/products"
        self.kind = choice(identity, "kind", "local", list(_KINDS))
        told = whole_number(identity, "limited_up_to", 3, 0, 1_000_000)
        self.limited_up_to = told if self.kind == "local" else 0
        self.token_url = str(identity.options.get("token_url", "https://oauth2.googleapis.com/token"))

    def tells(self, units: int) -> int:
        """0: out of stock; 1: limited; one more than that may be: in stock."""
        return min(units, 1) if units <= self.limited_up_to else self.limited_up_to + 1

    def write(self, operation: Operation, items: Sequence[Item], intent: str) -> Conversation[Answer]:
        talk, item = Talk(observe), items[0]
        if item.location is None or not _is_product(item.listing):
            return talk.answer([_NO_PLACE if item.location is None else _NO_PRODUCT])
        many, place, few = _KINDS[self.kind]
        said = self._said(item.quantity)
        try:
            own = self._own(item.attributes)
        except ValueError as error:
            return talk.answer([ItemOutcome(Fate.REJECTED, str(error))])
        entry = {place: item.location, f"{few}InventoryAttributes": {"availability": said, **own}}
        ask = post(f"{self._product(item.listing)}/{many}:insert", "insert", entry)
        try:
            return talk.answer(
                [(yield from talk.ask(ask, lambda reply: kept(reply, entry), refused=refused))]
            )
        except Setback as setback:
            return talk.set_back(setback, 1)

    def read_back(self, listings: Sequence[tuple[str, str | None]]) -> Conversation[Shown]:
        talk, units = Talk(observe), dict[tuple[str, str | None], int]()
        asked = dict.fromkeys(
            listing for listing, place in listings if place is not None and _is_product(listing)
        )
        try:
            for listing in asked:
                shows = yield from self._entries(talk, listing)
                units |= {key: shows[key[1]] for key in listings if key[0] == listing and key[1] in shows}
        except Setback as setback:
            return talk.unseen(setback)
        return Shown(units, observed=talk.observed)

    def _entries(self, talk: Talk, listing: str) -> Conversation[dict[str | None, int]]:
        """What a product shows, by place."""
        many, place, few = _KINDS[self.kind]
        in_stock, nothing = self.limited_up_to + 1, (dict[str, str](), "")
        shows, query = dict[str | None, int](), {"pageSize": _PAGE}
        while True:
            ask = Request("GET", f"{self._product(listing)}/{many}", "list", query)
            read = partial(entries, many=many, place=place, few=few)
            page, following = yield from talk.ask(ask, read, refused=refused, unknown=nothing)
            # With a word that is none of ours buyers may order: it counts as the most.
            shows |= {where: {LIMITED: 1, OUT: 0}.get(said, in_stock) for where, said in page.items()}
            if not following:
                return shows
            query = {"pageSize": _PAGE, "pageToken": following}

    def authorise(self) -> Conversation[tuple[dict[str, str], float]]:
        token, seconds = yield from refreshed(self.token_url, self.identity)
        return {"authorization": f"Bearer {token}"}, seconds

    def _said(self, units: int) -> str:
        if units <= 0:
            return OUT
        return IN_STOCK if units > self.limited_up_to else LIMITED

    def _own(self, attributes: Mapping[str, str]) -> dict[str, Any]:
        """What the entry keeps besides. Raises ValueError."""
        plain = _PLAIN if self.kind == "local" else ()
        own: dict[str, Any] = {name: attributes[name] for name in plain if name in attributes}
        return own | ({"price": priced(attributes["price"])} if "price" in attributes else {})

    def _product(self, listing: str) -> str:
        # This form is the one that takes every id; a plain one must not have a slash in it, for instance.
        return f"{self.products}/{urlsafe_b64encode(listing.encode()).decode().rstrip('=')}"


def _is_product(listing: str) -> bool:
    parts = listing.removeprefix("local~").split("~", 2)
    return len(parts) == 3 and all(parts)
