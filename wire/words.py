"""What one lane may say to another beside facts: the words of `routed`, checked before anything trusts them."""

import zlib
from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any

from inventory.sequences import from_text
from wire.framing import WireError


def _number(value: Any) -> bool:
    return type(value) is int and 0 <= value < 1 << 63


def _units(value: Any) -> bool:
    return _number(value) and value > 0


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _rows(*parts: Callable[[Any], bool]) -> Callable[[Any], bool]:
    def check(value: Any) -> bool:
        return isinstance(value, list) and all(
            isinstance(row, list)
            and len(row) == len(parts)
            and all(p(v) for p, v in zip(parts, row, strict=True))
            for row in value
        )

    return check


def _numbers(value: Any) -> bool:
    # Of a popular component these are hundreds, each time it moves.
    return isinstance(value, list) and (
        not value or (set(map(type, value)) == {int} and min(value) >= 0 and max(value) < 1 << 63)
    )


def _table(width: int) -> Callable[[Any], bool]:
    """Rows of so many numbers."""

    def check(value: Any) -> bool:
        return (
            isinstance(value, list)
            and all(isinstance(row, list) and len(row) == width for row in value)
            and _numbers(list(chain.from_iterable(value)))
        )

    return check


def _part(value: Any) -> bool:
    return value in ("claims", "aliases")


def _keyed_by_sku(value: Any) -> bool:
    return value in ("CatalogItem", "Allocation")


def _one_of(*texts: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and value in texts


def _instant(value: Any) -> bool:
    return type(value) is int


def _instant_or_none(value: Any) -> bool:
    return value is None or _instant(value)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_text, value))


def _offsets(value: Any) -> bool:
    return isinstance(value, dict) and all(_number(offset) for offset in value.values())


def _sequence_numbers(value: Any) -> bool:
    try:
        from_text(value)
    except (TypeError, ValueError, zlib.error):
        return False
    return True


_BASIS = _one_of("GROSS", "NET", "AVAILABLE")
_NET_OF = _one_of("HARD", "SOFT_AND_HARD")


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _or_null(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or check(value)


def _either(*checks: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: any(check(value) for check in checks)


_SHELF = {
    "nodes": _table(3),
    "lines": _numbers,
    "promised": _rows(_number, _number, _number, _numbers),
    "kits": _rows(_text, _units, _number, _units),
}


def _shelf(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == _SHELF.keys()
        and all(check(value[name]) for name, check in _SHELF.items())
        and all(len(row[3]) == len(value["lines"]) for row in value["promised"])
    )


_OFFERS = _either(_table(3), _table(4))
"""The second as an earlier version told them, which is still in the log after an upgrade."""

_FIELDS: dict[str, dict[str, Callable[[Any], bool]]] = {
    "hello": {"lane": _number, "nonce": _text},
    "marker": {"lane": _number, "nonce": _text, "part": _part},
    "claims": {"claims": _rows(_number, _text, _text, _text)},
    "aliases": {"aliases": _rows(_text, _text, _text)},
    "items": {
        "source": _text,
        "batch": _text,
        "lane": _number,
        "numbers": _sequence_numbers,
        "bases": _rows(_BASIS, _NET_OF, _instant_or_none, _text),
        "after": _offsets,
    },
    "complete": {
        "source": _text,
        "batch": _text,
        "mode": _one_of("FULL", "NONZERO", "PARTIAL"),
        "locations": _texts,
        "basis": _BASIS,
        "net_of": _NET_OF,
        "demand_as_of": _instant_or_none,
        "as_of": _instant,
        "after": _offsets,
    },
    "retired": {"sku": _text, "record": _keyed_by_sku},
    "subscribe": {"parts": _rows(_text, _text, _units, _flag)},
    "components": {
        "rows": _rows(
            _text,
            _number,
            _number,
            _flag,
            _number,
            _OFFERS,
            _or_null(_either(_shelf, _rows(_number, _number))),
        )
    },
}


def check_word(word: Mapping[str, Any]) -> str:
    """The kind of a word. Raises WireError (`undecodable`) unless it is one that this version knows, and whole."""
    kind = word.get("kind")
    fields = _FIELDS.get(kind) if isinstance(kind, str) else None
    if fields is None:
        raise WireError("undecodable", f"this version knows no word {kind!r} between lanes")
    for name, check in fields.items():
        if not check(word.get(name)):
            raise WireError(
                "undecodable", f"a word {kind!r} between lanes needs {name}, not {word.get(name)!r:.80}"
            )
    return str(kind)
