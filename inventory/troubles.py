"""What is wrong with a reservation line or an expected line as the facts stand. Nothing here changes anything.

A trouble is a bit, so that one look tells all of a line; most lines have none, and cost the look alone.
"""

from inventory.columns import NULL, Ints, Longs
from inventory.demand import CANCEL, SOFT, used
from inventory.history import used_after
from inventory.jit import kernel
from inventory.state import NO_LINE_YET, State
from inventory.supply import over_received

ORPHAN, OVER_RELEASE, AFTER_CANCEL, AFTER_EXPIRY, CONTRADICTED, OVER_RECEIPT = 1, 2, 4, 8, 16, 32
CODES = {
    ORPHAN: "orphan_consumption",
    OVER_RELEASE: "over_release",
    AFTER_CANCEL: "shipped_after_cancel",
    AFTER_EXPIRY: "confirmed_after_expiry",
    CONTRADICTED: "conflicting_version",
    OVER_RECEIPT: "over_receipt",
}
"""The exception of each bit."""

LINE, SUPPLY = range(2)
"""What a row is of: `lines` or `supply`."""

_CURRENT, _NONE = -1, -2


@kernel
def line_trouble(s: State, row: int) -> int:
    """The bits of a reservation line, by what its versions and all of its consumption say now."""
    lines = s.lines.rows
    if lines["version"][row] == NO_LINE_YET:
        touched = lines["released"][row] != 0 or lines["consumed"][row] != 0 or lines["use"][row] >= 0
        return ORPHAN if touched else 0
    found = CONTRADICTED if lines["contradicted"][row] != 0 else 0
    if lines["action"][row] == CANCEL:
        if lines["use"][row] >= 0 and used_after(s, row, 0, lines["occurred_at"][row]) > 0:
            found |= AFTER_CANCEL
        return found
    if used(s, row) > lines["quantity"][row]:
        found |= OVER_RELEASE
    if lines["past"][row] >= 0 and lines["open"][row] > 0 and _revived(s, row):
        found |= AFTER_EXPIRY
    return found


@kernel
def supply_trouble(s: State, row: int) -> int:
    """The bits of an expected line."""
    found = CONTRADICTED if s.supply.rows["contradicted"][row] != 0 else 0
    return found | OVER_RECEIPT if over_received(s, row) else found


@kernel
def _revived(s: State, row: int) -> bool:
    """Whether a version took the line up again though the version before it had expired by its date."""
    if _follows_expired(s, row, _CURRENT):
        return True
    past = s.lines.rows["past"][row]
    while past >= 0:
        if _follows_expired(s, row, past):
            return True
        past = s.versions.rows["next"][past]
    return False


@kernel
def _follows_expired(s: State, row: int, which: int) -> bool:
    version, occurred_at, recorded_at, action = _order(s, row, which)
    if action == CANCEL:
        return False
    before = _NONE
    best = (version, occurred_at, recorded_at)
    other = _CURRENT
    while other != _NONE:
        if other != which:
            v, at, recorded, _ = _order(s, row, other)
            if v == version and (at, recorded) < (occurred_at, recorded_at):
                return False  # the version was taken before
            if v < version and (before == _NONE or (v, at, recorded) > best):
                before, best = other, (v, at, recorded)
        other = _following(s, row, other)
    return before != _NONE and _expired_by(s, row, before, occurred_at)


@kernel
def _following(s: State, row: int, which: int) -> int:
    following = s.lines.rows["past"][row] if which == _CURRENT else s.versions.rows["next"][which]
    return following if following >= 0 else _NONE


@kernel
def _order(s: State, row: int, which: int) -> tuple[int, int, int, int]:
    """Version, occurred_at, recorded_at and action of a version of the line: its own, or a kept one."""
    if which == _CURRENT:
        r = s.lines.rows
        return r["version"][row], r["occurred_at"][row], r["recorded_at"][row], r["action"][row]
    v = s.versions.rows
    return v["version"][which], v["occurred_at"][which], v["recorded_at"][which], v["action"][which]


@kernel
def _expired_by(s: State, row: int, which: int, at: int) -> bool:
    if which == _CURRENT:
        r = s.lines.rows
        soft, action, expires_at = r["commitment"][row] == SOFT, r["action"][row], r["expires_at"][row]
    else:
        v = s.versions.rows
        soft, action, expires_at = (
            v["commitment"][which] == SOFT,
            v["action"][which],
            v["expires_at"][which],
        )
    return soft and action != CANCEL and expires_at != NULL and at > expires_at


@kernel
def troubles_of(s: State, sort: Ints, row: Ints, key: Longs, found: Ints) -> None:
    """The bits of each row now; none of a row that was given to another line since, or forgotten."""
    for i in range(row.size):
        if sort[i] == LINE:
            found[i] = line_trouble(s, row[i]) if s.lines.rows["key"][row[i]] == key[i] else 0
        else:
            found[i] = supply_trouble(s, row[i]) if s.supply.rows["key"][row[i]] == key[i] else 0
