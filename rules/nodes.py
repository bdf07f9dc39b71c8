"""YAML nodes read with their places: whatever is wrong is noted, and reading goes on."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches

import yaml

from inventory.layers import FIELDS, MAX_WHOLE, Kind, value_of
from rules.document import Named, Place, Problem

LONGEST_ID = 128
_MOST_NAMES = 14  # the sections of a file are listed whole
_STRING = "tag:yaml.org,2002:str"
_NULL = "tag:yaml.org,2002:null"
_NO_HINTS: Mapping[str, str] = {}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def place_of(node: yaml.Node) -> Place:
    """Where the node begins."""
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)


def closest(name: str, known: Collection[str]) -> list[str]:
    """What was probably meant: one name or none."""
    by_lower = {each.lower(): each for each in known if len(each) > 2}
    return [by_lower[each] for each in get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)]


def suggestion(name: str, known: Collection[str]) -> str:
    """What was probably meant, or all there is to choose from."""
    for close in closest(name, known):
        return f"did you mean {close}?"
    if not known:
        return "there is none"
    names = list(known)
    more = f" or {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"write one of {', '.join(names[:_MOST_NAMES])}{more}"


def is_empty(node: yaml.Node) -> bool:
    """Nothing was written, or null."""
    return isinstance(node, yaml.ScalarNode) and node.tag == _NULL


class Reader:
    """Reads nodes as what they should be. A method that returns None has noted a problem."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def note(self, at: yaml.Node | Place, message: str) -> None:
        """Note a problem."""
        self.problems.append(Problem(place_of(at) if isinstance(at, yaml.Node) else at, message))

    def items(self, node: yaml.Node, what: str) -> list[yaml.Node]:
        """The entries of a list; nothing written is a list without entries."""
        if isinstance(node, yaml.SequenceNode):
            return list(node.value)
        if not is_empty(node):
            self.note(node, f"{what} is {_kind(node)}; write a list, an entry a line that begins with '- '")
        return []

    def pairs(self, node: yaml.Node, what: str) -> dict[str, yaml.Node] | None:
        """The keys and values of a mapping; of a key that stands there twice the first."""
        if not isinstance(node, yaml.MappingNode):
            self.note(node, f"{what} is {_kind(node)}; write keys with values, such as {{id: ...}}")
            return None
        found: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = self.text(key, f"a key of {what}")
            if name in found:
                self.note(key, f"{name} stands twice in {what}; keep one")
            elif name is not None:
                found[name] = value
        return found

    def mapping(
        self,
        node: yaml.Node,
        what: str,
        allowed: Collection[str],
        required: Collection[str] = (),
        hints: Mapping[str, str] = _NO_HINTS,
    ) -> dict[str, yaml.Node] | None:
        """A mapping with no keys but `allowed` and with all of `required`; `hints` say what to do about keys
        that people write although they do not belong here."""
        found = self.pairs(node, what)
        if found is None:
            return None
        assert isinstance(node, yaml.MappingNode)
        places = {key.value: key for key, _ in node.value if isinstance(key, yaml.ScalarNode)}
        meant = set()
        for name in [name for name in found if name not in allowed]:
            self.note(
                places[name], f"{what} has no key {name}; {hints.get(name) or suggestion(name, allowed)}"
            )
            meant.update(closest(name, allowed))
            del found[name]
        for name in required:
            if name not in found and name not in meant:
                self.note(node, f"{what} needs {name}; write {name}: and its value")
        return found

    def text(self, node: yaml.Node, what: str) -> str | None:
        """A text, exactly as written: `NO`, `007` and `1.50` stay what they are, quoted or not."""
        if not isinstance(node, yaml.ScalarNode):
            self.note(node, f"{what} is {_kind(node)}; write one value")
        elif is_empty(node) or node.value == "":
            self.note(node, f"{what} is empty; write a value")
        elif node.tag.startswith("!"):
            self.note(node, f"{what} has the tag {node.tag}; write the value alone")
        else:
            return str(node.value)
        return None

    def identifier(self, node: yaml.Node, what: str) -> str | None:
        """A text that can be an id: 1 to 128 bytes."""
        text = self.text(node, what)
        if text is not None and (len(text.encode()) > LONGEST_ID or text != text.strip()):
            self.note(
                node, f"{what} {text[:40]!r} is too long or has outer spaces; write 1 to {LONGEST_ID} bytes"
            )
            return None
        return text

    def named(self, node: yaml.Node, what: str) -> Named | None:
        """The id of something else, with its place."""
        text = self.identifier(node, what)
        return None if text is None else Named(text, place_of(node))

    def named_list(self, node: yaml.Node, what: str) -> tuple[Named, ...]:
        """One id or a list of them, not empty."""
        nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
        if not nodes:
            self.note(node, f"{what} is an empty list, so nothing matches; name something or leave it out")
        return tuple(each for each in (self.named(one, what) for one in nodes) if each is not None)

    def number(self, node: yaml.Node, field: str) -> int | str | None:
        """The value of a rule's field: whole numbers and instants as int, decimals as their shortest text."""
        kind = FIELDS[field]
        if kind is Kind.INSTANT:
            return self.instant(node, field)
        text = self.text(node, field)
        if text is None:
            return None
        assert isinstance(node, yaml.ScalarNode)
        if node.style:  # a plain scalar has none
            self.note(node, f"{field} is a text in quotes; write {kind.value}, without quotes")
            return None
        if kind is Kind.WHOLE and _is_too_large(text):
            self.note(node, f"{field} {text[:40]} is too large; write at most {MAX_WHOLE}")
            return None
        try:
            value = value_of(field, text)
        except ValueError as error:
            detail = f"; write {kind.value}" if kind.value not in str(error) else ""
            self.note(node, f"{field} {text} {error}{detail}")
            return None
        if kind in (Kind.WHOLE, Kind.DAYS):
            return value
        whole, _, fraction = text.partition(".")
        return ".".join(part for part in (str(int(whole)), fraction.rstrip("0")) if part)

    def instant(self, node: yaml.Node, what: str) -> int | None:
        """A date and time with its zone, in ms since the epoch."""
        text = self.text(node, what)
        if text is None:
            return None
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            self.note(node, f"{what} {text} is not {Kind.INSTANT.value}")
            return None
        if at.tzinfo is None:
            self.note(node, f"{what} {text} has no time zone; write {Kind.INSTANT.value}")
            return None
        return (at - _EPOCH) // timedelta(milliseconds=1)


def _is_too_large(text: str) -> bool:
    """Whether the text is a whole number beyond the limit, however many digits it has."""
    digits = text.lstrip("0")
    most = str(MAX_WHOLE)
    return text.isascii() and text.isdigit() and (len(digits), digits) > (len(most), most)


def _kind(node: yaml.Node) -> str:
    if isinstance(node, yaml.MappingNode):
        return "a mapping"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    return "empty" if is_empty(node) else f"the single value {node.value}"
