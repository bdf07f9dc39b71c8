"""`python -m rules validate FILE` and `python -m rules apply FILE --author A --approved-by B`."""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException, Message, Producer, TopicPartition
from rich.console import Console
from rich.table import Table

from rules.current import Current, MasterTopic
from rules.document import Document, Problem
from rules.plan import Act, Change, plan_changes
from rules.validate import read_document, refuse_uncomputed
from runtime import exit as exits
from runtime.arguments import Parser
from runtime.codec import codec_of
from runtime.exit import ExitCode, Refusal
from runtime.kafka import KafkaUnavailable, consumer, ignore, producer, quiet_log
from runtime.settings import Settings
from runtime.topics import check_topics
from wire.codec import Codec, WireError
from wire.topics import TOPICS

_TOPICS: tuple[MasterTopic, ...] = ("network", "policies")
_WAIT_S = 30.0
_BATCH = 1_000
_OVERTAKEN = (KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH)


class NotApplied(Refusal):
    """The file was not applied, or perhaps not; applying it again puts it right."""

    code = ExitCode.TRY_AGAIN


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0, or 1 where the file has problems."""
    parser = Parser(
        prog="python -m rules",
        description="The rules file: check it, and make it live.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    validate = commands.add_parser("validate", help="say what is wrong with the file; 1 if anything is")
    apply = commands.add_parser("apply", help="publish what changed; what left the file ends")
    for command in (validate, apply):
        command.add_argument(
            "file", type=Path, metavar="FILE", help="a YAML file; docs/rules.md describes it"
        )
    for option, meaning in (("--author", "who wrote the change"), ("--approved-by", "who approved it")):
        apply.add_argument(option, required=True, metavar="NAME", type=_name, help=meaning)
    given = parser.parse_args(arguments)
    document, problems = read_document(_read(given.file))
    if document is not None and not problems and given.command == "apply":
        problems = refuse_uncomputed(document)
    if document is None or problems:
        return _refuse(given.file, problems)
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
    faults = check_topics(settings, {name: TOPICS[name] for name in _TOPICS})
    if faults:
        raise Refusal("\n".join(faults))
    codec = codec_of(settings)
    current = Current()
    client = _take_turn(settings)
    ends = _read_topics(settings, codec, current)
    plan = plan_changes(document, current, author, approved_by)
    if plan.problems:
        return _refuse(path, plan.problems)
    if plan.changes:
        _publish(settings, codec, client, plan.changes, ends)
    _print_summary(document, plan.changes)
    return 0


def _take_turn(settings: Settings) -> Producer:
    """The one producer that may apply rules from now on: Kafka refuses whatever one that came before still sends. What
    it had published is there to be read, all or nothing."""
    client = producer(
        settings,
        transactional_id=f"{settings.topic_prefix}stocktide-rules",
        transaction_timeout_ms=int(_WAIT_S * 1000),
        logger=quiet_log,  # that another one takes its turn is told once, by its refusal
        error_cb=ignore,
    )
    try:
        client.init_transactions(_WAIT_S)
    except KafkaException as error:
        raise KafkaUnavailable(
            f"Kafka did not open a transaction for the rules ({error.args[0].str()}); check the broker, and that this "
            f"user may write with the transactional id {settings.topic_prefix}stocktide-rules"
        ) from None
    return client


def _read_topics(settings: Settings, codec: Codec, current: Current) -> dict[MasterTopic, int]:
    """Take every record of the topics; returns the offset at which each ends."""
    topics = {TOPICS[topic].full_name(settings.topic_prefix): topic for topic in _TOPICS}
    ends: dict[MasterTopic, int] = {}
    client = consumer(settings, group_id="stocktide-rules")
    try:
        client.assign([TopicPartition(name, 0, OFFSET_BEGINNING) for name in topics])
        deadline = time.monotonic() + _WAIT_S
        while len(ends) < len(topics):
            for message in client.consume(_BATCH, timeout=0.05):
                deadline = time.monotonic() + _WAIT_S
                error, topic = message.error(), topics.get(message.topic() or "")
                if topic is None or (error is not None and error.code() != KafkaError._PARTITION_EOF):
                    raise KafkaUnavailable(f"the live rules cannot be read: {error}; check the broker")
                if error is None:
                    _take(codec, topic, current, message)
                else:
                    ends[topic] = message.offset() or 0
            if time.monotonic() > deadline:
                raise KafkaUnavailable(f"Kafka sent no rules for {_WAIT_S:g} s; check the broker")
    finally:
        client.close()
    return ends


def _take(codec: Codec, topic: MasterTopic, current: Current, message: Message) -> None:
    key = (message.key() or b"").decode(errors="replace")
    try:
        value = message.value()
        name, record = ("", None) if value is None else codec.decode(value)
        refused = current.take(topic, key, name, record)
    except WireError as error:
        current.spoilt.add((topic, key))
        refused = str(error)
    if refused is not None:
        print(f"topic {topic}, offset {message.offset()}: passed over, {refused}", file=sys.stderr)


def _publish(
    settings: Settings,
    codec: Codec,
    client: Producer,
    changes: Sequence[Change],
    ends: dict[MasterTopic, int],
) -> None:
    """Send the records as one transaction over both topics: all of them are published, or none."""
    names = {topic: TOPICS[topic].full_name(settings.topic_prefix) for topic in _TOPICS}
    values = [codec.encode(change.name, change.record) for change in changes]
    first: dict[str, int] = {}

    def delivered(error: KafkaError | None, message: Message) -> None:
        name, offset = message.topic() or "", message.offset() or 0
        if error is None:
            first[name] = min(first.get(name, offset), offset)

    try:
        client.begin_transaction()
        for change, value in zip(changes, values, strict=True):
            _send(client, names[change.topic], value, change.key.encode(), delivered)
        client.commit_transaction(_WAIT_S)
    except KafkaException as error:
        reason: KafkaError = error.args[0]
        if reason.code() in _OVERTAKEN:
            raise NotApplied(
                "someone else applied rules at the same time, and nothing of this file was published; apply it again"
            ) from None
        raise NotApplied(
            f"the rules were perhaps not published ({reason.str()}): all of them or none; apply the file again"
        ) from None
    if any(first.get(names[topic], end) != end for topic, end in ends.items()):
        raise NotApplied(
            "someone wrote into the topics of the rules by other means at the same time; apply the file again"
        )


def _send(
    client: Producer,
    name: str,
    value: bytes,
    key: bytes,
    delivered: Callable[[KafkaError | None, Message], None],
) -> None:
    while True:
        try:
            client.produce(name, value, key, partition=0, on_delivery=delivered)
            client.poll(0)
            return
        except BufferError:
            client.poll(0.1)


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
