"""`python -m feeds run`: feeds the accounts of the accounts file until SIGTERM or Ctrl-C."""

import asyncio
import contextlib
import gc
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from feeds.accounts import Account
from feeds.accounts_file import read_accounts
from feeds.joining import Joining
from feeds.kafka_link import Heard, Inflow, Undecoded
from feeds.keeper import Keeper, Shared
from feeds.ledger_link import LedgerReader, LedgerWriter
from feeds.metrics import serve
from feeds.rows import Rows
from feeds.worlds import Worlds
from runtime import logs
from runtime.codec import codec_of
from runtime.exit import ExitCode
from runtime.kafka import wait_for_kafka
from runtime.redis import connect_async
from runtime.settings import Settings

_log = logging.getLogger("stocktide.feeds")

_DRAIN_S = 30.0


def run(settings: Settings, path: Path) -> int:
    """The exit code: 0 after a signal and a drain. Raises Refusal."""
    settings.require("kafka_bootstrap", "redis_url")
    logs.configure(settings)
    accounts = read_accounts(path)
    wait_for_kafka(settings)
    return asyncio.run(_run(settings, accounts, path.resolve().parent))


_TURN_S = 0.0005
"""So long may one thread go on while another wants to: the loop waits for that after each of its many short writes, and
the threads that read and write Kafka never rest of themselves."""


_NEW_OBJECTS = 50_000
"""Before cycles are looked for: hardly anything makes some, and a look costs more the more listings there are."""


async def _run(settings: Settings, accounts: Sequence[Account], folder: Path) -> int:
    sys.setswitchinterval(_TURN_S)
    gc.set_threshold(_NEW_OBJECTS, 20, 100)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    redis = await connect_async(settings)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(redis.aclose)
        codec = codec_of(settings)
        joining = Joining(accounts, codec.decode_own)
        rows = Rows(redis, settings, joining.places, joining.found)
        joining.want = rows.want
        inflow = Inflow(settings, codec_of(settings), lambda heard: _take(joining, heard))
        writer = LedgerWriter(settings, codec_of(settings))
        stack.push_async_callback(writer.close)
        reader = LedgerReader(settings, codec_of(settings))
        shared = Shared(
            settings, redis, inflow, joining, writer, reader, Worlds(redis), settings.feeds_lease_ms
        )
        keepers = [Keeper(account, folder, shared) for account in accounts]
        # Its thread may be waiting for an answer of this loop.
        stack.push_async_callback(asyncio.to_thread, serve(settings, keepers, shared, rows))
        inflow.start()
        stack.push_async_callback(inflow.close)
        _log.info("feeds start", extra={"accounts": len(accounts)})
        await _feed(keepers, rows, inflow, stop)
    _log.info("drained")
    return ExitCode.DRAINED


async def _feed(keepers: Sequence[Keeper], rows: Rows, inflow: Inflow, stop: asyncio.Event) -> None:
    """Until `stop`, or until Kafka cannot be read on: then its Refusal is raised, after the drain."""
    tasks = [asyncio.create_task(keeper.run()) for keeper in keepers]
    reading = asyncio.create_task(rows.run())
    stopping = asyncio.create_task(stop.wait())
    ends: list[asyncio.Future[Any]] = [stopping, inflow.failed, reading]
    try:
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        try:
            async with asyncio.timeout(_DRAIN_S):
                await asyncio.gather(*(keeper.drain() for keeper in keepers))
        except TimeoutError:
            _log.warning("not all calls under way were answered: the next start sends their numbers again")
    finally:
        for task in (*tasks, reading, stopping):
            task.cancel()
        await asyncio.gather(*tasks, reading, stopping, return_exceptions=True)
    for ended in ends:
        if ended.done() and not ended.cancelled():
            ended.result()


def _take(joining: Joining, heard: Sequence[Heard]) -> None:
    for topic, key, fields in heard:
        if isinstance(fields, Undecoded):
            joining.availability(key, *fields)
        elif topic == "catalog":
            joining.catalog(key, () if fields is None else fields["aliases"])
        else:
            joining.deleted(key)
