"""One rule, read from its policy record: what it gives, where it applies, and what it outranks."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from inventory.definitions import read_object
from inventory.layers import (
    BY_NAME,
    DEFAULT_PRIORITY,
    FIELDS,
    ITEM_KEYS,
    PLACE_KEYS,
    Kind,
    Layer,
    match_keys,
    value_of,
)

Record = Mapping[str, Any]
_FOREVER = 1 << 62


class RuleError(ValueError):
    """A policy record contradicts itself; it is not applied."""


class Rule(NamedTuple):
    """`value` is in units, or in ten-thousandths: of a percent where `percent`, of 1 where it is a confidence.
    `match` and `attributes` are its conditions, texts that must be equal. `channel` is None where the layer
    names none. `since`: from when on a ring-fence of units counts what its channel took. Milliseconds."""

    id: str
    layer: Layer
    value: int
    percent: bool
    match: Mapping[str, str]
    attributes: Mapping[str, str]
    channel: str | None
    valid_from: int | None
    valid_to: int | None
    priority: int = DEFAULT_PRIORITY
    within_days: int = 0
    since: int = 0

    @property
    def item_conditions(self) -> tuple[tuple[str, str], ...]:
        """What decides which skus the rule matches, comparable."""
        own = [(key, self.match[key]) for key in ITEM_KEYS if key in self.match]
        return (*own, *(("attribute " + name, value) for name, value in sorted(self.attributes.items())))

    @property
    def precedence(self) -> tuple[int, int, int, int, str]:
        """Of two rules that match, the one with the smaller precedence wins."""
        conditions = len(self.match) + len(self.attributes)
        keys = {*self.match, *(["attribute"] if self.attributes else [])}
        ends = _FOREVER if self.valid_to is None else self.valid_to
        return -conditions, _rank(ITEM_KEYS, keys), _rank(PLACE_KEYS, keys), ends, self.id

    def valid(self, now: int) -> bool:
        return (self.valid_from is None or self.valid_from <= now) and (
            self.valid_to is None or now < self.valid_to
        )

    def matches_class(self, category: str | None, style: str | None, attributes: Mapping[str, str]) -> bool:
        """All item conditions but the sku's hold."""
        return (
            self.match.get("category", category) == category
            and self.match.get("style", style) == style
            and all(attributes.get(name) == value for name, value in self.attributes.items())
        )

    def matches_place(self, location: str, location_type: str | None, region: str | None) -> bool:
        return (
            self.match.get("location", location) == location
            and self.match.get("location_type", location_type) == location_type
            and self.match.get("region", region) == region
        )


def bounds(record: Record) -> list[int]:
    """The instants (ms) at which the record's validity begins and ends, where it says so."""
    return [at for at in (record.get("valid_from"), record.get("valid_to")) if at is not None]


def read_rule(rule_id: str, record: Record) -> Rule:
    """The rule of an ACTIVE record. Raises `RuleError`.

    A member `since` beside the record's own fields overrides the `set_at` of a ring-fence (see `fence_since`).
    """
    what = f"rule {rule_id}"
    if record.get("id") != rule_id:
        raise RuleError(f"{what}: its record is of the id {record.get('id')!r}; key and id must agree")
    layer = BY_NAME.get(str(record.get("layer")))
    if layer is None:
        raise RuleError(f"{what}: no layer is named {record.get('layer')!r}; there are {', '.join(BY_NAME)}")
    definition = read_object(record.get("definition"))
    if definition is None:
        raise RuleError(f"{what}: its definition is not a JSON object; publish it with `rules apply`")
    value, percent = _value(what, layer, definition)
    match, attributes = _match(what, layer, definition.get("match", {}))
    channel = definition.get("channel")
    if isinstance(channel, str) != layer.names_channel or not isinstance(channel, str | None):
        number = "one" if layer.names_channel else "no"
        raise RuleError(f"{what}: a rule of {layer.name} names {number} channel")
    valid_from, valid_to = record.get("valid_from"), record.get("valid_to")
    if not isinstance(valid_from, int | None) or not isinstance(valid_to, int | None):
        raise RuleError(f"{what}: valid_from and valid_to are milliseconds or null")
    own = {name: _field(what, name, definition) for name in (*layer.required, *layer.optional)}
    priority = own.get("priority")
    return Rule(
        rule_id,
        layer,
        value,
        percent,
        match,
        attributes,
        channel,
        valid_from,
        valid_to,
        DEFAULT_PRIORITY if priority is None else priority,
        own.get("within_days") or 0,
        int(record.get("since", own.get("set_at") or 0)),
    )


