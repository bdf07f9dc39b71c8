"""The reference model: the second, scalar model of what "available" means.

Slow and obvious on purpose, and free of everything the engine is made of: it imports nothing but the
standard library. It keeps every distinct fact, forgets nothing, and computes numbers from the whole set
when asked. Tests and load tests hold the engine against it.
"""

from inventory.reference.errors import NotModelled, UnknownIdentifier
from inventory.reference.explanation import Explanation
from inventory.reference.guards import Config
from inventory.reference.model import ReferenceModel
from inventory.reference.numbers import ChannelNumbers, NodeNumbers
from inventory.reference.reservations import Decision

__all__ = [
    "ChannelNumbers",
    "Config",
    "Decision",
    "Explanation",
    "NodeNumbers",
    "NotModelled",
    "ReferenceModel",
    "UnknownIdentifier",
]
