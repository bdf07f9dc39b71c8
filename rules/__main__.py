"""`python -m rules validate FILE`, `diff FILE`, `apply FILE --author A --approved-by B`, `rebalance [FENCE ...]`."""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from inventory.lane import Lane
from inventory.murmur import shard_of
from rules.current import Current, MasterTopic, Record
from rules.document import Document, Problem
from rules.effects_out import OUTPUT, write
from rules.foresight import foresee
from rules.plan import Act, Change, plan_changes
from rules.rebalance import LiveRow, Percentage, UnknownFence, chosen, percentages, plan_allocations
from rules.rehearsal import Refused
from rules.validate import read_document
from runtime import exit as exits
from runtime.arguments import Parser, instant, whole
from runtime.codec import codec_of
from runtime.exit import ExitCode, Refusal
from runtime.readback import Stored, end_offsets, read_topic
from runtime.records import NotPublished, Outgoing, publish
from runtime.settings import Settings
from runtime.states import look_at_lanes
from runtime.topics import check_topics
from runtime.turns import Overtaken, Turn
from runtime.view import published_rows
from wire.codec import Codec, WireError
from wire.topics import TOPICS

_TOPICS: tuple[MasterTopic, ...] = ("network", "policies")
_OLD_STATE_MS = 60_000
_TURN = "stocktide-rules"
"""Names the one process that may apply rules."""


