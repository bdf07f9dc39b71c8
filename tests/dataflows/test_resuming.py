"""A lane that goes on from its state, as its cell steps it. The log is a simulated one: it decides what comes late."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from dataflows.bases import Turns
from dataflows.cell import Cell, OpenLane, resume
from dataflows.checkpointing import Checkpointing
from dataflows.redis_link import RedisLink
from dataflows.takeover import Takeover
from deploy.redis_server import RedisServer
from runtime.settings import Settings
from tests.dataflows.state_folder import DISK, keep, settings_of
from tests.inventory.shop import SKU, Shop
from tests.inventory.simulation import CODEC, rows_of


@pytest.fixture
def shop() -> Shop:
    """Of one lane, whose rule keeps one unit back."""
    made = Shop(lanes=1)
    _keep_back(made, 1)
    made.count(10)
    assert made.available() == 9
    return made


@pytest.fixture
def resumed(shop: Shop, redis_server: RedisServer, tmp_path: Path) -> Iterator[OpenLane]:
    """The lane of an engine that starts with the state of the shop's. What the shop is told from now on it was told
    while no engine ran; the shop's own lane only reads it, as a reader that starts would."""
    keep(shop.cluster, tmp_path)
    shop.cluster.running[0].checkpoint(whole=True)
    settings = settings_of(shop.cluster, tmp_path).replace(
        redis_url=redis_server.url, redis_prefix="resuming:"
    )
    link = RedisLink(settings, lambda: False)
    cell = _cell(settings, link)
    lane = OpenLane(cell, resume(cell, 0))
    assert lane.lane.live
    yield lane
    lane.journal.close()
    link.close()


def _cell(settings: Settings, link: RedisLink) -> Cell:
    """What a lane asks of its cell."""
    parts = SimpleNamespace(
        settings=settings,
        number=0,
        codec=CODEC,
        redis=link,
        disk=DISK,
        turns=Turns(),
        checkpoints=Checkpointing(settings, [0], lambda: False),
        takeover=Takeover(settings, link, [0]),
        publisher=SimpleNamespace(decided=lambda lane, answers: None),
        silent=False,
        end_of=lambda lane, topic: None,
    )
    return cast(Cell, parts)


def _keep_back(shop: Shop, units: int) -> None:
    shop.rule("buffer", "bu", f'{{"channel": "web", "units": {units}}}')


def _shown(lane: OpenLane, shop: Shop) -> int | None:
    """What the web shop is told of the sku after one more step, which reads a message of each topic."""
    out = lane.step(shop.cluster.running[0].poll(shop.now, most=1)).outputs
    if out.views is None:
        return None
    return int(dict(rows_of(out.views, lane.lane))[SKU].channels["web"]["available"])


def test_no_number_is_shown_under_rules_that_were_changed_while_the_engine_was_stopped(
    shop: Shop, resumed: OpenLane
) -> None:
    shop.rule("cap", "other", '{"channel": "pickup", "units": 5}')
    _keep_back(shop, 4)  # the last of what topics of master data have: it comes after the fact
    shop.movement("SHIP", 2, at=-60_000)
    shop.cluster.running[0].start()
    assert [_shown(resumed, shop) for _ in range(2)] == [None, 10 - 2 - 4]


def test_who_has_read_its_master_data_shows_at_once(shop: Shop, resumed: OpenLane) -> None:
    shop.movement("SHIP", 2, at=-60_000)
    shop.cluster.running[0].start()
    assert _shown(resumed, shop) == 10 - 2 - 1
