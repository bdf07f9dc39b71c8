"""`python -m availability_api explain`: why a number is what it is, for a terminal."""

import asyncio
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from availability_api.problems import Problem
from availability_api.redis_link import RedisLink
from availability_api.view import Answer, View
from availability_api.watch import Watch
from runtime.codec import codec_of
from runtime.exit import ExitCode, Refusal
from runtime.kafka import wait_for_kafka
from runtime.readback import Stored, read_places
from runtime.settings import Settings

_COLUMNS = ("on_hand", "sellable", "soft", "hard", "net", "safety_stock", "withheld", "node_ats")


class NotExplained(Refusal):
    """There is no such number, or it cannot be read now."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.code = ExitCode.TRY_AGAIN if problem.status == 503 else ExitCode.BAD_CONFIGURATION


def explain(settings: Settings, sku: str, channel: str, *, as_json: bool, with_records: bool) -> int:
    """Print it; the exit code. Raises NotExplained, KafkaUnavailable."""
    settings.require("redis_url")
    with _unlogged():
        try:
            answer = asyncio.run(_read(settings, sku, channel))
        except Problem as problem:
            raise NotExplained(problem) from None
        if with_records:
            _add_records(settings, answer["facts"])
    print(json.dumps(answer, indent=2, ensure_ascii=False) if as_json else "\n".join(_lines(answer)))
    return ExitCode.DRAINED


@contextmanager
def _unlogged() -> Iterator[None]:
    """Without warnings in between: what is wrong is the answer."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


async def _read(settings: Settings, sku: str, channel: str) -> Answer:
    prefix = settings.redis_prefix.encode()
    link = RedisLink(settings.redis_url)
    watch = Watch(link, prefix, settings.stale_after_ms)
    await link.start()
    try:
        await watch.start()
        return await View(link, watch, prefix).explanation(sku.encode(), channel)
    finally:
        await watch.close()
        await link.close()


def _add_records(settings: Settings, facts: list[dict[str, Any]]) -> None:
    """`event_id` and `source` of each fact, as its record has them; None where the topic does not keep it any more."""
    wait_for_kafka(settings)
    places = {fact["record"]: _place(fact["record"]) for fact in facts if fact["kind"] != "ZEROED"}
    found = read_places(settings, places.values())
    codec = codec_of(settings)
    for fact in facts:
        record = found.get(places.get(fact["record"], ("", 0, 0)))
        value: dict[str, Any] = {} if record is None else _decoded(codec, record)
        fact["event_id"], fact["source"] = value.get("event_id"), value.get("source")


def _place(record: str) -> tuple[str, int, int]:
    topic, partition, offset = record.split("/")
    return topic, int(partition), int(offset)


def _decoded(codec: Any, record: Stored) -> dict[str, Any]:
    value: dict[str, Any] = codec.decode(record.value or b"")[1]
    return value


def _lines(answer: Answer) -> Iterator[str]:
    yield answer["sentence"]
    if len(answer["because"]) > 1:
        yield ""
        yield from (f"  {step}" for step in answer["because"])
    if answer["locations"]:
        yield ""
        yield from _table(answer["locations"])
    for part in answer["components"]:
        told = part["explanation"]
        yield ""
        yield f"{part['quantity']} of {part['sku']} in each: {part['offer']} on offer make {part['makes']}"
        yield f"  {told['sentence']}" if told else "  it has no number of its own now"
    yield ""
    yield "  ".join(f"{name} {value}" for name, value in answer["terms"].items())
    if answer["facts"]:
        yield ""
        yield "Last facts, newest first:"
        yield from map(_fact, answer["facts"])


def _table(locations: list[dict[str, Any]]) -> Iterator[str]:
    width = max(len("location"), *(len(each["location"]) for each in locations))
    yield "  ".join(["location".ljust(width), *_COLUMNS, "rule"])
    for each in locations:
        rule = each["safety_stock_rule"]
        numbers = [str(each[name]).rjust(len(name)) for name in _COLUMNS]
        yield "  ".join([each["location"].ljust(width), *numbers, rule["rule"] if rule else ""]).rstrip()


def _fact(fact: dict[str, Any]) -> str:
    line = f"/{fact['line']}" if fact.get("line") is not None else ""
    event = f"  {fact['event_id']} of {fact['source']}" if fact.get("event_id") else ""
    return f"  {fact['text']}  {fact['record']}{line}{event}"
