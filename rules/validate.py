"""What no entry shows alone: ids that stand twice, names that nothing has, rules that can never hold."""

from collections.abc import Collection, Iterable, Iterator

from inventory.layers import PLACE_KEYS
from inventory.places import SELECTORS
from rules.document import Document, Named, Place, Problem, RuleEntry
from rules.nodes import suggestion
from rules.parse import parse


def read_document(source: str | bytes) -> tuple[Document | None, list[Problem]]:
    """The document of a rules file, and all its problems in the file's order."""
    document, problems = parse(source)
    if document is not None:
        problems += validate(document)
    return document, sorted(problems)


def validate(document: Document) -> list[Problem]:
    """The problems between the entries of a document."""
    return [
        *_twice("location", ((each.id, each.place) for each in document.locations)),
        *_twice("channel", ((each.id, each.place) for each in document.channels)),
        *_twice("rule", ((each.id, each.place) for each in document.rules)),
        *_aliases_twice(document),
        *_unknown_names(document),
        *(problem for rule in document.rules for problem in _impossible(rule)),
    ]


def _twice(what: str, entries: Iterable[tuple[str, Place]]) -> Iterator[Problem]:
    first: dict[str, Place] = {}
    for own_id, place in sorted(entries, key=lambda entry: entry[1]):
        if own_id in first:
            scope = " over all lists" if what == "rule" else ""
            taken = f"{what} id {own_id} is taken by line {first[own_id].line}"
            yield Problem(place, f"{taken}; ids are unique{scope}, write another")
        first.setdefault(own_id, place)


def _aliases_twice(document: Document) -> Iterator[Problem]:
    for entries in (document.locations, document.channels):
        first: dict[tuple[str, str], Place] = {}
        for entry in entries:
            for alias in entry.aliases:
                key = (alias.source, alias.identifier)
                if key in first:
                    yield Problem(
                        alias.place,
                        f"alias {alias.identifier} of {alias.source} is taken by line {first[key].line}; "
                        "it can stand for one id only: remove one",
                    )
                first.setdefault(key, alias.place)


def _unknown_names(document: Document) -> Iterator[Problem]:
    locations = [each.id for each in document.locations]
    types = sorted({each.type for each in document.locations})
    regions = sorted({each.region for each in document.locations if each.region is not None})
    channels = [each.id for each in document.channels]
    place = ("location", locations), ("location type", types), ("region", regions)
    by_selector = dict(zip(SELECTORS, place, strict=True))
    by_condition = dict(zip(PLACE_KEYS, place, strict=True))
    for channel in document.channels:
        for key, values in channel.selector.items():
            for named in values:
                yield from _unknown(named, *by_selector[key])
    for rule in document.rules:
        if rule.channel is not None:
            yield from _unknown(rule.channel, "channel", channels)
        for key, named in rule.conditions.items():
            if key in by_condition:
                yield from _unknown(named, *by_condition[key])


def _unknown(named: Named, what: str, known: Collection[str]) -> Iterator[Problem]:
    if named.text not in known:
        hint = suggestion(named.text, known)
        yield Problem(named.place, f"there is no {what} {named.text} in this file; {hint}")


def _impossible(rule: RuleEntry) -> Iterator[Problem]:
    if rule.valid_from is not None and rule.valid_to is not None and rule.valid_from >= rule.valid_to:
        yield Problem(
            rule.fields["valid_to"],
            f"rule {rule.id} ends before it begins; write a valid_to that is after valid_from",
        )
    if "minimum" in rule.fields and "percent" not in rule.fields:
        yield Problem(rule.fields["minimum"], f"rule {rule.id}: a minimum goes with a percent; leave it out")
