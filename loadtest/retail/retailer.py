"""The chain as Stocktide sees it: names of places, source-specific identifiers, and its rules file."""

import random
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from loadtest.demo.market_accounts import FED
from loadtest.demo.market_accounts import aliases as market_aliases
from loadtest.retail.tills import Tills

WAREHOUSES = ("DC1", "DC2")
REGIONS = ("north", "east", "south", "west")
CHANNELS = ("web", "amazon", "pickup")

THIRD_PARTY = "3pl-east"
"""The logistics provider that runs DC2 and calls it by a code of its own."""
THIRD_PARTY_SITE = "SITE-77"

MARKETPLACE = "amazon-orders"
"""The marketplace's order feed: listings instead of skus, a channel name of its own."""
MARKETPLACE_CHANNEL = "AMZ_US"

_PLU_STORES = 0.04
_PLU_COLLISIONS = 0.05
_LISTED = 0.3

FENCED = "DELI"
"""The department of which a percentage is kept for the web shop: `ALLOCATED` has it in units."""
ALLOCATED = "rf-web-deli"

_KITS = 24
_KIT_PARTS = (2, 2, 3)
_TOGETHER = 0.4


@dataclass(frozen=True)
class Kit:
    """A bundle: `parts` are units of each product (by index) in one. `together`: they ship from one location."""

    sku: str
    parts: Mapping[int, int]
    together: bool
    listing: str


@dataclass(frozen=True)
class Retailer:
    """Who calls what by which name.

    `plu[store][product]` is what the tills of a store (by index) call a product (by index); other stores
    use the sku. `listing[product]` is the marketplace's name of a product, where it lists it. `launches` are
    products whose catalog record comes in the middle of the replay, after some of their sales. So does that of the
    last of the `kits`. `fed` are products that are listed at every marketplace that is fed.
    """

    tills: Tills
    plu: dict[int, dict[int, str]]
    listing: dict[int, str]
    launches: frozenset[int]
    kits: tuple[Kit, ...]
    fed: frozenset[int] = frozenset()

    def till_source(self, store: int) -> str:
        """The source that a store's transactions name."""
        return f"tills-{self.tills.stores[store]}"

    def till_identifier(self, store: int, product: int) -> str:
        """What a store's tills call a product."""
        own = self.plu.get(store)
        return own[product] if own and product in own else self.tills.products[product].sku

    def catalog_item(self, product: int) -> dict[str, object]:
        """The CatalogItem record of a product, its aliases included."""
        article = self.tills.products[product]
        described = {"brand": article.brand, "type": article.kind, "package": article.package}
        aliases = [
            {"source": self.till_source(store), "identifier": names[product]}
            for store, names in self.plu.items()
            if product in names
        ]
        if product in self.listing:
            aliases.append({"source": MARKETPLACE, "identifier": self.listing[product]})
        if product in self.fed:
            aliases += market_aliases(FED, article.sku)
        return {
            "sku": article.sku,
            "category": article.department,
            "style": article.category,
            "attributes": {name: text for name, text in described.items() if text is not None},
            "bundle": [],
            "ship_together": False,
            "aliases": aliases,
            "active": True,
        }

    def kit_item(self, kit: Kit) -> dict[str, object]:
        """The CatalogItem record of a bundle."""
        return {
            "sku": kit.sku,
            "category": "KIT",
            "style": None,
            "attributes": {},
            "bundle": [
                {"sku": self.tills.products[product].sku, "quantity": each}
                for product, each in kit.parts.items()
            ],
            "ship_together": kit.together,
            "aliases": [{"source": MARKETPLACE, "identifier": kit.listing}],
            "active": True,
        }


def found(tills: Tills, seed: int, launches: int, fed: float = 0.0) -> Retailer:
    """The retailer around a window of tills; `launches` products come to the catalog late, and about so large a part of
    the others is `fed` to marketplaces.

    Names depend on the chain alone, not on seed or window: an identifier belongs to one product for ever, also
    when a second replay follows the first.
    """
    plu = _price_look_up_codes(tills)
    listing = {
        number: f"B0{product.sku:0>8}"
        for number, product in enumerate(tills.products)
        if _chosen(product.sku, _LISTED)
    }
    named = {product for names in plu.values() for product in names}
    plain = [p for p in range(len(tills.products)) if p not in named and p not in listing]
    dice = random.Random(f"{seed}-retailer")
    late = frozenset(dice.sample(plain, min(launches, len(plain))))
    listed = frozenset(
        number
        for number, product in enumerate(tills.products)
        if number not in late and _chosen(f"fed {product.sku}", fed)
    )
    return Retailer(tills, plu, listing, late, _kits(tills, late), listed)


