"""The whole replay as a list of drafts: real tills, and a seeded simulation of what no public data has."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from loadtest.retail import baskets, counts, inbound, poison, stock
from loadtest.retail import retailer as chain
from loadtest.retail.chance import OPENED_AT, Chance
from loadtest.retail.drafts import Draft
from loadtest.retail.orders import orders
from loadtest.retail.retailer import Kit, Retailer
from loadtest.retail.tills import Tills

_DUPLICATES = 0.02
_MISPLACED = 0.02
_LAUNCHES = 40
_ALLOCATED = 200
_MISPLACEABLE = ("stock-movements", "reservations", "wms-adjustments")


@dataclass(frozen=True)
class Simulation:
    """What is sent: first `prologue` (the state of the world), then `live` (what happens).

    Deterministic for a window of tills, a seed and a span. Times are ms after the start of `live`, which
    lasts `span_ms`; about 1.9 messages a basket's line are laid around the tills at the start, 0.35 after it.
    """

    retailer: Retailer
    seed: int
    span_ms: int

    @property
    def rules(self) -> str:
        """The rules file that the chain runs under."""
        return chain.rules(self.retailer.tills, fed=bool(self.retailer.fed))

    def prologue(self) -> Iterator[Draft]:
        """The catalog, without what is launched later, and an opening count of every position."""
        for product in range(len(self.retailer.tills.products)):
            if product not in self.retailer.launches:
                yield self._catalog(product, OPENED_AT)
        for kit in self.retailer.kits[:-1]:
            yield self._kit(kit, OPENED_AT)
        yield from stock.opening(self.retailer, self.seed)

    def live(self) -> list[Draft]:
        """Everything that happens, ascending in the time of sending, with duplicates and misplaced keys."""
        retailer, seed, span = self.retailer, self.seed, self.span_ms
        drafts = [
            *baskets.sales(retailer, seed, span),
            *baskets.returns(retailer, seed, span),
            *stock.Stock(retailer, seed, span).all(),
            *baskets.kits(retailer, seed, span),
            *orders(retailer, seed, span),
            *inbound.inbound(retailer, seed, span),
            *counts.counts(retailer, seed, span),
            *(self._catalog(product, span // 2) for product in sorted(retailer.launches)),
            self._kit(retailer.kits[-1], span // 2),
            *self._allocations(),
        ]
        dice = random.Random(f"{seed}-noise")
        drafts = [_misplaced(draft, dice) for draft in drafts]
        drafts += [_repeated(draft, dice, span) for draft in drafts if dice.random() < _DUPLICATES]
        drafts += poison.poisoned(retailer, seed, span)
        drafts += poison.unknown(retailer, seed, span)
        drafts.sort(key=_sends)
        return drafts

    def _catalog(self, product: int, sends: int) -> Draft:
        item = self.retailer.catalog_item(product)
        return Draft(sends, "catalog", "catalog", str(item["sku"]), "CatalogItem", item)

    def _kit(self, kit: Kit, sends: int) -> Draft:
        return Draft(
            sends, "bundle in the catalog", "catalog", kit.sku, "CatalogItem", self.retailer.kit_item(kit)
        )

    def _allocations(self) -> Iterator[Draft]:
        """Percentage fences of some products resolved once more, as `rules rebalance` would."""
        chance = Chance(self.seed, "allocation", self.span_ms)
        fenced = [p.sku for p in self.retailer.tills.products if p.department == chain.FENCED]
        for sku in chance.dice.sample(fenced, min(len(fenced), _ALLOCATED)):
            at = chance.moment()
            fence = {"fence": chain.ALLOCATED, "units": chance.dice.randint(0, 12), "set_at": at}
            yield Draft(at, "allocation", "allocations", sku, "Allocation", {"sku": sku, "fences": [fence]})


def simulate(tills: Tills, seed: int, span_ms: int, fed: float = 0.0) -> Simulation:
    """The simulation around a window of real tills that lasts `span_ms`; `fed`: see `retailer.found`."""
    return Simulation(chain.found(tills, seed, _LAUNCHES, fed), seed, span_ms)


def _sends(draft: Draft) -> int:
    return draft.sends


def _misplaced(draft: Draft, dice: random.Random) -> Draft:
    if draft.topic in _MISPLACEABLE and dice.random() < _MISPLACED:
        return draft._replace(legacy=True)
    return draft


def _repeated(draft: Draft, dice: random.Random, span: int) -> Draft:
    """The message once more, later; a till sends its sale again in a new envelope."""
    sends = min(span, draft.sends + dice.randrange(max(1, span // 5)))
    if draft.topic == "pos-sales":
        draft = draft._replace(fields={**draft.fields, "recorded_at": sends})
    return draft._replace(sends=sends, kind="duplicate")
