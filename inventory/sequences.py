"""Sets of whole numbers as sorted columns, and as texts that can travel in a word between lanes."""

import base64
import zlib

import numpy as np

from inventory.columns import Longs


def nothing() -> Longs:
    """The empty set."""
    return np.zeros(0, np.int64)


def to_text(numbers: Longs) -> str:
    """A set (ascending) as text: the steps from one number to the next, compressed."""
    steps = np.diff(numbers, prepend=np.int64(0)).astype("<i8")
    return base64.b64encode(zlib.compress(steps.tobytes(), 1)).decode()


def from_text(text: str) -> Longs:
    """What `to_text` wrote."""
    steps = np.frombuffer(zlib.decompress(base64.b64decode(text)), "<i8")
    return np.cumsum(steps, dtype=np.int64)