def _kits(tills: Tills, late: frozenset[int]) -> tuple[Kit, ...]:
    """Bundles of what sells most often. What one is made of, and how it ships, is said by its name: another window
    may have others, but never the same name for something else."""
    sold = np.bincount(tills.product, minlength=len(tills.products))
    best = [product for product in np.argsort(-sold, kind="stable").tolist() if product not in late]
    kits, first = list[Kit](), 0
    for number in range(_KITS):
        many = _KIT_PARTS[number % len(_KIT_PARTS)]
        parts, first = best[first : first + many], first + many - 1  # neighbours have a product in common
        if len(parts) == many:
            names = "-".join(tills.products[product].sku for product in parts)
            each = {product: 1 + _chosen(f"{names} {tills.products[product].sku}", 0.3) for product in parts}
            sku = f"KIT-{names}"
            kits.append(Kit(sku, each, _chosen(sku, _TOGETHER), f"B0{sku}"))
    return tuple(kits)


def _price_look_up_codes(tills: Tills) -> dict[int, dict[int, str]]:
    """Codes of some stores. A few of them are at the same time the sku of *another* product: whoever looks up
    skus before aliases books these sales wrongly."""
    codes: dict[int, dict[int, str]] = {}
    coding = {number for number, store in enumerate(tills.stores) if _chosen(store, _PLU_STORES)}
    sold = set(zip(tills.store_of_lines().tolist(), tills.product.tolist(), strict=True))
    for store, number in sorted(pair for pair in sold if pair[0] in coding):
        product = tills.products[number]
        clashing = _chosen(f"{tills.stores[store]} {product.sku}", _PLU_COLLISIONS)
        codes.setdefault(store, {})[number] = product.next_sku if clashing else f"PLU-{product.sku}"
    return codes


def _chosen(name: str, share: float) -> bool:
    """The same for a name every time."""
    return zlib.crc32(name.encode()) < share * 2**32


def rules(tills: Tills, *, fed: bool = False) -> str:
    """The chain's rules file: places, channels, and rules of every layer that is computed; with the channels of the
    marketplaces that are `fed`."""
    own = [account.channel for account in FED if fed and account.channel not in CHANNELS]
    lines = [
        "# The rules of the replayed chain. Places and departments are those of the real tills.",
        "locations:",
        "  - {id: DC1, type: warehouse, region: north}",
        "  - {id: DC2, type: warehouse, region: east, "
        f"aliases: [{{source: {THIRD_PARTY}, identifier: {THIRD_PARTY_SITE}}}]}}",
    ]
    lines += [
        f"  - {{id: {store}, type: store, region: {REGIONS[number % len(REGIONS)]}}}"
        for number, store in enumerate(tills.stores)
    ]
    lines += [
        "channels:",
        "  - {id: web, locations: {}}",
        f"  - {{id: amazon, locations: {{type: warehouse}}, aliases: [{{source: {MARKETPLACE}, "
        f"identifier: {MARKETPLACE_CHANNEL}}}]}}",
        "  - {id: pickup, locations: {type: store}}",
        *(f"  - {{id: {channel}, locations: {{type: warehouse}}}}" for channel in own),
        "safety_stock:",
        "  - {id: ss-stores, units: 1, match: {location_type: store}}",
        "  - {id: ss-warehouses, percent: 2.5, match: {location_type: warehouse}}",
        "  - {id: ss-produce, units: 4, match: {category: PRODUCE, location_type: store}}",
        "  - {id: ss-drug-west, units: 2, match: {category: DRUG GM, region: west}}",
        "network_safety_stock:",
        "  - {id: ns-meat, units: 20, match: {category: MEAT}}",
        "ring_fences:",
        "  - {id: rf-amazon-cosmetics, channel: amazon, units: 6, priority: 1, match: {category: COSMETICS}}",
        "  - {id: rf-pickup-deli, channel: pickup, units: 4, priority: 1, match: {category: DELI}}",
        f"  - {{id: {ALLOCATED}, channel: web, percent: 20, minimum: 2, priority: 2, "
        f"match: {{category: {FENCED}}}}}",
        "in_transit:",
        "  - {id: it-web, channel: web, confidence: 0.9, within_days: 3}",
        "shares:",
        "  - {id: sh-amazon, channel: amazon, percent: 66.6}",
        *(f"  - {{id: sh-{channel}, channel: {channel}, percent: 50}}" for channel in own),
        "buffers:",
        "  - {id: bu-amazon, channel: amazon, units: 1}",
        "  - {id: bu-pickup-deli, channel: pickup, units: 3, match: {category: DELI}}",
        "caps:",
        "  - {id: cap-amazon, channel: amazon, units: 250}",
        "  - {id: cap-web-kits, channel: web, units: 40, match: {category: KIT}}",
        "thresholds:",
        "  - {id: th-amazon, channel: amazon, units: 2}",
        "  - {id: th-pickup, channel: pickup, units: 1}",
        "low_stock:",
        "  - {id: ls-web, channel: web, units: 12}",
        "exclusions:",
        "  - {id: ex-amazon-fuel, channel: amazon, match: {category: FUEL}}",
        "  - {id: ex-amazon-floral, channel: amazon, match: {category: FLORAL}}",
        "  - {id: ex-pickup-private-pastry, channel: pickup, "
        "match: {category: PASTRY, attribute: {brand: Private}}}",
    ]
    return "\n".join(lines) + "\n"
