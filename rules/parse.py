"""From YAML to a document. Every entry that can be read is; every problem is noted with its place."""

from collections.abc import Callable, Iterator
from typing import TypeVar

import yaml
from yaml.reader import ReaderError

from inventory.layers import BY_KEY, FIELDS, LAYERS, PLACE_KEYS, Layer, match_keys
from inventory.places import SELECTORS
from rules.document import Alias, ChannelEntry, Document, LocationEntry, Named, Place, Problem, RuleEntry
from rules.nodes import Reader, is_empty, place_of

_PLACES = ("locations", "channels")
SECTIONS = (*_PLACES, *BY_KEY)
_DEEPEST = 32
_ALIAS_KEYS = ("source", "identifier")
_VALIDITY = ("valid_from", "valid_to")
_MATCH_PLACES = " and ".join(layer.key for layer in LAYERS if layer.match_places)

Entry = TypeVar("Entry")


def parse(source: str | bytes) -> tuple[Document | None, list[Problem]]:
    """The document, or None where the file has no shape at all, and what is wrong with it."""
    try:
        text = source if isinstance(source, str) else source.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        return None, [Problem(Place(line, 1), "this is not UTF-8; save the file as UTF-8")]
    try:
        if _depth(text) > _DEEPEST:
            return None, [Problem(Place(1, 1), "the file is nested too deeply; write lists of flat entries")]
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
        return None, [Problem(place, f"this is not YAML: {error.problem}")]
    except ReaderError as error:
        line = text[: error.position].count("\n") + 1
        return None, [Problem(Place(line, 1), f"this is not YAML: {error.reason}")]
    reader = Reader()
    if root is None or is_empty(root):
        reader.note(Place(1, 1), "the file is empty; write locations, channels and rules")
        return None, reader.problems
    sections = reader.mapping(root, "the file", SECTIONS, required=_PLACES)
    if sections is None:
        return None, reader.problems
    for name in _PLACES:
        if name in sections and (is_empty(sections[name]) or sections[name].value == []):
            reader.note(sections[name], f"{name} is empty, which would delete all; name at least one")
    document = Document(
        tuple(_entries(reader, sections.get("locations"), "locations", _location)),
        tuple(_entries(reader, sections.get("channels"), "channels", _channel)),
        tuple(
            rule
            for layer in LAYERS
            for rule in _entries(reader, sections.get(layer.key), layer.key, _rule_of(layer))
        ),
    )
    return document, reader.problems


def _depth(text: str) -> int:
    """How deep the file is nested, counted to just beyond `_DEEPEST`: composing would recurse, in C."""
    depth = deepest = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        deepest = max(deepest, depth)
        if deepest > _DEEPEST:
            break
    return deepest


def _entries(
    reader: Reader, node: yaml.Node | None, what: str, read: Callable[[Reader, yaml.Node], Entry | None]
) -> Iterator[Entry]:
    for item in reader.items(node, what) if node is not None else []:
        entry = read(reader, item)
        if entry is not None:
            yield entry


def _location(reader: Reader, node: yaml.Node) -> LocationEntry | None:
    keys = reader.mapping(node, "a location", ("id", "type", "region", "aliases"), required=("id", "type"))
    if keys is None:
        return None
    own_id = _identifier(reader, keys, "id", "a location's")
    own_type = _identifier(reader, keys, "type", "a location's")
    region = _identifier(reader, keys, "region", "a location's")
    aliases = _aliases(reader, keys)
    if own_id is None or own_type is None:
        return None
    return LocationEntry(own_id, own_type, region, aliases, place_of(node))


def _channel(reader: Reader, node: yaml.Node) -> ChannelEntry | None:
    keys = reader.mapping(node, "a channel", ("id", "locations", "aliases"), required=("id",))
    if keys is None:
        return None
    own_id = _identifier(reader, keys, "id", "a channel's")
    aliases = _aliases(reader, keys)
    selector: dict[str, tuple[Named, ...]] = {}
    if "locations" not in keys:
        reader.note(node, "a channel needs locations; write locations: {} for every location")
    elif isinstance(keys["locations"], yaml.MappingNode):
        wanted = reader.mapping(keys["locations"], "locations of a channel", SELECTORS) or {}
        selector = {key: reader.named_list(value, f"locations.{key}") for key, value in wanted.items()}
    else:
        reader.note(
            keys["locations"],
            "locations of a channel are conditions; write {} for every location, or such as {type: store}",
        )
    return None if own_id is None else ChannelEntry(own_id, selector, aliases, place_of(node))