def set_at_of(record: Record | None) -> int | None:
    """What the record of a ring-fence says in `set_at` (ms), None where it says nothing readable."""
    definition = read_object((record or {}).get("definition")) or {}
    set_at = definition.get("set_at")
    return set_at if type(set_at) is int and abs(set_at) <= _FOREVER else None


def fence_since(record: Record, before: Record | None, logged_at: int, horizon: int) -> int:
    """From when on the fence of a record counts: its `set_at`, but at most `horizon` ms before its log time, for
    sales are not remembered longer. Without `set_at` it is the log time. As long as `set_at` stays what it was in
    the record `before` (with its `since`), the fence goes on: only a changed one starts it anew."""
    set_at = set_at_of(record)
    since = logged_at if set_at is None else max(set_at, logged_at - horizon)
    if before is not None and before.get("status") == "ACTIVE" and before.get("layer") == record.get("layer"):
        known = before.get("since")
        if known is not None and set_at_of(before) == set_at:
            return min(since, int(known))
    return since


def _rank(order: tuple[str, ...], keys: set[str]) -> int:
    return next((rank for rank, key in enumerate(order) if key in keys), len(order))


def _value(what: str, layer: Layer, definition: dict[str, Any]) -> tuple[int, bool]:
    given = [field for field in layer.values if field in definition]
    if not layer.values:
        return 1, False
    if len(given) != 1:
        raise RuleError(f"{what}: a rule of {layer.name} gives exactly one of {', '.join(layer.values)}")
    field = given[0]
    raw = definition[field]
    if isinstance(raw, bool) or not isinstance(raw, int | str):
        raise RuleError(f"{what}: {field} is {FIELDS[field].value}, a decimal as text, not {raw!r}")
    try:
        return value_of(field, str(raw)), FIELDS[field] is Kind.PERCENT
    except ValueError as error:
        raise RuleError(f"{what}: {field} {raw!r} {error}") from None


def _field(what: str, field: str, definition: dict[str, Any]) -> int | None:
    """A field beside the value; None where an optional one is missing. An instant is in ms already."""
    raw = definition.get(field)
    if raw is None and field != "within_days":
        return None
    if FIELDS[field] is Kind.INSTANT:
        if type(raw) is not int or abs(raw) > _FOREVER:
            raise RuleError(f"{what}: {field} is in milliseconds, not {raw!r}")
        return raw
    if isinstance(raw, bool) or not isinstance(raw, int | str):
        raise RuleError(f"{what}: {field} is {FIELDS[field].value}, not {raw!r}")
    try:
        return value_of(field, str(raw))
    except ValueError as error:
        raise RuleError(f"{what}: {field} {raw!r} {error}") from None


def _match(what: str, layer: Layer, raw: object) -> tuple[dict[str, str], dict[str, str]]:
    if not isinstance(raw, dict):
        raise RuleError(f"{what}: match is a mapping of conditions, not {raw!r}")
    allowed = match_keys(layer)
    match = {key: value for key, value in raw.items() if key != "attribute"}
    attributes = raw.get("attribute", {})
    for key in raw:
        if key not in allowed:
            raise RuleError(f"{what}: a rule of {layer.name} may match {', '.join(allowed)}, not {key}")
    if not isinstance(attributes, dict):
        raise RuleError(f"{what}: match.attribute is a mapping of names to values, not {attributes!r}")
    for value in (*match.values(), *attributes.values()):
        if not isinstance(value, str):
            raise RuleError(f"{what}: a condition is one text, not {value!r}")
    return match, attributes
