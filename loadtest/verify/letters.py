"""What is in `dead-letters`, held against what must be there."""

from collections.abc import Mapping

from loadtest.verify.compare import Differences
from loadtest.verify.truth import Place, Truth
from runtime.readback import read_topic
from runtime.settings import Settings
from wire.codec import Codec

Letters = Mapping[Place, tuple[str, bytes]]
"""Code and original bytes, by what identifies a dead letter."""


def read_letters(settings: Settings, codec: Codec) -> Letters:
    """Every dead letter (it may be there twice)."""
    letters: dict[Place, tuple[str, bytes]] = {}
    for stored in read_topic(settings, "dead-letters"):
        _, letter = codec.decode(stored.value or b"")
        topic = letter["topic"].removeprefix(settings.topic_prefix)
        letters[topic, letter["partition"], letter["offset"], letter["line"]] = (
            letter["code"],
            letter["original"],
        )
    return letters


def compare_letters(letters: Letters, truth: Truth, differences: Differences) -> None:
    """Every record that the model refused is a dead letter with the same code, and nothing else is."""
    for place, code in truth.refused.items():
        letter = letters.get(place)
        if letter is None:
            differences.found.append(f"dead letter {place}: missing, it should be {code}")
        elif letter[0] != code:
            differences.found.append(f"dead letter {place}: it is {letter[0]}, not {code}")
        differences.compared["dead letters"] += 1
    for place in letters.keys() - truth.refused.keys():
        differences.found.append(
            f"dead letter {place}: {letters[place][0]}, though nothing is wrong with the record"
        )
    differences.found += [f"poisoned message {line}" for line in truth.mislabelled]