class NotApplied(Refusal):
    """Not everything was published, or perhaps not; the same command again puts it right."""

    code = ExitCode.TRY_AGAIN


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0, or 1 where the file has problems."""
    parser = Parser(
        prog="python -m rules",
        description="The rules file: check it, make it live, and resolve its percentages.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    validate = commands.add_parser("validate", help="say what is wrong with the file; 1 if anything is")
    diff = commands.add_parser(
        "diff",
        help="say which numbers the file would change, and by how much, from the state of the engine; changes nothing",
        description="Rehearses the file with the state of every lane (STOCKTIDE_STATE_DIR), as of its last commit.\n"
        "Needs neither Kafka nor Redis, and does not disturb a running engine. Ends with 0 if no number would\n"
        "change, 3 if any would, 1 if the file has problems, 2 if there is no state, 75 if a lane has committed\n"
        "none yet, 76 if a state is damaged.",
    )
    apply = commands.add_parser("apply", help="publish what changed; what left the file ends")
    for command in (validate, diff, apply):
        command.add_argument(
            "file", type=Path, metavar="FILE", help="a YAML file; docs/rules.md describes it"
        )
    for option, meaning in (("--author", "who wrote the change"), ("--approved-by", "who approved it")):
        apply.add_argument(option, required=True, metavar="NAME", type=_name, help=meaning)
    diff.add_argument("--csv", type=Path, metavar="PATH", help="write every change as CSV; - is the output")
    diff.add_argument("--json", type=Path, metavar="PATH", help="write all as JSON; - is the output")
    diff.add_argument("--top", type=whole, default=20, metavar="N", help="how many changes to show (20)")
    diff.add_argument("--at", type=instant, metavar="TIME", help="an instant to come that the numbers are of")
    diff.add_argument("--timing", action="store_true", help="say on stderr what each part took")
    rebalance = commands.add_parser(
        "rebalance", help="resolve ring-fences with a percent to units, from the pools as they are now"
    )
    rebalance.add_argument("fences", nargs="*", metavar="FENCE", help="rule ids; without any, all of them")
    given = parser.parse_args(arguments)
    if given.command == "rebalance":
        return _rebalance(Settings.load(), given.fences)
    document, problems = read_document(_read(given.file))
    if document is None or problems:
        return _refuse(given.file, problems)
    if given.command == "diff":
        return _diff(Settings.load(), given, document)
    if given.command == "apply":
        return _apply(Settings.load(), given.file, document, given.author, given.approved_by)
    places = f"{len(document.locations)} locations, {len(document.channels)} channels"
    print(f"{given.file}: {places}, {len(document.rules)} rules, no problems")
    return 0


def _name(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("write a name")
    return text.strip()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Refusal(f"{path}: {error.strerror}; write the path of a rules file that you may read") from None


def _refuse(path: Path, problems: Sequence[Problem]) -> int:
    for problem in problems:
        print(f"{path}:{problem}", file=sys.stderr)
    count = f"{len(problems)} problem{'s' * (len(problems) != 1)}"
    print(f"{count}; put the file right and try again, nothing was applied", file=sys.stderr)
    return 1


def _apply(settings: Settings, path: Path, document: Document, author: str, approved_by: str) -> int:
    _check(settings, _TOPICS)
    codec = codec_of(settings)
    turn = Turn(settings, _TURN)
    current, ends = _live(settings, codec)
    plan = plan_changes(document, current, author, approved_by, _now())
    if plan.problems:
        return _refuse(path, plan.problems)
    if plan.changes:
        _publish(turn, codec, plan.changes, ends)
    _print_summary(document, plan.changes)
    return 0


def _diff(settings: Settings, given: argparse.Namespace, document: Document) -> int:
    left_out: Counter[int] = Counter()

    def lanes() -> Iterator[Lane]:
        for lane, behind in look_at_lanes(settings):
            left_out[lane.number] = behind
            yield lane

    now = _now()
    if given.csv == given.json == OUTPUT:
        raise Refusal("both --csv and --json write to the output: give one of them a path")
    if given.at is not None and given.at < now:
        raise Refusal(
            "--at is past: what a rule did then cannot be told from what is there now; leave it out"
        )
    try:
        foreseen = foresee(lanes(), document, now=now, at=given.at)
    except Refused as error:
        raise Refusal(f"the engine would refuse the file: {error}") from None
    if foreseen.problems:
        return _refuse(given.file, foreseen.problems)
    notes = [
        f"{size} bytes at the end of lane {number}'s journal are no whole commit, and are left out"
        for number, size in left_out.items()
        if size
    ]
    if now - foreseen.since > _OLD_STATE_MS:
        notes.append(f"the state is of {_as_time(foreseen.since)}: no engine has committed to it since")
    foreseen = foreseen._replace(notes=[*foreseen.notes, *notes])
    try:
        write(foreseen, csv=given.csv, json=given.json, most=given.top)
    except OSError as error:
        raise Refusal(f"{error.filename}: {error.strerror}; write a path that you may write") from None
    if given.timing:
        parts = ", ".join(f"{what} {seconds:.2f} s" for what, seconds in foreseen.seconds.items())
        print(f"{foreseen.pairs} numbers of {foreseen.skus} skus: {parts}", file=sys.stderr)
    return ExitCode.DIFFERENT if len(foreseen.effects) else ExitCode.DRAINED


def _as_time(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="seconds")


def _rebalance(settings: Settings, asked: Sequence[str]) -> int:
    settings.require("redis_url")
    _check(settings, (*_TOPICS, "allocations"))
    codec = codec_of(settings)
    known = percentages(_live(settings, codec)[0].policies)
    try:
        wanted = chosen(known, asked)
    except UnknownFence as error:
        print(error, file=sys.stderr)
        return 1
    rows = (LiveRow(*row) for row in published_rows(settings))
    now, lanes = _now(), settings.partitions
    resolved = dict(plan_allocations(rows, known, wanted, _allocations(settings, codec), now))
    records = [
        Outgoing(
            "allocations",
            shard_of(sku) % lanes,
            sku.encode(),
            None if record is None else codec.encode("Allocation", record),
        )
        for sku, record in resolved.items()
    ]
    try:
        publish(settings, records)
    except NotPublished as error:
        raise NotApplied(f"{error}; rebalance again") from None
    _print_units(wanted, resolved, now)
    return 0


def _check(settings: Settings, topics: Sequence[str]) -> None:
    faults = check_topics(settings, {name: TOPICS[name] for name in topics})
    if faults:
        raise Refusal("\n".join(faults))


def _now() -> int:
    return int(time.time() * 1000)


def _live(settings: Settings, codec: Codec) -> tuple[Current, dict[tuple[str, int], int]]:
    """What is live, and where the topics ended before it was read."""
    ends = end_offsets(settings, _TOPICS)
    current = Current()
    for topic in _TOPICS:
        for stored in read_topic(settings, topic):
            _take(codec, topic, current, stored)
    return current, ends


def _allocations(settings: Settings, codec: Codec) -> dict[str, Record]:
    """The allocations that are live, by sku."""
    found: dict[str, Record] = {}
    for stored in read_topic(settings, "allocations"):
        sku = (stored.key or b"").decode(errors="replace")
        found.pop(sku, None)
        if stored.value is None:
            continue
        try:
            found[sku] = codec.decode(stored.value)[1]
        except WireError as error:
            _passed_over(stored, str(error))
    return found


def _passed_over(stored: Stored, why: str) -> None:
    print(f"topic {stored.topic}, offset {stored.offset}: passed over, {why}", file=sys.stderr)


def _take(codec: Codec, topic: MasterTopic, current: Current, stored: Stored) -> None:
    key = (stored.key or b"").decode(errors="replace")
    try:
        name, record = ("", None) if stored.value is None else codec.decode(stored.value)
        refused = current.take(topic, key, name, record)
    except WireError as error:
        current.spoilt.add((topic, key))
        refused = str(error)
    if refused is not None:
        _passed_over(stored, refused)


def _publish(
    turn: Turn, codec: Codec, changes: Sequence[Change], ends: Mapping[tuple[str, int], int]
) -> None:
    records = [
        Outgoing(change.topic, 0, change.key.encode(), codec.encode(change.name, change.record))
        for change in changes
    ]
    try:
        first = turn.publish(records)
    except Overtaken:
        raise NotApplied(
            "someone else applied rules at the same time, and nothing of this file was published; apply it again"
        ) from None
    except NotPublished as error:
        raise NotApplied(f"{error}; apply the file again") from None
    if any(first.get(place, end) != end for place, end in ends.items()):
        raise NotApplied(
            "someone wrote into the topics of the rules by other means at the same time; apply the file again"
        )


def _print_units(wanted: Mapping[str, Percentage], resolved: Mapping[str, Record | None], now: int) -> None:
    entries = [
        each for record in resolved.values() if record for each in record["fences"] if each["set_at"] == now
    ]
    table = Table("ring-fence", "channel", "skus", "units")
    for fence in wanted.values():
        units = [each["units"] for each in entries if each["fence"] == fence.id]
        table.add_row(fence.id, fence.channel, str(len(units)), str(sum(units)))
    Console().print(table)


def _print_summary(document: Document, changes: Sequence[Change]) -> None:
    counts = Counter((change.name, change.act) for change in changes)
    table = Table("", *(act.value for act in Act), "unchanged")
    sizes = {
        "Location": len(document.locations), "Channel": len(document.channels), "Policy": len(document.rules),
    }  # fmt: skip
    for name, what in (("Location", "locations"), ("Channel", "channels"), ("Policy", "rules")):
        acts = [counts[name, act] for act in Act]
        unchanged = sizes[name] - counts[name, Act.ADD] - counts[name, Act.CHANGE]
        table.add_row(what, *map(str, acts), str(unchanged))
    Console().print(table)


if __name__ == "__main__":
    sys.exit(exits.run(main))
