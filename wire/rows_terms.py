"""What rules give, as the rows of the view have it: the text behind the facts in field `e` (docs/view.md)."""

import json
from collections.abc import Iterable
from typing import Any

from inventory.layers import LAYERS
from inventory.shaping import Shape

_NUMBER = {layer.name: number for number, layer in enumerate(LAYERS)}


def encode_terms(shapes: Iterable[Shape]) -> bytes:
    """JSON by rule id; empty where there is none."""
    told = {shape.rule.id: _terms(shape) for shape in shapes}
    return json.dumps(told, separators=(",", ":"), ensure_ascii=False).encode() if told else b""


def _terms(shape: Shape) -> list[Any]:
    rule = shape.rule
    terms: list[Any] = [_NUMBER[rule.layer.name], rule.value, int(rule.percent)]
    if rule.layer.name == "ring_fence":
        return [*terms, rule.priority, shape.channel]
    if rule.layer.name == "in_transit":
        terms.append(rule.within_days)
    if shape.places is not None:
        terms.append(f"{shape.places:x}")
    return terms
