"""From what components offer to the numbers of a bundle."""

import json

import numpy as np

from inventory.bundles import Bundles
from inventory.columns import Bytes, Ints, Longs
from inventory.jit import kernel
from inventory.numbers import Reach, fill_view
from inventory.policies import Terms
from inventory.state import State
from inventory.views import POOL, SHARED, UNMET, Views


@kernel
def _fill_channels(
    s: State, sku: int, profile: int, terms: Terms, reach: Reach, pool: Longs, unmet: Longs, out: Longs
) -> None:
    for c in range(reach.ordinals.size):
        out[c, POOL] = pool[c]
        out[c, SHARED] = pool[c]
        out[c, UNMET] = unmet[c]
        fill_view(s, sku, profile, reach.ordinals[c], terms, reach, out[c])


def compute_bundles(
    s: State, bundles: Bundles, skus: Ints, terms: Terms, reach: Reach, views: Views
) -> Views:
    """`views`, which `compute` made of `skus`, with the numbers of the bundles among them.

    Nothing is shown of a bundle with a component that is not sold, or is no sku of its own.
    """
    kits = bundles.among(skus)
    if not kits:
        return views
    texts, offers = [b""] * skus.size, [b""] * skus.size
    for i in kits:
        sku = int(skus[i])
        told = bundles.numbers(sku, reach)
        views.active[i] &= told.sellable
        channels = np.zeros_like(views.channels[i])
        profile = int(views.profile[i])
        if told.sellable:
            _fill_channels(s, sku, profile, terms, reach, told.pool, told.unmet, channels)
        else:
            channels[:, POOL] = channels[:, SHARED] = told.pool
            channels[:, UNMET] = told.unmet
        views.channels[i] = channels
        views.version[i] += told.version
        views.as_of[i] = max(int(views.as_of[i]), told.as_of)
        texts[i], offers[i] = _json(told.parts), _json(bundles.told(sku, told.together))
    parts, parts_start = _joined(texts)
    told_offers, offers_start = _joined(offers)
    return views._replace(parts=parts, parts_start=parts_start, offers=told_offers, offers_start=offers_start)


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def _joined(texts: list[bytes]) -> tuple[Bytes, Longs]:
    """Texts behind one another, and where each begins (and the last ends)."""
    # Of bytes it would be an array that kernels know as another type.
    return np.frombuffer(bytearray(b"".join(texts)), np.uint8), np.cumsum(
        [0, *map(len, texts)], dtype=np.int64
    )
