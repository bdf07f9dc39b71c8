"""Lanes whose publications are also kept as Redis would have them: the fields of each sku's row."""

from typing import Any

import hiredis

from availability_api.explanation import explained
from availability_api.network import Network, read_network
from availability_api.recompute import Document
from dataflows.records import RuleTexts
from inventory.batch import DeadLetter, Outputs
from tests.inventory.simulation import Cluster, Running
from wire.rows import encode_calls
from wire.rows_read import read_header


class Encoded(Cluster):
    """A cluster that keeps rows as bytes, by sku; a row is replaced by one with a greater version."""

    def __init__(self, lanes: int, **options: Any) -> None:
        self.rows: dict[str, dict[bytes, bytes]] = {}
        self._texts = [RuleTexts() for _ in range(lanes)]
        super().__init__(lanes, **options)

    def publish(self, running: Running, out: Outputs, unreadable: list[DeadLetter], now: int) -> None:
        super().publish(running, out, unreadable, now)
        if out.views is None:
            return
        texts = self._texts[running.number]
        texts.update(running.lane, int(out.views.profile.max(initial=0)) + 1)
        calls = encode_calls(
            out.views, prefix=b"", lane=running.number, generation=1, offsets=b"", rules=texts.as_json,
            terms=texts.as_terms, sha=b"",
        )  # fmt: skip
        for call in calls:
            self._write(bytes(call))

    def _write(self, call: bytes) -> None:
        reader = hiredis.Reader()
        reader.feed(call)
        command: list[bytes] = reader.gets()
        keys = int(command[2])
        words = iter(command[3 + keys + 3 :])
        for key in command[4 : 3 + keys]:
            version, count = int(next(words)), int(next(words))
            fields = {next(words): next(words) for _ in range(count)}
            sku = key[key.index(b"}:") + 2 :].decode()
            known = self.rows.get(sku)
            if known is None or read_header(known[b"c"]).version < version:
                self.rows[sku] = fields

    def network(self) -> Network:
        """As the API reads it, of the first lane."""
        return read_network(self.running[0].lane.masters.network.to_json(0).encode())

    def explain(self, sku: str, channel: str) -> Document:
        """The explanation that the API would give, without freshness and those of components."""
        network = self.network()
        return explained({"sku": sku}, self.rows[sku], network.channels[channel], network)
