"""A number of a running engine, explained on the command line, with the records that moved it."""

import json
from collections.abc import Callable
from pathlib import Path

from availability_api.__main__ import main
from availability_api.recompute import recompute
from runtime.readback import read_places
from runtime.settings import Settings
from tests.dataflows.feed import Feed
from tests.dataflows.house import engine, typed


def _explain(settings: Settings, *words: str) -> str:
    code, said = typed(main, settings, "explain", *words)
    assert code == 0, said
    return said


def test_the_records_behind_a_number(
    ready: Settings, feed: Feed, caught_up: Callable[[], None], tmp_path: Path
) -> None:
    feed.item("LAMP")
    counted = feed.count("LAMP", 20)
    sold = feed.sale("S001", ("LAMP", 1), ("LAMP", 2))
    with engine(ready, tmp_path) as running:
        caught_up()
        answer = json.loads(_explain(ready, "LAMP", "--channel", "web", "--json", "--records"))
        second, first, count = answer["facts"]
        assert {each["record"] for each in (first, second)} == {f"pos-sales/{sold.partition}/{sold.offset}"}
        assert (first["line"], second["line"]) == (1, 2)
        assert count["record"] == f"wms-adjustments/{counted.partition}/{counted.offset}"
        assert {fact["source"] for fact in answer["facts"]} == {"test"}
        assert first["event_id"] == second["event_id"] != count["event_id"]
        assert recompute(answer) == answer
        shown = _explain(ready, "LAMP", "--channel", "web")
        assert shown.startswith(answer["sentence"])
        assert f"2 sold at S001, {second['text'][-20:]}  {second['record']}/2" in shown

        feed.delete_records("pos-sales")
        gone = json.loads(_explain(ready, "LAMP", "--channel", "web", "--json", "--records"))
        assert [fact["event_id"] for fact in gone["facts"]] == [None, None, count["event_id"]]
        assert running.stop() == 0
    place = counted.topic, counted.partition, counted.offset
    assert read_places(ready, [place])[place].value == counted.value
