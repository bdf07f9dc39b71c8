"""Where every record of the input has gone: into a number, parked, or to `dead-letters`. Whatever is nowhere is lost.

- What Kafka has acknowledged is in the log: its end offsets say how much ever was.
- What the model refuses lies in `dead-letters`, with the original bytes.
- What the model parks is parked in the engine's state: as many in all.
- Each additive fact (movement, correction, till line, release) that the model has folded left its id in the state of
  its lane: as many in each lane. An effect on a number may be overtaken by a count; an id is not.
- Of what is idempotent by comparison (counts, reservation and supply lines, master data) the numbers are the proof.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from inventory.murmur import shard_of
from loadtest.verify.letters import Letters
from loadtest.verify.truth import Place, Truth
from runtime.readback import end_offsets, read_topic
from runtime.settings import Settings
from runtime.state_files import StateFiles
from wire.codec import Codec, WireError


@dataclass
class Account:
    """`lost`: records that are nowhere; `lines` says which. `parked`, `letters`, `facts`: those that were found."""

    lost: int = 0
    lines: list[str] = field(default_factory=list)
    parked: int = 0
    letters: int = 0
    facts: int = 0

    def miss(self, many: int, line: str) -> None:
        """So many records are not where they should be."""
        if many > 0:
            self.lost += many
            self.lines.append(line)


def account_log(account: Account, settings: Settings, sent: Mapping[str, int]) -> None:
    """Hold what was acknowledged against what the log has ever had."""
    had: Counter[str] = Counter()
    for (topic, _), end in end_offsets(settings, sent).items():
        had[topic] += end
    for topic, many in sent.items():
        account.miss(
            many - had[topic], f"{topic}: {many} records were acknowledged, {had[topic]} are in the log"
        )


def account_letters(
    account: Account, settings: Settings, codec: Codec, truth: Truth, letters: Letters
) -> None:
    """Hold what the model refused against `dead-letters`, byte by byte."""
    refused = set(truth.refused)
    for topic in sorted({place[0] for place in refused}):
        values = {stored.place: stored.value or b"" for stored in read_topic(settings, topic)}
        for place in sorted((place for place in refused if place[0] == topic), key=str):
            account.letters += 1
            account_letter(account, place, letters.get(place), values.get(place[:3]), codec)


def account_letter(
    account: Account, place: Place, letter: tuple[str, bytes] | None, value: bytes | None, codec: Codec
) -> None:
    """One refused record: `letter` is its code and the bytes kept, `value` what was sent; None: it is not there.

    Of a line of a transaction the event is kept with that line.
    """
    if letter is None:
        account.miss(1, f"dead letter {place}: missing")
    elif value is not None and not _is_kept(place[3], letter[1], value, codec):
        account.miss(
            1, f"dead letter {place}: {len(letter[1])} bytes, which are not the original {len(value)}"
        )


def _is_kept(line: str | None, kept: bytes, value: bytes, codec: Codec) -> bool:
    if line is None or kept == value:
        return kept == value
    try:
        (name, event), (original, whole) = codec.decode(kept), codec.decode(value)
    except WireError:
        return False
    if name != original or event["event_id"] != whole["event_id"] or event["source"] != whole["source"]:
        return False
    number = line.partition("/")[0]
    wanted = [each["quantity"] for each in whole.get("lines", ()) if each["line"] == number]
    return wanted == [each["quantity"] for each in event.get("lines", ()) if each["line"] == number]


def account_state(account: Account, lanes: Sequence[StateFiles], truth: Truth) -> None:
    """Hold what the model folded and parked against the state of all lanes that the drained engine has left."""
    expected: Counter[int] = Counter()
    for sku in truth.model.skus():
        expected[shard_of(sku) % len(lanes)] += truth.model.additive_facts(sku)
    for lane, files in enumerate(lanes):
        ids, parked = _kept(files)
        account.parked += parked
        account_facts(account, lane, expected[lane], ids)
    waiting = truth.model.waiting
    account.miss(waiting - account.parked, f"{waiting} records wait for a name, {account.parked} are parked")


def account_facts(account: Account, lane: int, expected: int, found: int) -> None:
    """So many additive facts of a lane were folded by the model, and so many by the engine."""
    account.facts += found
    account.miss(expected - found, f"lane {lane}: of {expected} additive facts {found} were folded")
    if found > expected:
        account.lines.append(f"lane {lane}: {found} additive facts were folded, and there are {expected}")


def _kept(files: StateFiles) -> tuple[int, int]:
    """How many ids of facts, and how many parked messages, the last commit of a lane has."""
    sections, _ = files.last_commit()
    ids, parked = 0, dict[int, object]()
    for section in sections:
        if section.name == "ids":
            ids += section.header["count"]
        elif section.name == "parked":
            parked.update(section.value())
    return ids, sum(entry is not None for entry in parked.values())
