"""Every kernel is ordinary Python too: with the compiler off it says the same."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.inventory.shop import Shop
from tests.inventory.test_lost_facts import CutShop
from tests.reference.shop import DAY, HOUR, MINUTE, NOW

ROOT = Path(__file__).parents[2]


def history() -> dict[str, Any]:
    """The rows of a shop in which a little of everything happened."""
    shop = Shop(2, skus=("SKU-1", "SKU-2"))
    shop.item("SKU-1", ("till", "PLU 1"))
    shop.rule("safety_stock", "ss", '{"percent": "12.5"}')
    shop.count(100, event_id="a count with an id that is longer than one row of words")
    shop.count(100, event_id="a count with an id that is longer than one row of bytes")
    shop.count(7, counter="DAMAGED")
    shop.movement("SHIP", 5, at=-MINUTE, reservation_id="o", partition=0)
    shop.movement("STATE_CHANGE", 2, at=-MINUTE, from_state="SELLABLE", to_state="BLOCKED")
    shop.correction(-1, at=-MINUTE)
    shop.sale({"sku": "PLU 1", "quantity": 3}, {"sku": "SKU-2", "quantity": -1}, at=-MINUTE, source="till")
    shop.line("o", 1, 8)
    shop.line("o", 1, 9)
    shop.line("p", 1, 4, commitment="SOFT", expires_at=NOW + MINUTE, location=None)
    shop.line("o", 0, 1, action="RELEASE")
    shop.movement("RECEIPT", 1, sku="nobody's")
    shop.rule("ring_fence", "rf", json.dumps({"channel": "web", "units": 20, "set_at": NOW - DAY}))
    shop.rule("ring_fence", "rp", '{"channel": "pickup", "percent": "50"}')
    shop.rule("in_transit", "it", '{"channel": "web", "confidence": "0.5", "within_days": 30}')
    fences = [{"fence": "rp", "units": 3, "set_at": NOW - HOUR}]
    shop.cluster.tell("Allocation", {"sku": "SKU-1", "fences": fences}, NOW)
    shop.movement("SHIP", 1, at=-MINUTE, channel="web")
    shop.movement("RECEIPT", 1, at=-MINUTE, reference="P")
    line = {"reference": "P", "version": 1, "kind": "ASN", "quantity": 9, "status": "OPEN"}
    shop.event("ExpectedSupply", -HOUR, {**line, "expected_at": NOW + 30 * DAY})
    shop.event("ExpectedSupply", -HOUR, {**line, "expected_at": NOW + 30 * DAY, "kind": "PURCHASE_ORDER"})
    shop.line("q", 1, 2, needed_at=NOW + 2 * DAY)
    shop.run()
    rows = {sku: shop.row(sku)._asdict() for sku in ("SKU-1", "SKU-2")}
    shop.run(HOUR)
    cut = CutShop(-3 * HOUR)
    cut.movement("RECEIPT", 5)
    cut.count(3, at=-5 * HOUR, location="S1")
    return {
        "at once": rows,
        "after an hour": {sku: shop.row(sku)._asdict() for sku in rows},
        "of a cut log": cut.row()._asdict(),
    }


def test_the_kernels_say_the_same_without_the_compiler() -> None:
    program = (
        "import json, dataflows.warm, tests.inventory.test_without_compiler as t;"
        "dataflows.warm.warm(); print(json.dumps(t.history()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT, env={**os.environ, "NUMBA_DISABLE_JIT": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout) == json.loads(json.dumps(history()))
