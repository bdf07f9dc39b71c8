"""What names a write, so that sending it twice is the same as once."""

import hashlib
import json
from collections.abc import Sequence

from feeds.connector import Item


def key_of(account: str, items: Sequence[Item], attempt: int = 0) -> str:
    """The idempotency key of a call: 32 hexadecimal digits, from account, listing, location, version and number of the
    write of its items.

    Never from the quantity: 5, then 4, then 5 again are three writes, and the third is not the first. `attempt`: where
    the marketplace wants another key for the same items.
    """
    named = [account, attempt, [[item.listing, item.location, item.version, item.write] for item in items]]
    return hashlib.sha256(json.dumps(named).encode()).hexdigest()[:32]