def _aliases(reader: Reader, keys: dict[str, yaml.Node]) -> tuple[Alias, ...]:
    found = []
    for node in reader.items(keys["aliases"], "aliases") if "aliases" in keys else []:
        alias = reader.mapping(node, "an alias", _ALIAS_KEYS, required=_ALIAS_KEYS) or {}
        source = _identifier(reader, alias, "source", "an alias's")
        identifier = _identifier(reader, alias, "identifier", "an alias's")
        if source is not None and identifier is not None:
            found.append(Alias(source, identifier, place_of(node)))
    return tuple(found)


def _rule_of(layer: Layer) -> Callable[[Reader, yaml.Node], RuleEntry | None]:
    """Reads rules of the layer."""
    what = f"a rule of {layer.key}"
    channel = ("channel",) if layer.names_channel else ()
    fields = (*layer.values, *layer.required, *layer.optional)
    allowed = ("id", *channel, *fields, "match", *_VALIDITY)
    required = ("id", *channel, *layer.required)
    gives = " or ".join(layer.values)
    hints = dict.fromkeys(FIELDS, f"it gives {gives}" if gives else "it gives no number")
    hints |= {name: f"write it as a condition, match: {{{name}: ...}}" for name in match_keys(layer)}
    if not layer.names_channel:
        hints["channel"] = "it holds for every channel; leave the channel out, or use buffers for one channel"

    def read(reader: Reader, node: yaml.Node) -> RuleEntry | None:
        noted = len(reader.problems)
        keys = reader.mapping(node, what, allowed, required, hints)
        if keys is None:
            return None
        given = [name for name in layer.values if name in keys]
        if len(given) > 1:
            reader.note(keys[given[1]], f"{what} gives {gives}, not both; keep one")
        elif gives and not given and len(reader.problems) == noted:
            reader.note(node, f"{what} gives no number; write {gives}: and its value")
        values = {name: reader.number(keys[name], name) for name in fields if name in keys}
        conditions, attributes = _match(reader, keys.get("match"), layer)
        rule_id = _identifier(reader, keys, "id", "a rule's")
        if rule_id is None:
            return None
        return RuleEntry(
            id=rule_id,
            layer=layer,
            values={name: value for name, value in values.items() if value is not None},
            conditions=conditions,
            attributes=attributes,
            channel=reader.named(keys["channel"], "channel") if "channel" in keys else None,
            valid_from=reader.instant(keys["valid_from"], "valid_from") if "valid_from" in keys else None,
            valid_to=reader.instant(keys["valid_to"], "valid_to") if "valid_to" in keys else None,
            place=place_of(node),
            fields={name: place_of(value) for name, value in keys.items()},
        )

    return read


def _match(reader: Reader, node: yaml.Node | None, layer: Layer) -> tuple[dict[str, Named], dict[str, str]]:
    """The conditions of a rule, and those on attributes by name."""
    if node is None:
        return {}, {}
    hints = {"channel": "a channel is no condition; write channel: beside match"}
    if not layer.match_places:
        reason = f"a rule of {layer.key} holds for all places, only {_MATCH_PLACES} match them"
        hints |= dict.fromkeys(PLACE_KEYS, reason)
    found = reader.mapping(node, "match", match_keys(layer), hints=hints) or {}
    attributes: dict[str, str] = {}
    if "attribute" in found:
        for name, value in (reader.pairs(found.pop("attribute"), "match.attribute") or {}).items():
            text = reader.text(value, f"match.attribute.{name}")
            if text is not None:
                attributes[name] = text
    conditions = {key: reader.named(value, f"match.{key}") for key, value in found.items()}
    return {key: named for key, named in conditions.items() if named is not None}, attributes


def _identifier(reader: Reader, keys: dict[str, yaml.Node], name: str, whose: str) -> str | None:
    return reader.identifier(keys[name], f"{whose} {name}") if name in keys else None
