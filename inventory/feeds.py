"""The newest complete FULL batch of each location: what it does not list is missing in it until it is counted."""

from collections.abc import Callable
from typing import Any

import numpy as np

from inventory.columns import Longs
from inventory.state import BEGINNING
from inventory.wrong_numbers import Feeds

_Key = tuple[str, str]  # source, batch id
NO_FEEDS = Feeds(np.zeros(0, np.int64), np.zeros(0, np.int64))


class FullFeeds:
    """`said`: what COMPLETE said of each batch that is the newest of a location, by batch."""

    def __init__(self) -> None:
        self.said: dict[_Key, dict[str, Any]] = {}
        self.fresh: set[int] = set()
        self._feeds: Feeds | None = None

    def take(self, key: _Key, said: dict[str, Any]) -> list[_Key]:
        """A FULL batch is complete. Returns the batches that are the newest of no location any more."""
        before = self._newest()
        self.said[key] = said
        newest = self._newest()
        self.fresh |= {place for place, batch in newest.items() if before.get(place) != batch}
        self._feeds = None
        gone = self.said.keys() - newest.values()
        for each in gone:
            del self.said[each]
        return list(gone)

    def _newest(self) -> dict[int, _Key]:
        newest: dict[int, _Key] = {}
        for key in sorted(
            self.said, key=lambda key: (self.said[key]["as_of"], key[0].encode(), key[1].encode())
        ):
            newest.update(dict.fromkeys(self.said[key]["ordinals"], key))
        return newest

    def batch_at(self, location: int) -> _Key:
        """The newest batch of a location (ordinal) that has one."""
        return self._newest()[location]

    def relist(self, key: _Key) -> None:
        """Another item of a batch has come."""
        if key in self.said:
            self._feeds = None

    def feeds(self, listed: Callable[[_Key, int], Longs], unnamed: Callable[[_Key], bool]) -> Feeds:
        """For the kernels. `listed` tells the skus (rows) that a batch lists at a location, `unnamed` whether that
        may change as names become known."""
        if not self.said:
            return NO_FEEDS
        if self._feeds is None or any(map(unnamed, self.said)):
            self._feeds = self._built(listed)
        return self._feeds

    def _built(self, listed: Callable[[_Key, int], Longs]) -> Feeds:
        newest = self._newest()
        as_of = np.full(max(newest) + 1, BEGINNING, np.int64)
        keys = []
        for place, key in newest.items():
            as_of[place] = self.said[key]["as_of"]
            skus = listed(key, place)
            keys.append(np.int64(place) << 32 | skus[skus >= 0])
        return Feeds(as_of, np.unique(np.concatenate(keys)))
