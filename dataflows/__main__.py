"""`python -m dataflows`: run the engine, and look after its topics."""

import argparse
import logging
import os
import sys
from collections.abc import Callable
from operator import methodcaller
from typing import TYPE_CHECKING

from dataflows.duties import read_duties
from dataflows.reconcile_options import DESCRIPTION, add_options
from runtime.arguments import Parser
from runtime.exit import ExitCode, Refusal, run
from runtime.heap import fix_thresholds
from runtime.kafka import wait_for_kafka
from runtime.logs import configure
from runtime.metrics import start_metrics
from runtime.redis import connect
from runtime.settings import Settings
from runtime.supervise import supervise
from runtime.topics import TopicContradiction, check_topics, create_topics, grow_topics
from wire.topics import TOPICS
from wire.viewkeys import meta_key

if TYPE_CHECKING:
    from dataflows.cell import Cell

_log = logging.getLogger("stocktide.dataflows")


def main(arguments: list[str] | None = None) -> int:
    """The command; its exit code."""
    parser = Parser(
        prog="python -m dataflows",
        description="The engine: folds events into availability and publishes it.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    runs = commands.add_parser("run", help="run every cell on this machine, restarting one that dies")
    runs.add_argument("--cells", type=int, help="processes that share the lanes (STOCKTIDE_CELLS)")
    cell = commands.add_parser(
        "cell", help="run one cell in this process (a supervisor of yours starts the others)"
    )
    cell.add_argument("number", type=int, help="0 to cells - 1")
    cell.add_argument("--cells", type=int, help="how many there are in all (STOCKTIDE_CELLS)")
    topics = commands.add_parser("topics", help="check or create the topics, or give them more partitions")
    topics.add_argument("action", choices=["check", "create", "grow"])
    again = commands.add_parser(
        "replay",
        help="send dead letters again, once their cause is gone",
        description="Sends dead letters again, each once: what was sent is noted in the topic audit. Choose by code,\n"
        "topic or letter, or say --all; a letter whose cause is still there becomes a new dead letter.",
    )
    again.add_argument(
        "--code", action="append", default=[], help="letters of this code, such as unknown_sku"
    )
    again.add_argument(
        "--topic", action="append", default=[], help="letters of messages of this topic (no prefix)"
    )
    again.add_argument("--letter", action="append", default=[], metavar="TOPIC:PARTITION:OFFSET[:LINE]")
    again.add_argument("--all", action="store_true", help="every letter that was not sent again yet")
    again.add_argument("--by", metavar="NAME", help="who decides this, for the audit")
    again.add_argument("--dry-run", action="store_true", help="only say what would be sent")
    reconciles = commands.add_parser(
        "reconcile", help="compare a system's own stock list with the engine", description=DESCRIPTION
    )
    add_options(reconciles)
    warms = commands.add_parser("warm", help="compile the kernels, so that cells start at once")
    warms.add_argument(
        "--from-the-end", action="store_true", help="for a second process that shares the work"
    )
    commands.add_parser(
        "checkpoints",
        help="list the checkpoints of the lanes, and read each to see whether it is whole",
        description="Lists STOCKTIDE_CHECKPOINT_DIR. Ends with 3 where a lane has none, or a damaged one.",
    )
    options = parser.parse_args(arguments)
    given = {} if getattr(options, "cells", None) is None else {"cells": options.cells}
    settings = Settings.load(**given)
    configure(settings)
    read_duties(settings.exception_owners)  # a wrong table ends every command before it waits or compiles
    if options.command == "topics":
        return _topics(settings, options.action)
    if options.command == "warm":
        return _warm(from_the_end=options.from_the_end)
    if options.command == "replay":
        return _replay(settings, options)
    if options.command == "checkpoints":
        from dataflows.checkpoint_list import list_checkpoints

        return list_checkpoints(settings)
    if options.command == "reconcile":
        from dataflows.reconcile import reconcile

        return reconcile(settings, options)
    settings.require("kafka_bootstrap", "redis_url")
    if options.command == "cell":
        return run_cell(settings, options.number)
    return _run(settings)


def _topics(settings: Settings, action: str) -> int:
    wait_for_kafka(settings)
    if action == "create":
        for name in create_topics(settings):
            print(f"created {name}")
        return ExitCode.DRAINED
    if action == "grow":
        _grow(settings)
        return ExitCode.DRAINED
    problems = check_topics(settings)
    for problem in problems:
        print(problem, file=sys.stderr)
    return ExitCode.BAD_CONFIGURATION if problems else ExitCode.DRAINED


def _grow(settings: Settings) -> None:
    """More partitions, once the engine that serves has a lane for each."""
    settings.require("redis_url")
    with connect(settings) as redis:
        lanes = redis.hget(meta_key(settings.redis_prefix.encode()).decode(), "partitions")
    if lanes is not None and int(lanes) < settings.partitions:
        raise Refusal(
            f"the engine that has the view has {int(lanes)} lanes, and would not read more partitions: start a rebuild "
            f"with STOCKTIDE_PARTITIONS={settings.partitions}, and type this again when it has taken the view over"
        )
    for name in grow_topics(settings):
        print(f"{name} has {settings.partitions} partitions")


def _warm(settings: Settings | None = None, *, from_the_end: bool = False) -> int:
    from dataflows.compiling import compile_kernels

    compile_kernels(settings, from_the_end=from_the_end)
    return ExitCode.DRAINED


def _replay(settings: Settings, options: argparse.Namespace) -> int:
    from dataflows.replay import Wanted, replay
    from runtime.codec import codec_of

    wanted = Wanted(frozenset(options.code), frozenset(options.topic), frozenset(options.letter))
    if any(wanted) == options.all:
        raise Refusal(
            "say which letters: --code, --topic or --letter, each as often as you like, or --all alone"
        )
    wanted.check()
    if not (options.by or options.dry_run):
        raise Refusal("say who decides this (--by NAME), or only look (--dry-run)")
    wait_for_kafka(settings)
    tally = replay(settings, codec_of(settings), wanted, options.by or "", dry=options.dry_run)
    print("\n".join(tally.lines(dry=options.dry_run)))
    return ExitCode.DRAINED


def _ready(settings: Settings) -> None:
    """Everything a cell needs is there; a `Refusal` says what is not."""
    wait_for_kafka(settings)
    connect(settings).close()
    if settings.generation > 1:
        create_topics(settings, {"routed": TOPICS["routed"]})
    problems = check_topics(settings)
    if problems:
        raise TopicContradiction("\n".join(problems))


def _run(settings: Settings) -> int:
    _ready(settings)
    command = [sys.executable, "-m", "dataflows", "cell", "--cells", str(settings.cells)]
    commands = [[*command, str(number)] for number in range(settings.cells)]
    return supervise(commands, {**os.environ, **settings.environment()})


def run_cell(settings: Settings, number: int, run: Callable[["Cell"], None] = methodcaller("run")) -> int:
    """One cell in this process, from its first look at Kafka to its exit code. `run`: runs it until it has drained."""
    if not 0 <= number < settings.cells <= settings.partitions:
        raise Refusal(
            f"there is no cell {number} of {settings.cells} with {settings.partitions} lanes: cells count from 0, "
            "and no cell may be without a lane"
        )
    fix_thresholds()
    _ready(settings)
    from dataflows.cell import Cell
    from dataflows.redis_link import Stopped

    port = settings.metrics_port
    metrics = start_metrics(port + number if port else 0)
    _log.info("cell starts", extra={"cell": number, "cells": settings.cells})
    try:
        run(Cell(settings, number, lambda: _warm(settings)))
    except Exception as error:
        for cause in _causes(error):
            if isinstance(cause, Refusal):
                raise cause from None
            if isinstance(cause, Stopped):
                _log.warning("stopped before everything was written; the next start continues there")
                return ExitCode.TRY_AGAIN
        _log.exception("the cell failed")
        return ExitCode.TRY_AGAIN
    finally:
        if metrics is not None:
            metrics.stop()
    _log.info("drained", extra={"cell": number})
    return ExitCode.DRAINED


def _causes(error: BaseException | None) -> list[BaseException]:
    """An error and what led to it: Bytewax wraps what its operators raise."""
    chain: list[BaseException] = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or error.__context__
    return chain


if __name__ == "__main__":
    sys.exit(run(main))
